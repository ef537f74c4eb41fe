"""Endpoints and deliveries in the admin site: looked at without their secrets, and set going."""

from collections.abc import Callable
from datetime import datetime

import pytest
from django.test import Client

from tasks.models import Delivery, User, Webhook
from tasks.operations.access import Actor
from tasks.webhooks.operations import create_webhook
from tasks.webhooks.secrets import unseal
from tests.admin.pages import act, act_on_form, list_of, page_of
from tests.contract.world import deliver


@pytest.fixture
def webhook(alice: User, now: datetime) -> Webhook:
    fields = {"url": "https://example.org/hooks"}
    return create_webhook(actor=Actor(alice.pk), now=now, fields=fields)[0]


@pytest.fixture
def delivery(webhook: Webhook, now: datetime) -> Delivery:
    return deliver(webhook, now)


def disable(now: datetime) -> None:
    Webhook.objects.update(
        disabled_at=now, disabled_because="failing", failures=9, failing_since=now, open_until=now
    )


@pytest.mark.parametrize("run", [act, act_on_form])
def test_it_enables_one_that_was_given_up(
    site: Client, webhook: Webhook, now: datetime, run: Callable[..., list[str]]
) -> None:
    disable(now)
    assert run(site, "enable", webhook) == ["1 webhook was enabled."]
    found = Webhook.objects.get()
    assert (found.disabled_at, found.disabled_because, found.version) == (None, "", 2)
    assert (found.failures, found.failing_since, found.open_until) == (0, None, None)


def test_it_enables_nothing_for_staff_who_may_only_view(
    site_for: Callable[..., Client], webhook: Webhook, now: datetime
) -> None:
    disable(now)
    client = site_for("view_webhook")
    client.post(list_of(Webhook), {"action": "enable", "_selected_action": str(webhook.pk)})
    assert Webhook.objects.get().disabled_at == now


def test_it_shows_no_secret(site: Client, webhook: Webhook, delivery: Delivery) -> None:
    Webhook.objects.update(old_secret=webhook.secret)
    for address in (list_of(Webhook), page_of(webhook), list_of(Delivery), page_of(delivery)):
        page = site.get(address).content.decode()
        assert "https://example.org/hooks" in page
        assert webhook.secret not in page
        assert unseal(webhook.secret) not in page


@pytest.mark.parametrize(
    ("model", "lookup"),
    [
        (Webhook, "secret__startswith"),
        (Webhook, "old_secret__gt"),
        (Delivery, "webhook__secret__startswith"),
        (Delivery, "webhook__owner__password__gt"),
    ],
)
def test_it_lets_nobody_guess_secrets_by_filters(
    site: Client, delivery: Delivery, model: type[Webhook | Delivery], lookup: str
) -> None:
    assert site.get(list_of(model), {lookup: "g"}).status_code == 400


def test_it_filters_by_how_they_are_doing(site: Client, alice: User, now: datetime) -> None:
    actor, fields = Actor(alice.pk), {"url": "https://example.org/"}
    failing = create_webhook(actor=actor, now=now, fields=fields)[0]
    Webhook.objects.update(failures=1, failing_since=now)
    healthy = create_webhook(actor=actor, now=now, fields=fields)[0]
    disabled = create_webhook(actor=actor, now=now, fields={**fields, "enabled": False})[0]

    def shown(state: str) -> set[Webhook]:
        return set(site.get(list_of(Webhook), {"is": state}).context["cl"].result_list)

    assert (shown("healthy"), shown("failing"), shown("disabled")) == (
        *({healthy}, {failing}, {disabled}),
    )


@pytest.mark.parametrize("run", [act, act_on_form])
def test_it_sends_a_delivery_once_more(
    site: Client, delivery: Delivery, now: datetime, run: Callable[..., list[str]]
) -> None:
    Delivery.objects.update(state="exhausted", tries=10, next_try_at=None, ended_at=now)
    assert run(site, "redeliver", delivery) == ["1 delivery was queued."]
    found = Delivery.objects.get()
    assert (found.state, found.tries, found.ended_at) == ("pending", 0, None)


def test_it_says_why_a_delivery_is_not_sent(
    site: Client, delivery: Delivery, now: datetime
) -> None:
    disable(now)
    [said] = act(site, "redeliver", delivery)
    assert said.endswith(
        "was not queued. Nothing is sent to this endpoint until it is enabled again."
    )


def test_it_shows_the_attempts_of_a_delivery(
    site_for: Callable[..., Client], delivery: Delivery
) -> None:
    page = site_for("view_delivery").get(page_of(delivery)).content.decode()
    assert "Oh." in page
    assert str(delivery.event.uid) in page


def test_it_finds_the_deliveries_of_an_event_and_an_endpoint(
    site: Client, delivery: Delivery
) -> None:
    for term in (delivery.event.uid, delivery.webhook_id):
        found = site.get(list_of(Delivery), {"q": str(term)})
        assert list(found.context["cl"].result_list) == [delivery]


def test_it_deletes_an_endpoint_with_its_deliveries(site: Client, delivery: Delivery) -> None:
    said = act(site, "delete_selected", delivery.webhook, post="yes")
    assert said == ["1 webhook was deleted."]
    assert not Delivery.objects.exists()
