"""What may go wrong while a delivery is on its way, and the breaker; with several workers."""

import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from os import environ
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction
from django.utils import timezone

from tasks.ids import uuid7
from tasks.models import Attempt, Delivery, User, Webhook
from tasks.webhooks.breaker import THRESHOLD
from tasks.webhooks.claims import claim, with_work
from tasks.webhooks.fairness import Endpoint
from tests.commands.workers import url as database_url
from tests.environment import CHECKOUT
from tests.operations.racing import race
from tests.webhooks.endpoints import (
    PATIENCE,
    Clock,
    Endpoints,
    Reply,
    dispatcher,
    make_webhook,
    run_all,
)

committed = pytest.mark.django_db(transaction=True)


def states() -> list[tuple[str, int]]:
    return list(Delivery.objects.order_by("pk").values_list("state", "tries"))


def breaker() -> tuple[int, datetime | None]:
    return Webhook.objects.values_list("failures", "open_until").get()


# --- The breaker ------------------------------------------------------------------------------


def test_it_spends_no_try_while_the_breaker_is_open_and_one_on_each_probe(
    queue: Callable[[int], list[str]], endpoints: Endpoints, now: datetime
) -> None:
    queue(20)
    endpoints.reply("/hook", Reply(500))
    clock = Clock(now)
    sender = dispatcher(clock, threads=1)
    run_all(sender)
    assert breaker() == (THRESHOLD, now + timedelta(seconds=30))
    assert len(endpoints.requests) == THRESHOLD

    clock.move(timedelta(seconds=30) - timedelta(microseconds=1))
    run_all(sender)
    assert len(endpoints.requests) == THRESHOLD
    assert sum(tries for _, tries in states()) == THRESHOLD

    clock.move(timedelta(microseconds=1))
    run_all(sender)
    assert len(endpoints.requests) == THRESHOLD + 1
    assert breaker() == (THRESHOLD + 1, clock.now + timedelta(seconds=60))

    endpoints.reply("/hook", Reply(204))
    clock.move(timedelta(seconds=60))
    run_all(sender)
    assert breaker() == (0, None)
    assert {state for state, _ in states()} <= {"delivered", "pending"}
    clock.move(timedelta(minutes=10))
    run_all(sender)
    assert {state for state, _ in states()} == {"delivered"}
    assert len(endpoints.requests) == THRESHOLD + 1 + 20


def test_it_gives_a_probe_back_that_has_nothing_to_send(
    queue: Callable[[int], list[str]], endpoints: Endpoints, alice: User, now: datetime
) -> None:
    queue(1)
    passed = now - timedelta(seconds=1)
    Webhook.objects.update(failures=THRESHOLD, failing_since=passed, open_until=passed)
    alice.memberships.all().delete()
    run_all(dispatcher(Clock(now)))

    assert breaker() == (THRESHOLD, passed)
    assert states() == [("withheld", 0)]
    assert endpoints.requests == []


@committed
def test_it_probes_once_however_many_workers_there_are(
    queue: Callable[[int], list[str]], endpoints: Endpoints, gate: threading.Event, now: datetime
) -> None:
    queue(20)
    endpoints.reply("/hook", Reply(204, gate=gate))
    passed = now - timedelta(seconds=1)
    Webhook.objects.update(failures=THRESHOLD, failing_since=passed, open_until=passed)
    clock = Clock(now)
    senders = [dispatcher(clock) for _ in range(4)]

    found = race([each.step for each in senders])
    endpoints.await_requests(1)
    found += [each.step() for each in senders]

    assert sorted(found) == [False] * 7 + [True]
    assert Delivery.objects.filter(leased_until__isnull=False).count() == 1
    assert len(endpoints.requests) == 1
    gate.set()
    for each in senders:
        assert each.settle(PATIENCE)
    assert breaker() == (0, None)
    run_all(*senders)
    assert len(endpoints.requests) == 20


def test_it_probes_again_when_a_prober_has_died(
    queue: Callable[[int], list[str]], endpoints: Endpoints, gate: threading.Event, now: datetime
) -> None:
    queue(2)
    endpoints.reply("/hook", Reply(204, gate=gate))
    passed = now - timedelta(seconds=1)
    Webhook.objects.update(failures=THRESHOLD, failing_since=passed, open_until=passed)
    clock = Clock(now)
    dead, other = dispatcher(clock), dispatcher(clock)
    assert dead.step()
    endpoints.await_requests(1)
    clock.move(timedelta(seconds=29))
    assert not other.step()

    clock.move(timedelta(seconds=1))
    assert other.step()

    endpoints.await_requests(2)
    assert len({each.id for each in endpoints.requests}) == 2


def test_it_claims_nothing_if_the_breaker_has_opened_since_it_was_looked_at(
    queue: Callable[[int], list[str]], hook: Webhook, now: datetime
) -> None:
    queue(1)
    assert with_work(now=now) == [Endpoint(hook.pk)]
    Webhook.objects.update(failures=THRESHOLD, failing_since=now, open_until=now)

    assert claim({Endpoint(hook.pk): 1}, now=now) == []


# --- Several workers, and such as end ---------------------------------------------------------


@committed
def test_it_sends_each_once_with_many_workers(
    queue: Callable[[int], list[str]], endpoints: Endpoints, alice: User
) -> None:
    for number in range(4):
        make_webhook(alice, endpoints.url(f"/{number}"))
    events = queue(12)

    def run() -> None:
        sender = dispatcher()
        while Delivery.objects.filter(state="pending").exists():
            sender.step()
            assert sender.settle(PATIENCE)

    assert race([run] * 4) == [None] * 4
    sent = sorted((each.path, each.id) for each in endpoints.requests)
    paths = ["/hook", *(f"/{number}" for number in range(4))]
    assert sent == sorted((path, event) for path in paths for event in events)
    assert states() == [("delivered", 1)] * 60
    assert Attempt.objects.count() == 60


CHILD = """
import sys, threading, time, django
django.setup()
from tests.webhooks.endpoints import dispatcher
dispatcher().step()
print("claimed", flush=True)
time.sleep(60)
"""


@committed
def test_it_sends_again_with_the_same_id_after_kill_9(
    queue: Callable[[int], list[str]], endpoints: Endpoints, gate: threading.Event
) -> None:
    (event,) = queue(1)
    endpoints.reply("/hook", Reply(204, gate=gate), Reply(204))
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD],
        cwd=CHECKOUT,
        env={**environ, "DATABASE_URL": database_url()},
        stdout=subprocess.PIPE,
    )
    try:
        endpoints.await_requests(1)
        assert child.stdout
        assert child.stdout.readline() == b"claimed\n"
    finally:
        child.send_signal(signal.SIGKILL)
        child.communicate(timeout=PATIENCE)
    gate.set()

    run_all(dispatcher())
    assert states() == [("pending", 0)]  # For as long as the lease lasts.
    assert len(endpoints.requests) == 1
    the_lease_runs_out()
    run_all(dispatcher())

    assert [each.id for each in endpoints.requests] == [event, event]
    assert states() == [("delivered", 1)]


def the_lease_runs_out() -> None:
    """By the database's clock, as a minute later."""
    until = Delivery.objects.values_list("leased_until", flat=True).get()
    assert until
    assert timedelta(seconds=40) < until - timezone.now() <= timedelta(seconds=61)
    Delivery.objects.update(leased_until=timezone.now() - timedelta(seconds=1))


@pytest.mark.parametrize("answer", [204, 500, 410])
def test_it_lets_the_word_of_the_one_who_holds_the_claim_count(
    queue: Callable[[int], list[str]], endpoints: Endpoints, gate: threading.Event, answer: int
) -> None:
    queue(1)
    endpoints.reply("/hook", Reply(answer, gate=gate))
    sender = dispatcher()
    assert sender.step()
    other = uuid7()
    Delivery.objects.update(holder=other)

    gate.set()
    assert sender.settle(PATIENCE)

    assert states() == [("pending", 0)]
    assert Delivery.objects.values_list("holder", flat=True).get() == other
    assert not Attempt.objects.exists()
    assert breaker() == (0, None)
    assert Webhook.objects.get().disabled_at is None


def test_it_waits_at_its_end_for_what_is_on_the_way(
    queue: Callable[[int], list[str]], endpoints: Endpoints, gate: threading.Event
) -> None:
    queue(2)
    endpoints.reply("/hook", Reply(204, gate=gate))
    sender = dispatcher(threads=2)
    assert sender.step()
    endpoints.await_requests(1)
    threading.Timer(0.1, gate.set).start()
    sender.stop(PATIENCE)

    assert states().count(("delivered", 1)) == 1
    assert states().count(("pending", 0)) == 1
    assert not sender.step()
    assert len(endpoints.requests) == 1


def test_it_gives_back_at_its_end_what_takes_too_long(
    queue: Callable[[int], list[str]], endpoints: Endpoints, gate: threading.Event
) -> None:
    queue(1)
    endpoints.reply("/hook", Reply(204, gate=gate), Reply(204))
    sender = dispatcher()
    assert sender.step()
    endpoints.await_requests(1)
    sender.stop(0.05)
    assert Delivery.objects.values_list("holder", "leased_until").get() == (None, None)

    run_all(dispatcher())

    assert states() == [("delivered", 1)]
    assert len({each.id for each in endpoints.requests}) == 1


def test_it_holds_no_connection_while_it_posts(
    queue: Callable[[int], list[str]], endpoints: Endpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever posts from a thread that has one is refused, and the attempt fails."""
    queue(1)
    sender = dispatcher()
    claimed: list[Any] = []
    monkeypatch.setattr(sender, "_send", claimed.append)
    sender.step()

    (turn,) = claimed
    with sender._sender.connection() as connection:  # Here, where there is one to the database.
        sent = sender._sender.send(turn.claims[0], connection, last=True)

    assert (sent.status, sent.error) == (None, "internal")
    assert endpoints.requests == []


@committed
def test_it_marks_later_what_cannot_be_marked_now(
    queue: Callable[[int], list[str]],
    endpoints: Endpoints,
    hook: Webhook,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    queue(1)
    sender = dispatcher()
    assert sender.step()

    class Away(Exception):
        """The database does not answer."""

    def fail() -> datetime:
        raise Away

    with monkeypatch.context() as patched:
        patched.setattr(sender, "_clock", fail)
        with pytest.raises(Away):
            sender.settle(PATIENCE)
    assert states() == [("pending", 0)]

    sender.step()
    assert states() == [("delivered", 1)]
    assert len(endpoints.requests) == 1


def test_it_withholds_what_came_while_the_endpoint_was_disabled(
    queue: Callable[[int], list[str]], endpoints: Endpoints, gate: threading.Event, now: datetime
) -> None:
    """One that is on its way then is not withheld if it arrives."""
    queue(1)
    endpoints.reply("/hook", Reply(204, gate=gate))
    sender = dispatcher(threads=1)
    assert sender.step()
    queue(1)
    with transaction.atomic():
        Webhook.objects.update(disabled_at=now, disabled_because="owner")
    run_all(dispatcher())
    assert states() == [("pending", 0), ("withheld", 0)]

    gate.set()
    assert sender.settle(PATIENCE)
    assert states() == [("delivered", 1), ("withheld", 0)]


def test_it_survives_an_endpoint_that_was_deleted_meanwhile(
    queue: Callable[[int], list[str]], endpoints: Endpoints, gate: threading.Event, hook: Webhook
) -> None:
    queue(1)
    endpoints.reply("/hook", Reply(500, gate=gate))
    sender = dispatcher()
    assert sender.step()
    key: UUID = hook.pk
    hook.delete()
    gate.set()

    assert sender.settle(PATIENCE)
    assert not Delivery.objects.filter(webhook=key).exists()
