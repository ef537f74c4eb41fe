"""The two reads of the API: one row, and one page of a list. Each runs a compiled statement.

Pages are keysets: a page begins behind the last row of the one before, found by its sort value and
its key, so it costs the same however far one has walked and no row is skipped or shown twice when
others come and go. Rows whose sort value is NULL come last, in a segment of their own: a walk goes
through the values, then through the NULLs, and each segment can use an index. That is why a page
may take a second statement, and never more. (DRF's CursorPagination drops NULLs and can turn in a
circle on equal values: django-rest-framework#7709.)
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from django.db.models import F, Q, QuerySet
from django.db.models.fields.tuple_lookups import (
    Tuple,
    TupleGreaterThan,
    TupleGreaterThanOrEqual,
    TupleLessThan,
    TupleLessThanOrEqual,
)
from django.db.models.lookups import Lookup

from tasks.rows import Resource, Shown, slot
from tasks.statements import Row, statement


@dataclass(frozen=True, slots=True)
class Condition:
    """One filter: its shape (`name`), its values, and how to say it to the ORM, with slots.

    Attributes:
        narrow: whether it leaves few rows, or those of one project, and an index leads to them.
    """

    name: str
    build: Callable[[], Q]
    values: Mapping[str, Any] = field(default_factory=dict)
    narrow: bool = False


@dataclass(frozen=True, slots=True)
class Order:
    """A column to sort by; rows with equal values follow their key, in the same direction."""

    column: str
    descending: bool = False
    nullable: bool = False


@dataclass(frozen=True, slots=True)
class Anchor:
    """Where a page begins: next to a row, which may be gone by now.

    Attributes:
        value: the row's sort value; None in the segment of the NULLs.
        key: the row's key.
        backward: whether the page ends before the row, in place of beginning behind it.
        inclusive: whether the row itself belongs to the page.
    """

    value: Any
    key: UUID
    backward: bool = False
    inclusive: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """The rows of a page, in order, and the anchors of its neighbours, None at the ends."""

    rows: list[Shown]
    before: Anchor | None
    after: Anchor | None


def one(resource: Resource, *, user: UUID, key: UUID) -> Shown | None:
    """Return the row with this key as this user sees it, or None."""
    found = statement(
        (resource.name, "one"),
        lambda: (
            resource.visible()
            .filter(**{resource.key: slot(resource.model, resource.key.removesuffix("_id"), "key")})
            .values_list(*resource.columns)
        ),
    ).rows({"user": user, "key": key})
    return resource.present(found[0]) if found else None


def page(
    resource: Resource,
    conditions: Sequence[Condition],
    order: Order,
    *,
    user: UUID,
    limit: int,
    anchor: Anchor | None = None,
) -> Page:
    """Return one page of what the user may see, at most `limit` rows, in one or two statements."""
    values: dict[str, Any] = {"user": user}
    for condition in conditions:
        values |= condition.values
    found: list[Row] = []
    for segment in _segments(order, anchor):
        if len(found) <= limit:
            # Always as many, although fewer are missing: each number is a statement to compile.
            found += segment.rows(resource, conditions, order, values, limit + 1)
    return _page(resource, order, found, limit, anchor)


@dataclass(frozen=True, slots=True)
class _Segment:
    """The rows with a sort value, or those without, from an anchor on."""

    nulls: bool
    backward: bool
    anchor: Anchor | None

    def rows(
        self,
        resource: Resource,
        conditions: Iterable[Condition],
        order: Order,
        values: Mapping[str, Any],
        want: int,
    ) -> list[Row]:
        names = tuple(condition.name for condition in conditions)
        start = self.anchor and (self.anchor.backward, self.anchor.inclusive)
        shape = (resource.name, *names, order, self.nulls, self.backward, start, want)
        if self.anchor:
            values = {**values, "anchor.value": self.anchor.value, "anchor.key": self.anchor.key}
        query = statement(shape, lambda: self._build(resource, conditions, order, want))
        return query.rows(values)

    def _build(
        self, resource: Resource, conditions: Iterable[Condition], order: Order, want: int
    ) -> QuerySet[Any, Any]:
        downwards = order.descending is not self.backward
        # Also among the NULLs, which are all alike: the index is known by both columns.
        columns = [F(order.column), F(resource.key)]
        ordering = [column.desc() if downwards else column.asc() for column in columns]

        def matching(queryset: QuerySet[Any, Any]) -> QuerySet[Any, Any]:
            for condition in conditions:
                queryset = queryset.filter(condition.build())
            if order.nullable:
                queryset = queryset.filter(**{f"{order.column}__isnull": self.nulls})
            if self.anchor:
                queryset = queryset.filter(self._beyond(self.anchor, resource, order))
            return queryset

        def first(queryset: QuerySet[Any, Any]) -> QuerySet[Any, Any]:
            return queryset.order_by(*ordering)[:want]

        if any(condition.narrow for condition in conditions):
            near = matching(resource.visible())
        else:
            near = resource.near(matching, first)
        return first(near).values_list(*resource.columns)

    def _beyond(self, anchor: Anchor, resource: Resource, order: Order) -> "Q | Lookup[Any]":
        """Rows past the anchor. As one comparison of rows, `(value, key) > (…, …)`, both databases
        begin at its very place in the index, however many rows have the same value."""
        downwards = order.descending is not self.backward
        key = slot(resource.model, resource.key.removesuffix("_id"), "anchor.key")
        if self.nulls:
            past = f"{'lt' if downwards else 'gt'}{'e' if anchor.inclusive else ''}"
            return Q(**{f"{resource.key}__{past}": key})
        value = slot(resource.model, order.column, "anchor.value")
        compare = _COMPARISONS[downwards, anchor.inclusive]
        return compare(Tuple(F(order.column), F(resource.key)), (value, key))


_COMPARISONS: Final = {  # by whether downwards, and whether the anchor itself belongs to it
    (True, True): TupleLessThanOrEqual,
    (True, False): TupleLessThan,
    (False, True): TupleGreaterThanOrEqual,
    (False, False): TupleGreaterThan,
}


def _segments(order: Order, anchor: Anchor | None) -> list[_Segment]:
    """Return the segments to walk: from the anchor's own to the end of the direction."""
    backward = anchor is not None and anchor.backward
    if not order.nullable:
        return [_Segment(nulls=False, backward=backward, anchor=anchor)]
    walk = [True, False] if backward else [False, True]
    if anchor is None:
        return [_Segment(nulls, backward, None) for nulls in walk]
    own = anchor.value is None
    rest = walk[walk.index(own) + 1 :]
    return [_Segment(own, backward, anchor), *(_Segment(nulls, backward, None) for nulls in rest)]


def _page(
    resource: Resource, order: Order, found: list[Row], limit: int, anchor: Anchor | None
) -> Page:
    more, found = len(found) > limit, found[:limit]
    backward = anchor is not None and anchor.backward
    if backward:
        found.reverse()
    if not found:
        return _empty_page(anchor)
    first, last = found[0], found[-1]
    position = resource.columns.index(order.column)
    key = resource.columns.index(resource.key)
    before = Anchor(first[position], first[key], backward=True)
    after = Anchor(last[position], last[key])
    return Page(
        rows=[resource.present(row) for row in found],
        before=before if (more if backward else anchor is not None) else None,
        after=after if (backward or more) else None,
    )


def _empty_page(anchor: Anchor | None) -> Page:
    """Everything beyond the anchor is gone: the way back begins at the anchor's own row."""
    if anchor is None:
        return Page([], None, None)
    back = Anchor(
        anchor.value, anchor.key, backward=not anchor.backward, inclusive=not anchor.inclusive
    )
    return Page([], None, back) if anchor.backward else Page([], back, None)
