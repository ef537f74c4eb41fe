"""The threads of a worker: each does one thing again and again, and nothing ends it but a stop.

A step that fails is logged and counted, and is tried again after a pause that grows, so a database
that is away for a minute costs that minute and no restart. When not to use it: for work that must
be done by a certain moment; whoever wakes up late here does what there is and is content.

A loop that has had something to do stays warm: it looks again after 20 ms, and falls asleep only
after two seconds without. So those who wake it need not do so for each piece of work: once a second
is enough (tasks/events/wakeup.py).
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from typing import Final

from tasks import metrics

logger: Final = logging.getLogger(__name__)

WARM: Final = 0.02  # seconds between two looks of a loop that has just had something to do
WARM_FOR: Final = 2.0  # seconds
SHORTEST_PAUSE: Final = 0.5  # seconds after the first failure; each pause is twice the last
LONGEST_PAUSE: Final = 30.0
LOGGED_AGAIN_AFTER: Final = 60.0  # seconds, for failures of one kind


class Loop:
    """One thread that runs `step` until it is stopped, which it is between two steps.

    Args:
        name: of the thread, in the log and in the metrics.
        step: returns whether there may be more to do now. Whatever it raises is survived.
        idle: seconds until it looks again by itself.
        wake: whoever sets it wakes the loop. It belongs to this loop alone, which clears it.
        warm: seconds until it looks again after work. As long as `idle`: it is never warm.
        longest_pause: seconds between two tries of a step that keeps failing.
        close: runs in the thread at its end.
        stopping: set by `stop`, for a step that waits by itself.
    """

    def __init__(
        self,
        name: str,
        step: Callable[[], bool],
        *,
        idle: float,
        wake: threading.Event,
        warm: float = WARM,
        longest_pause: float = LONGEST_PAUSE,
        close: Callable[[], None] = lambda: None,
        stopping: threading.Event | None = None,
    ) -> None:
        self.name = name
        self.wake = wake
        self._step = step
        self._idle = idle
        self._warm = min(warm, idle)
        self._close = close
        self._stopping = stopping or threading.Event()
        self._failures = Failures(name, longest_pause)
        self._warm_until = 0.0
        # A daemon: one that hangs must not keep the process from ending.
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        metrics.LOOP_FAILURES.labels(self.name)  # There from the start.
        self._thread.start()

    def stop(self) -> None:
        """Let it end after the step that is running; does not wait."""
        self._stopping.set()
        self.wake.set()

    def join(self, seconds: float) -> bool:
        """Wait for its end; return whether it has ended."""
        self._thread.join(max(seconds, 0))
        return not self._thread.is_alive()

    def _run(self) -> None:
        while not self._stopping.is_set():
            # Before the step: what comes while it runs is for the next.
            self.wake.clear()
            try:
                more = self._step()
            except Exception as error:  # noqa: BLE001 - the top of a thread, which nothing ends
                self._stopping.wait(self._failures.pause_after(error))
            else:
                self._failures.over()
                self._rest(more=more)
        self._close()

    def _rest(self, *, more: bool) -> None:
        now = time.monotonic()
        if more:
            self._warm_until = now + WARM_FOR
        elif not self._stopping.is_set() and self.wake.wait(
            self._warm if now < self._warm_until else self._idle
        ):
            # Woken with nothing to do yet: what it was woken for may have to pass others first.
            self._warm_until = time.monotonic() + WARM_FOR


class Failures:
    """What a loop does about its failures: a line in the log, a count, and a growing pause.

    One kind of error is written once a minute: the first tells why, and the others only that it
    goes on.
    """

    def __init__(
        self, name: str, longest: float, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._name = name
        self._longest = longest
        self._clock = clock
        self._in_a_row = 0
        self._logged_at: dict[str, float] = {}

    def pause_after(self, error: Exception) -> float:
        """Note a failure; return the seconds to wait before the next try."""
        metrics.LOOP_FAILURES.labels(self._name).inc()
        # Doubling it without an end would leave the range of numbers some day.
        pause = min(SHORTEST_PAUSE * 2.0 ** min(self._in_a_row, 32), self._longest)
        self._in_a_row += 1
        self._log(error)
        return pause

    def over(self) -> None:
        """Note a success."""
        if self._in_a_row:
            logger.info(
                "loop_recovered", extra={"loop": self._name, "failures_in_a_row": self._in_a_row}
            )
            self._in_a_row = 0

    def _log(self, error: Exception) -> None:
        kind, now = type(error).__name__, self._clock()
        if now - self._logged_at.get(kind, -LOGGED_AGAIN_AFTER) < LOGGED_AGAIN_AFTER:
            return
        self._logged_at[kind] = now
        fields = {"loop": self._name, "error": kind, "failures_in_a_row": self._in_a_row}
        logger.error("loop_failed", extra=fields, exc_info=error)


def stop_all(loops: Iterable[Loop], *, within: float) -> list[str]:
    """Stop loops together; return the names of those that have not ended in so many seconds."""
    deadline = time.monotonic() + within
    stopped = list(loops)
    for loop in stopped:
        loop.stop()
    return [loop.name for loop in stopped if not loop.join(deadline - time.monotonic())]
