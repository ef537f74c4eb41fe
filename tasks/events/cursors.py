"""How far the readers of the log have come, and the right to read on.

Two ways to hold a cursor. Whoever needs only the database holds the lock of its row, for one
transaction: what they write and the cursor's move are one. Whoever talks to somebody over the
network holds a lease: nothing is locked meanwhile, and one who freezes loses it after a while. A
lease that was lost moves nothing any more; what was sent twice in between has the same ids.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from tasks.models import Cursor, Event, ParkedEvent
from tasks.rows import slot
from tasks.statements import statement

SEQUENCER: Final = "sequencer"
RABBITMQ: Final = "rabbitmq"
WEBHOOKS: Final = "webhooks"
PRUNED: Final = "pruned"

_LONGEST_ERROR: Final = 500
LEASE: Final = timedelta(seconds=10)


@contextmanager
def locked(name: str) -> Iterator[Cursor | None]:
    """Yield the cursor in a transaction, under its row lock; None if another process has that."""
    with transaction.atomic():
        rows = Cursor.objects.filter(name=name)
        if connection.features.has_select_for_update_skip_locked:
            rows = rows.select_for_update(skip_locked=True, no_key=True)
        found = rows.first()
        if found is None:
            _make(name)
        yield found


def position(name: str) -> int:
    """Return how far a reader has come; 0 if it has never begun. Asked often: by compiled SQL."""

    def build() -> QuerySet[Cursor, Any]:
        return Cursor.objects.filter(name=slot(Cursor, "name")).values_list("position")

    found = statement(("position",), build).rows({"name": name})
    return int(found[0][0]) if found else 0


def lease(name: str, holder: UUID) -> Cursor | None:
    """Take or prolong the lease; None while somebody else has it. The database's clock counts."""
    free = Q(holder=holder) | Q(holder=None) | Q(leased_until__lt=Now())
    if not Cursor.objects.filter(free, name=name).update(holder=holder, leased_until=Now() + LEASE):
        _make(name)
        return None
    return Cursor.objects.get(name=name)


def move(name: str, holder: UUID, to: int) -> bool:
    """Move a leased cursor; return whether the lease was still there."""
    mine = Cursor.objects.filter(name=name, holder=holder, position__lte=to)
    return bool(mine.update(position=to, leased_until=Now() + LEASE))


def park(name: str, event: Event, error: str, *, tries: int, now: datetime) -> None:
    """Keep an event that a reader goes on without; it is handled again when somebody says so."""
    ParkedEvent.objects.update_or_create(
        cursor_id=name,
        event=event,
        defaults={"tries": tries, "error": error[:_LONGEST_ERROR], "parked_at": now},
    )


def release(name: str, holder: UUID) -> None:
    """Give the lease back, so that another process need not wait for its end."""
    Cursor.objects.filter(name=name, holder=holder).update(holder=None, leased_until=None)


def _make(name: str) -> None:
    """Make the cursor if it is missing; whoever comes next finds it."""
    Cursor.objects.bulk_create([Cursor(name=name)], ignore_conflicts=True)
