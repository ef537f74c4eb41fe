"""Workers say that they are alive; and how long events have been waiting is known."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from tasks.events import cursors, heartbeat
from tasks.events.heartbeat import Heartbeat, ages, oldest_unsent_age, prune_workers
from tasks.models import Cursor, Event, Worker

pytestmark = pytest.mark.django_db

SECOND = timedelta(seconds=1)


def about(age: timedelta, expected: timedelta) -> bool:
    """Whether an age is as expected; the clock went on meanwhile, and SQLite's has no µs."""
    return expected - SECOND / 100 <= age < expected + 10 * SECOND


def event(age: timedelta, sequence: int | None = None) -> Event:
    return Event.objects.create(
        type="task.updated",
        subject=uuid4(),
        sequence=sequence,
        occurred_at=timezone.now() - age,
        data="{}",
    )


def worker(kinds: str, age: timedelta) -> Worker:
    seen = timezone.now() - age
    return Worker.objects.create(kinds=kinds, started_at=seen, seen_at=seen)


def test_it_says_that_it_is_alive_until_it_ends() -> None:
    beats = Heartbeat(["events", "upkeep"])
    assert beats.beat() is False
    first = Worker.objects.get()
    assert (first.id, first.kinds) == (beats.id, "events,upkeep")
    assert about(timezone.now() - first.seen_at, timedelta())

    Worker.objects.update(seen_at=first.seen_at - 60 * SECOND)
    beats.beat()
    again = Worker.objects.get()
    assert again.started_at == first.started_at
    assert again.seen_at >= first.seen_at

    beats.end()
    assert not Worker.objects.exists()


def test_it_says_so_again_when_it_was_taken_for_dead() -> None:
    beats = Heartbeat(["events"])
    beats.beat()
    Worker.objects.all().delete()
    beats.beat()
    assert Worker.objects.get().id == beats.id


def test_it_knows_when_each_kind_was_last_seen() -> None:
    assert ages() == {}
    worker("events,webhooks,upkeep", 300 * SECOND)
    worker("events", 20 * SECOND)
    worker("webhooks,events", 40 * SECOND)
    found = ages()
    assert about(found["events"], 20 * SECOND)
    assert about(found["webhooks"], 40 * SECOND)
    assert about(found["upkeep"], 300 * SECOND)


def test_it_forgets_the_workers_that_were_killed() -> None:
    worker("events", heartbeat.FORGOTTEN_AFTER + SECOND)
    kept = worker("events", heartbeat.FORGOTTEN_AFTER - 30 * SECOND)
    assert prune_workers() == 1
    assert Worker.objects.get() == kept


def test_it_waits_for_nothing_in_an_empty_log() -> None:
    assert oldest_unsent_age(["webhooks"]) == timedelta()


def test_it_knows_how_long_an_event_has_been_without_its_place() -> None:
    event(50 * SECOND)
    event(90 * SECOND)  # It was slow to commit, and is behind the other: that one counts.
    assert about(oldest_unsent_age([]), 50 * SECOND)


def test_it_counts_an_event_of_a_clock_that_is_ahead_as_new() -> None:
    event(-60 * SECOND)
    assert oldest_unsent_age(["webhooks"]) == timedelta()


@pytest.mark.parametrize(
    ("names", "expected"),
    [([], 0), (["webhooks"], 100), (["rabbitmq"], 200), (["webhooks", "rabbitmq"], 200)],
)
def test_it_knows_for_how_long_a_reader_has_been_behind(names: list[str], expected: int) -> None:
    for sequence, age in enumerate((300, 200, 100), start=1):
        event(age * SECOND, sequence)
    Cursor.objects.create(name=cursors.WEBHOOKS, position=2)
    Cursor.objects.create(name=cursors.RABBITMQ, position=1)
    assert about(oldest_unsent_age(names), expected * SECOND)


def test_it_waits_for_a_reader_that_has_never_read() -> None:
    event(300 * SECOND, 1)
    assert about(oldest_unsent_age(["rabbitmq"]), 300 * SECOND)


def test_it_looks_for_rabbitmq_only_where_there_is_one() -> None:
    assert heartbeat.readers("") == ["webhooks"]
    assert heartbeat.readers("amqp://guest@rabbit/") == ["webhooks", "rabbitmq"]


def test_it_counts_by_the_clock_of_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    Heartbeat(["events"]).beat()
    monkeypatch.setattr(timezone, "now", lambda: datetime(2001, 1, 1, tzinfo=UTC))
    assert about(ages()["events"], timedelta())
