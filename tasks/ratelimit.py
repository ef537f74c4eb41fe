"""Budgets of requests, counted exactly: across threads, processes and machines.

The algorithm is GCRA, the generic cell rate algorithm (ITU-T I.371, annex A.1; ATM Forum TM 4.1),
a leaky bucket that keeps one number per key: the theoretical arrival time (TAT), at which the
whole budget is there again. A budget of `limit` requests per `period` seconds admits `limit` at
once, and then one per `period / limit`; so any window of w seconds admits at most
`limit + w * limit / period`. DRF's own throttle reads a list, changes it and writes it back,
which under load lets several times its limit through; here one Lua script decides, in one round
trip, for all the budgets of a request together. A request that one of them refuses spends nothing
in the others.

With Redis the numbers are shared (tasks/ratelimit_redis.py). Without it they live in this process,
which is right for one process.
"""

import heapq
import threading
import time
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Final, NamedTuple, Protocol

MICROSECONDS: Final = 1_000_000
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
