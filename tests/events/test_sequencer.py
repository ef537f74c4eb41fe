"""The order of the log: that of the commits, gapless, whatever happens at the same time."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from random import Random
from uuid import UUID

import pytest
from django.db import connection, transaction

from tasks.events import cursors, sequencer
from tasks.events.log import record_event
from tasks.ids import uuid7
from tasks.models import Cursor, Event
from tests.events.making import NOON, make_event, sequence_all

pytestmark = pytest.mark.django_db(transaction=True)


def places() -> list[int | None]:
    return list(Event.objects.order_by("sequence").values_list("sequence", flat=True))


def test_it_numbers_from_one_in_the_order_of_insertion() -> None:
    events = [make_event() for _ in range(3)]

    assert sequence_all() == 3

    by_place = Event.objects.order_by("sequence").values_list("sequence", "uid")
    assert list(by_place) == [(place, event.uid) for place, event in enumerate(events, 1)]


def test_it_goes_on_where_it_was_although_the_log_was_emptied() -> None:
    make_event()
    sequence_all()
    Event.objects.all().delete()
    make_event()
    sequence_all()

    assert places() == [2]


def test_it_gives_as_many_as_it_was_asked_for() -> None:
    for _ in range(3):
        make_event()
    sequencer.sequence(0)

    assert [sequencer.sequence(2), sequencer.sequence(2), sequencer.sequence(2)] == [2, 1, 0]
    by_place = list(Event.objects.order_by("sequence").values_list("number", flat=True))
    assert by_place == sorted(by_place)


def test_it_asks_for_no_lock_where_there_is_nothing_to_do() -> None:
    statements: list[str] = []

    def note(execute, sql, params, many, context):  # type: ignore[no-untyped-def]
        statements.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        sequencer.sequence()

    assert len(statements) == 1


def test_it_leaves_it_to_another_who_is_at_it(vendor: str) -> None:
    if vendor == "sqlite":
        pytest.skip("SQLite has one writer at a time: the other one waits")
    make_event()
    sequencer.sequence(0)
    with ThreadPoolExecutor(1) as thread, cursors.locked(cursors.SEQUENCER):
        assert thread.submit(_in_thread(sequencer.sequence)).result(5) == 0


def test_it_does_not_pass_over_what_is_committed_late(vendor: str) -> None:
    """The trap of every reader that goes by ids: the first to begin commits last."""
    if vendor == "sqlite":
        pytest.skip("SQLite has one writer at a time: none can be slower than another")
    began, may_commit = threading.Event(), threading.Event()

    def slowly() -> UUID:
        with transaction.atomic():
            slow = record_event(
                "task.created", subject=uuid7(), project=None, shown={}, actor=None, now=NOON
            )
            began.set()
            assert may_commit.wait(10)
        return slow.uid

    with ThreadPoolExecutor(1) as thread:
        slow = thread.submit(_in_thread(slowly))
        assert began.wait(10)
        quick = make_event()
        assert sequence_all() == 1
        may_commit.set()
        late = slow.result(10)
    assert sequence_all() == 1

    by_place = Event.objects.order_by("sequence").values_list("uid", flat=True)
    assert list(by_place) == [quick.uid, late]


WRITERS, EACH, SEQUENCERS = 6, 25, 3


def test_it_is_gapless_and_in_order_with_many_writers_and_sequencers() -> None:
    """Each writer changes tasks of its own in transactions of random length, with rollbacks."""
    tasks = [[uuid7() for _ in range(3)] for _ in range(WRITERS)]
    writing = threading.Event()

    def write(mine: list[UUID]) -> int:
        random, committed = Random(mine[0].int), 0
        for version in range(EACH):
            with transaction.atomic():
                for task in mine:
                    record_event(
                        "task.updated",
                        subject=task,
                        task=task,
                        project=None,
                        shown={"version": version},
                        actor=None,
                        now=NOON,
                    )
                time.sleep(random.uniform(0, 0.01))  # the load, not a synchronisation
                undone = random.random() < 0.1
                transaction.set_rollback(undone)
            committed += 0 if undone else len(mine)
        return committed

    def count() -> int:
        counted = 0
        while not writing.is_set():
            counted += sequencer.sequence(7)
        return counted

    with ThreadPoolExecutor(WRITERS + SEQUENCERS) as threads:
        counting = [threads.submit(_in_thread(count)) for _ in range(SEQUENCERS)]
        committed = sum(threads.map(lambda mine: _in_thread(lambda: write(mine))(), tasks))
        writing.set()
        counted = sum(future.result(20) for future in counting)

    assert counted + sequence_all() == committed == Event.objects.count()
    assert places() == list(range(1, committed + 1))
    assert Cursor.objects.get(name=cursors.SEQUENCER).position == committed
    for task in (task for mine in tasks for task in mine):
        own = Event.objects.filter(task=task)
        assert list(own.order_by("sequence").values_list("number", flat=True)) == list(
            own.order_by("number").values_list("number", flat=True)
        )


def _in_thread[T](act: Callable[[], T]) -> Callable[[], T]:
    def run() -> T:
        try:
            return act()
        finally:
            connection.close()

    return run
