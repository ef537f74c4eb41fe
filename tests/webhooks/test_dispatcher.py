"""What becomes of a delivery: sent, tried again, given up or withheld; what its endpoint sees."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any

import orjson
import pytest
import standardwebhooks
from django.utils import timezone

from tasks.events.envelope import cloud_event
from tasks.models import Attempt, Delivery, Event, Project, User, Webhook
from tasks.operations.access import Actor
from tasks.operations.members import remove_member
from tasks.operations.projects import create_project
from tasks.webhooks.backoff import DELAYS
from tasks.webhooks.fanout import spread
from tasks.webhooks.secrets import new_secret, seal
from tests.webhooks.endpoints import (
    SOURCE,
    Clock,
    Endpoints,
    Reply,
    dispatcher,
    forget_events,
    make_event,
    make_webhook,
    run_all,
    serving,
)

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture(scope="module")
def server() -> Iterator[Endpoints]:
    with serving() as running:
        yield running


@pytest.fixture
def endpoints(server: Endpoints) -> Endpoints:
    server.requests.clear()
    server.reply("/hook", Reply())
    return server


@pytest.fixture
def project(project: Project) -> Project:
    """Alice's project; what its making was told of is forgotten."""
    forget_events()
    return project


@pytest.fixture
def hook(alice: User, endpoints: Endpoints) -> Webhook:
    return make_webhook(alice, endpoints.url("/hook"), secret=SECRET)


@pytest.fixture
def event(project: Project, hook: Webhook, now: datetime) -> Event:
    """An event that waits to be delivered to the endpoint."""
    made = make_event(project=project.pk)
    spread(now=now)
    return made


def delivery() -> Delivery:
    return Delivery.objects.get()


def test_it_sends_what_every_verifier_of_standard_webhooks_takes(
    event: Event, endpoints: Endpoints
) -> None:
    run_all(dispatcher())

    (request,) = endpoints.requests
    standardwebhooks.Webhook(SECRET).verify(request.body, dict(request.headers))
    assert request.body == cloud_event(event, source=SOURCE)
    assert request.id == str(event.uid)
    assert request.headers["content-type"] == "application/cloudevents+json; charset=utf-8"


def test_it_signs_with_both_secrets_while_one_is_replaced(
    event: Event, hook: Webhook, endpoints: Endpoints, now: datetime
) -> None:
    secret = new_secret()
    hook.old_secret, hook.old_secret_until = hook.secret, now + timedelta(minutes=1)
    hook.secret = seal(secret)
    hook.save()
    run_all(dispatcher())

    (request,) = endpoints.requests
    for each in (secret, SECRET):
        standardwebhooks.Webhook(each).verify(request.body, dict(request.headers))

    assert len(request.headers["webhook-signature"].split()) == 2
    Delivery.objects.update(state="pending", next_try_at=now, ended_at=None)
    run_all(dispatcher(Clock(now + timedelta(minutes=2))))
    assert len(endpoints.requests[1].headers["webhook-signature"].split()) == 1


def test_it_hands_the_trace_on(project: Project, hook: Webhook, endpoints: Endpoints) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    event = make_event(project=project.pk)
    Event.objects.filter(pk=event.pk).update(traceparent=trace)
    spread(now=timezone.now())

    run_all(dispatcher())

    (request,) = endpoints.requests
    assert request.headers["traceparent"] == trace
    assert orjson.loads(request.body)["traceparent"] == trace


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_it_is_delivered_by_any_answer_of_2xx(
    event: Event, endpoints: Endpoints, now: datetime, status: int
) -> None:
    endpoints.reply("/hook", Reply(status, body=b"" if status == 204 else b"ok\0"))
    run_all(dispatcher(Clock(now)))

    found = delivery()
    assert (found.state, found.tries, found.next_try_at) == ("delivered", 1, None)
    assert (found.ended_at, found.holder, found.leased_until) == (now, None, None)
    attempt = Attempt.objects.get()
    assert (attempt.delivery_id, attempt.at, attempt.status) == (found.pk, now, status)
    assert attempt.error == ""
    assert attempt.answer == ("" if status == 204 else "ok\N{REPLACEMENT CHARACTER}")


@pytest.mark.parametrize("status", [301, 307, 308, 400, 404, 500, 502])
def test_it_is_tried_again_after_any_other_answer(
    event: Event, hook: Webhook, endpoints: Endpoints, now: datetime, status: int
) -> None:
    """A redirect is one of them, and is never followed."""
    location = {"Location": endpoints.url("/elsewhere")}
    endpoints.reply("/hook", Reply(status, location, b"no"))
    run_all(dispatcher(Clock(now)))

    found = delivery()
    assert (found.state, found.tries) == ("pending", 1)
    assert found.next_try_at == now + timedelta(seconds=5)
    assert (found.holder, found.leased_until) == (None, None)
    assert Attempt.objects.values_list("status", "answer").get() == (status, "no")
    assert [each.path for each in endpoints.requests] == ["/hook"]
    hook.refresh_from_db()
    assert (hook.failures, hook.failing_since, hook.open_until) == (1, now, None)


def test_it_is_tried_again_when_nobody_answers(event: Event, hook: Webhook, now: datetime) -> None:
    Webhook.objects.update(url="http://127.0.0.1:1/")
    run_all(dispatcher(Clock(now)))

    assert (delivery().state, delivery().tries) == ("pending", 1)
    assert Attempt.objects.values_list("status", "error").get() == (None, "connect")


def test_it_does_not_blame_the_endpoint_for_what_goes_wrong_here(
    event: Event, hook: Webhook, endpoints: Endpoints, now: datetime
) -> None:
    Webhook.objects.update(secret="not sealed by us")
    run_all(dispatcher(Clock(now)))

    assert (delivery().state, delivery().tries) == ("pending", 1)
    assert Attempt.objects.values_list("status", "error").get() == (None, "internal")
    hook.refresh_from_db()
    assert hook.failures == 0
    assert endpoints.requests == []


@pytest.mark.parametrize("chance", [0.0, 0.5, 1.0])
def test_it_keeps_the_schedule_within_its_jitter(
    event: Event, endpoints: Endpoints, now: datetime, chance: float
) -> None:
    endpoints.reply("/hook", Reply(500))
    clock = Clock(now)
    sender = dispatcher(clock, chance=chance)
    gaps = []
    run_all(sender)
    while (due := delivery().next_try_at) is not None:
        gaps.append(due - clock.now)
        clock.now = due - timedelta(microseconds=1)
        run_all(sender)
        assert delivery().tries == len(gaps)  # Not one moment too early.
        clock.now = due
        Webhook.objects.update(open_until=None)  # The breaker has its own tests.
        run_all(sender)

    factor = 0.8 + 0.4 * chance
    assert gaps == [each * factor for each in DELAYS[1:]]
    assert (delivery().state, delivery().tries) == ("exhausted", 10)
    assert delivery().ended_at == clock.now
    assert {each.id for each in endpoints.requests} == {str(event.uid)}
    sent_at = [int(each.headers["webhook-timestamp"]) for each in endpoints.requests]
    assert len(sent_at) == 10
    assert sent_at == sorted(set(sent_at))  # That of the attempt, so each its own.
    assert Attempt.objects.count() == 10


@pytest.mark.parametrize(
    ("status", "asked", "wait"),
    [
        (429, "120", timedelta(seconds=120)),
        (503, "120", timedelta(seconds=120)),
        (503, "1", timedelta(seconds=5)),
        (503, "9999999", timedelta(hours=24)),
        (429, "date", timedelta(seconds=90)),
        (429, "soon", timedelta(seconds=5)),
        (500, "120", timedelta(seconds=5)),
    ],
)
def test_it_comes_again_when_the_receiver_asks_for_it(
    event: Event, endpoints: Endpoints, now: datetime, status: int, asked: str, wait: timedelta
) -> None:
    date = format_datetime(now + timedelta(seconds=90), usegmt=True)
    endpoints.reply("/hook", Reply(status, {"Retry-After": date if asked == "date" else asked}))
    run_all(dispatcher(Clock(now)))

    assert delivery().next_try_at == now + wait


def test_it_disables_an_endpoint_that_is_gone(
    project: Project, event: Event, hook: Webhook, endpoints: Endpoints, now: datetime
) -> None:
    endpoints.reply("/hook", Reply(410))
    make_event(project=project.pk)
    spread(now=now + timedelta(minutes=1))  # Not due yet.
    run_all(dispatcher(Clock(now)))

    hook.refresh_from_db()
    assert (hook.disabled_at, hook.disabled_because, hook.version) == (now, "gone", 2)
    ended = Delivery.objects.order_by("pk").values_list("state", "tries", "ended_at")
    assert list(ended) == [("withheld", 1, now), ("withheld", 0, now)]
    told = Event.objects.get(type="webhook.disabled")
    assert (told.subject, told.user, told.project) == (hook.pk, hook.owner_id, None)
    data = orjson.loads(told.data)
    assert data["changes"] == {"enabled": [True, False], "disabled_because": [None, "gone"]}
    assert data["object"]["enabled"] is False
    assert SECRET not in told.data
    assert len(endpoints.requests) == 1


def test_it_disables_an_endpoint_that_has_failed_for_five_days(
    event: Event, hook: Webhook, endpoints: Endpoints, now: datetime
) -> None:
    endpoints.reply("/hook", Reply(500))
    almost = now - timedelta(days=5) + timedelta(seconds=1)
    Webhook.objects.update(failures=40, failing_since=almost)
    run_all(dispatcher(Clock(now)))
    hook.refresh_from_db()
    assert (hook.disabled_at, hook.failures) == (None, 41)

    later = Clock(now + timedelta(hours=1))
    run_all(dispatcher(later))

    hook.refresh_from_db()
    assert (hook.disabled_at, hook.disabled_because) == (later.now, "failing")
    assert (delivery().state, delivery().tries) == ("withheld", 2)
    assert Event.objects.filter(type="webhook.disabled").count() == 1


def test_it_forgets_failures_after_a_success(
    event: Event, hook: Webhook, endpoints: Endpoints, now: datetime
) -> None:
    Webhook.objects.update(failures=4, failing_since=now - timedelta(days=4))
    run_all(dispatcher(Clock(now)))

    hook.refresh_from_db()
    assert (hook.failures, hook.failing_since, hook.open_until) == (0, None, None)


def _leave(alice: User, project: Project) -> None:
    Project.objects.get(pk=project.pk).memberships.filter(user=alice).delete()


def _deactivate(alice: User, _: Project) -> None:
    User.objects.filter(pk=alice.pk).update(is_active=False)


def _disable(alice: User, _: Project) -> None:
    Webhook.objects.filter(owner=alice).update(disabled_at=timezone.now(), disabled_because="owner")


@pytest.mark.parametrize("lose", [_leave, _deactivate, _disable])
def test_it_withholds_what_may_not_be_sent_any_more(
    project: Project, event: Event, alice: User, endpoints: Endpoints, now: datetime, lose: Any
) -> None:
    lose(alice, project)
    run_all(dispatcher(Clock(now)))

    found = delivery()
    assert (found.state, found.tries, found.ended_at) == ("withheld", 0, now)
    assert (found.next_try_at, found.holder, found.leased_until) == (None, None, None)
    assert endpoints.requests == []
    assert not Attempt.objects.exists()


def test_it_withholds_from_a_member_who_was_removed(
    project: Project, alice: User, bob: User, endpoints: Endpoints, now: datetime
) -> None:
    make_webhook(bob, endpoints.url("/hook"))
    make_event(project=project.pk)
    spread(now=now)
    remove_member(actor=Actor(alice.pk), now=now, project_id=project.pk, user_id=bob.pk)

    run_all(dispatcher(Clock(now)))

    assert delivery().state == "withheld"
    assert endpoints.requests == []


def test_it_shows_of_a_task_that_left_only_that(
    project: Project, alice: User, bob: User, endpoints: Endpoints, now: datetime
) -> None:
    other = create_project(actor=Actor(alice.pk), now=now, fields={"name": "Garden"})
    forget_events()
    make_webhook(alice, endpoints.url("/alice"))
    make_webhook(bob, endpoints.url("/bob"))
    event = make_event("task.moved", project=other.pk, left_project=project.pk)
    spread(now=now)

    run_all(dispatcher())

    (whole,), (left,) = endpoints.sent_to("/alice"), endpoints.sent_to("/bob")
    assert whole.body == cloud_event(event, source=SOURCE)
    assert left.body == cloud_event(event, source=SOURCE, for_left=True)
    assert str(other.pk).encode() not in left.body
    assert whole.id == left.id == str(event.uid)


def test_it_sends_a_ping(hook: Webhook, alice: User, endpoints: Endpoints, now: datetime) -> None:
    forget_events()
    Webhook.objects.update(types=["comment.*"])
    event = make_event("webhook.ping", project=None, subject=hook.pk, user=alice.pk)
    spread(now=now)

    run_all(dispatcher())

    assert [each.id for each in endpoints.requests] == [str(event.uid)]


def test_it_claims_the_oldest_first(
    project: Project, hook: Webhook, endpoints: Endpoints, now: datetime
) -> None:
    events = [make_event(project=project.pk) for _ in range(6)]
    spread(now=now)

    sender = dispatcher(threads=1)
    for _ in events:
        run_all(sender)

    assert [each.id for each in endpoints.requests] == [str(each.uid) for each in events]
