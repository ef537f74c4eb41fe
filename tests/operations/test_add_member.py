"""Adding members, by id or by name."""

from collections.abc import Callable
from datetime import datetime

import pytest

from tasks.errors import AlreadyMember, InTrash, NotVisible
from tasks.ids import uuid7
from tasks.models import Membership, Project, User
from tasks.operations.access import Actor
from tasks.operations.members import add_member
from tasks.operations.projects import delete_project
from tasks.policies import Role
from tests.operations.watching import refused, said


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("by", ["id", "username"])
def test_it_adds_a_user(
    role: Role, by: str, project: Project, charlie: User, admin: Actor, later: datetime
) -> None:
    named = charlie.pk if by == "id" else charlie.username
    shown = add_member(actor=admin, now=later, project_id=project.pk, user=named, role=role)

    made = Membership.objects.get(project=project, user=charlie)
    assert (made.role, made.version) == (role.value, 1)
    assert (made.created_at, made.updated_at) == (later, later)
    assert (shown.pk, shown.user.username) == (made.pk, "charlie")


def test_it_lets_them_see_the_project(
    project: Project, charlie: User, admin: Actor, now: datetime
) -> None:
    assert not Project.objects.visible_to(charlie.pk).exists()
    add_member(actor=admin, now=now, project_id=project.pk, user=charlie.pk, role=Role.VIEWER)

    assert [one.pk for one in Project.objects.visible_to(charlie.pk)] == [project.pk]


def test_it_is_refused_for_a_member(
    project: Project, bob: User, admin: Actor, now: datetime
) -> None:
    for role in Role:
        with refused(AlreadyMember):
            add_member(actor=admin, now=now, project_id=project.pk, user=bob.pk, role=role)


def test_it_finds_an_inactive_user_no_more_than_none(
    project: Project, charlie: User, admin: Actor, now: datetime
) -> None:
    User.objects.filter(pk=charlie.pk).update(is_active=False)

    answers = set()
    for user in (charlie.pk, charlie.username, uuid7(), "nobody", "Bob", ""):
        with refused(NotVisible, "user:not_found") as caught:
            add_member(actor=admin, now=now, project_id=project.pk, user=user, role=Role.VIEWER)
        answers.add(said(caught))
    assert len(answers) == 1


def test_it_is_refused_in_the_trash(
    project: Project, charlie: User, admin: Actor, now: datetime
) -> None:
    delete_project(actor=admin, now=now, project_id=project.pk)

    with refused(InTrash):
        add_member(actor=admin, now=now, project_id=project.pk, user=charlie.pk, role=Role.EDITOR)


def test_it_takes_a_username_to_the_letter(
    project: Project, make_user: Callable[[str], User], admin: Actor, now: datetime
) -> None:
    lower, upper = make_user("eve"), make_user("Eve")
    add_member(actor=admin, now=now, project_id=project.pk, user="Eve", role=Role.VIEWER)

    assert project.memberships.filter(user=upper).exists()
    assert not project.memberships.filter(user=lower).exists()
