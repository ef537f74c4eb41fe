"""What an attempt leaves behind where others were quicker: another sender, another mark."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from tasks.ids import uuid7
from tasks.models import Attempt, Delivery, Event, Project, User, Webhook
from tasks.webhooks import marking
from tasks.webhooks.breaker import THRESHOLD
from tasks.webhooks.claims import claim
from tasks.webhooks.fairness import Endpoint
from tasks.webhooks.fanout import spread
from tasks.webhooks.marking import mark_delivered, mark_failed
from tasks.webhooks.sending import Sent
from tests.events.brokers import counted
from tests.operations.racing import overlap, until_blocked
from tests.webhooks.endpoints import PATIENCE, forget_events, make_event, make_webhook

committed = pytest.mark.django_db(transaction=True)
OTHER = uuid7()


@pytest.fixture
def hook(project: Project, alice: User) -> Webhook:
    forget_events()
    return make_webhook(alice, "https://example.com/hook")


@pytest.fixture
def send(project: Project, hook: Webhook, now: datetime) -> Callable[..., list[Sent]]:
    """Claim deliveries, and tell what came back for each."""

    def sent(count: int, status: int) -> list[Sent]:
        for _ in range(count):
            make_event(project=project.pk)
        spread(now=now)
        claims = claim({Endpoint(hook.pk): count}, now=now)
        assert len(claims) == count
        return [Sent(claim=each, at=now, status=status) for each in claims]

    return sent


def fail(sent: Sent, now: datetime) -> str:
    return mark_failed(sent, now=now, chance=0.5)


def overtake() -> None:
    """Let another sender have the claims."""
    Delivery.objects.update(holder=OTHER)


def is_untouched() -> bool:
    found = Delivery.objects.values_list("state", "tries", "holder").get()
    return found == ("pending", 0, OTHER) and not Attempt.objects.exists()


def test_it_closes_the_breaker_after_an_answer_although_the_claim_is_lost(
    send: Callable[..., list[Sent]], now: datetime
) -> None:
    lost = counted("tasks_webhook_deliveries_total", outcome="lost")
    answered = send(1, 204)
    Webhook.objects.update(failures=THRESHOLD, failing_since=now, open_until=now)
    overtake()

    mark_delivered(answered, now=now)

    assert Webhook.objects.values_list("failures", "open_until").get() == (0, None)
    assert is_untouched()
    assert counted("tasks_webhook_deliveries_total", outcome="lost") == lost + 1


def test_it_tells_a_claim_from_the_one_that_overtook_it(
    send: Callable[..., list[Sent]], now: datetime
) -> None:
    """Both came from the same sender, and are marked together."""
    [first] = send(1, 204)
    Delivery.objects.update(holder=OTHER)
    second = replace(first, claim=replace(first.claim, holder=OTHER), duration_ms=7)

    for both in ([first, second], [second, first]):
        mark_delivered(both, now=now)

    assert Delivery.objects.values_list("state", "tries").get() == ("delivered", 1)
    assert Attempt.objects.get().duration_ms == 7


@committed
def test_it_ends_nothing_that_another_takes_at_the_same_moment(
    send: Callable[..., list[Sent]], now: datetime
) -> None:
    answered = send(1, 204)

    assert overlap(overtake, lambda: mark_delivered(answered, now=now)) == (None, None)

    assert is_untouched()


def test_it_writes_no_failure_if_the_claim_is_lost_meanwhile(
    send: Callable[..., list[Sent]], now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    [failed] = send(1, 500)

    def meanwhile(*_: Any) -> None:
        overtake()

    monkeypatch.setattr(marking, "_note_failure", meanwhile)

    assert fail(failed, now) == "lost"
    assert is_untouched()


@committed
def test_it_counts_each_of_two_failures_at_the_same_moment(
    send: Callable[..., list[Sent]], now: datetime
) -> None:
    first, second = send(2, 500)

    found = overlap(lambda: fail(first, now), lambda: fail(second, now))

    assert found == ("failed", "failed")
    assert Webhook.objects.get().failures == 2


@pytest.fixture
def beside() -> Iterator[Callable[[Sequence[Sent]], Future[None]]]:
    """Mark successes in a thread with a connection of its own."""

    def mark(successes: Sequence[Sent]) -> None:
        try:
            mark_delivered(successes, now=timezone.now())
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as thread:
        yield lambda successes: thread.submit(mark, successes)


@committed
def test_it_locks_an_endpoint_before_its_deliveries(
    send: Callable[..., list[Sent]],
    beside: Callable[[Sequence[Sent]], Future[None]],
    now: datetime,
    vendor: str,
) -> None:
    """In one order everywhere, or two would wait for each other."""
    if vendor == "sqlite":
        pytest.skip("SQLite locks no rows")
    answered = send(1, 204)
    Webhook.objects.update(failures=1, failing_since=now)

    with transaction.atomic():
        Webhook.objects.select_for_update().get()
        marked = beside(answered)
        until_blocked(marked)
        Delivery.objects.select_for_update(nowait=True).get()

    marked.result(PATIENCE)
    assert Delivery.objects.get().state == "delivered"


@committed
def test_it_waits_for_no_endpoint_that_has_not_failed(
    send: Callable[..., list[Sent]],
    beside: Callable[[Sequence[Sent]], Future[None]],
    vendor: str,
) -> None:
    if vendor == "sqlite":
        pytest.skip("SQLite locks no rows")
    answered = send(1, 204)

    with transaction.atomic():
        Webhook.objects.select_for_update().get()
        beside(answered).result(PATIENCE)  # Before the commit.

    assert Delivery.objects.get().state == "delivered"


@pytest.mark.parametrize("status", [410, 500])
def test_it_leaves_an_endpoint_as_its_owner_has_disabled_it(
    send: Callable[..., list[Sent]], now: datetime, status: int
) -> None:
    [failed] = send(1, status)
    since = now - timedelta(days=6)
    Webhook.objects.update(
        failures=1,
        failing_since=since,
        disabled_at=since,
        disabled_because="owner",
    )

    assert fail(failed, now) == "withheld"

    found = Webhook.objects.get()
    assert (found.disabled_at, found.disabled_because, found.version) == (since, "owner", 1)
    assert not Event.objects.filter(type="webhook.disabled").exists()


def test_it_counts_the_opening_of_a_breaker_once(
    send: Callable[..., list[Sent]], now: datetime
) -> None:
    before = counted("tasks_webhook_breaker_openings_total")

    for number, failed in enumerate(send(THRESHOLD + 2, 500), 1):
        fail(failed, now)
        opened = counted("tasks_webhook_breaker_openings_total") - before
        assert opened == (number >= THRESHOLD)
