"""Whether somebody works on the log, and how far behind they are: what `/health` tells.

A worker writes every five seconds that it is there. All ages are counted by the database's clock,
so the clocks of the machines do not matter.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final, cast

from django.db.models import F
from django.db.models.functions import Now

from tasks.events import cursors
from tasks.ids import uuid7
from tasks.models import Cursor, Event, Worker

KINDS: Final = ("events", "webhooks", "upkeep")  # of work; `run_worker --only` takes them
EVERY: Final = 5.0  # seconds
FORGOTTEN_AFTER: Final = timedelta(minutes=10)


class Heartbeat:
    """The row of one worker process.

    Args:
        kinds: what it does.
    """

    def __init__(self, kinds: Iterable[str]) -> None:
        self.id = uuid7()
        self._kinds = ",".join(kinds)

    def beat(self) -> bool:
        """Say that it is alive; returns False, since there is never more to do."""
        mine = Worker.objects.filter(pk=self.id)
        # None yet, or somebody took this worker for dead and has pruned it.
        if not mine.update(seen_at=Now()):
            Worker.objects.create(
                id=self.id,
                kinds=self._kinds,
                started_at=cast(datetime, Now()),
                seen_at=cast(datetime, Now()),
            )
        return False

    def end(self) -> None:
        """Say that it has ended, so that nobody waits for it."""
        Worker.objects.filter(pk=self.id).delete()


def ages() -> Mapping[str, timedelta]:
    """Return, for each kind of work, how long ago a worker that does it was last seen."""
    found: dict[str, timedelta] = {}
    rows = Worker.objects.annotate(age=Now() - F("seen_at")).values_list("kinds", "age")
    for kinds, age in rows.order_by("-seen_at"):
        for kind in kinds.split(","):
            found.setdefault(kind, age)
    return found


def prune_workers(**_: datetime) -> int:
    """Forget the workers that were killed; return how many. The database says what time it is."""
    return Worker.objects.filter(seen_at__lt=Now() - FORGOTTEN_AFTER).delete()[0]


def readers(amqp_url: str) -> list[str]:
    """Return the names of the cursors of those who read the log here and hand it on."""
    return [cursors.WEBHOOKS, *([cursors.RABBITMQ] if amqp_url else [])]


def oldest_unsent_age(waited_for: Iterable[str]) -> timedelta:
    """Return the age of the oldest event that somebody waits for; 0 if nobody does.

    That is an event without a place in the log, or one that a reader has not come to. One that a
    reader has parked or handed on is sent, as far as the log is concerned.

    Args:
        waited_for: the `readers`. One that has never moved is at the beginning.
    """
    names = set(waited_for)
    places = dict(Cursor.objects.filter(name__in=names).values_list("name", "position"))
    behind = min((places.get(name, 0) for name in names), default=None)
    first = [Event.objects.filter(sequence=None).order_by("number")]
    if behind is not None:
        first.append(Event.objects.filter(sequence__gt=behind).order_by("sequence"))
    waiting = (
        rows.values_list(Now() - F("occurred_at"), flat=True).first() or timedelta()
        for rows in first
    )
    # An application whose clock is ahead records what has yet to happen.
    return max(*waiting, timedelta())
