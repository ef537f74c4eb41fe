"""Everybody does everything at once in one small project: no error but named ones, no broken rule.

The single races are in `test_races`; this looks for deadlocks between operations that nobody
thought of together. What each thread does comes from a seed that a failure prints.
"""

from collections.abc import Callable
from datetime import datetime
from random import Random
from typing import Any
from uuid import UUID

import pytest

from tasks.errors import DomainError
from tasks.models import Comment, Label, Membership, Project, Task
from tasks.operations.access import Actor
from tasks.operations.comments import create_comment, delete_comment, update_comment
from tasks.operations.labels import delete_label, rename_label
from tasks.operations.members import add_member, change_role, remove_member
from tasks.operations.projects import update_project
from tasks.operations.tasks import create_task, update_task
from tasks.operations.trash import delete_task, restore_task
from tasks.policies import Role
from tests.operations.racing import Act, race

THREADS, STEPS = 8, 12
NAMES = ["red", "green", "blue", "Red", "white"]


class Storm:
    """One thread's choice of operations, all of them on the same few rows."""

    def __init__(self, seed: int, project: UUID, actor: Actor, guest: UUID, now: datetime) -> None:
        self.random = Random(seed)
        self.project, self.actor, self.guest, self.now = project, actor, guest, now

    def run(self) -> list[Exception]:
        """Return what went wrong without a name."""
        unnamed: list[Exception] = []
        for _ in range(STEPS):
            step = self.random.choice(self.steps())
            try:
                step()
            except DomainError:
                continue
            except Exception as error:  # noqa: BLE001 - exactly what the test asks for
                unnamed.append(error)
        return unnamed

    def steps(self) -> list[Act]:
        by: dict[str, Any] = {"actor": self.actor, "now": self.now}
        place: dict[str, Any] = {**by, "project_id": self.project}
        task, label, comment = self.some(Task), self.some(Label), self.some(Comment)
        who = self.random.choice([self.guest, None])
        return [
            lambda: create_task(**by, fields={**self.fields(), "project": self.project}),
            lambda: update_task(**by, task_id=task, fields=self.fields()),
            lambda: update_task(**by, task_id=task, fields={"labels": self.names()}),
            lambda: update_task(**by, task_id=task, fields={"assignee": who}),
            lambda: update_task(**by, task_id=task, fields={"external_id": self.external_id()}),
            lambda: update_task(**by, task_id=task, fields={"parent": self.some(Task)}),
            lambda: delete_task(**by, task_id=task),
            lambda: restore_task(**by, task_id=task),
            lambda: rename_label(**by, label_id=label, name=self.random.choice(NAMES)),
            lambda: delete_label(**by, label_id=label),
            lambda: create_comment(**by, task_id=task, fields={"body": "?"}),
            lambda: update_comment(**by, comment_id=comment, fields={"body": "!"}),
            lambda: delete_comment(actor=self.actor, now=self.now, comment_id=comment),
            lambda: add_member(**place, user=self.guest, role=Role.EDITOR),
            lambda: change_role(**place, user_id=self.guest, role=self.random.choice(list(Role))),
            lambda: remove_member(**place, user_id=self.guest),
            lambda: update_project(**place, fields={"name": self.random.choice(NAMES)}),
        ]

    def some(self, model: type[Task | Label | Comment]) -> UUID:
        """Return the id of any row, or of none when there is none."""
        found = list(model._default_manager.order_by("pk").values_list("pk", flat=True))
        return self.random.choice(found) if found else self.project

    def fields(self) -> dict[str, object]:
        return {
            "title": self.random.choice(NAMES),
            "labels": self.names(),
            "external_id": self.external_id(),
            "assignee": self.random.choice([None, self.actor.id, self.guest]),
            "parent": self.random.choice([None, self.some(Task)]),
        }

    def names(self) -> list[str]:
        return self.random.sample(NAMES, 2)

    def external_id(self) -> str | None:
        return self.random.choice([None, "1", "2"])


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("seed", range(3))
def test_it_weathers(
    seed: int,
    project: Project,
    new_task: Callable[..., Task],
    admin: Actor,
    viewer: Actor,
    now: datetime,
) -> None:
    for index in range(4):
        new_task(labels=NAMES[index : index + 1])

    storms = [
        Storm(seed * THREADS + index, project.pk, admin, viewer.id, now) for index in range(THREADS)
    ]
    outcomes = race([storm.run for storm in storms])

    assert outcomes == [[]] * THREADS
    _check_rules(project)


def _check_rules(project: Project) -> None:
    tasks = {task.pk: task for task in Task.objects.all()}
    members = set(Membership.objects.filter(project=project).values_list("user", flat=True))
    assert {task.assignee_id for task in tasks.values()} <= {None, *members}
    assert project.memberships.filter(role=Role.ADMIN).exists()
    for task in tasks.values():
        above = 0 if task.parent_id is None else tasks[task.parent_id].depth + 1
        assert task.depth == above  # so there is no circle either
        if task.parent_id and task.deleted_at is None:
            assert tasks[task.parent_id].deleted_at is None
        assert all(label.project_id == project.pk for label in task.labels.all())
