"""Which events become deliveries, for which endpoints, and that each does once."""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction
from django.utils import timezone

from tasks.events import cursors
from tasks.models import Cursor, Delivery, Event, Project, User, Webhook
from tasks.operations.access import Actor
from tasks.operations.members import remove_member
from tasks.operations.projects import create_project
from tasks.webhooks import fanout
from tasks.webhooks.fanout import FanOut, spread
from tasks.webhooks.operations import delete_webhook
from tests.operations.racing import overlap, race
from tests.webhooks.endpoints import forget_events, make_event, make_webhook

URL = "https://example.com/hook"


@pytest.fixture
def project(project: Project) -> Project:
    """Alice's project; what its making was told of is forgotten."""
    forget_events()
    return project


def made() -> set[tuple[int, str]]:
    """The deliveries there are: the event's number and the endpoint's description."""
    return set(Delivery.objects.values_list("event", "webhook__description"))


def hook(owner: User, name: str, **fields: Any) -> Webhook:
    return make_webhook(owner, URL, description=name, **fields)


def test_it_delivers_to_the_members_of_the_project_and_to_nobody_else(
    project: Project, alice: User, bob: User, charlie: User, now: datetime
) -> None:
    for owner in (alice, bob, charlie):
        hook(owner, owner.username)
    event = make_event(project=project.pk)

    assert spread(now=now) == (1, 2)

    assert made() == {(event.pk, "alice"), (event.pk, "bob")}
    delivery = Delivery.objects.get(webhook__owner=alice)
    assert (delivery.state, delivery.tries, delivery.next_try_at) == ("pending", 0, now)
    assert (delivery.holder, delivery.leased_until, delivery.ended_at) == (None, None, None)


def test_it_delivers_to_whom_an_event_is_about(project: Project, alice: User, bob: User) -> None:
    remove_member(actor=Actor(alice.pk), now=timezone.now(), project_id=project.pk, user_id=bob.pk)
    forget_events()
    hook(bob, "bob")
    event = make_event("member.removed", project=project.pk, user=bob.pk)
    make_event(project=project.pk)

    spread(now=timezone.now())

    assert made() == {(event.pk, "bob")}


def test_it_tells_members_of_the_project_that_a_task_has_left(
    project: Project, alice: User, bob: User, now: datetime
) -> None:
    other = create_project(actor=Actor(alice.pk), now=now, fields={"name": "Garden"})
    forget_events()
    hook(alice, "alice")
    hook(alice, "alice, old project", project=project)
    hook(alice, "alice, new project", project=other)
    hook(bob, "bob")
    hook(bob, "bob, old project", project=project)
    make_event("task.moved", project=other.pk, left_project=project.pk)

    spread(now=now)

    assert {name for _, name in made()} == {
        "alice",
        "alice, old project",
        "alice, new project",
        "bob",
        "bob, old project",
    }


@pytest.mark.parametrize(
    ("types", "wanted"),
    [
        ([], {"task.created", "task.completed", "comment.created"}),
        (["task.completed"], {"task.completed"}),
        (["task.*"], {"task.created", "task.completed"}),
        (["comment.*", "task.created"], {"task.created", "comment.created"}),
        (["task"], set()),
        (["tas*"], set()),
    ],
)
def test_it_minds_the_filters(
    project: Project, alice: User, types: list[str], wanted: set[str]
) -> None:
    other = create_project(actor=Actor(alice.pk), now=timezone.now(), fields={"name": "Garden"})
    forget_events()
    hook(alice, "filtered", types=types, project=project)
    for each in ("task.created", "task.completed", "comment.created"):
        make_event(each, project=project.pk)
        make_event(each, project=other.pk)

    spread(now=timezone.now())

    events = Event.objects.filter(deliveries__webhook__description="filtered")
    assert set(events.values_list("type", flat=True)) == wanted
    assert set(events.values_list("project", flat=True)) <= {project.pk}


def test_it_sends_a_ping_to_its_endpoint_alone_whatever_the_filters(
    project: Project, alice: User, bob: User
) -> None:
    pinged = hook(alice, "pinged", types=["comment.*"], project=project)
    hook(alice, "another")
    hook(bob, "bob")
    event = make_event("webhook.ping", project=None, subject=pinged.pk, user=alice.pk)

    spread(now=timezone.now())

    assert made() == {(event.pk, "pinged")}


@pytest.mark.parametrize("hidden", ["disabled", "inactive owner"])
def test_it_passes_over_who_gets_nothing(
    project: Project, alice: User, now: datetime, hidden: str
) -> None:
    if hidden == "disabled":
        hook(alice, "off", disabled_at=now, disabled_because="owner")
    else:
        hook(alice, "off")
        User.objects.filter(pk=alice.pk).update(is_active=False)
    event = make_event(project=project.pk)

    assert spread(now=now)[1] == 0

    assert not Delivery.objects.exists()
    assert cursors.position(cursors.WEBHOOKS) == event.sequence


def test_it_passes_over_a_disabled_endpoint_beside_another_of_its_owner(
    project: Project, alice: User, now: datetime
) -> None:
    hook(alice, "on")
    hook(alice, "off", disabled_at=now, disabled_because="owner")
    event = make_event(project=project.pk)

    spread(now=now)

    assert made() == {(event.pk, "on")}


def test_it_is_cheap_without_endpoints(
    project: Project,
    now: datetime,
    django_assert_num_queries: Callable[[int], AbstractContextManager[Any]],
) -> None:
    for _ in range(20):
        make_event(project=project.pk)

    with django_assert_num_queries(7):  # Is there any; lock, events, endpoints, move; a savepoint.
        assert spread(now=now) == (20, 0)
    with django_assert_num_queries(1):
        assert spread(now=now) == (0, 0)


def test_it_goes_in_batches_in_the_order_of_the_log(
    project: Project, alice: User, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook(alice, "alice")
    events = [make_event(project=project.pk).pk for _ in range(7)]

    assert spread(now=now, limit=3) == (3, 3)
    monkeypatch.setattr(fanout, "DELIVERIES", 2)
    assert spread(now=now, limit=3) == (2, 2)
    assert spread(now=now, limit=3) == (2, 2)
    assert spread(now=now, limit=3) == (0, 0)

    assert list(Delivery.objects.order_by("pk").values_list("event", flat=True)) == events


def test_it_loses_no_event_of_an_endpoint_that_is_made_meanwhile(
    project: Project, alice: User, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook(alice, "first")
    make_event(project=project.pk)
    later: list[int] = []
    read = fanout._endpoints

    def meanwhile() -> Any:
        found = read()
        if not later:
            hook(alice, "second")
            later.append(make_event(project=project.pk).pk)
        return found

    monkeypatch.setattr(fanout, "_endpoints", meanwhile)
    while spread(now=now)[0]:
        pass

    assert {name for event, name in made() if event in later} == {"first", "second"}


def test_it_makes_no_delivery_twice_if_it_is_put_back(
    project: Project, alice: User, now: datetime
) -> None:
    hook(alice, "alice")
    event = make_event(project=project.pk)
    assert spread(now=now) == (1, 1)
    Cursor.objects.filter(name=cursors.WEBHOOKS).update(position=0)

    spread(now=now)

    assert made() == {(event.pk, "alice")}
    assert cursors.position(cursors.WEBHOOKS) == event.sequence
    assert Delivery.objects.count() == 1


def test_it_wakes_the_sender(project: Project, alice: User) -> None:
    wake = threading.Event()
    step = FanOut(clock=timezone.now, wake=wake).step
    make_event(project=project.pk)
    assert step()
    assert not wake.is_set()
    hook(alice, "alice")
    make_event(project=project.pk)

    assert step()
    assert wake.is_set()
    assert not step()


@pytest.mark.django_db(transaction=True)
def test_it_delivers_once_with_many_workers(project: Project, alice: User, bob: User) -> None:
    hooks = [hook(owner, owner.username) for owner in (alice, bob)]
    events = [make_event(project=project.pk).pk for _ in range(40)]

    last = Event.objects.get(pk=events[-1]).sequence or 0

    def run() -> int:
        total = 0
        while cursors.position(cursors.WEBHOOKS) < last:
            total += spread(now=timezone.now(), limit=3)[1]
        return total

    assert sum(race([run] * 4)) == 40 * len(hooks)
    assert Delivery.objects.count() == 40 * len(hooks)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("deleting_begins", [True, False])
def test_it_is_not_disturbed_by_who_deletes_an_endpoint_and_does_not_disturb(
    project: Project, alice: User, bob: User, now: datetime, *, deleting_begins: bool
) -> None:
    hook(alice, "alice")
    gone = hook(bob, "bob")
    make_event(project=project.pk)

    def delete() -> None:
        delete_webhook(actor=Actor(bob.pk), webhook_id=gone.pk)

    def spread_it() -> int:
        return spread(now=now)[0]

    acts = (delete, spread_it) if deleting_begins else (spread_it, delete)
    assert overlap(*acts) == ((None, 1) if deleting_begins else (1, None))
    assert {name for _, name in made()} == {"alice"}


@pytest.mark.django_db(transaction=True)
def test_it_leaves_out_who_was_deleted_after_the_endpoints_were_read(
    project: Project,
    alice: User,
    bob: User,
    now: datetime,
    vendor: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if vendor == "sqlite":
        pytest.skip("SQLite has one writer: nobody deletes meanwhile.")
    hook(alice, "alice")
    gone = hook(bob, "bob")
    make_event(project=project.pk)
    read = fanout._endpoints

    def meanwhile() -> dict[UUID | None, list[Webhook]]:
        found = read()
        race([partial(delete_webhook, actor=Actor(bob.pk), webhook_id=gone.pk)])
        return found

    monkeypatch.setattr(fanout, "_endpoints", meanwhile)

    assert spread(now=now) == (1, 1)
    assert {name for _, name in made()} == {"alice"}


@pytest.mark.django_db(transaction=True)
def test_it_moves_the_cursor_with_the_deliveries_or_not_at_all(
    project: Project, alice: User, now: datetime
) -> None:
    before = cursors.position(cursors.WEBHOOKS)
    hook(alice, "alice")
    make_event(project=project.pk)

    with pytest.raises(Crash):
        _spread_and_crash(now)

    assert not Delivery.objects.exists()
    assert cursors.position(cursors.WEBHOOKS) == before
    assert spread(now=now) == (1, 1)


class Crash(Exception):
    """The process ends before the commit."""


def _spread_and_crash(now: datetime) -> None:
    with transaction.atomic():
        assert spread(now=now) == (1, 1)
        raise Crash
