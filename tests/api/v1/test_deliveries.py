"""/api/v1/webhooks/{id}/deliveries and /api/v1/deliveries/{id}/redeliver"""

from datetime import datetime, timedelta
from typing import Any

import pytest

from tasks.ids import uuid7
from tasks.models import Attempt, Delivery, User, Webhook
from tasks.operations.access import Actor
from tasks.webhooks.operations import create_webhook
from tests.cast import Answer, Api
from tests.contract.snapshot import nothing_written
from tests.contract.world import deliver

pytestmark = pytest.mark.django_db


@pytest.fixture
def webhook(alice: User, now: datetime) -> Webhook:
    fields = {"url": "https://example.org/hooks"}
    return create_webhook(actor=Actor(alice.pk), now=now, fields=fields)[0]


@pytest.fixture
def path(webhook: Webhook) -> str:
    return f"/webhooks/{webhook.pk}/deliveries"


def ids(answer: Answer) -> list[str]:
    assert answer.status == 200, answer
    return [row["id"] for row in answer.body["results"]]


def spelled(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def test_it_shows_all_of_a_delivery_and_its_last_attempt(
    as_alice: Api, webhook: Webhook, path: str, now: datetime
) -> None:
    delivery = deliver(webhook, now)
    later = now + timedelta(seconds=5)
    Attempt.objects.create(delivery=delivery, at=later, duration_ms=15_000, error="timeout")
    Delivery.objects.update(tries=2, next_try_at=later)
    assert as_alice.get(path).body["results"] == [
        {
            "id": str(delivery.pk),
            "webhook": str(webhook.pk),
            "event": str(delivery.event.uid),
            "type": "webhook.ping",
            "state": "pending",
            "tries": 2,
            "next_try_at": spelled(later),
            "created_at": spelled(now),
            "ended_at": None,
            "last_attempt": {
                "at": spelled(later),
                "duration_ms": 15_000,
                "status": None,
                "error": "timeout",
                "answer": "",
            },
        }
    ]


def test_it_shows_what_the_endpoint_said(
    as_alice: Api, webhook: Webhook, path: str, now: datetime
) -> None:
    deliver(webhook, now)
    [row] = as_alice.get(path).body["results"]
    said: dict[str, Any] = {"status": 500, "error": None, "answer": "Oh.", "duration_ms": 7}
    assert row["last_attempt"] == {"at": spelled(now), **said}


def test_it_shows_one_that_was_not_tried_yet(
    as_alice: Api, webhook: Webhook, path: str, now: datetime
) -> None:
    deliver(webhook, now)
    Attempt.objects.all().delete()
    [row] = as_alice.get(path).body["results"]
    assert row["last_attempt"] is None


def test_it_lists_the_newest_first_in_pages(
    as_alice: Api, webhook: Webhook, path: str, now: datetime
) -> None:
    moments = [now + timedelta(seconds=second) for second in range(5)]
    oldest_first = [str(deliver(webhook, moment).pk) for moment in moments]
    first = as_alice.get(f"{path}?limit=3")
    rest = as_alice.get(first.body["next"])
    assert ids(first) + ids(rest) == oldest_first[::-1]
    assert rest.body["next"] is None
    assert ids(as_alice.get(f"{path}?ordering=created")) == oldest_first
    assert ids(as_alice.get(f"{path}?ordering=-created")) == oldest_first[::-1]


def test_it_filters_by_state(as_alice: Api, webhook: Webhook, path: str, now: datetime) -> None:
    found = {}
    for state in ("pending", "delivered", "exhausted", "withheld"):
        found[state] = str(deliver(webhook, now).pk)
        if state != "pending":
            ended = {"state": state, "next_try_at": None, "ended_at": now}
            Delivery.objects.filter(pk=found[state]).update(**ended)
    for state, key in found.items():
        assert ids(as_alice.get(f"{path}?state={state}")) == [key]
    several = as_alice.get(f"{path}?state=pending&state=withheld")
    assert set(ids(several)) == {found["pending"], found["withheld"]}
    refused = as_alice.get(f"{path}?state=lost")
    assert (refused.status, refused.error("state")) == (400, "invalid")


def test_it_lists_those_of_one_endpoint(
    as_alice: Api, alice: User, webhook: Webhook, path: str, now: datetime
) -> None:
    own = deliver(webhook, now)
    fields = {"url": "https://example.com/"}
    other, _ = create_webhook(actor=Actor(alice.pk), now=now, fields=fields)
    assert ids(as_alice.get(f"/webhooks/{other.pk}/deliveries")) == []
    deliver(other, now)
    assert ids(as_alice.get(path)) == [str(own.pk)]


def test_it_is_nobody_elses(as_bob: Api, webhook: Webhook, path: str, now: datetime) -> None:
    delivery = deliver(webhook, now)
    with nothing_written():
        for place in (path, f"/webhooks/{uuid7()}/deliveries"):
            assert as_bob.get(place).code == "not_found"
        for key in (delivery.pk, uuid7()):
            assert as_bob.post(f"/deliveries/{key}/redeliver").code == "not_found"


def test_it_is_sent_once_more(as_alice: Api, webhook: Webhook, path: str, now: datetime) -> None:
    delivery = deliver(webhook, now)
    ended = {"state": "exhausted", "tries": 10, "next_try_at": None, "ended_at": now}
    Delivery.objects.update(**ended)
    answer = as_alice.post(f"/deliveries/{delivery.pk}/redeliver")
    assert answer.status == 202
    assert "ETag" not in answer.headers
    found = Delivery.objects.get()
    assert (found.pk, found.state, found.tries) == (delivery.pk, "pending", 0)
    assert found.next_try_at is not None
    assert now <= found.next_try_at < now + timedelta(minutes=1)
    assert as_alice.get(path).body["results"] == [answer.body]
    assert answer.body["event"] == str(delivery.event.uid)


def test_it_is_not_sent_to_a_disabled_endpoint(
    as_alice: Api, webhook: Webhook, now: datetime
) -> None:
    delivery = deliver(webhook, now)
    assert as_alice.patch(f"/webhooks/{webhook.pk}", {"enabled": False}).status == 200
    with nothing_written():
        answer = as_alice.post(f"/deliveries/{delivery.pk}/redeliver")
    assert (answer.status, answer.code) == (409, "webhook_disabled")
