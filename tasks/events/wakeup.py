"""Waking idle workers when an event has been recorded: NOTIFY and LISTEN of PostgreSQL.

Without it an event would lie for up to a second, until a worker looks by itself. It is a courtesy
and no promise: whatever goes wrong here is counted and forgotten, since the worker looks anyway.

NOTIFY takes a lock that makes all commits of the server wait in line, so it is no part of the
change's transaction, and not one for each event: a worker that was woken stays awake for two
seconds (tasks/loops.py), so one a second for each process is enough. On SQLite, which has nothing
of the kind, the workers look five times a second, and nothing is done here.
"""

import threading
import time
from collections.abc import Iterable
from typing import Any, Final

from django.db import Error, connection
from django.db.backends.base.base import BaseDatabaseWrapper

from tasks import loops, metrics

CHANNEL: Final = "tasks_events"
EVERY: Final = loops.WARM_FOR / 2  # seconds
_PATIENCE: Final = 1.0  # seconds until the listener looks whether it should end


class _Gate:
    """Lets one through in `seconds`, however many threads come."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._opens_at = 0.0
        self._lock = threading.Lock()

    def passes(self) -> bool:
        now = time.monotonic()
        if now < self._opens_at:  # Nearly all of them, without the lock.
            return False
        with self._lock:
            if now < self._opens_at:
                return False
            self._opens_at = now + self._seconds
            return True

    def open(self) -> None:
        self._opens_at = 0.0


_gate: Final = _Gate(EVERY)


def notify() -> None:
    """Wake the workers; to be called after the commit. It fails nobody."""
    if connection.vendor != "postgresql" or not _gate.passes():
        return
    try:
        with connection.cursor() as cursor:
            cursor.execute(f"NOTIFY {CHANNEL}")
    except Error:
        metrics.WAKEUP_FAILURES.inc()


class Listener:
    """Wakes loops when some process has called `notify`.

    It has a connection of its own, outside the pool, for as long as it runs: what is to be heard
    comes over the connection that said LISTEN, and over no other. It belongs to one thread.
    """

    def __init__(self, wakes: Iterable[threading.Event]) -> None:
        self._wakes = list(wakes)
        self._own: BaseDatabaseWrapper | None = None

    def step(self) -> bool:
        """Wait a second for a call, and pass it on; returns True, since it waits here.

        Raises:
            django.db.Error, psycopg.Error: the connection is gone; the next step makes another.
        """
        try:
            called = list(self._listening().notifies(timeout=_PATIENCE, stop_after=1))
        except Exception:
            self.close()
            raise
        if called:
            for wake in self._wakes:
                wake.set()
        return True

    def close(self) -> None:
        if self._own is not None:
            self._own.close()
            self._own = None

    def _listening(self) -> Any:
        """Return psycopg's connection, which Django knows nothing of notifications over."""
        if self._own is None:
            self._own = connection.copy()
            self._own.settings_dict["OPTIONS"].pop("pool", None)
            with self._own.cursor() as cursor:
                cursor.execute(f"LISTEN {CHANNEL}")
        return self._own.connection
