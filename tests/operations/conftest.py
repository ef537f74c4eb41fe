"""The cast of the operations: as actors, with a viewer and what each role may write."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from tasks.models import Comment, Project, Task, User
from tasks.operations.access import Actor
from tasks.operations.comments import create_comment
from tasks.operations.members import add_member
from tasks.operations.projects import create_project
from tasks.operations.tasks import create_task, update_task
from tasks.policies import Role
from tests.operations.racing import Act


@pytest.fixture
def later(now: datetime) -> datetime:
    """The instant of a second write."""
    return now + timedelta(minutes=5)


@pytest.fixture
def admin(alice: User) -> Actor:
    return Actor(alice.pk)


@pytest.fixture
def editor(bob: User) -> Actor:
    return Actor(bob.pk)


@pytest.fixture
def stranger(charlie: User) -> Actor:
    return Actor(charlie.pk)


@pytest.fixture
def viewer(
    make_user: Callable[[str], User], project: Project, admin: Actor, now: datetime
) -> Actor:
    dave = make_user("dave")
    add_member(actor=admin, now=now, project_id=project.pk, user=dave.pk, role=Role.VIEWER)
    return Actor(dave.pk)


@pytest.fixture
def new_task(project: Project, admin: Actor, now: datetime) -> Callable[..., Task]:
    """Create a task of alice's in the project, or in the one that is named."""

    def create(**fields: object) -> Task:
        given = {"title": "Pack", "project": project.pk, **fields}
        return create_task(actor=admin, now=now, fields=given)

    return create


@pytest.fixture
def task(new_task: Callable[..., Task]) -> Task:
    return new_task()


@pytest.fixture
def comment(task: Task, editor: Actor, now: datetime) -> Comment:
    """Bob's comment on alice's task."""
    return create_comment(actor=editor, now=now, task_id=task.pk, fields={"body": "Which box?"})


@pytest.fixture
def elsewhere(charlie: User, now: datetime) -> Project:
    """A project that only charlie sees."""
    return create_project(actor=Actor(charlie.pk), now=now, fields={"name": "Secret"})


@pytest.fixture
def updating(editor: Actor, later: datetime) -> Callable[..., Act]:
    """Prepare a change of a task by bob."""

    def prepare(task: Task, **fields: object) -> Act:
        return lambda: update_task(actor=editor, now=later, task_id=task.pk, fields=fields)

    return prepare
