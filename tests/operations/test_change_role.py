"""Another role, from the next request on; an admin always stays."""

from datetime import datetime

import pytest

from tasks.errors import InboxStays, LastAdmin, NotAllowed, NotVisible
from tasks.ids import uuid7
from tasks.models import Membership, Project, User
from tasks.operations.access import Actor
from tasks.operations.members import add_member, change_role
from tasks.operations.projects import inbox
from tasks.operations.tasks import create_task
from tasks.policies import Role
from tests.operations.watching import kinds, nothing_written, refused, said, statements


@pytest.mark.parametrize("role", [Role.VIEWER, Role.ADMIN])
def test_it_changes_the_role(
    role: Role, project: Project, bob: User, admin: Actor, now: datetime, later: datetime
) -> None:
    with statements() as ran:
        change_role(actor=admin, now=later, project_id=project.pk, user_id=bob.pk, role=role)

    assert kinds(ran)[-4:] == ["UPDATE", "UPDATE", "INSERT", "INSERT"]
    changed = Membership.objects.get(project=project, user=bob)
    assert (changed.role, changed.version) == (role.value, 2)
    assert (changed.created_at, changed.updated_at) == (now, later)


@pytest.mark.parametrize("role", [Role.EDITOR, None])
def test_it_writes_nothing_when_nothing_changes(
    role: Role | None, project: Project, bob: User, admin: Actor, later: datetime
) -> None:
    with nothing_written():
        same = change_role(actor=admin, now=later, project_id=project.pk, user_id=bob.pk, role=role)
    assert (same.role, same.version, same.user.username) == ("editor", 1, "bob")


def test_it_counts_from_the_next_write(
    project: Project, editor: Actor, admin: Actor, now: datetime
) -> None:
    change_role(actor=admin, now=now, project_id=project.pk, user_id=editor.id, role=Role.VIEWER)

    with refused(NotAllowed):
        create_task(actor=editor, now=now, fields={"title": "Pack", "project": project.pk})


@pytest.mark.parametrize("role", [Role.VIEWER, Role.EDITOR])
def test_it_is_refused_for_the_last_admin(
    role: Role, project: Project, admin: Actor, now: datetime
) -> None:
    with refused(LastAdmin):
        change_role(actor=admin, now=now, project_id=project.pk, user_id=admin.id, role=role)


def test_it_leaves_the_last_admin_an_admin(project: Project, admin: Actor, now: datetime) -> None:
    with nothing_written():
        change_role(actor=admin, now=now, project_id=project.pk, user_id=admin.id, role=Role.ADMIN)


def test_it_lets_an_admin_step_down_beside_another(
    project: Project, admin: Actor, editor: Actor, now: datetime
) -> None:
    change_role(actor=admin, now=now, project_id=project.pk, user_id=editor.id, role=Role.ADMIN)
    stepped = change_role(
        actor=admin, now=now, project_id=project.pk, user_id=admin.id, role=Role.VIEWER
    )

    assert stepped.role == "viewer"


def test_it_is_refused_for_the_owner_of_an_inbox(
    admin: Actor, editor: Actor, now: datetime
) -> None:
    """Even if there is another admin."""
    home = inbox(actor=admin, now=now)
    add_member(actor=admin, now=now, project_id=home.pk, user=editor.id, role=Role.ADMIN)

    for actor in (admin, editor):
        with refused(InboxStays):
            change_role(
                actor=actor, now=now, project_id=home.pk, user_id=admin.id, role=Role.VIEWER
            )


def test_it_finds_a_user_who_is_no_member_no_more_than_none(
    project: Project, charlie: User, admin: Actor, now: datetime
) -> None:
    answers = set()
    for user in (charlie.pk, uuid7()):
        with refused(NotVisible) as caught:
            change_role(actor=admin, now=now, project_id=project.pk, user_id=user, role=Role.ADMIN)
        answers.add(said(caught))
    assert len(answers) == 1
