"""Out of the trash: exactly what the deletion took, as it was."""

from collections.abc import Callable
from datetime import datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.errors import InTrash
from tasks.models import Task
from tasks.operations.access import Actor
from tasks.operations.tasks import update_task
from tasks.operations.trash import delete_task, restore_task
from tests.factories import ids
from tests.operations.watching import nothing_written, refused

Create = Callable[..., Task]


@pytest.fixture
def chain(new_task: Create) -> list[Task]:
    """Four tasks, each below the one before."""
    made = [new_task(title="0")]
    for index in range(1, 4):
        made.append(new_task(title=str(index), parent=made[-1].pk))
    return made


def test_it_brings_back_what_the_deletion_took(
    chain: list[Task], editor: Actor, now: datetime, later: datetime
) -> None:
    delete_task(actor=editor, now=now, task_id=chain[2].pk)
    delete_task(actor=editor, now=now, task_id=chain[0].pk)

    restore_task(actor=editor, now=later, task_id=chain[0].pk)

    state = [
        (task.deleted_at, task.trashed_with, task.version, task.updated_at)
        for task in Task.objects.order_by("title")
    ]
    back, gone = (None, None, 3, later), (now, chain[2].pk, 2, now)
    assert state == [back, back, gone, gone]


def test_it_leaves_what_is_not_in_the_trash(task: Task, editor: Actor, later: datetime) -> None:
    with nothing_written():
        restore_task(actor=editor, now=later, task_id=task.pk)


def test_it_is_refused_for_what_went_along(chain: list[Task], editor: Actor, now: datetime) -> None:
    delete_task(actor=editor, now=now, task_id=chain[0].pk)

    with refused(InTrash) as caught:
        restore_task(actor=editor, now=now, task_id=chain[1].pk)
    assert caught.value.detail == "It was deleted together with a task above it: restore that one."


def test_it_is_refused_while_its_parent_is_in_the_trash(
    chain: list[Task], editor: Actor, now: datetime
) -> None:
    delete_task(actor=editor, now=now, task_id=chain[1].pk)
    delete_task(actor=editor, now=now, task_id=chain[0].pk)

    with refused(InTrash):
        restore_task(actor=editor, now=now, task_id=chain[1].pk)


def test_it_comes_back_where_its_parent_is_now(
    chain: list[Task], new_task: Create, editor: Actor, now: datetime
) -> None:
    delete_task(actor=editor, now=now, task_id=chain[2].pk)
    root = new_task()
    update_task(actor=editor, now=now, task_id=chain[0].pk, fields={"parent": root.pk})

    restore_task(actor=editor, now=now, task_id=chain[2].pk)

    depths = [Task.objects.get(pk=task.pk).depth for task in chain]
    assert depths == [1, 2, 3, 4]


SHAPES = st.lists(st.integers(0, 7), min_size=1, max_size=8)


@settings(
    deadline=None,
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(shape=SHAPES, first=st.integers(0, 7), second=st.integers(0, 7))
def test_it_is_the_reverse_of_deleting(
    shape: list[int], first: int, second: int, new_task: Create, editor: Actor, now: datetime
) -> None:
    """In any tree, whatever was deleted before."""
    tree: list[Task] = []
    for above in shape:
        parent = tree[above % len(tree)] if tree else None
        deep = parent is None or parent.depth == 4
        tree.append(new_task(parent=None if deep or parent is None else parent.pk))
    delete_task(actor=editor, now=now, task_id=tree[first % len(tree)].pk)
    live = Task.objects.filter(pk__in=ids(tree)).live()
    before = ids(live.all())
    target = tree[second % len(tree)].pk

    if target in before:
        delete_task(actor=editor, now=now, task_id=target)
        assert target not in ids(live.all())
        restore_task(actor=editor, now=now, task_id=target)
    assert ids(live.all()) == before
