"""The circuit breaker of an endpoint: one that is down costs a probe now and then, and no more.

Without it each of the thousand deliveries that wait for a dead endpoint would use up its ten tries,
and fifteen seconds of a sender for each. While the breaker is open no try is spent: the deliveries
stay as they are. The price: after the endpoint is back, up to fifteen minutes may pass until the
next probe finds out. It is not for telling which delivery is at fault: an endpoint that refuses one
kind of event only is never open for long, since each success closes it.

Three columns hold all of it, `failures`, `failing_since` and `open_until`; the rules are here:

    closed      open_until is None: everybody sends
    open        open_until > now: nobody sends
    half-open   open_until <= now: one probe, by whoever moves `open_until` from the value that they
                saw to that of `probing` (a conditional update; all others then see it open)

There is no state “probing” to get stuck in: a probe is a move of `open_until` into the future, so a
sender that dies with its probe delays the next one by thirty seconds (resilience4j#903 is a breaker
that stayed half-open for ever).
"""

from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

# In a row, of all deliveries together: a receiver that restarts and misses a few requests is not
# down, and one that misses five with no success between them is.
THRESHOLD: Final = 5
# Twice the longest attempt (15 s), the time that a restart takes; doubled after each failed probe.
FIRST_OPEN: Final = timedelta(seconds=30)
# How long after its return an endpoint waits for its events at most; 96 probes a day until then.
LONGEST_OPEN: Final = timedelta(minutes=15)
# Longer than any attempt lasts, so no second probe begins beside a living one.
PROBE_TIME: Final = timedelta(seconds=30)
DISABLE_AFTER: Final = timedelta(days=5)

_DOUBLINGS: Final = 5  # to the cap, and no power grows without end


class State(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


@dataclass(frozen=True, slots=True)
class Breaker:
    """The breaker's columns of an endpoint.

    Attributes:
        failures: without a success between them; those that came while open count only as probes.
        failing_since: the first of them.
        open_until: when the next probe may begin.
    """

    failures: int = 0
    failing_since: datetime | None = None
    open_until: datetime | None = None

    def state(self, now: datetime) -> State:
        if self.open_until is None:
            return State.CLOSED
        return State.OPEN if self.open_until > now else State.HALF_OPEN

    def probing(self, now: datetime) -> "Breaker":
        """Return the columns to write when a probe begins, if `open_until` is still the same."""
        return replace(self, open_until=now + PROBE_TIME)

    def failed(self, now: datetime, *, probe: bool = False) -> "Breaker":
        """Return the columns after a failed try.

        Args:
            now: the end of the try.
            probe: it was one. Others that end while the breaker is open began before it opened:
                they say nothing new, and must not make the probes rarer.
        """
        if self.open_until is not None and not probe:
            return self
        failures = self.failures + 1
        opens = failures >= THRESHOLD
        return Breaker(
            failures=failures,
            failing_since=self.failing_since or now,
            open_until=now + open_time(failures) if opens else None,
        )

    def succeeded(self) -> "Breaker":
        """Return the columns after a success, of whichever try: the endpoint answers."""
        return Breaker()

    def columns(self) -> dict[str, Any]:
        """Return the values for an update, by column."""
        return asdict(self)


def open_time(failures: int) -> timedelta:
    """Return how long to leave an endpoint alone after this many failures: 30 s up to 15 min."""
    doublings = min(max(failures - THRESHOLD, 0), _DOUBLINGS)
    return min(FIRST_OPEN * (1 << doublings), LONGEST_OPEN)


def should_disable(failing_since: datetime | None, now: datetime) -> bool:
    """Say whether to give an endpoint up: five days without one success."""
    return failing_since is not None and now - failing_since >= DISABLE_AFTER
