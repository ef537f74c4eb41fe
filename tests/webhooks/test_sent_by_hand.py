"""What is sent because its owner asks for it: a ping, and a delivery once more."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import orjson
import pytest

from tasks.errors import WebhookDisabled
from tasks.events import wakeup
from tasks.ids import uuid7
from tasks.models import Attempt, Delivery, Event, Webhook
from tasks.operations.access import Actor
from tasks.webhooks.operations import ping, redeliver, update_webhook
from tests.contract.snapshot import nothing_written
from tests.contract.world import deliver
from tests.webhooks.conftest import URL

pytestmark = pytest.mark.django_db


@pytest.fixture
def disable(owner: Actor, webhook: Webhook, later: datetime) -> Callable[[], Webhook]:
    fields = {"enabled": False}
    return lambda: update_webhook(actor=owner, now=later, webhook_id=webhook.pk, fields=fields)


class TestPing:
    def test_it_records_an_event_for_the_owner(
        self, owner: Actor, webhook: Webhook, later: datetime
    ) -> None:
        sent = ping(actor=owner, now=later, webhook_id=webhook.pk)
        event = Event.objects.get()
        assert (event.uid, event.type, event.subject) == (sent.uid, "webhook.ping", webhook.pk)
        assert (event.user, event.project, event.task) == (owner.id, None, None)
        assert event.occurred_at == later
        told = orjson.loads(event.data)
        assert (told["actor"], told["changes"]) == (str(owner.id), {})
        assert told["object"]["id"] == str(webhook.pk)
        assert "secret" not in event.data
        assert URL not in event.data

    def test_it_sends_nothing_to_a_disabled_one(
        self, owner: Actor, webhook: Webhook, disable: Callable[[], Webhook], now: datetime
    ) -> None:
        disable()
        with nothing_written(), pytest.raises(WebhookDisabled):
            ping(actor=owner, now=now, webhook_id=webhook.pk)


class TestRedeliver:
    @pytest.mark.parametrize("ended", ["delivered", "exhausted", "withheld"])
    def test_it_makes_one_that_has_ended_due_now(
        self, owner: Actor, webhook: Webhook, now: datetime, later: datetime, ended: str
    ) -> None:
        delivery = deliver(webhook, now)
        Delivery.objects.update(state=ended, tries=10, next_try_at=None, ended_at=now)
        again = redeliver(actor=owner, now=later, delivery_id=delivery.pk)
        assert again == (found := Delivery.objects.get())
        assert (found.state, found.tries, found.next_try_at, found.ended_at) == (
            *("pending", 0, later, None),
        )
        assert Attempt.objects.count() == 1

    def test_it_waits_no_longer_for_the_next_try(
        self, owner: Actor, webhook: Webhook, now: datetime
    ) -> None:
        delivery = deliver(webhook, now)
        worker = uuid7()  # which was stopped while it sent
        due = now + timedelta(hours=5)
        Delivery.objects.update(
            tries=6, next_try_at=due, holder=worker, leased_until=now - timedelta(seconds=1)
        )
        redeliver(actor=owner, now=now, delivery_id=delivery.pk)
        found = Delivery.objects.get()
        assert (found.tries, found.next_try_at) == (0, now)
        assert (found.holder, found.leased_until) == (None, None)

    def test_it_wakes_the_workers(
        self,
        owner: Actor,
        webhook: Webhook,
        now: datetime,
        django_capture_on_commit_callbacks: Callable[[], Any],
    ) -> None:
        delivery = deliver(webhook, now)
        with django_capture_on_commit_callbacks() as called:
            redeliver(actor=owner, now=now, delivery_id=delivery.pk)
        assert called == [wakeup.notify]

    def test_it_leaves_one_alone_that_is_being_sent(
        self, owner: Actor, webhook: Webhook, now: datetime
    ) -> None:
        delivery = deliver(webhook, now)
        Delivery.objects.update(holder=uuid7(), leased_until=now + timedelta(seconds=30))
        with nothing_written():
            redeliver(actor=owner, now=now, delivery_id=delivery.pk)

    def test_it_sends_nothing_to_a_disabled_one(
        self, owner: Actor, webhook: Webhook, disable: Callable[[], Webhook], now: datetime
    ) -> None:
        delivery = deliver(webhook, now)
        disable()
        with nothing_written(), pytest.raises(WebhookDisabled):
            redeliver(actor=owner, now=now, delivery_id=delivery.pk)
