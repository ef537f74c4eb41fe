"""How a dispatcher shares its threads and its marks among endpoints, and what it leaves behind."""

import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from time import monotonic
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone

from tasks.models import Attempt, Delivery, Project, User, Webhook
from tasks.webhooks import dispatcher as dispatching
from tasks.webhooks.fanout import spread
from tasks.webhooks.marking import mark_failed
from tasks.webhooks.sending import Sent
from tests.webhooks.endpoints import (
    PATIENCE,
    Endpoints,
    Reply,
    dispatcher,
    forget_events,
    make_event,
    make_webhook,
    run_all,
)


@pytest.fixture
def hooks(project: Project, alice: User, endpoints: Endpoints) -> list[Webhook]:
    """Three endpoints, in the order of their turns."""
    forget_events()
    made = [make_webhook(alice, endpoints.url(f"/{number}")) for number in range(3)]
    assert made == sorted(made, key=lambda each: each.pk)
    return made


@pytest.fixture
def queue(project: Project, hooks: list[Webhook], now: datetime) -> Callable[[int], None]:
    """Make events that wait to be delivered to each of the endpoints."""

    def make(count: int) -> None:
        for _ in range(count):
            make_event(project=project.pk)
        spread(now=now)

    return make


def test_it_begins_each_time_behind_the_endpoint_that_was_served_last(
    queue: Callable[[int], None], endpoints: Endpoints
) -> None:
    queue(3)
    sender = dispatcher(threads=2, turn=1)
    turns = []
    for _ in range(3):
        assert sender.step()
        assert sender.settle(PATIENCE)
        turns.append({each.path for each in endpoints.requests[-2:]})

    assert turns == [{"/0", "/1"}, {"/2", "/0"}, {"/1", "/2"}]


def test_it_counts_what_is_on_the_way_to_an_endpoint(
    queue: Callable[[int], None], hooks: list[Webhook], endpoints: Endpoints, gate: threading.Event
) -> None:
    Webhook.objects.exclude(pk=hooks[0].pk).delete()
    queue(5)
    endpoints.reply("/0", Reply(gate=gate))
    sender = dispatcher(threads=4, turn=1)

    assert sender.step()
    assert not sender.step()

    assert Delivery.objects.exclude(holder=None).count() == 2


def test_it_counts_what_is_on_the_way_to_those_that_have_failed(
    queue: Callable[[int], None], endpoints: Endpoints, gate: threading.Event, now: datetime
) -> None:
    Webhook.objects.update(failures=1, failing_since=now)
    queue(1)
    for path in ("/0", "/1", "/2"):
        endpoints.reply(path, Reply(gate=gate))
    sender = dispatcher(threads=4, turn=1)

    assert sender.step()
    assert not sender.step()

    assert Delivery.objects.exclude(holder=None).count() == 2


def test_it_gives_a_mark_up_when_the_lease_has_run_out(
    queue: Callable[[int], None], endpoints: Endpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then it is another sender's to say."""
    queue(1)
    sender = dispatcher()
    assert sender.step()
    monkeypatch.setattr(dispatching, "LEASE", timedelta())

    assert sender.settle(PATIENCE)

    assert len(endpoints.requests) == 3
    assert set(Delivery.objects.values_list("state", "tries")) == {("pending", 0)}
    assert not Attempt.objects.exists()


def test_it_marks_the_others_although_one_cannot_be_marked(
    queue: Callable[[int], None], endpoints: Endpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue(1)
    for path in ("/0", "/1", "/2"):
        endpoints.reply(path, Reply(500))
    stuck: list[UUID] = []

    class Unmarkable(Exception):
        """The first that ended, each time."""

    def mark(sent: Sent, **given: Any) -> str:
        stuck.append(sent.claim.delivery.pk)
        if stuck[0] == stuck[-1]:
            raise Unmarkable
        return mark_failed(sent, **given)

    monkeypatch.setattr(dispatching, "mark_failed", mark)
    sender = dispatcher()
    sender.step()
    deadline = monotonic() + PATIENCE
    while Attempt.objects.count() < 2 and monotonic() < deadline:
        with suppress(Unmarkable):
            sender.settle(0.1)

    tried = Delivery.objects.filter(tries=1).values_list("pk", flat=True)
    assert len(tried) == 2
    assert stuck[0] not in tried


def test_it_has_a_thread_for_each_request_until_it_is_stopped(
    queue: Callable[[int], None], endpoints: Endpoints
) -> None:
    before = set(threading.enumerate())
    queue(1)
    sender = dispatcher()
    run_all(sender)
    own = {each for each in threading.enumerate() if each.name == "webhooks-post"} - before
    assert len(own) == 3

    sender.stop(PATIENCE)

    for each in own:
        each.join(PATIENCE)
        assert not each.is_alive()


def test_it_wakes_its_loop_when_a_request_has_ended(
    queue: Callable[[int], None], endpoints: Endpoints
) -> None:
    queue(1)
    sender = dispatcher(threads=1)
    assert sender.step()

    assert sender._wake.wait(PATIENCE)

    sender.step()
    assert Delivery.objects.filter(state="delivered").count() == 1


def test_it_goes_on_when_it_has_overtaken_itself(
    queue: Callable[[int], None], hooks: list[Webhook], endpoints: Endpoints, gate: threading.Event
) -> None:
    """A process that was stopped for a minute finds its own lease run out, and claims anew."""
    Webhook.objects.exclude(pk=hooks[0].pk).delete()
    queue(1)
    first, second = threading.Event(), gate
    endpoints.reply("/0", Reply(gate=first), Reply(gate=second))
    sender = dispatcher()
    assert sender.step()
    endpoints.await_requests(1)
    Delivery.objects.update(leased_until=timezone.now() - timedelta(hours=1))
    assert sender.step()

    first.set()
    assert sender._wake.wait(PATIENCE)
    sender.step()
    assert Delivery.objects.get().state == "pending"  # The word of the first is lost.
    second.set()

    assert sender.settle(PATIENCE)
    assert Delivery.objects.values_list("state", "tries").get() == ("delivered", 1)
