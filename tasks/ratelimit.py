"""Budgets of requests, counted exactly: across threads, processes and machines.

The algorithm is GCRA, the generic cell rate algorithm (ITU-T I.371, annex A.1; ATM Forum TM 4.1),
a leaky bucket that keeps one number per key: the theoretical arrival time (TAT), at which the
whole budget is there again. A budget of `limit` requests per `period` seconds admits `limit` at
once, and then one per `period / limit`; so any window of w seconds admits at most
`limit + w * limit / period`. DRF's own throttle reads a list, changes it and writes it back,
which under load lets several times its limit through; here one Lua script decides, in one round
trip, for all the budgets of a request together. A request that one of them refuses spends nothing
in the others.

With Redis the numbers are shared. Without it they live in this process, which is right for one
process. Redis that is down or frozen makes each process count for itself (`FallbackStore`).
"""

import hashlib
import heapq
import logging
import threading
import time
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any, Final, NamedTuple, Protocol

import redis
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError
from redis.retry import Retry

logger: Final = logging.getLogger(__name__)

MICROSECONDS: Final = 1_000_000
TIMEOUT: Final = 0.25  # seconds, for each of connecting, sending and receiving
PAUSE: Final = 5.0  # seconds between two tries of a Redis that failed
MOST_KEYS: Final = 100_000  # in one process; about 20 MB


class Budget(NamedTuple):
    """What one key may spend: `limit` requests at once, and `limit` per `period` seconds."""

    name: str
    key: str
    limit: int
    period: int

    @property
    def interval(self) -> int:
        return interval_of(self.limit, self.period)


def interval_of(limit: int, period: int) -> int:
    """Return the microseconds that earn one request back, rounded up: never too many pass."""
    return -(-period * MICROSECONDS // limit)


class Decision(NamedTuple):
    """The answer of one budget.

    Attributes:
        allowed: whether this budget lets the request pass.
        remaining: requests that it would let pass now, after this one.
        retry_after: seconds until it would let this request pass; 0 if it does.
        reset: seconds until the whole budget is there again.
        new_tat: the theoretical arrival time to keep, in microseconds.
    """

    allowed: bool
    remaining: int
    retry_after: float
    reset: float
    new_tat: int


def admit(tat: int, now: int, limit: int, period: int, cost: int = 1) -> Decision:
    """Decide about one request.

    Args:
        tat: the kept theoretical arrival time, in microseconds; anything up to `now`, such as 0,
            for a key that has none.
        now: the present instant, in microseconds of the same clock.
        limit: requests per period, at least 1.
        period: in seconds, at least 1.
        cost: how many requests this one counts for; 0 asks without spending.
    """
    interval = interval_of(limit, period)
    horizon = limit * interval
    # What lies beyond the horizon was written under another limit or before the clock was set
    # back; it must not lock anybody out for longer than this limit says.
    debt = min(max(tat - now, 0), horizon)
    wanted = debt + cost * interval
    allowed = wanted <= horizon
    if allowed:
        debt = wanted
    return Decision(
        allowed=allowed,
        remaining=(horizon - debt) // interval,
        retry_after=0.0 if allowed else (wanted - horizon) / MICROSECONDS,
        reset=debt / MICROSECONDS,
        new_tat=now + debt,
    )


def decide(budgets: Sequence[Budget], tats: Sequence[int], now: int) -> list[Decision]:
    """Decide about one request in several budgets: it passes all of them or spends in none."""
    decisions = [
        admit(tat, now, budget.limit, budget.period)
        for budget, tat in zip(budgets, tats, strict=True)
    ]
    if all(decision.allowed for decision in decisions):
        return decisions
    return [
        admit(tat, now, budget.limit, budget.period, cost=0) if decision.allowed else decision
        for budget, tat, decision in zip(budgets, tats, decisions, strict=True)
    ]


class Store(Protocol):
    """Where the numbers are kept."""

    def spend(self, budgets: Sequence[Budget]) -> list[Decision]:
        """Spend one request in each budget, or nothing at all if one of them refuses."""
        ...


def monotonic_microseconds() -> int:
    return time.monotonic_ns() // 1000


class LocalStore:
    """Counters of this process, exact under threads, with an upper bound on their memory."""

    def __init__(
        self,
        *,
        most_keys: int = MOST_KEYS,
        clock: Callable[[], int] = monotonic_microseconds,
    ) -> None:
        self._tats: dict[str, int] = {}
        self._most_keys = most_keys
        self._clock = clock
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._tats)

    def spend(self, budgets: Sequence[Budget]) -> list[Decision]:
        with self._lock:
            now = self._clock()
            decisions = decide(budgets, [self._tats.get(b.key, 0) for b in budgets], now)
            if all(decision.allowed for decision in decisions):
                for budget, decision in zip(budgets, decisions, strict=True):
                    self._tats[budget.key] = decision.new_tat
                if len(self._tats) > self._most_keys:
                    self._evict(now)
        return decisions

    def _evict(self, now: int) -> None:
        """Forget the keys whose budget is whole; if most are not, those that are nearest to it.

        Half of the room becomes free, so the walk over all keys is paid once per that many.
        """
        live = {key: tat for key, tat in self._tats.items() if tat > now}
        if len(live) > self._most_keys // 2:
            least_whole = heapq.nlargest(self._most_keys // 2, live.items(), key=itemgetter(1))
            live = dict(least_whole)
        self._tats = live


# The same decision as `decide`, made where the numbers are: Redis runs one script at a time. It
# returns each budget's debt from before the request (microseconds; its clock stays there, so the
# clocks of the web machines do not matter), from which the caller derives the rest.
SCRIPT: Final = """
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local kept = redis.call('MGET', unpack(KEYS))
local before, after, admitted = {}, {}, true
for i = 1, #KEYS do
  local interval, limit = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
  local horizon = interval * limit
  before[i] = math.min(math.max((tonumber(kept[i] or 0) or 0) - now, 0), horizon)
  after[i] = before[i] + interval
  admitted = admitted and after[i] <= horizon
end
if admitted then
  for i = 1, #KEYS do
    local tat = string.format('%.0f', now + after[i])
    redis.call('SET', KEYS[i], tat, 'PX', math.ceil(after[i] / 1000))
  end
end
return before
"""
DIGEST: Final = hashlib.sha1(SCRIPT.encode(), usedforsecurity=False).hexdigest()


class RedisStore:
    """Counters in Redis, shared by all processes: one round trip for all budgets of a request.

    Connections are made when needed and belong to the process that made them, so a fork is safe.
    Nothing is retried here: whoever waits for a second try is a client.
    """

    def __init__(self, url: str, *, prefix: str = "tasks:rate:", timeout: float = TIMEOUT) -> None:
        self._prefix = prefix
        self._pool = redis.ConnectionPool.from_url(
            url,
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
        )

    def spend(self, budgets: Sequence[Budget]) -> list[Decision]:
        """Raises RedisError or OSError where Redis does not answer."""
        words: list[str | int] = [len(budgets), *(self._prefix + b.key for b in budgets)]
        for budget in budgets:
            words += (budget.interval, budget.limit)
        return decide(budgets, self._run(words), 0)

    def _run(self, words: Sequence[str | int]) -> list[int]:
        # By the connection and not through the client, which costs another 70 µs per call.
        connection = self._pool.get_connection()
        try:
            try:
                return _ask(connection, "EVALSHA", DIGEST, *words)
            except NoScriptError:
                # Redis was restarted or its scripts were flushed; EVAL makes it known again.
                return _ask(connection, "EVAL", SCRIPT, *words)
        finally:
            self._pool.release(connection)


def _ask(connection: Any, *words: str | int) -> list[int]:
    connection.send_command(*words)
    debts: list[int] = connection.read_response()
    return debts


class FallbackStore:
    """Redis, and this process's own counters for as long as Redis does not answer.

    Neither open nor closed: to refuse everybody would make Redis a thing that the whole service
    stands and falls with, and to let everybody pass would lift the limit on guessing passwords
    just when something is wrong. Each process enforces the same limits by itself meanwhile, so
    that at worst they are exceeded as many times as there are processes. The process's counters
    outlive an outage: a Redis that comes and goes hands out no fresh budgets.

    After a failure Redis is left alone for `pause` seconds; then one request tries it, while the
    others go on without. A frozen Redis thus costs one timeout per pause, not one per request.

    Attributes:
        failures: how often Redis was tried in vain, since the start of the process.
    """

    def __init__(
        self,
        shared: Store,
        local: Store,
        *,
        pause: float = PAUSE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.failures = 0
        self._shared = shared
        self._local = local
        self._pause = pause
        self._clock = clock
        self._lock = threading.Lock()
        self._retry_at = 0.0  # On the clock; 0 while Redis answers.

    def spend(self, budgets: Sequence[Budget]) -> list[Decision]:
        if self._pausing():
            return self._local.spend(budgets)
        try:
            decisions = self._shared.spend(budgets)
        except (RedisError, OSError) as error:
            self._failed(error)
            return self._local.spend(budgets)
        self._retry_at = 0.0
        return decisions

    def _pausing(self) -> bool:
        if not self._retry_at:
            return False  # The way of nearly all requests, without the lock.
        with self._lock:
            now = self._clock()
            if now < self._retry_at:
                return True
            if self._retry_at:
                self._retry_at = now + self._pause  # This request tries; the others go on without.
            return False

    def _failed(self, error: Exception) -> None:
        with self._lock:
            self._retry_at = self._clock() + self._pause
            self.failures += 1
        logger.warning(
            "rate_limit_store_unavailable",
            extra={"error": type(error).__name__, "pause_seconds": self._pause},
        )
