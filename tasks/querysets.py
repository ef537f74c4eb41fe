"""Reads with names. `visible_to` begins each of them: what a user may not see is not there.

A value may be given as itself or as a `Slot` of a statement that is compiled once.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self, cast
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.search import SearchQuery, SearchVector, SearchVectorExact
from django.db import connection
from django.db.models import (
    BigIntegerField,
    BooleanField,
    Case,
    Expression,
    ExpressionWrapper,
    F,
    Func,
    Model,
    OuterRef,
    Q,
    QuerySet,
    StringAgg,
    Subquery,
    TextField,
    UUIDField,
    Value,
    When,
)
from django.db.models.expressions import Combinable
from django.db.models.functions import Cast, Now
from django.db.models.sql.compiler import SQLCompiler

from tasks.lifecycle import OPEN

if TYPE_CHECKING:
    from tasks.models import (  # noqa: F401  in strings
        Comment,
        Delivery,
        Event,
        Label,
        Membership,
        Project,
        Task,
        Webhook,
    )

type Given[T] = T | Combinable

LABEL_SEPARATOR = "\n"  # a label's name is one line

_FIRST_OF_EACH = (
    "ARRAY(SELECT {key} FROM ({places}) place(project)"
    " CROSS JOIN LATERAL ({inside}) found({columns}) ORDER BY {order} LIMIT {most})"
)


class _InProject[M: Model](QuerySet[M, M]):
    """What belongs to a project is visible to its members, unless the project is in the trash."""

    project_path = "project"

    def visible_to(self, user: Given[UUID]) -> Self:
        """Only what this user may see; each row carries the user's `role` in its project."""
        path = self.project_path
        return self.filter(
            **{f"{path}__memberships__user": user, f"{path}__deleted_at": None}
        ).annotate(role=F(f"{path}__memberships__role"))


class ProjectQuerySet(QuerySet["Project", "Project"]):
    def visible_to(self, user: Given[UUID]) -> Self:
        """The projects this user is a member of, those in the trash included."""
        return self.filter(memberships__user=user).annotate(role=F("memberships__role"))

    def live(self) -> Self:
        return self.filter(deleted_at=None)

    def trashed(self) -> Self:
        return self.filter(deleted_at__isnull=False)


class MembershipQuerySet(QuerySet["Membership", "Membership"]):
    def visible_to(self, user: Given[UUID]) -> Self:
        """The memberships of the projects this user is a member of."""
        return self.filter(project__memberships__user=user, project__deleted_at=None)


class LabelQuerySet(_InProject["Label"]):
    """Labels of a project."""


class CommentQuerySet(_InProject["Comment"]):
    project_path = "task__project"


class EventQuerySet(QuerySet["Event", "Event"]):
    """The log, as its readers see it: only what has its place in it."""

    def sequenced(self) -> Self:
        return self.filter(sequence__isnull=False)

    def visible_to(self, user: Given[UUID]) -> Self:
        """What happened in the projects of this user, as they are now and those in the trash too;
        what is about the user; and that a task went away from one of the projects.

        Each row says whether it is to be shown `in_full`: of a task that went where the user does
        not see it, only that is told.
        """
        mine = _places_of(user)
        whole = Q(project__in=mine) | Q(user=user)
        seen = whole | Q(left_project__in=mine)
        return (
            self.sequenced()
            .filter(seen)
            .annotate(in_full=ExpressionWrapper(whole, output_field=BooleanField()))
        )

    def first_visible_to(
        self,
        user: Given[UUID],
        after: Given[int],
        most: int,
        near: QuerySet[Any, Any] | None = None,
    ) -> Self:
        """The first events behind a place in the log that this user may see.

        PostgreSQL looks up the first of each of the user's projects in that project's own part of
        an index, as in `TaskQuerySet.first_of_each_project`: it never walks over what others do.

        Args:
            near: those of the user's projects to look into, as a queryset of one column; None for
                all of them, and what is about the user beside.
        """
        if connection.vendor == "postgresql":
            found = self.filter(IsOneOf(F("sequence"), self._first_keys(user, after, most, near)))
        else:
            found = self.filter(sequence__gt=after)
            if near is not None:
                found = found.filter(Q(project__in=near) | Q(left_project__in=near))
        return found.visible_to(user).order_by("sequence")[:most]

    def _first_keys(
        self, user: Given[UUID], after: Given[int], most: int, near: QuerySet[Any, Any] | None
    ) -> Func:
        later = self.model._default_manager.filter(sequence__gt=after)
        later = later.order_by(F("sequence").asc())
        places = _places_of(user) if near is None else near
        keys: list[Combinable] = [
            FirstOfEach(places, later.filter(**{name: _PlaceProject()})[:most])
            for name in ("project", "left_project")
        ]
        if near is None:
            keys.append(ArraySubquery(later.filter(user=user).values("sequence")[:most]))
        return Func(
            *keys,
            template="(%(expressions)s)",
            arg_joiner=" || ",
            output_field=ArrayField(BigIntegerField()),
        )


class WebhookQuerySet(QuerySet["Webhook", "Webhook"]):
    def visible_to(self, user: Given[UUID]) -> Self:
        """The endpoints of this user: they are nobody else's business."""
        return self.filter(owner=user)

    def with_row_columns(self) -> Self:
        """Add the state of the circuit breaker, which time alone changes too."""
        return self.annotate(
            breaker=Case(
                When(open_until=None, then=Value("closed")),
                When(open_until__gt=Now(), then=Value("open")),
                default=Value("half-open"),
            )
        )


class DeliveryQuerySet(QuerySet["Delivery", "Delivery"]):
    def visible_to(self, user: Given[UUID]) -> Self:
        return self.filter(webhook__owner=user)

    def with_row_columns(self) -> Self:
        """Add what came of the last try, in the same statement."""
        attempts = self.model._meta.get_field("attempts").related_model._default_manager
        last = attempts.filter(delivery=OuterRef("pk")).order_by("-id")
        columns = ("at", "duration_ms", "status", "error", "answer")
        return self.annotate(
            **{f"last_{column}": Subquery(last.values(column)[:1]) for column in columns}
        )


class TaskQuerySet(_InProject["Task"]):
    def live(self) -> Self:
        return self.filter(deleted_at=None)

    def trashed(self) -> Self:
        return self.filter(deleted_at__isnull=False)

    def overdue(self, at: Given[datetime]) -> Self:
        """Open tasks whose moment has passed."""
        return self.filter(is_overdue(at))

    def change(self, now: datetime, **columns: Any) -> int:
        """Change many tasks at once; each gets its next version. Return how many."""
        return self.update(version=F("version") + 1, updated_at=now, **columns)

    def first_of_each_project(
        self, user: Given[UUID], first: Callable[[QuerySet[Any, Any]], QuerySet[Any, Any]]
    ) -> Self:
        """Only the rows that `first` finds in the user's projects, as if they were one list.

        The rows of one project lie in the order of an index; those of several do not, and the
        database would read and sort everything that the user can see to find the first fifty.
        So PostgreSQL looks up the first fifty of each project and sorts those, by what is in the
        index; only the fifty that come first of all are then read. They are an array and not a
        subquery, since an array is made once: the planner, where it guesses wrong, would ask a
        subquery anew for every row. For SQLite Django has no such construct.

        Args:
            first: orders tasks by columns of their own and cuts the list.
        """
        from tasks.models import Membership  # which is made from this module

        places = Membership.objects.filter(user=user, project__deleted_at=None)
        inside = first(self.model._default_manager.filter(project=_PlaceProject()))
        keys = FirstOfEach(places.values("project"), inside)
        return self.filter(IsOneOf(F("pk"), keys))

    def with_row_columns(self) -> Self:
        """Add what a row of the API has beside the table's columns, in the same statement."""
        named = (
            self.model._meta.get_field("task_labels")
            .related_model._default_manager.filter(task=OuterRef("pk"))
            .order_by()
            .values("task")
            .annotate(names=StringAgg("label__name", delimiter=Value(LABEL_SEPARATOR)))
            .values("names")
        )
        return self.annotate(
            label_names=Subquery(named, output_field=TextField()),
            metadata_text=Cast("metadata", TextField()),
        )


class _PlaceProject(Expression):
    """The project of the place that `FirstOfEach` looks into."""

    output_field = UUIDField()

    def as_sql(self, compiler: SQLCompiler, connection: Any) -> tuple[str, Any]:
        return "place.project", ()


class FirstOfEach(Expression):
    """The keys of the rows that come first of all, from a few rows of each place, as an array.

    A join LATERAL, of which Django knows nothing: for each row of `places` the database runs
    `inside`, once, and may begin at the place's own part of an index.
    """

    output_field = ArrayField(UUIDField())

    def __init__(self, places: QuerySet[Any, Any], inside: QuerySet[Any, Any]) -> None:
        """Take querysets of one column, the project, and of rows that are ordered and cut."""
        super().__init__()
        order = list(cast("Iterable[Any]", inside.query.order_by))
        names = [each.expression.name for each in order]
        self._places, self._inside = places.query, inside.values_list(*names).query
        self._columns = [f"c{number}" for number in range(len(order))]
        self._order = [
            f"{column} {'DESC' if each.descending else 'ASC'}"
            for column, each in zip(self._columns, order, strict=True)
        ]

    def as_sql(self, compiler: SQLCompiler, connection: Any) -> tuple[str, Any]:
        (places, of_places), (inside, of_inside) = (
            query.get_compiler(connection=connection).as_sql()
            for query in (self._places, self._inside)
        )
        sql = _FIRST_OF_EACH.format(
            key=self._columns[-1],
            places=places,
            inside=inside,
            columns=", ".join(self._columns),
            order=", ".join(self._order),
            most=self._inside.high_mark,
        )
        return sql, (*of_places, *of_inside)


class IsOneOf(Func):
    """Whether a value is among the elements of an array."""

    template = "%(expressions)s)"
    arg_joiner = " = ANY ("
    arity = 2
    output_field = BooleanField()


def _places_of(user: Given[UUID]) -> QuerySet[Any, Any]:
    """The projects that a user is a member of, as a column; those in the trash included."""
    from tasks.models import Membership  # which is made from this module

    return Membership.objects.filter(user=user).values("project")


def is_open() -> Q:
    return Q(status__in=sorted(OPEN))


def is_overdue(at: Given[datetime]) -> Q:
    return is_open() & Q(due_at__lte=at)


def has_words(text: Given[str]) -> Q:
    """Tasks whose title or description has all the words.

    On PostgreSQL a full-text search over the index `task_text` (language-neutral `simple`
    configuration: exact words, quotes, `or` and `-` as in a web search). SQLite has no such index
    in its default build and looks for the text as it stands.
    """
    if connection.vendor == "postgresql":
        vector = SearchVector("title", "description", config="simple")
        query = SearchQuery(text, config="simple", search_type="websearch")
        return Q(SearchVectorExact(vector, query))
    return Q(title__icontains=text) | Q(description__icontains=text)
