"""Bulk makers: many rows at once, past the operations, for tests of reads and plans.

A test of a write makes its rows through the operations; these are for the lists that it walks.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from django.db import connection

from tasks import positions
from tasks.lifecycle import CLOSED
from tasks.models import Comment, Event, Label, Membership, Project, Task, TaskLabel
from tasks.operations.labels import name_key
from tasks.schedule import due_at

LONG_AGO = datetime(2026, 3, 1, 12, tzinfo=UTC)


def task(project: Project, **fields: Any) -> Task:
    """Build a task that is not saved; what follows from the fields is filled in."""
    given: dict[str, Any] = {
        "title": "Pack",
        "position": positions.last(),
        "created_by_id": project.created_by_id,
        "created_at": LONG_AGO,
        "updated_at": LONG_AGO,
        **fields,
    }
    made = Task(project=project, **given)
    made.due_at = due_at(made.due_date, made.due_time, made.timezone)
    if made.status in CLOSED and made.completed_at is None:
        made.completed_at = LONG_AGO
    if made.deleted_at and made.trashed_with is None:
        made.trashed_with = made.pk
    return made


def make_task(project: Project, **fields: Any) -> Task:
    """Insert one task."""
    made = task(project, **fields)
    made.save(force_insert=True)
    return made


def make_tasks(project: Project, rows: Iterable[dict[str, Any]]) -> list[Task]:
    """Insert a task for each row of fields, a thousand at a time."""
    return Task.objects.bulk_create([task(project, **row) for row in rows], batch_size=1000)


def make_label(project: Project, name: str) -> Label:
    return Label.objects.create(
        project=project,
        name=name,
        name_key=name_key(name),
        created_at=LONG_AGO,
        updated_at=LONG_AGO,
    )


def put_label(label: Label, tasks: Iterable[Task]) -> None:
    """Let these tasks carry the label."""
    TaskLabel.objects.bulk_create(
        [TaskLabel(task=task, label=label) for task in tasks], batch_size=1000
    )


def uneven(count: int) -> list[dict[str, Any]]:
    """Return fields whose values repeat in every column that a list can be sorted by.

    About half of the due dates and two thirds of the completions are NULL.
    """
    return [_uneven(index) for index in range(count)]


def _uneven(index: int) -> dict[str, Any]:
    moment = LONG_AGO.replace(hour=index % 5, microsecond=index % 3)
    return {
        "title": f"Box {index % 40}",
        "priority": index % 5,
        "due_date": date(2026, 4, 1 + index % 9) if index % 2 else None,
        "status": "done" if index % 3 == 0 else "todo",
        "completed_at": moment if index % 3 == 0 else None,
        "created_at": moment,
        "updated_at": moment,
        "position": f"1k{index * 7919 % 1_000_003:07}",  # each once, and in another order
    }


def analyze() -> None:
    """Let the planner know what is in the tables.

    In these and no others: ANALYZE of everything takes locks on the catalogues that all databases
    of the server share, and a test that runs beside this one would wait for its end.
    """
    with connection.cursor() as cursor:
        for model in (Project, Membership, Task, Label, TaskLabel):
            cursor.execute(f"ANALYZE {model._meta.db_table}")


def everything() -> dict[str, list[tuple[Any, ...]]]:
    """Return every row of the domain's tables: a refused operation must leave all as it was."""
    models = (Project, Membership, Task, Label, TaskLabel, Comment, Event)
    return {
        model.__name__: list(model._default_manager.order_by("pk").values_list())
        for model in models
    }


def ids(tasks: Iterable[Task]) -> set[UUID]:
    return {task.pk for task in tasks}
