"""Reads with names. `visible_to` begins each of them: what a user may not see is not there.

A value may be given as itself or as a `Slot` of a statement that is compiled once.
"""

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.contrib.postgres.search import SearchQuery, SearchVector, SearchVectorExact
from django.db import connection
from django.db.models import (
    BooleanField,
    F,
    Func,
    Model,
    OuterRef,
    Q,
    QuerySet,
    StringAgg,
    Subquery,
    TextField,
    Value,
)
from django.db.models.expressions import Combinable
from django.db.models.functions import Cast

from tasks.lifecycle import OPEN

if TYPE_CHECKING:
    from tasks.models import Comment, Label, Membership, Project, Task  # noqa: F401  in strings

type Given[T] = T | Combinable

LABEL_SEPARATOR = "\n"  # a label's name is one line


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
        """Only what `first` finds in each project of the user: all that a page can need.

        The rows of one project lie in the order of an index; those of several do not, and the
        database would read and sort everything that the user can see to find the first fifty.
        So PostgreSQL looks up the first fifty of each project and sorts those. They are an array
        and not a subquery, since an array is made once: the planner, where it guesses wrong,
        would ask a subquery anew for every row. For SQLite Django has no such construct.
        """
        from tasks.models import Membership  # which is made from this module

        inside = first(self.model._default_manager.filter(project=OuterRef("project")))
        places = Membership.objects.filter(user=user, project__deleted_at=None)
        keys = places.values_list(Unnest(ArraySubquery(inside.values("pk"))))
        return self.filter(IsOneOf(F("pk"), ArraySubquery(keys)))

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


class Unnest(Func):
    """The elements of an array, as rows."""

    function = "unnest"
    arity = 1

    @property
    def output_field(self) -> Any:
        return self.get_source_expressions()[0].output_field.base_field


class IsOneOf(Func):
    """Whether a value is among the elements of an array."""

    template = "%(expressions)s)"
    arg_joiner = " = ANY ("
    arity = 2
    output_field = BooleanField()


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
