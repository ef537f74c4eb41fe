"""Budgets in Redis, shared by all processes; and what happens while it does not answer.

Redis that is down, frozen or out of reach costs the requests that it catches at most 100 ms, once.
Then each process counts for itself until Redis answers again, and says so in its metrics.
"""

import hashlib
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, Final

import redis
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError
from redis.retry import Retry

from tasks import metrics
from tasks.ratelimit import Budget, Decision, Store, decide

logger: Final = logging.getLogger(__name__)

TIMEOUT: Final = 0.075  # seconds that a request waits for Redis, connecting included
LEAST_WAIT: Final = 0.01  # seconds that it waits in any case; a busy machine begins late
CONNECT_TIMEOUT: Final = 1.0  # seconds, for each step of connecting; no request waits for it
PAUSE: Final = 1.0  # seconds between two tries of a Redis that failed
IDLE: Final = 60.0  # seconds after which a process that counts nothing tries no more
_TRIAL: Final = Budget("trial", "trial", 1, 1)

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


class SharedDeadline:
    """Until when the requests that wait for a server go on waiting: all give up together.

    That is `timeout` after the first of them began, or after the last answer since. If each waited
    its own time, a server that freezes under load would delay requests for twice as long.
    """

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._waiting = 0
        self._silent_since = 0.0
        self._lock = threading.Lock()

    def __enter__(self) -> float:
        """Return the deadline, on the monotonic clock."""
        with self._lock:
            now = time.monotonic()
            if not self._waiting:
                self._silent_since = now
            self._waiting += 1
            return self._silent_since + self._timeout

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        with self._lock:
            self._waiting -= 1
            if kind is None:
                self._silent_since = time.monotonic()


class RedisStore:
    """Counters in Redis, shared by all processes: one round trip for all budgets of a request.

    A request waits for `timeout` at most, whatever Redis or the network does. On a connection that
    is there already that is one wait for one answer. To make one takes several, of which the look
    into the DNS knows no timeout at all, so a thread does that, and a request that needs it waits
    for the thread no longer than for anything else; a connection that comes too late serves the
    next. Nothing is retried: whoever waits for a second try is a client.

    It belongs to the process that made it.
    """

    def __init__(self, url: str, *, prefix: str = "tasks:rate:", timeout: float = TIMEOUT) -> None:
        self._prefix = prefix
        self._deadline = SharedDeadline(timeout)
        self._idle: deque[Any] = deque()
        # Not used as a pool, which would connect where the request waits; it reads the URL.
        self._pool = redis.ConnectionPool.from_url(
            url,
            socket_timeout=CONNECT_TIMEOUT,
            socket_connect_timeout=CONNECT_TIMEOUT,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
            driver_info=None,  # It would be two more round trips.
        )

    def connect(self, count: int) -> None:
        """Make connections before requests need them.

        Raises:
            RedisError, OSError: Redis does not answer.
        """
        for _ in range(count):
            with self._deadline as deadline:
                self._idle.append(self._connection(deadline))

    def spend(self, budgets: Sequence[Budget]) -> list[Decision]:
        """Raises RedisError or OSError where Redis does not answer in time."""
        words: list[str | int] = [len(budgets), *(self._prefix + b.key for b in budgets)]
        for budget in budgets:
            words += (budget.interval, budget.limit)
        with self._deadline as deadline:
            debts = self._run(words, deadline)
        return decide(budgets, debts, 0)

    def _run(self, words: Sequence[str | int], deadline: float) -> list[int]:
        # By the connection and not through the client, which costs another 70 µs per call.
        connection = self._idle_connection() or self._connection(deadline)
        try:
            try:
                return _ask(connection, deadline, "EVALSHA", DIGEST, *words)
            except NoScriptError:
                # Redis was restarted or its scripts were flushed; EVAL makes it known again.
                return _ask(connection, deadline, "EVAL", SCRIPT, *words)
        finally:
            if connection.is_connected:  # One that failed is not, so no late answer is misread.
                self._idle.append(connection)

    def _idle_connection(self) -> Any:
        """Return a connection that is good as far as this side knows; None if there is none."""
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                return None
            with suppress(RedisError, OSError):  # Redis has closed it.
                if not connection.can_read():
                    return connection
            connection.disconnect()

    def _connection(self, deadline: float) -> Any:
        """Return a new connection; raises RedisError, or TimeoutError after the deadline."""
        coming: Future[Any] = Future()
        threading.Thread(
            target=self._connect, args=(coming,), name="rate-limit-connect", daemon=True
        ).start()
        try:
            return coming.result(_left(deadline))
        except TimeoutError:
            coming.add_done_callback(self._keep)
            raise

    def _connect(self, coming: Future[Any]) -> None:
        connection = self._pool.connection_class(**self._pool.connection_kwargs)
        try:
            connection.connect()
        except BaseException as error:  # noqa: BLE001 - passed on, to the thread that waits
            coming.set_exception(error)
        else:
            coming.set_result(connection)

    def _keep(self, coming: Future[Any]) -> None:
        if coming.exception() is None:
            self._idle.append(coming.result())


def _ask(connection: Any, deadline: float, *words: str | int) -> list[int]:
    connection.send_command(*words)
    debts: list[int] = connection.read_response(timeout=_left(deadline))
    return debts


def _left(deadline: float) -> float:
    return max(deadline - time.monotonic(), LEAST_WAIT)


class FallbackStore:
    """Redis, and this process's own counters for as long as Redis does not answer.

    Neither open nor closed: to refuse everybody would make Redis a thing that the whole service
    stands and falls with, and to let everybody pass would lift the limit on guessing passwords
    just when something is wrong. Each process enforces the same limits by itself meanwhile, so
    that at worst they are exceeded as many times as there are processes. The process's counters
    outlive an outage: a Redis that comes and goes hands out no fresh budgets.

    Requests pay for an outage once, when it begins. From then on a thread tries Redis every
    `pause` seconds, and no request does before that thread has had an answer. The thread ends with
    the outage, or when nothing has been counted for `IDLE` seconds; the next request starts it
    again. It belongs to the process that made it.

    Args:
        wait: how the thread lets the pause pass.
    """

    def __init__(
        self,
        shared: Store,
        local: Store,
        *,
        pause: float = PAUSE,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], object] = time.sleep,
    ) -> None:
        self._shared = shared
        self._local = local
        self._pause = pause
        self._clock = clock
        self._wait = wait
        self._lock = threading.Lock()
        self._away = False
        self._counted_at = 0.0  # When the process has last counted for itself, on the clock.
        self._thread: threading.Thread | None = None

    def spend(self, budgets: Sequence[Budget]) -> list[Decision]:
        if not self._away:  # The way of nearly all requests, without the lock.
            try:
                return self._shared.spend(budgets)
            except (RedisError, OSError) as error:
                self._failed(error)
        self._counted_at = self._clock()
        self._keep_trying()
        return self._local.spend(budgets)

    def _failed(self, error: Exception) -> None:
        metrics.RATE_LIMIT_STORE_FAILURES.inc()
        with self._lock:
            if self._away:
                return  # Others that were waiting too have said so.
            self._away = True
            metrics.RATE_LIMIT_LOCAL.set(1)
        logger.warning("rate_limit_store_unavailable", extra={"error": type(error).__name__})

    def _keep_trying(self) -> None:
        with self._lock:
            if self._away and not (self._thread and self._thread.is_alive()):
                self._thread = threading.Thread(target=self._try_until_it_answers, daemon=True)
                self._thread.start()

    def _try_until_it_answers(self) -> None:
        while self._clock() - self._counted_at < IDLE:
            self._wait(self._pause)
            try:
                # What a request does, so it also finds a replica that cannot be written to.
                self._shared.spend([_TRIAL])
            except (RedisError, OSError):
                metrics.RATE_LIMIT_STORE_FAILURES.inc()
            else:
                return self._returned()
        return None

    def _returned(self) -> None:
        with self._lock:
            self._away = False
            metrics.RATE_LIMIT_LOCAL.set(0)
        logger.info("rate_limit_store_available")
