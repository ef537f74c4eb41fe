"""From the log to the endpoints: each event becomes one delivery for everybody who is to get it.

Events are taken in the order of the log, under the lock of the cursor's row, and the cursor moves
in the transaction that writes the deliveries: whatever happens, each event is spread exactly once,
and two workers do not disturb each other. It costs eight statements for a batch, and a row for each
delivery; with no event one, and with no endpoint one beside those that move the cursor. When not to
use it: for a reader who can ask, since the feed costs nothing when nobody reads it.

Who may see an event is asked here so that nobody's table fills with what they will not get. It is
asked again before each try (tasks/webhooks/claims.py), and that answer counts.
"""

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import connection
from django.db.models import Subquery, Value
from django.db.models.functions import Coalesce

from tasks.events import cursors
from tasks.models import Cursor, Delivery, Event, Membership, Webhook
from tasks.webhooks.audience import view, wants

EVENTS: Final = 500  # in one batch
DELIVERIES: Final = 5_000  # after which a batch ends early: the transaction must stay short
_ROWS: Final = 1_000  # in one INSERT
# The lock that the foreign key takes anyway, at the commit; Django has no words for it.
_KEEP: Final = "SELECT id FROM tasks_webhook WHERE id = ANY(%s) ORDER BY id FOR KEY SHARE"

type _Members = dict[UUID | None, set[UUID]]  # the owners of endpoints in each project


class FanOut:
    """The step of a worker's loop.

    Args:
        clock: returns the instant at which the deliveries are due.
        wake: set when there are new deliveries; it wakes who sends them.
    """

    def __init__(self, *, clock: Callable[[], datetime], wake: threading.Event) -> None:
        self._clock = clock
        self._wake = wake

    def step(self) -> bool:
        """Spread a batch; return whether there may be more."""
        events, deliveries = spread(now=self._clock())
        if deliveries:
            self._wake.set()
        return events > 0


def spread(*, now: datetime, limit: int = EVENTS) -> tuple[int, int]:
    """Make the deliveries of the next events; return how many events and deliveries that were.

    None if there are no events, or if another process is at it.
    """
    if not _waiting():
        return 0, 0  # Asked often, and without a lock.
    with cursors.locked(cursors.WEBHOOKS) as cursor:
        if cursor is None:
            return 0, 0
        # The events before the endpoints: then one who was made in between loses no event.
        events = list(_next(cursor.position, limit))
        rows, taken = _deliveries(events, now)
        rows = _of_those_that_stay(rows)
        Delivery.objects.bulk_create(rows, batch_size=_ROWS, ignore_conflicts=True)
        if taken:
            cursor.position = taken[-1].sequence or cursor.position
            cursor.save(update_fields=["position"])
        return len(taken), len(rows)


def _waiting() -> bool:
    reached = Cursor.objects.filter(name=cursors.WEBHOOKS).values("position")
    return Event.objects.filter(sequence__gt=Coalesce(Subquery(reached), Value(0))).exists()


def _next(position: int, limit: int) -> Iterable[Event]:
    """The next events, but for their data, which is not needed here and may be large."""
    after = Event.objects.filter(sequence__gt=position).order_by("sequence")
    return after.defer("data")[:limit]


def _deliveries(events: Sequence[Event], now: datetime) -> tuple[list[Delivery], list[Event]]:
    """Return the new rows and the events that they cover, which may not be all of those given."""
    endpoints = _endpoints()
    if not endpoints:
        return [], list(events)
    members = _members(events)
    rows: list[Delivery] = []
    taken: list[Event] = []
    for event in events:
        rows.extend(
            Delivery(webhook=webhook, event=event, next_try_at=now, created_at=now)
            for webhook in _recipients(event, endpoints, members)
        )
        taken.append(event)
        if len(rows) >= DELIVERIES:
            break
    return rows, taken


def _of_those_that_stay(rows: list[Delivery]) -> list[Delivery]:
    """Leave out the deliveries of endpoints that were deleted after they were read.

    The others' keys are locked until the commit. Without that one who deletes an endpoint breaks
    the foreign key, and with it the batch of everybody. (SQLite has one writer: nobody can.)
    """
    wanted = {row.webhook_id for row in rows}
    if not (wanted and connection.features.has_select_for_update):
        return rows
    with connection.cursor() as cursor:
        cursor.execute(_KEEP, [list(wanted)])
        kept = {key for (key,) in cursor.fetchall()}
    return [row for row in rows if row.webhook_id in kept]


def _endpoints() -> dict[UUID | None, list[Webhook]]:
    """The enabled endpoints of those who may see anything, by owner."""
    found: dict[UUID | None, list[Webhook]] = defaultdict(list)
    enabled = Webhook.objects.filter(disabled_at=None, owner__is_active=True)
    for webhook in enabled.only("owner", "project", "types").order_by("pk"):
        found[webhook.owner_id].append(webhook)
    return found


def _members(events: Iterable[Event]) -> _Members:
    """The owners of endpoints who are members of the projects that the events tell of."""
    projects = {place for event in events for place in (event.project, event.left_project)}
    owners = Webhook.objects.filter(disabled_at=None).values("owner")
    found: _Members = defaultdict(set)
    pairs = Membership.objects.filter(project__in=projects - {None}, user__in=owners)
    for project, user in pairs.values_list("project", "user"):
        found[project].add(user)
    return found


def _recipients(
    event: Event, endpoints: dict[UUID | None, list[Webhook]], members: _Members
) -> Iterator[Webhook]:
    places = [place for place in (event.project, event.left_project) if place in members]
    owners = {event.user, *(user for place in places for user in members[place])}
    for owner in owners & endpoints.keys():
        own = [place for place in places if owner in members[place]]
        for webhook in endpoints[owner]:
            seen = view(
                event,
                webhook=webhook.pk,
                owner=webhook.owner_id,
                only=webhook.project_id,
                projects=own,
            )
            if seen and wants(webhook.types, event):
                yield webhook
