"""Twenty at the same moment who want the same: one gets it, the others are told by name."""

from collections.abc import Callable
from datetime import datetime

import pytest

from tasks.ids import uuid7
from tasks.models import Label, Membership, Project, Task
from tasks.operations.access import Actor
from tasks.operations.projects import create_project, inbox
from tasks.operations.tasks import create_task
from tasks.operations.trash import delete_task, restore_task
from tests.operations.racing import Act, kinds, race

pytestmark = pytest.mark.django_db(transaction=True)

Create = Callable[..., Task]
MANY = 20


def test_it_makes_a_label_once(project: Project, editor: Actor, now: datetime) -> None:
    def act(index: int) -> Act:
        name = ["Fragile", "fragile", "FRAGILE"][index % 3]
        fields = {"title": str(index), "project": project.pk, "labels": [name, "heavy"]}
        return lambda: create_task(actor=editor, now=now, fields=fields)

    outcomes = race([act(index) for index in range(MANY)])

    assert kinds(outcomes) == {"ok": MANY}
    assert sorted(label.name_key for label in Label.objects.all()) == ["fragile", "heavy"]
    assert [task.labels.count() for task in Task.objects.all()] == [2] * MANY


def test_it_gives_an_external_id_once(project: Project, editor: Actor, now: datetime) -> None:
    fields = {"title": "Pack", "project": project.pk, "external_id": "42"}
    outcomes = race([lambda: create_task(actor=editor, now=now, fields=fields)] * MANY)

    assert kinds(outcomes) == {"ok": 1, "ExternalIdTaken": MANY - 1}
    assert Task.objects.count() == 1


def test_it_gives_an_external_id_to_one_task(
    new_task: Create, updating: Callable[..., Act]
) -> None:
    outcomes = race([updating(new_task(), external_id="42") for _ in range(MANY)])

    assert kinds(outcomes) == {"ok": 1, "ExternalIdTaken": MANY - 1}
    assert Task.objects.filter(version=2).count() == 1


def test_it_gives_an_id_once_to_all_users(
    project: Project, editor: Actor, stranger: Actor, now: datetime
) -> None:
    chosen = uuid7()
    own = {"title": "Pack", "id": chosen, "project": project.pk}
    foreign = {"title": "Dig", "id": chosen}
    outcomes = race(
        [
            lambda: create_task(actor=editor, now=now, fields=own),
            lambda: create_task(actor=stranger, now=now, fields=foreign),
        ]
        * (MANY // 2)
    )

    assert kinds(outcomes) == {"ok": 1, "IdTaken": MANY - 1}
    assert Task.objects.get().pk == chosen


def test_it_gives_the_id_of_a_project_once(admin: Actor, now: datetime) -> None:
    fields = {"id": uuid7(), "name": "Garden"}
    outcomes = race([lambda: create_project(actor=admin, now=now, fields=fields)] * MANY)

    assert kinds(outcomes) == {"ok": 1, "IdTaken": MANY - 1}
    assert Membership.objects.count() == 1


def test_it_makes_one_inbox(admin: Actor, now: datetime) -> None:
    outcomes = race([lambda: inbox(actor=admin, now=now)] * MANY)

    assert kinds(outcomes) == {"ok": MANY}
    assert {made.pk for made in outcomes} == {Project.objects.get().pk}
    assert Membership.objects.count() == 1


def test_it_makes_one_inbox_for_many_first_tasks(admin: Actor, now: datetime) -> None:
    outcomes = race([lambda: create_task(actor=admin, now=now, fields={"title": "Pack"})] * MANY)

    assert kinds(outcomes) == {"ok": MANY}
    assert Project.objects.get().tasks.count() == MANY


def test_it_counts_each_change(task: Task, updating: Callable[..., Act]) -> None:
    outcomes = race([updating(task, title=f"Pack {index}") for index in range(MANY)])

    assert sorted(done.version for done in outcomes) == list(range(2, MANY + 2))
    task.refresh_from_db()
    last = max(outcomes, key=lambda done: done.version)
    assert (task.title, task.version) == (last.title, MANY + 1)


def test_it_deletes_and_restores_as_if_in_turn(
    task: Task, new_task: Create, editor: Actor, later: datetime
) -> None:
    child = new_task(parent=task.pk)
    outcomes = race(
        [
            lambda: delete_task(actor=editor, now=later, task_id=task.pk),
            lambda: restore_task(actor=editor, now=later, task_id=task.pk),
        ]
        * (MANY // 2)
    )

    assert kinds(outcomes) == {"ok": MANY}
    task.refresh_from_db()
    child.refresh_from_db()
    assert (task.deleted_at, task.version) == (child.deleted_at, child.version)
    assert (task.deleted_at is None) == (task.version % 2 == 1)
