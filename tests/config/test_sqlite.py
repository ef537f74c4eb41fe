"""Writers that wait for SQLite's one write lock: they get it soon, or an error in time."""

import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from itertools import pairwise
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from django.db import OperationalError
from django.db.backends.sqlite3.base import DatabaseWrapper

from config import database

pytestmark = [pytest.mark.once, pytest.mark.django_db]

WRITERS, SECONDS = 8, 10


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "tasks.sqlite3"
    with opened(path) as wrapper, wrapper.cursor() as cursor:
        cursor.execute("CREATE TABLE written (writer INTEGER)")
    return path


@contextmanager
def opened(path: Path, **options: Any) -> Iterator[DatabaseWrapper]:
    """Return Django's connection with the settings of the embedded default."""
    settings: dict[str, Any] = database.embedded(path)
    settings["OPTIONS"] |= options
    defaults = {"TIME_ZONE": None, "CONN_HEALTH_CHECKS": False, "AUTOCOMMIT": True}
    wrapper = DatabaseWrapper({**defaults, **settings})
    try:
        yield wrapper
    finally:
        wrapper.close()


def write(wrapper: DatabaseWrapper, writer: int, seconds: float) -> int:
    """Hold the write lock for this long; return how many have written until now."""
    wrapper.set_autocommit(False, force_begin_transaction_with_broken_autocommit=True)
    with wrapper.cursor() as cursor:
        cursor.execute("INSERT INTO written VALUES (%s)", [writer])
        [(written,)] = cursor.execute("SELECT max(rowid) FROM written").fetchall()
    time.sleep(seconds)
    wrapper.commit()
    wrapper.set_autocommit(True)
    return int(written)


def test_it_lets_no_writer_wait_long_while_others_write_without_a_pause(path: Path) -> None:
    """With SQLite's own pauses somebody waits until the others are through.

    Counted in the writes of the others, which a busy machine does not make more.
    """
    barrier = Barrier(WRITERS)

    def run(writer: int) -> list[int]:
        with opened(path) as wrapper:
            barrier.wait()
            until, turns = time.monotonic() + SECONDS, [0]
            while time.monotonic() < until:
                turns.append(write(wrapper, writer, 0.003))
            return turns

    with ThreadPoolExecutor(WRITERS) as threads:
        turns = list(threads.map(run, range(WRITERS)))
    written = max(found[-1] for found in turns)
    passed = [after - before - 1 for found in turns for before, after in pairwise(found)]
    assert max(passed) < written / 2
    with closing(sqlite3.connect(path)) as plain:
        assert plain.execute("SELECT count(*) FROM written").fetchone() == (len(passed),)


@pytest.mark.parametrize("statement", ["BEGIN IMMEDIATE", "INSERT INTO written VALUES (1)"])
def test_it_gives_up_when_its_patience_ends(path: Path, statement: str) -> None:
    with opened(path) as holder, opened(path, timeout=0.2) as waiter:
        holder.set_autocommit(False, force_begin_transaction_with_broken_autocommit=True)
        started = time.monotonic()
        with waiter.cursor() as cursor, pytest.raises(OperationalError, match="locked"):
            cursor.execute(statement)
        assert 0.2 <= time.monotonic() - started < 2
        with waiter.cursor() as cursor:  # which others than writers wait by
            assert cursor.execute("PRAGMA busy_timeout").fetchone() == (200,)
        holder.rollback()
        holder.set_autocommit(True)
        started = time.monotonic()
        assert write(waiter, 1, 0) == 1
        assert time.monotonic() - started < 0.2


def test_it_passes_on_other_mistakes_at_once(path: Path) -> None:
    with opened(path) as wrapper, wrapper.cursor() as cursor:
        started = time.monotonic()
        with pytest.raises(OperationalError, match="no such table"):
            cursor.execute("INSERT INTO elsewhere VALUES (1)")
        assert time.monotonic() - started < 2
