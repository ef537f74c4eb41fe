"""PostgreSQL finds a page of deliveries, and the last attempt of each, by an index."""

from datetime import datetime, timedelta
from typing import Final

import pytest
from django.db import connection
from django.db.models import Q

from tasks.ids import uuid7
from tasks.models import Attempt, Delivery, Event, User, Webhook
from tasks.reads import Condition, Order, page
from tasks.rows import slot
from tasks.webhooks.rows import DELIVERY
from tests.reads.plans import plans

pytestmark = pytest.mark.django_db

MANY: Final = 3_000
LIMIT: Final = 50


@pytest.fixture
def endpoint(alice: User, now: datetime, vendor: str) -> Webhook:
    """One of two endpoints, both with many deliveries of two attempts each."""
    if vendor == "sqlite":
        pytest.skip("SQLite explains nothing of what it has read.")
    hooks = Webhook.objects.bulk_create(
        Webhook(owner=alice, url="https://example.org/", created_at=now, updated_at=now)
        for _ in range(2)
    )
    events = Event.objects.bulk_create(
        Event(type="task.created", subject=uuid7(), occurred_at=now, data="{}") for _ in range(MANY)
    )
    sent = Delivery.objects.bulk_create(
        Delivery(
            webhook=hook,
            event=event,
            state="delivered",
            created_at=now + timedelta(seconds=number),
            ended_at=now,
        )
        for hook in hooks
        for number, event in enumerate(events)
    )
    Attempt.objects.bulk_create(
        Attempt(delivery=each, at=now, duration_ms=1, status=status)
        for status in (500, 204)
        for each in sent
    )
    with connection.cursor() as cursor:
        for model in (Webhook, Event, Delivery, Attempt):
            cursor.execute(f"ANALYZE {model._meta.db_table}")
    return hooks[0]


def test_it_reads_the_rows_of_a_page_and_no_more(endpoint: Webhook) -> None:
    here = Condition(
        "webhook", lambda: Q(webhook=slot(Delivery, "webhook", "webhook")), {"webhook": endpoint.pk}
    )
    newest = Order("created_at", descending=True)
    [plan] = plans(lambda: page(DELIVERY, [here], newest, user=endpoint.owner_id, limit=LIMIT))
    assert {"delivery_by_webhook", "attempt_by_delivery"} <= plan.indexes, plan
    assert plan.read("tasks_delivery") <= LIMIT + 1, plan
    # One attempt for each column that is shown of it.
    assert plan.read("tasks_attempt") <= 5 * (LIMIT + 1), plan
    assert not plan.sorts, plan
