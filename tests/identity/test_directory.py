"""The local users follow the identity service's: applied twice, late, or after the end."""

from datetime import datetime
from typing import Any

import orjson
import pytest

from tasks.events.identity_event import IdentityEvent
from tasks.identity.directory import follow
from tasks.ids import uuid7
from tasks.models import Event, Membership, Project, Task, TokenFamily, User
from tasks.operations.access import Actor
from tasks.operations.members import change_role
from tasks.operations.projects import inbox
from tasks.operations.tasks import create_task
from tasks.policies import Role
from tests.cast import access_token
from tests.factories import everything
from tests.operations.watching import told

pytestmark = pytest.mark.django_db


def event(kind: str, user: User, **data: Any) -> IdentityEvent:
    return IdentityEvent("/identity", str(uuid7()), f"user.{kind}", user.pk, data)


@pytest.mark.parametrize("times", [1, 2])
def test_it_takes_over_what_differs(bob: User, now: datetime, times: int) -> None:
    for _ in range(times):
        follow(event("updated", bob, username="robert", email="r@example.org"), now=now)

    bob.refresh_from_db()
    assert (bob.username, bob.email, bob.is_active) == ("robert", "r@example.org", True)


def test_it_tells_the_projects_of_a_new_name(bob: User, project: Project, now: datetime) -> None:
    with told():
        follow(event("updated", bob, username="robert", email="r@example.org"), now=now)

    [member] = Membership.objects.filter(user=bob)
    assert member.version == 2
    told_of = Event.objects.latest("number")
    assert told_of.type == "member.updated"
    assert orjson.loads(told_of.data)["changes"] == {"username": ["bob", "robert"]}


REFUSED: dict[str, tuple[object, ...]] = {
    "username": ("", "a b", None, 12345, ["bob"]),
    "email": ("no", 0, {}, False),
    "active": ("so", "f", None, 0),
}


@pytest.mark.parametrize(
    "data", [{name: value} for name, values in REFUSED.items() for value in values]
)
def test_it_refuses_what_no_user_can_have(data: dict[str, Any], bob: User, now: datetime) -> None:
    with pytest.raises(ValueError, match=r"data has no valid (username|email|is_active)\."):
        follow(event("updated", bob, **data), now=now)


def test_it_names_all_that_is_not_valid(bob: User, now: datetime) -> None:
    with pytest.raises(ValueError, match=r"^data has no valid email, is_active\.$"):
        follow(event("updated", bob, active=1, email=2, username="robert"), now=now)


@pytest.mark.parametrize("value", [None, ""])
def test_it_takes_no_address_for_an_empty_one(value: object, bob: User, now: datetime) -> None:
    follow(event("updated", bob, email="bob@example.org"), now=now)

    follow(event("updated", bob, email=value), now=now)

    bob.refresh_from_db()
    assert bob.email == ""


def test_it_refuses_a_name_that_is_taken(alice: User, bob: User, now: datetime) -> None:
    with pytest.raises(ValueError, match="no valid username"):
        follow(event("updated", bob, username="alice"), now=now)


@pytest.mark.parametrize("said", [("deactivated", {}), ("updated", {"active": False})])
def test_it_locks_out_who_is_deactivated(
    said: tuple[str, dict[str, Any]], bob: User, now: datetime
) -> None:
    access_token(bob)

    follow(event(said[0], bob, **said[1]), now=now)

    bob.refresh_from_db()
    assert not bob.is_active
    assert list(TokenFamily.objects.filter(user=bob).values_list("ended_at", flat=True)) == [now]


def test_it_can_be_active_again(bob: User, now: datetime) -> None:
    follow(event("deactivated", bob), now=now)

    follow(event("updated", bob, active=True), now=now)

    bob.refresh_from_db()
    assert bob.is_active


def test_it_forgets_who_is_deleted_and_tells_the_projects(
    alice: User, bob: User, project: Project, now: datetime
) -> None:
    task = create_task(
        actor=Actor(alice.pk),
        now=now,
        fields={"title": "Pack", "project": project.pk, "assignee": bob.pk},
    )
    before = Event.objects.count()

    follow(event("deleted", bob), now=now)

    bob.refresh_from_db()
    assert (bob.username, bob.email, bob.is_active) == (f"deleted-{bob.pk}", "", False)
    assert not bob.has_usable_password()
    assert not Membership.objects.filter(user=bob).exists()
    assert Task.objects.get(pk=task.pk).assignee is None
    told = Event.objects.order_by("number").values_list("type", flat=True)[before:]
    assert list(told) == ["member.removed", "task.updated"]


def test_it_leaves_nobody_elses_project_without_an_admin(
    alice: User, bob: User, project: Project, now: datetime
) -> None:
    own = inbox(actor=Actor(alice.pk), now=now)

    follow(event("deleted", alice), now=now)

    left = Membership.objects.filter(user=alice).values_list("project", flat=True)
    assert set(left) == {project.pk, own.pk}


def test_it_tells_the_projects_that_the_deleted_could_not_leave(
    alice: User, bob: User, project: Project, now: datetime
) -> None:
    follow(event("deleted", alice), now=now)

    stays = Membership.objects.get(user=alice, project=project)
    assert stays.version == 2
    told = Event.objects.filter(project=project.pk).latest("number")
    assert (told.type, told.subject) == ("member.updated", alice.pk)
    assert orjson.loads(told.data)["changes"] == {
        "username": ["alice", f"deleted-{alice.pk}"],
    }


def test_it_leaves_where_another_admin_is(
    alice: User, bob: User, project: Project, now: datetime
) -> None:
    change_role(
        actor=Actor(alice.pk), now=now, project_id=project.pk, user_id=bob.pk, role=Role.ADMIN
    )

    follow(event("deleted", alice), now=now)

    assert not Membership.objects.filter(user=alice).exists()


@pytest.mark.parametrize("kind", ["updated", "deactivated", "deleted"])
def test_it_brings_nothing_back_after_the_end(kind: str, bob: User, now: datetime) -> None:
    follow(event("deleted", bob), now=now)
    before = everything(), User.objects.values().get(pk=bob.pk)

    follow(event(kind, bob, username="bob", active=True), now=now)

    assert (everything(), User.objects.values().get(pk=bob.pk)) == before


def test_it_does_not_know_strangers(now: datetime) -> None:
    follow(event("deleted", User(pk=uuid7())), now=now)

    assert not User.objects.exists()
