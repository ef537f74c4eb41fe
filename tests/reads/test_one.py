"""One row, for those who may see it."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tasks.ids import uuid7
from tasks.models import Comment, Label, Project, User
from tasks.operations.access import Actor
from tasks.operations.projects import delete_project
from tasks.operations.trash import delete_task
from tasks.reads import one
from tasks.rows import COMMENT, LABEL, MEMBER, PROJECT, TASK, Resource
from tests import factories

Things = dict[str, tuple[Resource, UUID]]
NAMES = ["task", "label", "comment", "project", "member"]


@pytest.fixture
def things(project: Project, bob: User, now: datetime) -> Things:
    """A row of each resource in alice's project."""
    task = factories.make_task(project)
    label = factories.make_label(project, "heavy")
    factories.put_label(label, [task])
    comment = Comment.objects.create(task=task, body="?", created_at=now, updated_at=now)
    return {
        "task": (TASK, task.pk),
        "label": (LABEL, label.pk),
        "comment": (COMMENT, comment.pk),
        "project": (PROJECT, project.pk),
        "member": (MEMBER, bob.pk),
    }


@pytest.mark.parametrize("name", NAMES)
def test_it_is_seen_by_members_in_one_statement(
    name: str, things: Things, alice: User, bob: User, charlie: User
) -> None:
    resource, key = things[name]

    for user in (alice, bob):
        with CaptureQueriesContext(connection) as ran:
            shown = one(resource, user=user.pk, key=key)
        assert shown is not None
        assert len(ran) == 1
    assert one(resource, user=charlie.pk, key=key) is None
    assert one(resource, user=alice.pk, key=uuid7()) is None


@pytest.mark.parametrize("name", ["task", "label", "comment", "member"])
def test_it_is_out_of_sight_with_its_project(
    name: str, things: Things, project: Project, alice: User, now: datetime
) -> None:
    resource, key = things[name]
    delete_project(actor=Actor(alice.pk), now=now, project_id=project.pk)

    assert one(resource, user=alice.pk, key=key) is None


def test_it_shows_what_is_in_the_trash_by_id(
    things: Things, project: Project, alice: User, now: datetime
) -> None:
    _, key = things["task"]
    delete_task(actor=Actor(alice.pk), now=now, task_id=key)
    task = one(TASK, user=alice.pk, key=key)
    delete_project(actor=Actor(alice.pk), now=now, project_id=project.pk)
    trashed = one(PROJECT, user=alice.pk, key=project.pk)

    assert (task or {})["deleted_at"] == now
    assert (trashed or {})["deleted_at"] == now


def test_it_shows_everybody_their_own_role(
    things: Things, project: Project, alice: User, bob: User
) -> None:
    roles = [(one(PROJECT, user=user.pk, key=project.pk) or {})["role"] for user in (alice, bob)]

    assert roles == ["admin", "editor"]


def test_it_shows_labels_in_the_order_of_their_names(
    project: Project, alice: User, make_user: Callable[[str], User]
) -> None:
    task = factories.make_task(project)
    for name in ("beta", "Alpha", "gamma", "Émile"):
        factories.put_label(factories.make_label(project, name), [task])

    shown = one(TASK, user=alice.pk, key=task.pk)
    assert (shown or {})["labels"] == ["Alpha", "beta", "gamma", "Émile"]
    assert Label.objects.count() == 4
