"""The log as its readers pull it: from a place on, in order, what they may see of it now.

For whoever would rather ask than be called: the place is all that a reader keeps, and nothing is
kept for them. What somebody may see is decided when they read, so a project that they have left
shows nothing more, of its past neither; one that they join shows what comes from then on, and what
they have not read past. It costs an index probe for each project of the reader, however long the
log. When not to use it: to hold a copy of what is there now, which `tasks.events.changes` does with
less to read and without missing what a new project already holds.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any, Final
from uuid import UUID

from django.db.models import Case, F, Q, QuerySet, TextField, Value, When

from tasks.errors import EventsExpired
from tasks.events import cursors
from tasks.events.envelope import cloud_event
from tasks.models import Event, Membership
from tasks.querysets import EventQuerySet
from tasks.rows import slot, user_slot
from tasks.statements import Row, statement

# So many events are looked at for some types of them: such an answer may be short, or empty.
_WINDOW: Final = 1000


@dataclass(slots=True)
class Entry:
    """A row of the log, as far as it is shown; in the order of `_COLUMNS`."""

    sequence: int | None
    in_full: bool | None
    type: str
    subject: UUID
    left_project: UUID | None
    uid: UUID
    occurred_at: Any
    traceparent: str
    data: str


_COLUMNS: Final = (
    *("sequence", "in_full", "type", "subject", "left_project"),
    *("uid", "occurred_at", "traceparent"),
)


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of the log.

    Attributes:
        events: as they are published, in their order.
        position: where to go on.
        more: whether there may be more by now.
    """

    events: list[bytes]
    position: int
    more: bool


def feed(
    *,
    user: UUID,
    source: str,
    after: int,
    limit: int,
    projects: Sequence[UUID] = (),
    types: Sequence[str] = (),
) -> Stretch:
    """Return what a user may see of the log behind a place.

    Args:
        source: as in `cloud_event`.
        after: the sequence of the last event that was read; 0 to begin with the oldest.
        projects: only what happened in these; all of them the user's own.
        types: only events of these types.

    Raises:
        EventsExpired: what came next was deleted, or the log has never come this far: it was put
            back to an earlier state.
    """
    values = {"user": user, "after": after, **_numbered("project", projects)}
    values |= _numbered("type", types)
    most = _WINDOW if types else limit + 1

    def build() -> QuerySet[Event, Any]:
        near = places(len(projects)) if projects else None
        found = first_seen(most, near)
        return found.annotate(shown=_data_of(len(types))).values_list(*_COLUMNS, "shown")

    end = cursors.position(cursors.SEQUENCER)
    rows = statement(("feed", len(projects), len(types), most), build).rows(values)
    if after:
        refuse_expired(after, end)
    return _stretch(rows, source, limit, cut=len(rows) == most, end=end)


def history(*, user: UUID, source: str, task: UUID, after: int, limit: int) -> Stretch:
    """Return what a user may see of the events of one task, behind a place in the log.

    What was deleted from the log is missing in silence: a history begins with what is kept.
    """

    def build() -> QuerySet[Event, Any]:
        here = {"task": slot(Event, "task"), "sequence__gt": _after()}
        found = Event.objects.visible_to(user_slot()).filter(**here).order_by("sequence")
        return found[: limit + 1].values_list(*_COLUMNS, "data")

    end = cursors.position(cursors.SEQUENCER)
    values = {"user": user, "task": task, "after": after}
    rows = statement(("history", limit), build).rows(values)
    return _stretch(rows, source, limit, cut=len(rows) > limit, end=max(after, end))


def refuse_expired(after: int, end: int) -> None:
    """Raise EventsExpired if events behind this place were deleted, or the log ends before it.

    Asked when they are read already: what is deleted meanwhile is not missed in silence.

    Args:
        end: how far the log came before they were read.
    """
    if not cursors.position(cursors.PRUNED) <= after <= end:
        raise EventsExpired


def first_seen(most: int, near: QuerySet[Any, Any] | None = None) -> EventQuerySet:
    """Return the first events behind the slot `after` that the user in the slot may see."""
    return Event.objects.all().first_visible_to(user_slot(), _after(), most, near)


def places(count: int) -> QuerySet[Any, Any]:
    """Return those of the user's projects that the slots `project.0` … name, as a column."""
    slots = (slot(Membership, "project", name) for name in _names("project", count))
    named: Q = reduce(or_, (Q(project=each) for each in slots))
    return Membership.objects.filter(named, user=user_slot()).values("project")


def _after() -> Any:
    return slot(Event, "sequence", "after")


def _data_of(types: int) -> Any:
    """The data of the wanted types; of others nothing: it is large, and not even looked up."""
    if not types:
        return F("data")
    named = [slot(Event, "type", name) for name in _names("type", types)]
    nothing = Value(None, output_field=TextField())
    return Case(When(type__in=named, then=F("data")), default=nothing)


def _names(kind: str, count: int) -> Iterable[str]:
    return [f"{kind}.{index}" for index in range(count)]


def _numbered(kind: str, values: Sequence[Any]) -> Mapping[str, Any]:
    return dict(zip(_names(kind, len(values)), values, strict=True))


def _stretch(rows: Sequence[Row], source: str, limit: int, *, cut: bool, end: int) -> Stretch:
    """Return the first rows that have data, as they are published.

    Args:
        cut: whether there may be rows behind these.
        end: how far the log was read if there are not.
    """
    found = [Entry(*row) for row in rows if row[-1] is not None]
    shown = found[:limit]
    events = [
        cloud_event(entry, source=source, for_left=not entry.in_full)
        for entry in shown
    ]  # fmt: skip
    if len(found) > limit:
        return Stretch(events, shown[-1].sequence or 0, more=True)
    last: int = rows[-1][0] if rows else 0
    return Stretch(events, last if cut else max(last, end), more=cut)
