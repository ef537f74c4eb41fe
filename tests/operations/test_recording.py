"""Every operation tells the log what it did, in the transaction in which it did it."""

import ast
import inspect
from collections.abc import Callable
from datetime import datetime, timedelta
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import orjson
import pytest

from tasks import operations
from tasks.models import Event, Label, Project, Task, User
from tasks.operations import upkeep
from tasks.operations.access import Actor
from tasks.operations.comments import create_comment, delete_comment, update_comment
from tasks.operations.labels import delete_label, rename_label
from tasks.operations.members import add_member, change_role, remove_member
from tasks.operations.moves import move_task
from tasks.operations.projects import (
    create_project,
    delete_project,
    inbox,
    restore_project,
    update_project,
)
from tasks.operations.tasks import create_task, update_task
from tasks.operations.trash import delete_task, purge_task, restore_task
from tasks.policies import Role
from tests.operations.watching import told

pytestmark = pytest.mark.django_db

THIRTY_DAYS = timedelta(days=30)


class Scene:
    """A project with a tree of labelled, assigned tasks, a comment, and the trash."""

    def __init__(self, project: Project, alice: User, bob: User, now: datetime) -> None:
        self.project, self.alice, self.bob, self.now = project, alice, bob, now
        self.by: dict[str, Any] = {"actor": Actor(alice.pk), "now": now}
        self.root = self.task(title="Root", labels=["old"], assignee=bob.pk)
        self.leaf = self.task(title="Leaf", parent=self.root.pk, labels=["old", "dusty"])
        self.thrown = self.task(title="Thrown", assignee=bob.pk)
        delete_task(**self.by, task_id=self.thrown.pk)
        self.other = create_project(**self.by, fields={"name": "Other"})
        self.gone = create_project(**self.by, fields={"name": "Gone"})
        create_task(**self.by, fields={"title": "In it", "project": self.gone.pk, "labels": ["x"]})
        delete_project(**self.by, project_id=self.gone.pk)
        said = {"body": "Which box?"}
        self.comment = create_comment(**self.by, task_id=self.root.pk, fields=said)
        self.label = Label.objects.get(name="old")

    def task(self, **fields: Any) -> Task:
        return create_task(**self.by, fields={"project": self.project.pk, **fields})


@pytest.fixture
def scene(project: Project, alice: User, bob: User, now: datetime) -> Scene:
    return Scene(project, alice, bob, now)


def _update(**fields: Any) -> Callable[[Scene], object]:
    return lambda at: update_task(**at.by, task_id=at.root.pk, fields=fields)


def _move(**to: Any) -> Callable[[Scene], object]:
    return lambda at: move_task(**at.by, task_id=at.leaf.pk, to=to)


# What is done, and which events it makes, in this order.
CHANGES: list[tuple[Callable[[Scene], object], list[str]]] = [
    (lambda at: at.task(title="New"), ["task.created"]),
    (lambda at: at.task(title="New", labels=["a", "old"]), ["label.created", "task.created"]),
    (
        lambda at: create_task(**at.by, fields={"title": "First"}),
        ["project.created", "member.added", "task.created"],
    ),
    (lambda at: inbox(**at.by), ["project.created", "member.added"]),
    (_update(title="Other", priority=3), ["task.updated"]),
    (_update(completed=True, title="Other"), ["task.completed"]),
    (_update(status="cancelled"), ["task.updated"]),
    (_update(labels=[]), ["task.updated"]),
    (_update(labels=["new"]), ["label.created", "task.updated"]),
    (_move(after=None), ["task.moved"]),
    (_move(parent=None), ["task.moved"]),
    (
        lambda at: move_task(**at.by, task_id=at.root.pk, to={"project": at.other.pk}),
        [
            "label.created",
            "label.created",
            "task.moved",
            "task.moved",
        ],
    ),
    (lambda at: delete_task(**at.by, task_id=at.root.pk), ["task.trashed", "task.trashed"]),
    (lambda at: restore_task(**at.by, task_id=at.thrown.pk), ["task.restored"]),
    (lambda at: purge_task(**at.by, task_id=at.root.pk), ["task.purged", "task.purged"]),
    (lambda at: create_project(**at.by, fields={"name": "P"}), ["project.created", "member.added"]),
    (
        lambda at: update_project(**at.by, project_id=at.project.pk, fields={"name": "P"}),
        ["project.updated"],
    ),
    (lambda at: delete_project(**at.by, project_id=at.project.pk), ["project.trashed"]),
    (lambda at: restore_project(**at.by, project_id=at.gone.pk), ["project.restored"]),
    (
        lambda at: add_member(**at.by, project_id=at.other.pk, user=at.bob.pk, role=Role.VIEWER),
        ["member.added"],
    ),
    (
        lambda at: change_role(
            **at.by, project_id=at.project.pk, user_id=at.bob.pk, role=Role.VIEWER
        ),
        ["member.updated", "project.updated"],
    ),
    (
        lambda at: remove_member(**at.by, project_id=at.project.pk, user_id=at.bob.pk),
        ["member.removed", "task.updated", "task.updated"],
    ),
    (
        lambda at: rename_label(**at.by, label_id=at.label.pk, name="ancient"),
        ["label.updated", "task.updated", "task.updated"],
    ),
    (
        lambda at: delete_label(**at.by, label_id=at.label.pk),
        ["label.deleted", "task.updated", "task.updated"],
    ),
    (
        lambda at: create_comment(**at.by, task_id=at.leaf.pk, fields={"body": "!"}),
        ["comment.created"],
    ),
    (
        lambda at: update_comment(**at.by, comment_id=at.comment.pk, fields={"body": "!"}),
        ["comment.updated"],
    ),
    (lambda at: delete_comment(**at.by, comment_id=at.comment.pk), ["comment.deleted"]),
    (
        lambda at: upkeep.prune_trash(now=at.now + THIRTY_DAYS),
        ["task.purged", "member.removed", "project.purged", "task.purged"],
    ),
]


@pytest.mark.parametrize(("act", "expected"), CHANGES)
def test_it_tells_what_it_did(
    act: Callable[[Scene], object], expected: list[str], scene: Scene
) -> None:
    before = Event.objects.count()

    with told():
        act(scene)

    events = Event.objects.order_by("number")[before:]
    assert [event.type for event in events] == expected


def test_it_shows_each_field_that_differs_with_both_values(scene: Scene) -> None:
    update_task(
        **scene.by,
        task_id=scene.root.pk,
        fields={"title": "Roots", "completed": True, "labels": ["new"], "metadata": {"a": "b"}},
    )

    data = orjson.loads(Event.objects.latest("number").data)
    assert data["changes"] == {
        "title": ["Root", "Roots"],
        "status": ["todo", "done"],
        "completed": [False, True],
        "completed_at": [None, data["object"]["completed_at"]],
        "labels": [["old"], ["new"]],
        "metadata": [{}, {"a": "b"}],
    }
    assert data["actor"] == str(scene.alice.pk)
    assert data["project"] == str(scene.project.pk)
    assert data["object"]["version"] == 2


def test_it_says_where_a_task_came_from(scene: Scene) -> None:
    move_task(**scene.by, task_id=scene.root.pk, to={"project": scene.other.pk})

    moved = Event.objects.filter(type="task.moved").order_by("number")
    assert [(event.task, event.project, event.left_project) for event in moved] == [
        (task.pk, scene.other.pk, scene.project.pk) for task in (scene.root, scene.leaf)
    ]
    changes = [orjson.loads(event.data)["changes"] for event in moved]
    both = [str(scene.project.pk), str(scene.other.pk)]
    assert [change["project"] for change in changes] == [both, both]
    assert changes[0]["assignee"] == [str(scene.bob.pk), None]


def test_it_tells_nothing_of_what_changes_nothing(scene: Scene) -> None:
    before = Event.objects.count()

    update_task(**scene.by, task_id=scene.root.pk, fields={"title": "Root", "labels": ["OLD"]})
    move_task(**scene.by, task_id=scene.root.pk, to={"project": scene.project.pk})
    delete_task(**scene.by, task_id=scene.thrown.pk)
    restore_task(**scene.by, task_id=scene.leaf.pk)
    rename_label(**scene.by, label_id=scene.label.pk, name="old")
    restore_project(**scene.by, project_id=scene.project.pk)

    assert Event.objects.count() == before


# --- The architecture: whoever opens a transaction records, by itself or by what it calls ---------

# They write what nobody outside is told of: keys of requests, and rows for other operations.
SILENT = {"once", "prune_keys", "delete_in_batches"}


def _calls() -> dict[str, set[str]]:
    """Return each function of the package with the names that it calls."""
    found: dict[str, set[str]] = {}
    for module in iter_modules(operations.__path__, f"{operations.__name__}."):
        tree = ast.parse(inspect.getsource(import_module(module.name)))
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                names = (
                    part.attr if isinstance(part, ast.Attribute) else getattr(part, "id", "")
                    for part in ast.walk(node)
                )
                found.setdefault(node.name, set()).update(names)
    return found


def _reached(name: str, calls: dict[str, set[str]]) -> set[str]:
    reached, waiting = set[str](), {name}
    while waiting:
        current = waiting.pop()
        reached.add(current)
        waiting |= calls.get(current, set()) - reached
    return reached


@pytest.mark.once
def test_it_finds_an_operation_that_records_nothing() -> None:
    calls = _calls()
    writers = {name for name, used in calls.items() if used & {"write", "atomic"}}
    recorders = {"record", "record_each", "recorded_tasks", "record_purge"}

    mute = {name for name in writers if not _reached(name, calls) & recorders}

    assert mute - {"write"} == SILENT & mute
    assert {"update_task", "purge_task", "prune_trash"} <= {
        name for name in calls if _reached(name, calls) & recorders
    }
