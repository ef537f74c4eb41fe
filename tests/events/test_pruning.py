"""The log is forgotten from its front, and not before everybody has read it."""

from datetime import datetime, timedelta
from uuid import uuid4

import pytest

from tasks.events import cursors, pruning
from tasks.events.pruning import prune_events
from tasks.models import Cursor, Delivery, Event, Project, User, Webhook

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
READERS = ["webhooks", "rabbitmq"]


def make_log(now: datetime, *days: int) -> list[Event]:
    """Make events of these ages, in the order of the log."""
    return Event.objects.bulk_create(
        Event(
            type="task.updated",
            subject=uuid4(),
            sequence=sequence,
            occurred_at=now - days * DAY,
            data="{}",
        )
        for sequence, days in enumerate(days, start=1)
    )


def have_read(**positions: int) -> None:
    for name, position in {cursors.PRUNED: 0, **positions}.items():
        Cursor.objects.create(name=name, position=position)


def left() -> list[int | None]:
    return list(Event.objects.order_by("sequence").values_list("sequence", flat=True))


def test_it_forgets_what_is_90_days_old_and_says_where_the_log_begins(now: datetime) -> None:
    make_log(now, 200, 91, 90, 89, 1)
    have_read(webhooks=5, rabbitmq=5)
    assert prune_events(now=now, readers=READERS) == 3
    assert left() == [4, 5]
    assert cursors.position(cursors.PRUNED) == 3
    assert prune_events(now=now, readers=READERS) == 0
    assert prune_events(now=now + DAY, readers=READERS) == 1
    assert cursors.position(cursors.PRUNED) == 4


def test_it_leaves_no_hole_where_a_clock_was_wrong(now: datetime) -> None:
    make_log(now, 91, 1, 91)
    have_read(webhooks=3, rabbitmq=3)
    assert prune_events(now=now, readers=READERS) == 1
    assert left() == [2, 3]
    assert cursors.position(cursors.PRUNED) == 1


def test_it_keeps_what_a_reader_has_not_come_to(now: datetime) -> None:
    make_log(now, 95, 94, 93, 92)
    have_read(webhooks=4, rabbitmq=1)
    assert prune_events(now=now, readers=READERS) == 1
    assert left() == [2, 3, 4]
    assert prune_events(now=now, readers=["webhooks", "nobody"]) == 0
    assert prune_events(now=now, readers=["webhooks"]) == 3


def test_it_keeps_what_has_no_place_in_the_log(now: datetime) -> None:
    make_log(now, 95)
    Event.objects.update(sequence=None)
    have_read(webhooks=1)
    assert prune_events(now=now, readers=["webhooks"]) == 0
    assert left() == [None]


def test_it_takes_the_deliveries_with_it(now: datetime, alice: User, project: Project) -> None:
    Event.objects.all().delete()  # Those of the project itself.
    old, young = make_log(now, 95, 1)
    webhook = Webhook.objects.create(
        owner=alice, url="https://example.com", created_at=now, updated_at=now
    )
    for event in (old, young):
        Delivery.objects.create(webhook=webhook, event=event, next_try_at=now, created_at=now)
    have_read(webhooks=2)
    assert prune_events(now=now, readers=["webhooks"]) == 1
    assert Delivery.objects.get().event == young


def test_it_forgets_more_than_one_batch(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "BATCH", 2)
    make_log(now, *[95] * 5, 1)
    have_read(webhooks=6)
    assert prune_events(now=now, readers=["webhooks"]) == 5
    assert left() == [6]
