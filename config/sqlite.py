"""A SQLite connection whose writers wait for each other fairly.

SQLite has one writer, and no queue for the others: each tries again after a pause of its own. Its
pauses grow to a tenth of a second, in which those that have just come pass many times, and after
five seconds it gives up: with eight threads that do nothing but write for 10 ms, one in a hundred
waits ended so, with "database is locked" and a 503. With pauses of a few milliseconds none did, the
longest wait was half a second, and all together wrote more. Each try costs about 15 µs.
"""

import random
import re
import sqlite3
import time
from collections.abc import Sequence
from typing import Any, Final, Self

from django.db.backends.sqlite3.base import SQLiteCursorWrapper

_WRITES: Final = re.compile(r"\s*(BEGIN|INSERT|UPDATE|DELETE|REPLACE)\b")
_PAUSE: Final = (0.000_5, 0.003)  # seconds, at random: two in step would meet each time
_PRIMARY: Final = 0xFF  # of an extended result code


class Connection(sqlite3.Connection):
    """`factory` of `sqlite3.connect`.

    Attributes:
        patience: the seconds for which a writer waits; others wait as SQLite does, as long.
    """

    def __init__(self, database: Any, timeout: float = 5.0, **kwargs: Any) -> None:
        super().__init__(database, timeout=timeout, **kwargs)
        self.patience = timeout

    def cursor(self, factory: Any = None) -> Any:
        """Return a cursor; in place of Django's one of ours."""
        if factory is SQLiteCursorWrapper:
            return super().cursor(PatientCursor)
        return super().cursor() if factory is None else super().cursor(factory)


class PatientCursor(SQLiteCursorWrapper):
    """Django's cursor, which tries more often where the write lock is taken."""

    def execute(self, query: str, params: Any = None) -> Self:
        """Run a statement.

        Raises:
            sqlite3.OperationalError: another writer has kept the lock for all of `patience`.
        """
        # Whoever is in a transaction has the lock: it is taken at BEGIN (config/database.py).
        if self.connection.in_transaction or not _WRITES.match(query):
            return self._run(query, params)
        patience = self.connection.patience  # type: ignore[attr-defined]  # the class above
        deadline = time.monotonic() + patience
        self.connection.execute("PRAGMA busy_timeout = 0")
        try:
            while True:
                try:
                    return self._run(query, params)
                except sqlite3.OperationalError as error:
                    if not _is_busy(error) or time.monotonic() > deadline:
                        raise
                time.sleep(random.uniform(*_PAUSE))  # noqa: S311 - nobody gains by guessing it
        finally:
            self.connection.execute(f"PRAGMA busy_timeout = {patience * 1000:.0f}")

    def _run(self, query: str, params: Sequence[Any] | None = None) -> Self:
        super().execute(query, params)
        return self


def _is_busy(error: sqlite3.OperationalError) -> bool:
    return error.sqlite_errorcode & _PRIMARY == sqlite3.SQLITE_BUSY
