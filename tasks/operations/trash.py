"""Deleting and restoring tasks. Nothing is lost before the trash is emptied."""

from datetime import datetime
from uuid import UUID

from tasks.errors import InTrash
from tasks.models import Task
from tasks.operations.access import Actor, get_task, lock_project_of, write
from tasks.operations.tree import levels_below
from tasks.policies import Action


def delete_task(*, actor: Actor, now: datetime, task_id: UUID) -> None:
    """Put a task and its live subtree into the trash. Twice is as good as once.

    What was in the trash before keeps the deletion that it belongs to.
    """
    with write():
        lock_project_of(Task.objects.filter(pk=task_id), actor)
        task = get_task(actor, task_id, Action.WRITE_TASKS)
        if task.deleted_at:
            return
        subtree = [
            task.pk,
            *(pk for level in levels_below(task.pk, live_only=True) for pk in level),
        ]
        Task.objects.filter(pk__in=subtree).change(now, deleted_at=now, trashed_with=task.pk)


def restore_task(*, actor: Actor, now: datetime, task_id: UUID) -> None:
    """Bring back exactly what the deletion of this task took. Twice is as good as once.

    Raises:
        InTrash: it went along with a task above it, or its parent went later: restore that first.
    """
    with write():
        lock_project_of(Task.objects.filter(pk=task_id), actor)
        task = get_task(actor, task_id, Action.WRITE_TASKS)
        if not task.deleted_at:
            return
        if task.trashed_with != task.pk:
            raise InTrash("It was deleted together with a task above it: restore that one.")
        if task.parent is not None and task.parent.deleted_at:
            raise InTrash("Its parent is in the trash: restore that first.")
        taken = Task.objects.filter(project=task.project_id, trashed_with=task.pk)
        taken.change(now, deleted_at=None, trashed_with=None)
