"""Removing members, and leaving."""

from collections.abc import Callable
from datetime import datetime

import pytest

from tasks.errors import InboxStays, LastAdmin, NotVisible
from tasks.ids import uuid7
from tasks.models import Membership, Project, Task, User
from tasks.operations.access import Actor
from tasks.operations.members import add_member, change_role, remove_member
from tasks.operations.projects import create_project, inbox
from tasks.operations.tasks import create_task
from tasks.operations.trash import delete_task
from tasks.policies import Role
from tests.operations.watching import refused, said


def test_it_ends_the_membership(project: Project, bob: User, admin: Actor, now: datetime) -> None:
    remove_member(actor=admin, now=now, project_id=project.pk, user_id=bob.pk)

    assert [one.user_id for one in Membership.objects.all()] == [admin.id]
    assert not Project.objects.visible_to(bob.pk).exists()


def test_it_unassigns_their_tasks(
    project: Project,
    new_task: Callable[..., Task],
    bob: User,
    admin: Actor,
    now: datetime,
    later: datetime,
) -> None:
    theirs, trashed = new_task(assignee=bob.pk), new_task(assignee=bob.pk)
    mine, free = new_task(assignee=admin.id), new_task()
    delete_task(actor=admin, now=now, task_id=trashed.pk)

    remove_member(actor=admin, now=later, project_id=project.pk, user_id=bob.pk)

    state = [
        (one.assignee_id, one.version, one.updated_at)
        for one in (Task.objects.get(pk=made.pk) for made in (theirs, trashed, mine, free))
    ]
    assert state == [
        (None, 2, later),
        (None, 3, later),
        (admin.id, 1, now),
        (None, 1, now),
    ]


def test_it_leaves_their_tasks_in_other_projects(
    project: Project, bob: User, admin: Actor, editor: Actor, now: datetime
) -> None:
    garden = create_project(actor=editor, now=now, fields={"name": "Garden"})
    fields = {"title": "Dig", "project": garden.pk, "assignee": bob.pk}
    task = create_task(actor=editor, now=now, fields=fields)

    remove_member(actor=admin, now=now, project_id=project.pk, user_id=bob.pk)

    task.refresh_from_db()
    assert (task.assignee_id, task.version) == (bob.pk, 1)


@pytest.mark.parametrize("role", list(Role))
def test_it_lets_everybody_leave(
    role: Role, project: Project, bob: User, admin: Actor, editor: Actor, now: datetime
) -> None:
    change_role(actor=admin, now=now, project_id=project.pk, user_id=bob.pk, role=role)
    remove_member(actor=editor, now=now, project_id=project.pk, user_id=bob.pk)

    assert not Membership.objects.filter(user=bob).exists()


def test_it_is_refused_for_the_last_admin(project: Project, admin: Actor, now: datetime) -> None:
    with refused(LastAdmin):
        remove_member(actor=admin, now=now, project_id=project.pk, user_id=admin.id)


def test_it_lets_an_admin_leave_beside_another(
    project: Project, admin: Actor, editor: Actor, now: datetime
) -> None:
    change_role(actor=admin, now=now, project_id=project.pk, user_id=editor.id, role=Role.ADMIN)
    remove_member(actor=admin, now=now, project_id=project.pk, user_id=admin.id)

    assert [one.user_id for one in Membership.objects.all()] == [editor.id]


def test_it_is_refused_for_the_owner_of_an_inbox(
    admin: Actor, editor: Actor, now: datetime
) -> None:
    home = inbox(actor=admin, now=now)
    add_member(actor=admin, now=now, project_id=home.pk, user=editor.id, role=Role.ADMIN)

    for actor in (admin, editor):
        with refused(InboxStays):
            remove_member(actor=actor, now=now, project_id=home.pk, user_id=admin.id)


def test_it_finds_a_user_who_is_no_member_no_more_than_none(
    project: Project, charlie: User, admin: Actor, now: datetime
) -> None:
    answers = set()
    for user in (charlie.pk, uuid7()):
        with refused(NotVisible) as caught:
            remove_member(actor=admin, now=now, project_id=project.pk, user_id=user)
        answers.add(said(caught))
    assert len(answers) == 1


def test_it_finds_nothing_to_leave_for_a_stranger(
    project: Project, stranger: Actor, now: datetime
) -> None:
    for place in (project.pk, uuid7()):
        with refused(NotVisible):
            remove_member(actor=stranger, now=now, project_id=place, user_id=stranger.id)
