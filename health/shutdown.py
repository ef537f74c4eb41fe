"""Telling load balancers before the socket closes.

gunicorn that gets SIGTERM stops taking connections at once, while load balancers send requests
until they have heard of it: those requests are reset. So SIGTERM first turns `/health/ready` to
503, in all processes at the same moment, and the service goes on answering for a few seconds;
only then does gunicorn see the signal.

gunicorn has no hook at that point, so `drain_on_sigterm` puts a handler before its own. A second
SIGTERM, SIGINT and SIGQUIT stop without the wait. Workers that are replaced (SIGHUP,
`max_requests`) do not go through here: the service as a whole stays ready.
"""

import mmap
import signal
from types import FrameType
from typing import Final

# One byte that this process shares with all those that it will fork.
_begun: Final = mmap.mmap(-1, 1)


def begin() -> None:
    """Make this process, and all with the same parent, not ready; it is never taken back."""
    _begun[0] = 1


def begun() -> bool:
    return _begun[0] == 1


def drain_on_sigterm(seconds: float) -> None:
    """Let SIGTERM pass to its present handler only `seconds` after the shutdown has begun.

    To be called once in gunicorn's parent process, by its hook `when_ready`. A supervisor has to
    wait for `seconds` and the `graceful_timeout` before it kills.
    """
    stop = signal.getsignal(signal.SIGTERM)
    if not callable(stop):
        raise RuntimeError("SIGTERM has no handler to put off.")

    def on_sigterm(number: int, frame: FrameType | None) -> None:
        if begun():
            stop(number, frame)
        else:
            begin()
            signal.setitimer(signal.ITIMER_REAL, seconds)

    def on_time_over(_: int, frame: FrameType | None) -> None:
        stop(signal.SIGTERM, frame)

    signal.signal(signal.SIGALRM, on_time_over)
    signal.signal(signal.SIGTERM, on_sigterm)
