"""Deleting for good what has outlived its time: the trash after 30 days, keys after a day, the
record of what was delivered and received after 30 days.

A few rows at a time, each batch a transaction of its own, so nobody waits long for a lock and an
interrupted run has done its share. Two runs side by side do each other no harm.
"""

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from tasks.models import Delivery, IdempotencyKey, Project, ReceivedEvent, Task
from tasks.operations.idempotency import KEPT_FOR
from tasks.operations.recording import record, record_each, record_purge
from tasks.operations.tree import subtrees

TRASH_KEPT_FOR: Final = timedelta(days=30)
DELIVERIES_KEPT_FOR: Final = timedelta(days=30)
# Much longer than any broker keeps an event and brings it once more.
RECEIVED_KEPT_FOR: Final = timedelta(days=30)
_BATCH: Final = 500


def prune_keys(*, now: datetime) -> int:
    """Delete the idempotency keys that mean nothing any more; return how many."""
    return delete_in_batches(IdempotencyKey.objects.filter(created_at__lte=now - KEPT_FOR))


def prune_deliveries(*, now: datetime) -> int:
    """Delete deliveries that ended long ago, with their attempts; return how many."""
    before = now - DELIVERIES_KEPT_FOR
    return delete_in_batches(Delivery.objects.filter(ended_at__lte=before))


def prune_received_events(*, now: datetime) -> int:
    """Forget which events of other services were handled long ago; return how many."""
    before = now - RECEIVED_KEPT_FOR
    return delete_in_batches(ReceivedEvent.objects.filter(received_at__lte=before))


def delete_in_batches(old: QuerySet[Any, Any]) -> int:
    """Delete rows, and what hangs below them; return how many rows."""
    model, pruned = old.model, 0
    while batch := list(old.values_list("pk", flat=True)[:_BATCH]):
        deleted = model._default_manager.filter(pk__in=batch).delete()[1]
        pruned += deleted.get(model._meta.label, 0)
    return pruned


def prune_trash(*, now: datetime) -> int:
    """Delete what went to the trash 30 days ago or earlier; return how many tasks and projects."""
    before = now - TRASH_KEPT_FOR
    thrown = Project.objects.filter(deleted_at__lte=before)
    holding = Project.objects.filter(tasks__deleted_at__lte=before).distinct()
    pruned = sum(
        _purge_project(pk, before, now) for pk in list(thrown.values_list("pk", flat=True))
    )
    for pk in list(holding.values_list("pk", flat=True)):
        while batch := _purge_tasks(pk, before, now):
            pruned += batch
    return pruned


def _purge_tasks(project_id: UUID, before: datetime, now: datetime) -> int:
    """Delete a batch under the project's lock: whoever restores a task waits, or was first."""
    with transaction.atomic():
        Project.objects.select_for_update(no_key=True).filter(pk=project_id).first()
        old = Task.objects.filter(project=project_id, deleted_at__lte=before)
        return _delete(list(old.values_list("pk", flat=True)[:_BATCH]), now)


def _purge_project(project_id: UUID, before: datetime, now: datetime) -> int:
    """Delete a project with everything in it, or nothing if it was restored meanwhile."""
    with transaction.atomic():
        thrown = Project.objects.filter(pk=project_id, deleted_at__lte=before)
        project = thrown.select_for_update().first()
        if project is None:
            return 0
        pruned = 1
        tasks = Task.objects.filter(project=project_id)
        while batch := list(tasks.values_list("pk", flat=True)[:_BATCH]):
            pruned += _delete(batch, now)
        members = project.memberships.select_related("user")
        record_each("removed", members, actor=None, now=now)
        record("purged", project, actor=None, now=now)
        project.delete()
    return pruned


def _delete(tasks: list[UUID], now: datetime) -> int:
    """Delete tasks and what hangs below them; return how many tasks that were."""
    subtree = subtrees(tasks)
    record_purge(subtree, actor=None, now=now)
    return Task.objects.filter(pk__in=subtree).delete()[1].get("tasks.Task", 0)
