"""What may be asked of the lists: one table for each, read and documented from here."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from functools import reduce
from operator import and_, or_
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Exists, Model, OuterRef, Q, Subquery, Value
from django.db.models.functions import Coalesce

from tasks.api import query
from tasks.api.query import Asked, Asking, Meaning, Parameter, Unreadable
from tasks.api.v1.bodies import STATUSES
from tasks.lifecycle import Status
from tasks.models import MAX_LABELS, Label, Task, TaskLabel
from tasks.operations.labels import name_key
from tasks.querysets import has_words, is_open, is_overdue
from tasks.reads import Condition, Order
from tasks.rows import slot
from tasks.schedule import day_bounds, instants_around

_UUID: Final = {"type": "string", "format": "uuid"}
_BOOLEAN: Final = {"type": "boolean"}
_DAY_OR_INSTANT: Final = {
    "anyOf": [{"type": "string", "format": "date"}, {"type": "string", "format": "date-time"}]
}

TASK_ORDERS: Final[Mapping[str, Order]] = {
    "position": Order("position"),
    "due": Order("due_at", nullable=True),
    "priority": Order("priority"),
    "created": Order("created_at"),
    "updated": Order("updated_at"),
    "completed": Order("completed_at", nullable=True),
    "title": Order("title"),
}


def table(parameters: Iterable[Parameter]) -> Mapping[str, Parameter]:
    return {parameter.name: parameter for parameter in parameters}


def any_of(name: str, model: type[Model], column: str, *, narrow: int = 0) -> Meaning:
    """The column has one of the values; up to `narrow` of them are a narrow condition."""

    def means(values: Sequence[Any], asking: Asking) -> Condition:
        names = [f"{name}.{index}" for index in range(len(values))]
        return Condition(
            f"{name}:{len(values)}",
            lambda: _one_of(model, column, names),
            dict(zip(names, values, strict=True)),
            narrow=len(values) <= narrow,
        )

    return means


def _one_of(model: type[Model], column: str, names: Iterable[str]) -> Q:
    """`=` for each value: Django's `__in` on a foreign key takes no expressions."""
    return reduce(or_, (Q(**{column: slot(model, column, name)}) for name in names), Q())


def either(name: str, yes: Callable[[], Q], no: Callable[[], Q]) -> Meaning:
    """A condition for `true` and one for `false`, neither with a value."""

    def means(values: Sequence[Any], asking: Asking) -> Condition:
        return Condition(f"{name}:{values[0]}", yes if values[0] else no)

    return means


def id_or(words: Iterable[str]) -> query.Reader:
    """Return a reader of ids that also takes some words."""
    known = list(words)

    def reader(text: str) -> UUID | str:
        if text in known:
            return text
        try:
            return query.an_id(text)
        except Unreadable:
            raise Unreadable(
                f"It takes a UUID in canonical form, or: {', '.join(known)}."
            ) from None

    return reader


def _id_or_none(name: str, column: str, *, narrow: bool) -> Meaning:
    """The column is one of the ids; `me` is whoever asks, `none` an empty column."""

    def means(values: Sequence[Any], asking: Asking) -> Condition:
        ids = [asking.user if value == "me" else value for value in values if value != "none"]
        names = [f"{name}.{index}" for index in range(len(ids))]
        empty = "none" in values

        def build() -> Q:
            return _one_of(Task, column, names) | (Q(**{column: None}) if empty else Q())

        given = dict(zip(names, ids, strict=True))
        return Condition(f"{name}:{len(ids)}:{empty}", build, given, narrow=narrow and not empty)

    return means


def _labels(name: str, *, absent: bool) -> Meaning:
    """The task carries all of the labels; or none of them, so that unlabelled tasks match.

    For at most MAX_LABELS: more match nothing, and each costs the planner a join.
    """

    def means(values: Sequence[Any], asking: Asking) -> Condition:
        names = [f"{name}.{index}" for index in range(len(values))]

        def build() -> Q:
            if absent:
                return ~Q(_carries_one(names))
            return reduce(and_, (Q(_carries([each])) for each in names))

        keys = map(name_key, values)
        given = dict(zip(names, keys, strict=True))
        return Condition(f"{name}:{len(values)}", build, given)

    return means


def _carries(names: Iterable[str]) -> Exists:
    """The task carries one of the labels in these slots.

    Of its own project: other projects, of other people, may have thousands of tasks with a label
    of that name.
    """
    here = {"task": OuterRef("pk"), "label__project": OuterRef("project")}
    return Exists(TaskLabel.objects.filter(_named(names), **here))


def _carries_one(names: Iterable[str]) -> Coalesce:
    """As `_carries`, but asked for each row.

    PostgreSQL makes a join of `NOT EXISTS` and begins it by collecting all the tasks with the
    label, 60,000 of a large project, where a few rows on the way to a full page have to be asked.
    """
    found = TaskLabel.objects.filter(_named(names), task=OuterRef("pk")).values(
        yes=Value(value=True)
    )
    return Coalesce(Subquery(found[:1]), Value(value=False))


def _named(names: Iterable[str]) -> Q:
    return reduce(or_, (Q(label__name_key=slot(Label, "name_key", name)) for name in names))


def _moment(name: str, side: str, instant: str, day: str | None) -> Meaning:
    """Before, after or on a moment.

    Args:
        side: `before`, `after` or `on`.
        instant: the column of instants; `start_date` for the one field that has none.
        day: the column of local dates, if the field has one: a date is compared with it. For the
            others a date is a day in the zone `tz`: before it begins, after it has ended, within.
    """

    def means(values: Sequence[Any], asking: Asking) -> Condition:
        value = values[0]
        if isinstance(value, datetime) and instant == day:
            value = _local_day(value, asking.zone)
        if isinstance(value, datetime):
            return _compared(name, instant, {"before": "lt", "after": "gt"}[side], value)
        if day is not None:
            compare = {"before": "lt", "after": "gt", "on": "exact"}[side]
            found = _compared(name, day, compare, value)
            return found if instant == day else _near(found, instant, side, value)
        start, end = day_bounds(value, asking.zone)
        if side == "before":
            return _compared(name, instant, "lt", start)
        if side == "after":
            return _compared(name, instant, "gte", end)
        return Condition(
            f"{name}:within",
            lambda: Q(
                **{
                    f"{instant}__gte": slot(Task, instant, f"{name}.start"),
                    f"{instant}__lt": slot(Task, instant, f"{name}.end"),
                }
            ),
            {f"{name}.start": start, f"{name}.end": end},
        )

    return means


def _local_day(moment: datetime, zone: str) -> date:
    """Return the date of an instant in a zone; at both ends of the calendar that in UTC."""
    try:
        return moment.astimezone(ZoneInfo(zone)).date()
    except OverflowError:
        return moment.date()


def _compared(name: str, column: str, compare: str, value: date | datetime) -> Condition:
    return Condition(
        f"{name}:{column}:{compare}",
        lambda: Q(**{f"{column}__{compare}": slot(Task, column, name)}),
        {name: value},
    )


def _near(found: Condition, instant: str, side: str, day: date) -> Condition:
    """The same rows, found by their instant: that is what the lists of a project are sorted by.

    The dates are local and the index is on the instants, so this only leads to where the days
    around lie in the index, and the condition itself decides.
    """
    bounds = dict(zip(("gte", "lte"), instants_around(day), strict=True))
    unneeded = {"before": "gte", "after": "lte"}.get(side)
    slots = {f"{instant}__{way}": f"{found.name}.{way}" for way in bounds if way != unneeded}

    def build() -> Q:
        return found.build() & Q(**{each: slot(Task, instant, slots[each]) for each in slots})

    values = {slots[each]: bounds[each.rpartition("__")[2]] for each in slots}
    return Condition(found.name, build, {**found.values, **values})


def _moments(field: str, instant: str, day: str | None = None) -> Iterable[Parameter]:
    words = {
        "before": "Before this instant, or before this day begins.",
        "after": "After this instant, or after this day has ended.",
    }
    for side, description in words.items():
        name = f"{field}_{side}"
        means = _moment(name, side, instant, day)
        yield Parameter(name, description, _DAY_OR_INSTANT, query.a_date_or_instant, means)
    on = _moment(f"{field}_on", "on", instant, day)
    schema = {"type": "string", "format": "date"}
    yield Parameter(f"{field}_on", "On this day.", schema, query.a_date, on)


def _overdue() -> Meaning:
    def means(values: Sequence[Any], asking: Asking) -> Condition:
        late = values[0]

        def build() -> Q:
            is_late = is_overdue(slot(Task, "due_at", "overdue"))
            return is_late if late else ~is_late | Q(due_at=None)

        return Condition(f"overdue:{late}", build, {"overdue": asking.now})

    return means


def _search() -> Meaning:
    def means(values: Sequence[Any], asking: Asking) -> Condition:
        return Condition("q", lambda: has_words(slot(Task, "description", "q")), {"q": values[0]})

    return means


PURGE: Final = table([Parameter("purge", "Delete for good; admins only.", _BOOLEAN, query.a_flag)])
TRASHED: Final = Parameter(
    "trashed",
    "What is in the trash, in place of what is not.",
    {"type": "boolean", "default": False},
    query.a_flag,
)


def in_trash(asked: Asked) -> Condition:
    """What `trashed` asks for; without it, what is not in the trash."""
    trashed = bool(asked.one("trashed"))
    return Condition(f"trashed:{trashed}", lambda: Q(deleted_at__isnull=not trashed))


def _project(model: type[Model]) -> Parameter:
    return Parameter(
        "project",
        "In this project; repeated: in any of them.",
        _UUID,
        query.an_id,
        any_of("project", model, "project", narrow=1),
        many=True,
    )


TASK_FILTERS: Final = table(
    [
        _project(Task),
        Parameter(
            "status",
            "With this status; repeated: any of them.",
            {"type": "string", "enum": STATUSES},
            query.one_of(STATUSES),
            any_of("status", Task, "status"),
            many=True,
        ),
        Parameter(
            "priority",
            "With this priority; repeated: any of them.",
            {"type": "integer", "minimum": 0, "maximum": 4},
            query.a_number(0, 4),
            any_of("priority", Task, "priority"),
            many=True,
        ),
        Parameter(
            "assignee",
            "Assigned to this user, to `me`, or to `none`; repeated: any of them.",
            {"anyOf": [_UUID, {"type": "string", "enum": ["me", "none"]}]},
            id_or(["me", "none"]),
            _id_or_none("assignee", "assignee", narrow=True),
            many=True,
        ),
        Parameter(
            "created_by",
            "Created by this user or by `me`; repeated: any of them.",
            {"anyOf": [_UUID, {"type": "string", "enum": ["me"]}]},
            id_or(["me"]),
            _id_or_none("created_by", "created_by", narrow=False),
            many=True,
        ),
        Parameter(
            "parent",
            "Directly below this task, or below `none`: the roots; repeated: any of them.",
            {"anyOf": [_UUID, {"type": "string", "enum": ["none"]}]},
            id_or(["none"]),
            _id_or_none("parent", "parent", narrow=True),
            many=True,
        ),
        Parameter(
            "external_id",
            "With this external id; repeated: any of them.",
            query.text_schema(255),
            query.a_text(255),
            any_of("external_id", Task, "external_id", narrow=100),
            many=True,
        ),
        Parameter(
            "label",
            "With this label; repeated: with all of them.",
            query.text_schema(50),
            query.a_text(50),
            _labels("label", absent=False),
            many=True,
            most=MAX_LABELS,
        ),
        Parameter(
            "label_not",
            "Without this label, the unlabelled included; repeated: with none of them.",
            query.text_schema(50),
            query.a_text(50),
            _labels("label_not", absent=True),
            many=True,
            most=MAX_LABELS,
        ),
        Parameter(
            "completed",
            "Whether the status is `done`.",
            _BOOLEAN,
            query.a_flag,
            either("completed", lambda: Q(status=Status.DONE), lambda: ~Q(status=Status.DONE)),
        ),
        Parameter(
            "open",
            "Whether the status is `todo` or `in_progress`.",
            _BOOLEAN,
            query.a_flag,
            either("open", is_open, lambda: ~is_open()),
        ),
        Parameter("overdue", "Whether it is late.", _BOOLEAN, query.a_flag, _overdue()),
        TRASHED,
        *_moments("due", "due_at", "due_date"),
        *_moments("start", "start_date", "start_date"),
        *_moments("created", "created_at"),
        *_moments("updated", "updated_at"),
        *_moments("completed", "completed_at"),
        Parameter(
            "tz",
            "The IANA zone whose days are meant; UTC when left out.",
            {"type": "string", "format": "iana-time-zone", "example": "Europe/Berlin"},
            query.a_zone,
        ),
        Parameter(
            "q",
            "Words in the title or the description.",
            query.text_schema(200),
            query.a_text(200),
            _search(),
        ),
    ]
)

LABEL_FILTERS: Final = table([_project(Label)])
