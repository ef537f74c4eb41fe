"""The event log's one door: an event is written with the change it tells of, or not at all.

The row is in the transaction of the change, so a rollback leaves no event and no crash leaves a
change without one (the "transactional outbox" of the literature, but for ever: what is published is
not deleted, it is the history). It costs one INSERT per write. When not to use it: for what nobody
outside will ever ask about; a log line is enough for that.

The event has no place in the log yet: `number`, which it has from the start, is given before the
commit, so a slow transaction commits numbers that are lower than those already seen. Readers go by
`sequence` (tasks/events/sequencer.py).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import orjson
from django.db import transaction

from tasks import context
from tasks.events import wakeup
from tasks.events.catalogue import TYPES
from tasks.models import Event
from tasks.statements import insert

type Changes = Mapping[str, tuple[Any, Any]]

_BATCH: Final = 500
# They change whenever something else does, and stand in the snapshot.
_ALWAYS: Final = frozenset({"version", "updated_at"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """What there is to tell of one change.

    Attributes:
        type: one of `tasks.events.catalogue.TYPES`.
        subject: the id of the object that changed.
        shown: the object as the API shows it, after the change; of one that is gone, before.
        changes: each field that differs, with its old and new value, as the API shows them.
        project: its members see the event; None if it is for `user` only.
        task: the task whose history it belongs to.
        user: whom it is about; they see it in any case.
        left_project: where a task was moved away from.
    """

    type: str
    subject: UUID
    shown: Mapping[str, Any]
    changes: Changes
    project: UUID | None
    task: UUID | None = None
    user: UUID | None = None
    left_project: UUID | None = None


def record_event(
    type: str,  # noqa: A002 - the attribute's name in CloudEvents
    *,
    subject: UUID,
    project: UUID | None,
    shown: Mapping[str, Any],
    changes: Changes | None = None,
    actor: UUID | None,
    now: datetime,
    task: UUID | None = None,
    user: UUID | None = None,
    left_project: UUID | None = None,
) -> Event:
    """Write an event; see `Happening` for what is not named here.

    Args:
        actor: the user who made the change; None for the service itself.
        now: the instant of the change.

    Returns:
        The event; its `number` is known to the database only.

    Raises:
        RuntimeError: there is no transaction: the event could stay without its change.
        ValueError: the type is not in the catalogue.
    """
    happening = Happening(
        type=type,
        subject=subject,
        project=project,
        shown=shown,
        changes=changes or {},
        task=task,
        user=user,
        left_project=left_project,
    )
    [event] = record_events([happening], actor=actor, now=now)
    return event


def record_events(
    happenings: Iterable[Happening], *, actor: UUID | None, now: datetime
) -> list[Event]:
    """Write events in the order given; returns and raises as `record_event`."""
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("an event is recorded in the transaction of its change")
    events = [_event(happening, actor, now) for happening in happenings]
    if len(events) == 1:
        insert(events[0])  # the most frequent by far, and half the price of the other
    else:
        Event.objects.bulk_create(events, batch_size=_BATCH)
    if events:
        transaction.on_commit(wakeup.notify, robust=True)
    return events


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return the fields that differ between two views of an object, with both values."""
    return {
        name: (value, after[name])
        for name, value in before.items()
        if name not in _ALWAYS and value != after[name]
    }


def _event(happening: Happening, actor: UUID | None, now: datetime) -> Event:
    if happening.type not in TYPES:
        raise ValueError(f"{happening.type} is not in the catalogue of events")
    data = {
        "object": happening.shown,
        "changes": happening.changes,
        "actor": actor,
        "request_id": context.request_id.get() or None,
        "project": happening.project,
    }
    return Event(
        type=happening.type,
        subject=happening.subject,
        project=happening.project,
        left_project=happening.left_project,
        task=happening.task,
        user=happening.user,
        occurred_at=now,
        traceparent=context.traceparent.get(),
        data=orjson.dumps(data, option=orjson.OPT_UTC_Z).decode(),
    )
