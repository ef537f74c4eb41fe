"""Every operation × every role, on things of one's own project, of a foreign one and of none.

A role that reaches further than this table fails, and so does an operation that is not in it.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from pkgutil import iter_modules
from typing import Any
from uuid import UUID

import pytest

from tasks import operations
from tasks.errors import DomainError, NotAllowed, NotVisible
from tasks.ids import uuid7
from tasks.models import Comment, Label, Project, Task, User
from tasks.operations.access import Actor
from tasks.operations.comments import create_comment, delete_comment, update_comment
from tasks.operations.labels import delete_label, rename_label
from tasks.operations.members import add_member, change_role, remove_member
from tasks.operations.moves import move_task
from tasks.operations.projects import delete_project, restore_project, update_project
from tasks.operations.tasks import create_task, update_task
from tasks.operations.trash import delete_task, purge_task, restore_task
from tasks.policies import Role
from tests.operations.watching import refused, said

EVERYBODY = {"viewer": None, "editor": None, "admin": None}
EDITORS = {"viewer": NotAllowed, "editor": None, "admin": None}
ADMINS = {"viewer": NotAllowed, "editor": NotAllowed, "admin": None}


@dataclass(frozen=True)
class Line:
    """One operation: how to call it, what it is about, and who may."""

    call: Callable[..., Any]
    about: str  # the keyword that names its object
    given: dict[str, Any]
    roles: Mapping[str, type[DomainError] | None]


TABLE = [
    Line(update_project, "project_id", {"fields": {"name": "New"}}, ADMINS),
    Line(delete_project, "project_id", {}, ADMINS),
    Line(restore_project, "project_id", {}, ADMINS),
    Line(add_member, "project_id", {"user": "erin", "role": Role.VIEWER}, ADMINS),
    Line(change_role, "project_id", {"user_id": "frank", "role": Role.ADMIN}, ADMINS),
    Line(remove_member, "project_id", {"user_id": "frank"}, ADMINS),
    Line(create_task, "project", {"title": "New"}, EDITORS),
    Line(update_task, "task_id", {"fields": {"title": "New"}}, EDITORS),
    Line(update_task, "task_id", {"fields": {"parent": None, "labels": ["new"]}}, EDITORS),
    Line(delete_task, "task_id", {}, EDITORS),
    Line(restore_task, "task_id", {}, EDITORS),
    Line(move_task, "task_id", {"to": {"before": None}}, EDITORS),
    Line(move_task, "task_id", {"to": {"parent": None, "after": None}}, EDITORS),
    Line(purge_task, "task_id", {}, ADMINS),
    Line(rename_label, "label_id", {"name": "New"}, EDITORS),
    Line(delete_label, "label_id", {}, EDITORS),
    Line(create_comment, "task_id", {"fields": {"body": "New"}}, EDITORS),
    # Nobody's comment but frank's, who is an editor: see test_update_comment and the other.
    Line(
        update_comment,
        "comment_id",
        {"fields": {"body": "New"}},
        {"viewer": NotAllowed, "editor": NotAllowed, "admin": NotAllowed},
    ),
    Line(delete_comment, "comment_id", {}, ADMINS),
]
# Not about a thing that others may see.
OWN = {"create_project", "inbox", "once"}

LINES = [pytest.param(line, id=f"{index}-{line.call.__name__}") for index, line in enumerate(TABLE)]


@dataclass(frozen=True)
class World:
    """The project, what is in it, and the same in a project of charlie's."""

    now: datetime
    frank: UUID
    own: dict[str, UUID]
    foreign: dict[str, UUID]

    def run(self, line: Line, actor: Actor, target: UUID) -> None:
        given = {
            name: self.frank if name == "user_id" else value for name, value in line.given.items()
        }
        if line.about == "project":
            given = {"fields": {**given, "project": target}}
        else:
            given[line.about] = target
        line.call(actor=actor, now=self.now, **given)


@pytest.fixture
def world(
    make_user: Callable[[str], User], project: Project, admin: Actor, stranger: Actor, now: datetime
) -> World:
    make_user("erin")
    frank = make_user("frank")
    foreign = _fill(stranger, frank, now)
    own = _fill(admin, frank, now, project.pk)
    return World(now, frank.pk, own, foreign)


def _fill(
    owner: Actor, frank: User, now: datetime, project_id: UUID | None = None
) -> dict[str, UUID]:
    fields = {"title": "Pack", "labels": ["old"], "project": project_id}
    task = create_task(actor=owner, now=now, fields=fields)
    place, who = task.project_id, Actor(frank.pk)
    add_member(actor=owner, now=now, project_id=place, user=frank.pk, role=Role.EDITOR)
    comment = create_comment(actor=who, now=now, task_id=task.pk, fields={"body": "?"})
    label = Label.objects.get(project=place)
    return {
        "project_id": place,
        "project": place,
        "task_id": task.pk,
        "label_id": label.pk,
        "comment_id": comment.pk,
    }


def test_it_has_a_line_for_every_operation() -> None:
    found = set()
    for module in iter_modules(operations.__path__, f"{operations.__name__}."):
        for name, member in inspect.getmembers(import_module(module.name), inspect.isfunction):
            parameters = inspect.signature(member).parameters
            actor = parameters.get("actor")
            if actor is None or name.startswith("_"):
                continue
            if actor.kind is actor.KEYWORD_ONLY and actor.annotation is Actor:
                found.add(name)

    assert {line.call.__name__ for line in TABLE} | OWN == found


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize("role", EVERYBODY)
def test_it_reaches_as_far_as_the_role(
    role: str, line: Line, world: World, request: pytest.FixtureRequest
) -> None:
    actor: Actor = request.getfixturevalue(role)
    target, error = world.own[line.about], line.roles[role]

    if error is None:
        world.run(line, actor, target)
    else:
        with refused(error):
            world.run(line, actor, target)


@pytest.mark.parametrize("line", LINES)
def test_it_finds_a_foreign_thing_no_more_than_none(line: Line, world: World, admin: Actor) -> None:
    place = ["project:not_found"] if line.about == "project" else []
    answers = set()
    for target in (world.foreign[line.about], uuid7()):
        with refused(NotVisible, *place) as caught:
            world.run(line, admin, target)
        answers.add(said(caught))
    assert len(answers) == 1


@pytest.mark.parametrize("line", LINES)
def test_it_takes_staff_for_an_admin_of_every_project(
    line: Line, world: World, make_user: Callable[[str], User]
) -> None:
    staff = Actor(make_user("grace").pk, is_staff=True)

    error = line.roles["admin"]
    if error is None:
        world.run(line, staff, world.own[line.about])
    else:
        with refused(error):
            world.run(line, staff, world.own[line.about])


def test_it_shows_each_thing_to_members_only(world: World, admin: Actor) -> None:
    own, foreign = world.own, world.foreign
    for model, name in ((Project, "project"), (Task, "task_id"), (Comment, "comment_id")):
        seen = set(model.objects.visible_to(admin.id).values_list("pk", flat=True))
        assert own[name] in seen
        assert foreign[name] not in seen
