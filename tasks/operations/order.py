"""The order of a project's tasks: room for keys between two of them, each key once.

Callers hold the lock of the project, but for a new task at the end: its key comes from the clock,
and where two processes made the same one the constraint `task_position_once` refuses the second,
who tries again.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import F, QuerySet

from tasks import positions
from tasks.errors import ExternalIdTaken, IdTaken, PositionTaken
from tasks.models import Task
from tasks.operations.recording import recorded_tasks
from tasks.querysets import LABEL_SEPARATOR

# What a write of a task may break, by the names of the constraints or, on SQLite, their columns.
TAKEN: Final = (
    ("external_id", ExternalIdTaken),
    ("position", PositionTaken),
    ("tasks_task_pkey", IdTaken),
    ("tasks_task.id", IdTaken),
)
_TRIES: Final = 5
_REACH: Final = 32  # neighbours on either side whose keys are dealt out anew at first
_SHORT: Final = 14  # digits; longer keys than this are no gain
_BATCH: Final = 500


def again_while_taken[T](act: Callable[[], T]) -> T:
    """Return what `act` returns, trying anew while another process is quicker with its key.

    Raises:
        PositionTaken: that often in a row, which has another reason.
    """
    for _ in range(_TRIES - 1):
        try:
            return act()
        except PositionTaken:
            continue
    return act()


def show(task: Task, names: Iterable[str] | None = None) -> None:
    """Give a task what its row has beside the columns, without reading the row again."""
    if names is not None:
        task.label_names = LABEL_SEPARATOR.join(names)  # type: ignore[attr-defined]
    task.metadata_text = task.metadata  # type: ignore[attr-defined]


def neighbours(project_id: UUID, leaving: Iterable[UUID]) -> "QuerySet[Task, Task]":
    """Return the tasks of a project whose keys count, in the trash or not, without those moving."""
    return Task.objects.filter(project=project_id).exclude(pk__in=list(leaving))


def keys_between(
    others: "QuerySet[Task, Task]",
    lower: str,
    upper: str,
    count: int,
    *,
    actor: UUID,
    now: datetime,
    leaving: str = "",
) -> list[str]:
    """Return keys for `count` tasks between two neighbours, dealing out theirs anew if need be.

    Args:
        others: the tasks of the project that stay where they are.
        lower: the key of the neighbour in front; empty for the beginning.
        upper: the key of the neighbour behind; empty for the end.
        actor: whose move it is, for the events of those neighbours.
        leaving: the key that a task of this project gives up, and has until it is written.
    """
    keys = _new_keys(lower, upper, count)
    if max(map(len, keys)) <= positions.LONGEST:
        return keys
    moved, dealt, mine = _dealt_out(others, lower, count, leaving)
    with recorded_tasks([task.pk for task in moved], "updated", actor=actor, now=now):
        _rewrite(moved, dealt, now)
    return mine


def _new_keys(lower: str, upper: str, count: int) -> list[str]:
    if not upper:
        return _series(positions.behind, lower, count)
    if not lower:
        return _series(positions.before, upper, count)[::-1]
    return positions.spread(lower, upper, count, room=1)


def _series(step: Callable[[str], str], key: str, count: int) -> list[str]:
    keys = []
    for _ in range(count):
        key = step(key)
        keys.append(key)
    return keys


def _dealt_out(
    others: "QuerySet[Task, Task]", lower: str, count: int, leaving: str
) -> tuple[list[Task], list[str], list[str]]:
    """Return the tasks around a place, as few as will do, new keys for them and for newcomers.

    Where nothing follows the keys end before the clock: beyond it, whatever is created later would
    come in front of them.
    """
    reach = _REACH
    while True:
        below = list(others.filter(position__lte=lower).order_by("-position")[: reach + 1])[::-1]
        above = list(others.filter(position__gt=lower).order_by("position")[: reach + 1])
        floor = below.pop(0).position if len(below) > reach else ""
        followed = len(above) > reach
        ceiling = above.pop().position if followed else positions.behind(floor)
        moved = [*below, *above]
        taken = {leaving, *(task.position for task in moved)}
        keys = positions.spread(floor, ceiling, len(moved) + count, taken=taken)
        if max(map(len, keys)) <= _SHORT or not (floor or followed):
            break
        reach *= 2
    first = len(below)
    return moved, keys[:first] + keys[first + count :], keys[first : first + count]


def _rewrite(tasks: list[Task], keys: list[str], now: datetime) -> None:
    """Write the keys; each of the tasks looks different afterwards, so it gets its next version."""
    for task, key in zip(tasks, keys, strict=True):
        task.position, task.updated_at = key, now
        task.version = F("version") + 1
    columns: Any = ["position", "version", "updated_at"]
    Task.objects.bulk_update(tasks, columns, batch_size=_BATCH)
