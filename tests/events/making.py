"""Events made by hand, for tests of those who read the log."""

from datetime import UTC, datetime
from typing import Any

from django.db import transaction

from tasks.events import sequencer
from tasks.events.log import record_event
from tasks.ids import uuid7
from tasks.models import Event

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def make_event(**given: Any) -> Event:
    """Record an event of a task of its own, unless it is told otherwise."""
    fields: dict[str, Any] = {
        "type": "task.created",
        "subject": uuid7(),
        "project": uuid7(),
        "shown": {"title": "Pack"},
        "actor": None,
        "now": NOON,
        **given,
    }
    fields.setdefault("task", fields["subject"])
    with transaction.atomic():
        uid = record_event(fields.pop("type"), **fields).uid
    return Event.objects.get(uid=uid)


def sequence_all() -> int:
    """Give all committed events their place; return how many."""
    total = sequencer.sequence()  # the first call may only make the cursor
    while count := sequencer.sequence():
        total += count
    return total
