"""Into the trash: the task and what hangs below it, and nothing else."""

from collections.abc import Callable
from datetime import datetime

import pytest

from tasks.models import Project, Task
from tasks.operations.access import Actor
from tasks.operations.trash import delete_task
from tests.factories import ids
from tests.operations.watching import nothing_written

Create = Callable[..., Task]


@pytest.fixture
def house(new_task: Create) -> dict[str, Task]:
    """A tree: house > kitchen > (box > glass), and a garden beside the house."""
    house = new_task(title="house")
    kitchen = new_task(title="kitchen", parent=house.pk)
    box = new_task(title="box", parent=kitchen.pk)
    glass = new_task(title="glass", parent=box.pk)
    garden = new_task(title="garden")
    return {task.title: task for task in (house, kitchen, box, glass, garden)}


def test_it_takes_exactly_the_subtree(
    house: dict[str, Task], editor: Actor, later: datetime, now: datetime
) -> None:
    kitchen = house["kitchen"]
    delete_task(actor=editor, now=later, task_id=kitchen.pk)

    gone = {
        task.title: (task.deleted_at, task.trashed_with, task.version, task.updated_at)
        for task in Task.objects.all()
    }
    taken, kept = (later, kitchen.pk, 2, later), (None, None, 1, now)
    assert gone == {
        "house": kept,
        "kitchen": taken,
        "box": taken,
        "glass": taken,
        "garden": kept,
    }


def test_it_leaves_what_was_deleted_before_to_that_deletion(
    house: dict[str, Task], editor: Actor, now: datetime, later: datetime
) -> None:
    delete_task(actor=editor, now=now, task_id=house["box"].pk)
    delete_task(actor=editor, now=later, task_id=house["house"].pk)

    trash = Task.objects.trashed()
    assert ids(trash.filter(trashed_with=house["box"].pk, deleted_at=now)) == {
        house["box"].pk,
        house["glass"].pk,
    }
    assert ids(trash.filter(trashed_with=house["house"].pk, deleted_at=later)) == {
        house["house"].pk,
        house["kitchen"].pk,
    }


@pytest.mark.parametrize("which", ["kitchen", "glass"])
def test_it_is_as_good_twice_as_once(
    which: str, house: dict[str, Task], editor: Actor, now: datetime, later: datetime
) -> None:
    delete_task(actor=editor, now=now, task_id=house["kitchen"].pk)

    with nothing_written():
        delete_task(actor=editor, now=later, task_id=house[which].pk)


def test_it_keeps_everything_else_of_the_task(
    project: Project, new_task: Create, editor: Actor, later: datetime
) -> None:
    task = new_task(labels=["Fragile"], external_id="42", assignee=editor.id)
    delete_task(actor=editor, now=later, task_id=task.pk)

    task.refresh_from_db()
    assert (task.title, task.status, task.external_id) == ("Pack", "todo", "42")
    assert (task.project_id, task.assignee_id) == (project.pk, editor.id)
    assert [label.name for label in task.labels.all()] == ["Fragile"]
