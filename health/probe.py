"""Asking a dependency that may never answer, with one thread and one connection at most.

A frozen server accepts connections and says nothing. Whoever asks it once per health check, each
time in a new thread, has hundreds of them after an hour, and they hold what the requests need
once it wakes up. So a question is put by one thread at a time: whoever asks meanwhile waits for
the same answer, and nobody waits beyond `patience` from the moment it was put, so that a hanging
question is answered at once with "too late". It also means that a flood of health checks, which
anybody may send, is no flood for the dependency: a good answer counts for `fresh` seconds.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final

PATIENCE: Final = 1.2  # seconds; readiness must be told within 2
FRESH: Final = 1.0  # seconds


class Probe[T]:
    """A question to one dependency.

    Args:
        ask: returns the answer, and raises if there is none. It must end by itself some time, so
            it has to bring timeouts of its own; until then nobody asks again.
        patience: seconds after which a question without an answer counts as failed.
        fresh: seconds for which a good answer is given again without asking.
    """

    def __init__(
        self, ask: Callable[[], T], *, patience: float = PATIENCE, fresh: float = FRESH
    ) -> None:
        self._ask = ask
        self._patience = patience
        self._fresh = fresh
        self._lock = threading.Lock()
        self._asked_at = 0.0
        self._answer: Future[T] | None = None

    async def answer(self) -> T:
        """Return what `ask` returned.

        Raises:
            TimeoutError: it has not answered in time.
            Exception: what `ask` raised.
        """
        answer, asked_at = self._question()
        if not answer.done():
            left = asked_at + self._patience - time.monotonic()
            await asyncio.wait_for(asyncio.wrap_future(answer), left)
        return answer.result()

    def forget(self) -> None:
        """Let the next question go to the dependency, whatever it answered last."""
        with self._lock:
            self._answer = None

    def _question(self) -> tuple[Future[T], float]:
        with self._lock:
            now = time.monotonic()
            if self._answer is None or self._stale(self._answer, now):
                self._answer, self._asked_at = self._put(), now
            return self._answer, self._asked_at

    def _stale(self, answer: Future[T], now: float) -> bool:
        if not answer.done():
            return False
        return answer.exception() is not None or now - self._asked_at > self._fresh

    def _put(self) -> Future[T]:
        answer: Future[T] = Future()
        # Running, it can no longer be cancelled by a caller who has run out of patience.
        answer.set_running_or_notify_cancel()
        # A daemon: a question that hangs must not keep the process from ending.
        threading.Thread(target=self._run, args=(answer,), daemon=True, name="health").start()
        return answer

    def _run(self, answer: Future[T]) -> None:
        try:
            told = self._ask()
        except Exception as error:  # noqa: BLE001 (the top of a thread: told to whoever asked)
            answer.set_exception(error)
        else:
            answer.set_result(told)
