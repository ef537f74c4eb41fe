"""What is different for a user since a place in the log, as what is there now.

For whoever holds a copy. The log says which objects were touched, and the database how they look to
this user at this moment; so a hundred changes of one object are one entry, what the user may not
see any more is an entry without data, and no rule about who sees what is written a second time.

State may be newer than the part of the log that was read. That is right by one order of things: the
log is read first and the state after it, and every change that the state has beyond the log has an
event behind the place that the client goes on from. The client hears of it twice, and the second
time says how it is. A client that applies each answer before it asks for the next always ends with
what the lists show (tests/events/test_changes_fold.py plays that).

It costs one look into the log, of at most `SCANNED` events, and one query for each kind of object
among them. When not to use it: where each single event matters; that is `tasks.events.feed`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from django.db.models import Q, QuerySet
from django.db.models.fields.tuple_lookups import Tuple, TupleIn

from tasks.events import cursors, feed
from tasks.events.catalogue import kind_of
from tasks.models import Event
from tasks.rows import COMMENT, LABEL, MEMBER, PROJECT, TASK, Resource, Shown
from tasks.statements import Statement, statement

SCANNED: Final = 200

type Key = tuple[UUID, UUID | None]  # a member is one by project and user

# Each kind of object that is told of, and the path to its project.
_KINDS: Final[Mapping[str, tuple[Resource, str]]] = {
    "project": (PROJECT, "id"),
    "task": (TASK, "project_id"),
    "label": (LABEL, "project_id"),
    "member": (MEMBER, "project_id"),
    "comment": (COMMENT, "task__project_id"),
}
# After these, what the project holds has to be loaded, or forgotten.
_ANEW: Final = {"project.created", "project.restored", "member.added", "member.removed"}


@dataclass(frozen=True, slots=True)
class Changes:
    """What to do to a copy.

    Attributes:
        changes: in the order of each object's last event.
        position: where to go on.
        more: whether there may be more by now.
    """

    changes: list[Shown]
    position: int
    more: bool


@dataclass(slots=True)
class _Sight:
    """An event, as far as it says what was touched; in the order of `_COLUMNS`."""

    sequence: int
    in_full: bool | None
    type: str
    subject: UUID
    project: UUID | None
    left_project: UUID | None
    task: UUID | None
    user: UUID | None


_COLUMNS: Final = (
    *("sequence", "in_full", "type", "subject"),
    *("project", "left_project", "task", "user"),
)


@dataclass(slots=True)
class _Touched:
    """An object that some events are about.

    Attributes:
        project: where the user last saw it; for a member, where they are one.
        places: the projects that its events are from.
        task: the task that it belongs to.
        anew: whether what belongs to it has to be loaded anew.
    """

    kind: str
    id: UUID
    project: UUID
    places: set[UUID] = field(default_factory=set)
    task: UUID | None = None
    anew: bool = False

    @property
    def key(self) -> Key:
        return (self.id, self.project if self.kind == "member" else None)


def newest() -> int:
    """Return the place behind all that the log holds now."""
    return cursors.position(cursors.SEQUENCER)


def changes(*, user: UUID, after: int, limit: int) -> Changes:
    """Return what has changed for a user behind a place in the log.

    Args:
        limit: of how many objects at most.

    Raises:
        EventsExpired: what came next was deleted, or the log has never come this far: it was put
            back to an earlier state.
    """

    def build() -> QuerySet[Event, Any]:
        return feed.first_seen(SCANNED).values_list(*_COLUMNS)

    end = newest()
    rows = statement(("changes", SCANNED), build).rows({"user": user, "after": after})
    feed.refuse_expired(after, end)
    seen = [_Sight(*row) for row in rows]
    touched, read = _fold(seen, user, limit)
    more = read < len(seen) or len(seen) == SCANNED
    last = seen[read - 1].sequence if read else after
    return Changes(_told(touched, user), last if more else max(last, end), more)


def _fold(seen: Sequence[_Sight], user: UUID, limit: int) -> tuple[list[_Touched], int]:
    """Return what was touched, in the order of the last events, and how many events that took."""
    found: dict[tuple[str, Key], _Touched] = {}
    for index, sight in enumerate(seen):
        new = _touched(sight, user)
        if new is None:
            continue
        name = (new.kind, new.key)
        if name not in found and len(found) == limit:
            return list(found.values()), index
        if (old := found.pop(name, None)) is not None:
            new.places |= old.places
            new.anew |= old.anew
        found[name] = new
    return list(found.values()), len(seen)


def _touched(sight: _Sight, user: UUID) -> _Touched | None:
    """Return what an event touched in a copy of this user's; None for what no copy holds."""
    kind, project = kind_of(sight.type), sight.project if sight.in_full else sight.left_project
    if kind not in _KINDS or project is None:
        return None
    touched = _Touched(kind, sight.subject, project, task=sight.task)
    touched.places = {place for place in (sight.project, sight.left_project) if place}
    touched.anew = sight.type in _ANEW and kind == "project"
    if kind == "member" and sight.user == user and sight.type in _ANEW:
        touched.kind, touched.id, touched.anew = "project", project, True
    if kind == "task" and sight.left_project:
        touched.anew = True  # its comments came along, and had no events
    return touched


# --- From what was touched to what there is now ---------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Now:
    """An object as it is now, and the project that it belongs to."""

    shown: Shown
    project: UUID


def _told(touched: Sequence[_Touched], user: UUID) -> list[Shown]:
    """Return the entries, without those that others of them make needless.

    The projects are read first: what is hidden with a project in the trash, or loaded with one that
    is new, is not told besides.
    """
    now: dict[tuple[str, Key], _Now] = {}
    for kind in _KINDS:
        now |= _now(kind, [each.key for each in touched if each.kind == kind], user)
    entries = [(each, now.get((each.kind, each.key))) for each in touched]
    whole = {each.id for each, found in entries if _is_whole(each, found)}
    return [
        _entry(each, found)
        for each, found in entries
        if each.kind == "project" or not _is_covered(each, found, whole)
    ]


def _is_whole(touched: _Touched, now: _Now | None) -> bool:
    """Tell whether an entry stands for all that belongs to its object, too."""
    if touched.kind == "project":
        return touched.anew or now is None or now.shown["deleted_at"] is not None
    return touched.kind == "task" and (touched.anew or now is None)


def _is_covered(touched: _Touched, now: _Now | None, whole: set[UUID]) -> bool:
    """Tell whether the entry of a project, or a comment's task, stands for this object.

    What is gone may still lie, in the copy, in any of the projects that its events are from. And
    with a task that came from another project the copy may hold comments which were deleted there,
    unseen: its project alone, loaded anew, would not rid it of them.
    """
    if touched.kind == "comment" and touched.task in whole:
        return True
    if now is None:
        return touched.places <= whole
    return now.project in whole and not touched.anew


def _entry(touched: _Touched, now: _Now | None) -> Shown:
    if now is None:
        op = "drop" if touched.kind == "project" else "delete"
    else:
        whole = touched.anew and not (touched.kind == "project" and now.shown["deleted_at"])
        op = "reset" if whole else "upsert"
    return {
        "op": op,
        "type": touched.kind,
        "id": touched.id,
        "project": now.project if now else touched.project,
        "data": now.shown if now else None,
    }


def _now(kind: str, keys: Sequence[Key], user: UUID) -> Iterable[tuple[tuple[str, Key], _Now]]:
    """Yield those objects of a kind that the user sees, as they see them."""
    if not keys:
        return
    resource, path = _KINDS[kind]
    found = resource.visible().filter(_among(resource, keys))
    # Each number of keys is another statement: none is kept.
    for row in Statement(found.values_list(*resource.columns, path).query).rows({"user": user}):
        project = row[-1]
        own = row[resource.columns.index(resource.key)]
        key = (own, project if kind == "member" else None)
        yield (kind, key), _Now(resource.present(row), project)


def _among(resource: Resource, keys: Sequence[Key]) -> "Q | TupleIn":
    if resource is MEMBER:
        return TupleIn(Tuple("user", "project"), keys)
    return Q(pk__in=[key for key, _ in keys])
