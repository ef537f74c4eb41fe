"""Forgetting the beginning of the log: what is older than 90 days, and everybody has read.

It goes from the front, so the log has one beginning, and the cursor `pruned` says where that is:
whoever asks for something before it is told that it is gone, and not given what is left. An event
that a configured reader has not passed stays, whatever its age: a broker that was away for long
gets everything.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Final

from tasks.events import cursors
from tasks.models import Cursor, Event

KEPT_FOR: Final = timedelta(days=90)
BATCH: Final = 500


def prune_events(*, now: datetime, readers: Iterable[str]) -> int:
    """Delete the events at the front of the log that are too old; return how many.

    A batch is a transaction of its own. If another process is pruning, it is left to that one.

    Args:
        readers: the names of the cursors behind which nothing is deleted.
    """
    names, pruned = list(readers), 0
    while count := _prune_batch(now - KEPT_FOR, names):
        pruned += count
    return pruned


def _prune_batch(before: datetime, readers: list[str]) -> int:
    with cursors.locked(cursors.PRUNED) as cursor:
        if cursor is None:
            return 0
        last = _last_to_go(cursor.position, before, readers)
        if last is None:
            return 0
        cursor.position = last
        cursor.save(update_fields=["position"])
        return Event.objects.filter(sequence__lte=last).delete()[1]["tasks.Event"]


def _last_to_go(position: int, before: datetime, readers: list[str]) -> int | None:
    """Return the sequence up to which a batch is old enough and read by all."""
    places = dict(Cursor.objects.filter(name__in=readers).values_list("name", "position"))
    passed = Event.objects.sequenced().filter(sequence__gt=position)
    for reader in readers:
        passed = passed.filter(sequence__lte=places.get(reader, 0))
    first = passed.order_by("sequence").values_list("sequence", "occurred_at")[:BATCH]
    old = [sequence for sequence, _ in takewhile(lambda row: row[1] <= before, first)]
    return old[-1] if old else None
