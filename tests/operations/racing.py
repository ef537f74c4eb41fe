"""Operations at the same moment, in threads with connections of their own."""

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from threading import Barrier
from time import monotonic
from typing import Any

from django.db import connection, transaction

Act = Callable[[], Any]
_PATIENCE = 20  # seconds; the service itself waits for a lock no longer than 3


def race(acts: Sequence[Act]) -> list[Any]:
    """Start all at once; return what each returned, or the exception that it raised."""
    barrier = Barrier(len(acts))

    def run(act: Act) -> Any:
        barrier.wait(_PATIENCE)
        return _outcome(act)

    with ThreadPoolExecutor(len(acts)) as threads:
        return list(threads.map(run, acts))


def overlap(first: Act, second: Act) -> tuple[Any, Any]:
    """Let `second` run when `first` has done all its work and not committed yet.

    `first` commits when the database says that `second` waits for it, or when `second` is through
    without waiting. So the worst moment comes each time, and not once in a thousand runs.
    SQLite has one writer and lets `second` begin only afterwards; it says so to nobody.

    Returns:
        What each returned, or the exception that it raised.
    """
    with ThreadPoolExecutor(1) as thread:
        if connection.vendor == "sqlite":
            return _outcome(first, close=False), thread.submit(_outcome, second).result(_PATIENCE)
        with transaction.atomic():
            done = _outcome(first, close=False)
            running = thread.submit(_outcome, second)
            until_blocked(running)
        return done, running.result(_PATIENCE)


def kinds(outcomes: Sequence[Any]) -> Counter[str]:
    """Count the outcomes: `ok`, or the name of the error."""
    return Counter(
        type(outcome).__name__ if isinstance(outcome, Exception) else "ok" for outcome in outcomes
    )


def _outcome(act: Act, *, close: bool = True) -> Any:
    try:
        return act()
    except Exception as error:  # noqa: BLE001 - the test looks at it
        return error
    finally:
        if close:
            connection.close()


def until_blocked(running: "Future[Any]") -> None:
    """Wait until PostgreSQL says that it waits for this connection, or until it is through."""
    deadline = monotonic() + _PATIENCE
    while monotonic() < deadline:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_locks "
                "WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
            )
            if cursor.fetchone()[0]:
                return
        if wait_for([running], timeout=0.005).done:
            return
    raise AssertionError("The second operation neither waits nor ends.")
