"""`manage.py prune`: what has outlived its time goes, and the counts are said."""

from datetime import datetime, timedelta
from io import StringIO
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.utils import timezone

from tasks.identity import families
from tasks.models import (
    Attempt,
    Cursor,
    Delivery,
    Event,
    IdempotencyKey,
    ReceivedEvent,
    Task,
    TokenFamily,
    User,
    Webhook,
    Worker,
)
from tasks.operations.access import Actor
from tasks.operations.tasks import create_task
from tasks.operations.trash import delete_task

pytestmark = pytest.mark.django_db


def test_it_deletes_what_has_outlived_its_time(alice: User) -> None:
    long_ago, actor = timezone.now() - timedelta(days=31), Actor(alice.pk)
    for _ in range(2):
        task = create_task(actor=actor, now=long_ago, fields={"title": "a"})
        delete_task(actor=actor, now=long_ago, task_id=task.pk)
    create_task(actor=actor, now=long_ago, fields={"title": "kept"})
    IdempotencyKey.objects.create(
        user=alice, key="a", fingerprint="", status=204, created_at=long_ago
    )
    families.start(user=alice, now=long_ago)
    delivery = make_delivery(alice, long_ago)
    ReceivedEvent.objects.create(source="a", event_id="a", received_at=long_ago)
    kept = ReceivedEvent.objects.create(source="a", event_id="b")
    Worker.objects.create(kinds="events", started_at=long_ago, seen_at=long_ago)
    make_old_event()
    alive = families.start(user=alice, now=timezone.now())

    said = StringIO()
    call_command("prune", stdout=said)

    assert said.getvalue().splitlines() == [
        "2 tasks and projects from the trash",
        "1 idempotency keys",
        "1 sign-ins",
        "1 events",
        "1 deliveries to webhooks",
        "1 notes of events received",
        "1 workers that were killed",
    ]
    assert Task.objects.get().title == "kept"
    assert not IdempotencyKey.objects.exists()
    assert TokenFamily.objects.get() == alive
    assert not Delivery.objects.exists()
    assert not Attempt.objects.exists()
    assert Event.objects.contains(delivery.event)
    assert ReceivedEvent.objects.get() == kept


def make_delivery(owner: User, ended_at: datetime) -> Delivery:
    """Make a delivery that took two attempts, of an event that is kept."""
    webhook = Webhook.objects.create(
        owner=owner, url="https://example.com", created_at=ended_at, updated_at=ended_at
    )
    delivery = Delivery.objects.create(
        webhook=webhook,
        event=make_event(ended_at),
        state=Delivery.State.DELIVERED,
        created_at=ended_at,
        ended_at=ended_at,
    )
    for _ in range(2):
        Attempt.objects.create(delivery=delivery, at=ended_at, duration_ms=1, status=204)
    return delivery


def make_old_event() -> None:
    """Make an event that everybody has read, 91 days ago."""
    make_event(timezone.now() - timedelta(days=91), sequence=1)
    for name, position in (("pruned", 0), ("webhooks", 1)):
        Cursor.objects.create(name=name, position=position)


def make_event(at: datetime, sequence: int | None = None) -> Event:
    return Event.objects.create(
        type="task.updated", subject=uuid4(), sequence=sequence, occurred_at=at, data="{}"
    )
