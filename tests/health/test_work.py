"""What `/health` tells of the workers: whether there are any, and how far behind they are."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from tasks.events.heartbeat import KINDS
from tasks.models import Cursor, Event, Worker
from tests.health.conftest import Ask

# The checks have a connection of their own, and see what is committed.
pytestmark = pytest.mark.django_db(transaction=True)

WELL = {"database": "ok", "migrations": "ok", "events": "ok", "worker": "ok"}


def worker(*kinds: str, seconds: int = 0) -> None:
    seen = timezone.now() - timedelta(seconds=seconds)
    Worker.objects.create(kinds=",".join(kinds), started_at=seen, seen_at=seen)


def event(seconds: int, sequence: int | None = None) -> None:
    Event.objects.create(
        type="task.updated",
        subject=uuid4(),
        sequence=sequence,
        occurred_at=timezone.now() - timedelta(seconds=seconds),
        data="{}",
    )


def test_it_wants_a_worker_for_each_kind_of_work(ask: Ask) -> None:
    worker(*KINDS, seconds=31)
    worker("events", "webhooks", seconds=20)
    status, body = ask("/health")
    assert (status, body["status"]) == (503, "unavailable")
    assert body["checks"] == {**WELL, "worker": "unavailable"}
    assert ask("/health/ready")[0] == 200


def test_it_does_not_mind_who_does_the_work(ask: Ask) -> None:
    for kind in KINDS:
        worker(kind, seconds=20)
    status, body = ask("/health")
    assert (status, body["checks"]) == (200, WELL)


def test_it_tells_how_long_the_oldest_event_waits(ask: Ask, client: Client) -> None:
    worker(*KINDS)
    event(1_000, sequence=1)
    event(200, sequence=2)
    event(30)
    Cursor.objects.create(name="webhooks", position=1)
    status, body = ask("/health")
    assert (status, body["checks"]) == (200, WELL)
    assert 200 <= body["oldest_unsent_event_seconds"] < 220
    written = client.get("/health?format=openmetrics").content.decode()
    told = f"tasks_oldest_unsent_event_seconds {body['oldest_unsent_event_seconds']}"
    assert written.endswith(f"{told}\n# EOF\n")  # The answer is fresh, and given again.


def test_it_is_late_after_five_minutes(ask: Ask) -> None:
    worker(*KINDS)
    event(310)
    status, body = ask("/health")
    assert (status, body["checks"]) == (503, {**WELL, "events": "late"})
    assert 310 <= body["oldest_unsent_event_seconds"] < 330
    assert ask("/health/ready")[0] == 200
