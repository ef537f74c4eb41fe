"""Workers are woken when an event is committed; and nobody fails where that is not possible."""

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

import psycopg
import pytest
from django.db import DEFAULT_DB_ALIAS, Error, connection, connections, transaction
from pytest_django import DjangoAssertNumQueries

from tasks import metrics
from tasks.events import wakeup
from tasks.loops import Loop, stop_all

PATIENCE = 20.0


@pytest.fixture(autouse=True)
def _open_gate() -> None:
    wakeup._gate.open()


@pytest.fixture
def _postgresql(vendor: str) -> None:
    if vendor != "postgresql":
        pytest.skip("SQLite has no NOTIFY; the run on PostgreSQL has this test.")


@contextmanager
def listening() -> Iterator[tuple[threading.Event, wakeup.Listener]]:
    """A listener that listens, in a thread of its own, and what it sets."""
    woken, ready = threading.Event(), threading.Event()
    listener = wakeup.Listener([woken])

    def step() -> bool:
        listener._listening()
        ready.set()
        return listener.step()

    loop = Loop(
        "listener",
        step,
        idle=1,
        wake=threading.Event(),
        longest_pause=0.01,
        close=listener.close,
    )
    loop.start()
    try:
        assert ready.wait(PATIENCE)
        yield woken, listener
    finally:
        assert stop_all([loop], within=PATIENCE) == []


@pytest.mark.usefixtures("_postgresql")
@pytest.mark.django_db(transaction=True)
def test_it_wakes_after_the_commit_and_not_before() -> None:
    with listening() as (woken, _):
        with transaction.atomic():
            transaction.on_commit(wakeup.notify)
            assert not woken.is_set()
        assert woken.wait(PATIENCE)


@pytest.mark.usefixtures("_postgresql")
@pytest.mark.django_db(transaction=True)
def test_it_calls_once_a_second_however_many_events_there_are(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    with django_assert_num_queries(1):
        for _ in range(50):
            wakeup.notify()


@pytest.mark.usefixtures("_postgresql")
@pytest.mark.django_db(transaction=True)
def test_it_listens_again_when_its_connection_was_ended() -> None:
    with listening() as (woken, listener):
        backend = listener._listening().info.backend_pid
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [backend])
        while not woken.wait(0.05):  # A call that comes before it listens again is lost.
            wakeup._gate.open()
            wakeup.notify()
        assert listener._listening().info.backend_pid != backend


@pytest.mark.usefixtures("_postgresql")
@pytest.mark.django_db(transaction=True)
def test_it_fails_nobody_when_the_connection_is_gone() -> None:
    before = metrics.WAKEUP_FAILURES._value.get()
    connection.ensure_connection()
    own: psycopg.Connection[object] = connection.connection
    with closing(connections[DEFAULT_DB_ALIAS].copy()) as other, other.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [own.info.backend_pid])
    try:
        wakeup.notify()
        assert metrics.WAKEUP_FAILURES._value.get() == before + 1
        with pytest.raises(Error), connection.cursor() as cursor:
            cursor.execute("SELECT 1")  # It was gone indeed.
    finally:
        connection.close()


@pytest.mark.django_db
def test_it_does_nothing_on_sqlite(
    vendor: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    if vendor != "sqlite":
        pytest.skip("PostgreSQL has NOTIFY; the run on SQLite has this test.")
    with django_assert_num_queries(0):
        wakeup.notify()


@pytest.mark.once
def test_it_lets_one_of_many_threads_through() -> None:
    gate, passed = wakeup._Gate(3600), threading.Semaphore(0)
    together = threading.Barrier(16)

    def come() -> None:
        together.wait(PATIENCE)
        if gate.passes():
            passed.release()

    threads = [threading.Thread(target=come) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert passed.acquire(blocking=False)
    assert not passed.acquire(blocking=False)
