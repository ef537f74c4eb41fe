"""The right to send a delivery: who gets it, and what becomes of what nobody may send."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from django.db import connection, transaction

from tasks.ids import uuid7
from tasks.models import Delivery, Project, User, Webhook
from tasks.webhooks.breaker import THRESHOLD
from tasks.webhooks.claims import claim, release, with_work, withhold
from tasks.webhooks.fairness import Endpoint
from tasks.webhooks.fanout import spread
from tests.webhooks.endpoints import PATIENCE, forget_events, make_event, make_webhook

SECOND = timedelta(seconds=1)


@pytest.fixture
def hook(project: Project, alice: User) -> Webhook:
    forget_events()
    return make_webhook(alice, "https://example.com/hook")


@pytest.fixture
def queue(project: Project, hook: Webhook, now: datetime) -> Callable[[int], list[UUID]]:
    """Make deliveries that are due; return their ids, the oldest first."""

    def make(count: int) -> list[UUID]:
        for _ in range(count):
            make_event(project=project.pk)
        spread(now=now)
        return list(Delivery.objects.order_by("pk").values_list("pk", flat=True))

    return make


def states() -> list[str]:
    return list(Delivery.objects.order_by("pk").values_list("state", flat=True))


def test_it_takes_first_what_has_been_due_longest(
    queue: Callable[[int], list[UUID]], hook: Webhook, now: datetime
) -> None:
    first, second, third, fourth = queue(4)
    Delivery.objects.filter(pk=fourth).update(next_try_at=now - SECOND)

    claims = claim({Endpoint(hook.pk): 3}, now=now)

    assert [each.delivery.pk for each in claims] == [fourth, first, second]
    assert Delivery.objects.get(holder=None).pk == third


def test_it_sends_one_as_a_probe_whatever_its_share(
    queue: Callable[[int], list[UUID]], hook: Webhook, now: datetime
) -> None:
    oldest = queue(3)[0]
    passed = now - SECOND
    Webhook.objects.update(failures=THRESHOLD, failing_since=passed, open_until=passed)

    [probe] = claim({Endpoint(hook.pk, THRESHOLD, passed): 3}, now=now)

    assert (probe.delivery.pk, probe.probe) == (oldest, True)


@pytest.mark.parametrize("failures", [0, THRESHOLD])
def test_it_claims_nothing_if_the_endpoint_was_disabled_since_it_was_looked_at(
    queue: Callable[[int], list[UUID]], hook: Webhook, now: datetime, failures: int
) -> None:
    queue(1)
    passed = now - SECOND if failures else None
    Webhook.objects.update(failures=failures, failing_since=passed, open_until=passed)
    seen = with_work(now=now)
    assert seen == [Endpoint(hook.pk, failures, passed)]
    Webhook.objects.update(disabled_at=now, disabled_because="owner")

    assert claim(dict.fromkeys(seen, 1), now=now) == []

    assert states() == ["pending"]
    assert Webhook.objects.get().open_until == passed


def test_it_withholds_what_is_due_for_a_disabled_endpoint_whose_breaker_is_open(
    queue: Callable[[int], list[UUID]], now: datetime
) -> None:
    queue(1)
    Webhook.objects.update(
        failures=THRESHOLD,
        failing_since=now,
        open_until=now + SECOND,
        disabled_at=now,
        disabled_because="gone",
    )

    assert with_work(now=now) == []

    assert states() == ["withheld"]


def test_it_withholds_nothing_that_has_ended(
    queue: Callable[[int], list[UUID]], now: datetime
) -> None:
    delivered, _ = queue(2)
    Delivery.objects.filter(pk=delivered).update(
        state="delivered", next_try_at=None, ended_at=now - SECOND
    )

    withhold(Delivery.objects.all(), now=now)

    assert states() == ["delivered", "withheld"]
    assert Delivery.objects.get(pk=delivered).ended_at == now - SECOND


def test_it_gives_back_only_what_is_still_its_own(
    queue: Callable[[int], list[UUID]], hook: Webhook, now: datetime
) -> None:
    first, second = queue(2)
    claims = claim({Endpoint(hook.pk): 2}, now=now)
    other = uuid7()
    Delivery.objects.filter(pk=first).update(holder=other)

    release(claims)

    assert Delivery.objects.get(pk=first).holder == other
    assert Delivery.objects.get(pk=first).leased_until
    assert [each.delivery.pk for each in claim({Endpoint(hook.pk): 2}, now=now)] == [second]


@pytest.mark.django_db(transaction=True)
def test_it_passes_over_what_another_is_claiming(
    queue: Callable[[int], list[UUID]], hook: Webhook, now: datetime, vendor: str
) -> None:
    if vendor == "sqlite":
        pytest.skip("SQLite has one writer at a time: the other one waits")
    first, second = queue(2)

    def rival() -> list[UUID]:
        try:
            return [each.delivery.pk for each in claim({Endpoint(hook.pk): 2}, now=now)]
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as thread, transaction.atomic():
        [mine] = claim({Endpoint(hook.pk): 1}, now=now)
        theirs = thread.submit(rival).result(PATIENCE)  # Before the commit.

    assert ([mine.delivery.pk], theirs) == ([first], [second])
