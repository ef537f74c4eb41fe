"""Deleting tasks, bringing them back, and deleting them for good."""

from datetime import datetime
from uuid import UUID

from tasks import versions
from tasks.errors import InTrash
from tasks.models import Task
from tasks.operations import labels
from tasks.operations.access import Actor, get_task, write
from tasks.operations.order import show
from tasks.operations.recording import record_purge, recorded_tasks
from tasks.operations.tree import subtrees
from tasks.policies import Action
from tasks.versions import Expected


def delete_task(
    *, actor: Actor, now: datetime, task_id: UUID, expected: Expected = versions.ANY
) -> None:
    """Put a task and its live subtree into the trash. Twice is as good as once.

    What was in the trash before keeps the deletion that it belongs to.

    Raises:
        VersionMismatch: the task has another version than expected.
    """
    with write():
        task = _locked(actor, task_id, Action.WRITE_TASKS, expected)
        if task.deleted_at:
            return
        subtree = subtrees([task.pk], live_only=True)
        with recorded_tasks(subtree, "trashed", actor=actor.id, now=now):
            Task.objects.filter(pk__in=subtree).change(now, deleted_at=now, trashed_with=task.pk)


def restore_task(
    *, actor: Actor, now: datetime, task_id: UUID, expected: Expected = versions.ANY
) -> Task:
    """Bring back exactly what the deletion of this task took. Twice is as good as once.

    Raises:
        VersionMismatch: the task has another version than expected.
        InTrash: it went along with a task above it, or its parent went later: restore that first.
    """
    with write():
        task = _locked(actor, task_id, Action.WRITE_TASKS, expected)
        if task.deleted_at:
            _refuse_out_of_order(task)
            taken = Task.objects.filter(project=task.project_id, trashed_with=task.pk)
            ids = taken.order_by("depth", "position").values_list("pk", flat=True)
            with recorded_tasks(ids, "restored", actor=actor.id, now=now):
                taken.change(now, deleted_at=None, trashed_with=None)
            task.deleted_at, task.trashed_with = None, None
            task.version, task.updated_at = task.version + 1, now
        show(task, labels.names_of(task))
    return task


def purge_task(
    *, actor: Actor, now: datetime, task_id: UUID, expected: Expected = versions.ANY
) -> None:
    """Delete a task, in the trash or not, and all below it for good.

    Raises:
        NotAllowed: the actor is no admin of the project.
        VersionMismatch: the task has another version than expected.
    """
    with write():
        task = _locked(actor, task_id, Action.PURGE, expected)
        subtree = subtrees([task.pk])
        record_purge(subtree, actor=actor.id, now=now)
        Task.objects.filter(pk__in=subtree).delete()


def _locked(actor: Actor, task_id: UUID, action: Action, expected: Expected) -> Task:
    return get_task(actor, task_id, action, expected=expected, with_project=True)


def _refuse_out_of_order(task: Task) -> None:
    if task.trashed_with != task.pk:
        raise InTrash("It was deleted together with a task above it: restore that one.")
    if task.parent is not None and task.parent.deleted_at:
        raise InTrash("Its parent is in the trash: restore that first.")
