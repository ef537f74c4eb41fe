"""How a change becomes an event: what the object looked like, what it looks like now.

Every operation calls this inside its transaction, and a test finds one that does not. The object's
row is locked before it is looked at, so that no two changes tell of the same "before", and so that
the events of an object are inserted in the order of its versions (tasks/events/sequencer.py).
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import batched
from typing import Any, Final
from uuid import UUID

import orjson
from django.db.models import Model

from tasks.events.log import Happening, differences, record_events
from tasks.models import Comment, Label, Membership, Project, Task
from tasks.rows import COMMENT, LABEL, MEMBER, PROJECT, TASK, Resource, Shown

_RESOURCES: Final[dict[type[Model], Resource]] = {
    resource.model: resource for resource in (COMMENT, LABEL, MEMBER, PROJECT, TASK)
}
_METADATA: Final = TASK.columns.index("metadata_text")
_BATCH: Final = 500


def look(thing: Model) -> Shown:
    """Return what events show of an object: what the API shows to everybody who sees it."""
    resource = _RESOURCES[type(thing)]
    shown = resource.show(thing)
    if resource is PROJECT:
        del shown["role"]  # of the one who looks
    return shown


def record(
    verb: str, thing: Model, *, actor: UUID | None, now: datetime, before: Shown | None = None
) -> None:
    """Record what happened to one object.

    Args:
        verb: the second half of the event's type.
        before: what `look` returned before the change; None for what is new or gone.
    """
    after = look(thing)
    changes = differences(before, after) if before else {}
    record_events([_happening(verb, thing, after, changes)], actor=actor, now=now)


def record_each(verb: str, things: Iterable[Model], *, actor: UUID | None, now: datetime) -> None:
    """Record the same of several objects that are new or gone."""
    happenings = [_happening(verb, thing, look(thing), {}) for thing in things]
    record_events(happenings, actor=actor, now=now)


@contextmanager
def recorded_tasks(
    ids: Iterable[UUID],
    verb: str,
    *,
    actor: UUID | None,
    now: datetime,
    left_project: UUID | None = None,
) -> Iterator[None]:
    """Record what the block does to many tasks at once, an event each, in the order of the ids.

    The rows are locked, and read once before and once after; a task that the block leaves as it
    is has no event.

    Args:
        left_project: where they were before, if they move to another project.
    """
    wanted = list(ids)
    before = _rows(wanted, lock=True)
    yield
    after = _rows(wanted)
    changed = [pk for pk in wanted if pk in after and after[pk]["version"] != before[pk]["version"]]
    record_events(
        [
            _of_task(verb, after[pk], differences(before[pk], after[pk]), left_project)
            for pk in changed
        ],
        actor=actor,
        now=now,
    )


def record_purge(ids: Iterable[UUID], *, actor: UUID | None, now: datetime) -> None:
    """Record that tasks are about to be deleted for good, as they looked last."""
    wanted = list(ids)
    last = _rows(wanted, lock=True)
    gone = [_of_task("purged", last[pk], {}) for pk in wanted if pk in last]
    record_events(gone, actor=actor, now=now)


def _happening(verb: str, thing: Model, shown: Shown, changes: dict[str, Any]) -> Happening:
    kind = _RESOURCES[type(thing)].name
    scope: dict[str, Any]
    match thing:
        case Task():
            return _of_task(verb, shown, changes)
        case Comment():
            scope = {"project": thing.task.project_id, "task": thing.task_id}
        case Membership():
            scope = {"project": thing.project_id, "user": thing.user_id}
        case Label():
            scope = {"project": thing.project_id}
        case Project():
            scope = {"project": thing.pk}
    subject = thing.user_id if isinstance(thing, Membership) else thing.pk
    return Happening(type=f"{kind}.{verb}", subject=subject, shown=shown, changes=changes, **scope)


def _of_task(
    verb: str, shown: Shown, changes: dict[str, Any], left_project: UUID | None = None
) -> Happening:
    return Happening(
        type=f"task.{verb}",
        subject=shown["id"],
        shown=shown,
        changes=changes,
        project=shown["project"],
        task=shown["id"],
        left_project=left_project,
    )


def _rows(ids: Sequence[UUID], *, lock: bool = False) -> dict[UUID, Shown]:
    """Return what is shown of tasks, by their ids.

    With a lock the rows are read as those left them that were waited for; their labels are safe,
    since who changes them holds the lock of the project, as the caller does.
    """
    found: dict[UUID, Shown] = {}
    for batch in batched(ids, _BATCH):
        rows = Task.objects.filter(pk__in=batch).with_row_columns().order_by("pk")
        if lock:
            rows = rows.select_for_update(of=("self",), no_key=True)
        for row in rows.values_list(*TASK.columns):
            shown = TASK.present(row)
            found[shown["id"]] = shown | {"metadata": orjson.loads(row[_METADATA])}
    return found
