"""What the tests of outages share: a budget of their own, and pauses that they end themselves."""

import threading
from uuid import uuid4

from tasks.ratelimit import Budget


def budget(limit: int = 20, period: int = 600) -> Budget:
    return Budget("user", f"user:{uuid4()}", limit, period)


class Pauses:
    """The pauses between tries; each lasts until the test ends it."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self._begun = threading.Semaphore(0)
        self._over = threading.Semaphore(0)

    def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        self._begun.release()
        self._over.acquire()

    def begin(self) -> None:
        """Wait for the next pause to begin."""
        assert self._begun.acquire(timeout=20)

    def end(self) -> None:
        self._over.release()
