"""What a resource looks like from outside: database rows and written objects become one shape.

Reads fetch exactly these columns and never make model instances; a write shows the object it has
just written, without reading it again. Both go through the same `present` function, so they cannot
drift apart, and a test holds it against the serializer that documents the shape.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from operator import attrgetter
from typing import Any, Final, cast

import orjson
from django.db import connection
from django.db.models import Field, Model, QuerySet

from tasks.models import Comment, Label, Membership, Project, Task
from tasks.querysets import LABEL_SEPARATOR, TaskQuerySet
from tasks.statements import Row, Slot

Shown = dict[str, Any]
type Step = Callable[[QuerySet[Any, Any]], QuerySet[Any, Any]]


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind of thing that the API shows.

    Attributes:
        name: stands in the key of every compiled statement.
        visible: the queryset of what the user in the slot `user` may see.
        columns: what `present` takes: attributes of an instance, names for `values_list()`.
        present: one row's values to the JSON object that clients see.
        key: the column that is unique among the rows of a list and ends every ordering.
        spread: whether the visible rows are spread over projects, each with its own index order.
    """

    name: str
    model: type[Model]
    visible: Callable[[], QuerySet[Any, Any]]
    columns: tuple[str, ...]
    present: Callable[[Row], Shown]
    key: str = "id"
    spread: bool = False

    def near(self, matching: Step, first: Step) -> QuerySet[Any, Any]:
        """Return the visible rows that match, or as many of them as a page can need.

        Args:
            matching: filters a queryset as the list does.
            first: orders and cuts it as the list does.
        """
        visible = self.visible()
        if not self.spread or connection.vendor != "postgresql":
            return matching(visible)
        found = cast(TaskQuerySet, visible)
        return found.first_of_each_project(user_slot(), lambda inside: first(matching(inside)))

    def show(self, instance: Model) -> Shown:
        """Show an object that was just written."""
        return self.present(_attributes(self.columns)(instance))


@cache
def _attributes(columns: tuple[str, ...]) -> Callable[[Model], Row]:
    """Return what reads the columns of a row off an object."""
    return attrgetter(*(column.replace("__", ".") for column in columns))


def slot(model: type[Model], field: str, name: str | None = None) -> Slot:
    """Return a slot that takes values of this field."""
    return Slot(name or field, cast("Field[Any, Any]", model._meta.get_field(field)))


def user_slot() -> Slot:
    """The slot for the user whose eyes are used."""
    target: Field[Any, Any] = Membership._meta.get_field("user").target_field
    return Slot("user", target)


def _task(row: Row) -> Shown:
    names, metadata = row[14], row[16]
    return {
        "id": row[0],
        "project": row[1],
        "parent": row[2],
        "title": row[3],
        "description": row[4],
        "status": row[5],
        "completed": row[5] == "done",
        "priority": row[6],
        "start_date": row[7],
        "due_date": row[8],
        "due_time": row[9],
        "timezone": row[10],
        "due_at": row[11],
        "completed_at": row[12],
        "assignee": row[13],
        "labels": sorted(names.split(LABEL_SEPARATOR), key=str.casefold) if names else [],
        "external_id": row[15],
        "metadata": orjson.Fragment(metadata) if isinstance(metadata, str) else metadata,
        "position": row[17],
        "version": row[18],
        "created_by": row[19],
        "created_at": row[20],
        "updated_at": row[21],
        "deleted_at": row[22],
    }


TASK: Final = Resource(
    name="task",
    model=Task,
    visible=lambda: Task.objects.visible_to(user_slot()).with_row_columns(),
    columns=(
        "id",
        "project_id",
        "parent_id",
        "title",
        "description",
        "status",
        "priority",
        "start_date",
        "due_date",
        "due_time",
        "timezone",
        "due_at",
        "completed_at",
        "assignee_id",
        "label_names",
        "external_id",
        "metadata_text",
        "position",
        "version",
        "created_by_id",
        "created_at",
        "updated_at",
        "deleted_at",
    ),
    present=_task,
    spread=True,
)


def _named(*names: str) -> Callable[[Row], Shown]:
    """The first columns, shown as they are under these names."""

    def present(row: Row) -> Shown:
        return dict(zip(names, row, strict=False))

    return present


def _project(row: Row) -> Shown:
    return {
        "id": row[0],
        "name": row[1],
        "description": row[2],
        "inbox": row[3] is not None,
        "role": row[4],
        "version": row[5],
        "created_by": row[6],
        "created_at": row[7],
        "updated_at": row[8],
        "deleted_at": row[9],
    }


PROJECT: Final = Resource(
    name="project",
    model=Project,
    visible=lambda: Project.objects.visible_to(user_slot()),
    columns=(
        "id",
        "name",
        "description",
        "inbox_of_id",
        "role",
        "version",
        "created_by_id",
        "created_at",
        "updated_at",
        "deleted_at",
    ),
    present=_project,
)

MEMBER: Final = Resource(
    name="member",
    model=Membership,
    visible=lambda: Membership.objects.visible_to(user_slot()),
    columns=("user_id", "user__username", "role", "version", "created_at", "updated_at"),
    present=_named("user", "username", "role", "version", "created_at", "updated_at"),
    key="user_id",
)

LABEL: Final = Resource(
    name="label",
    model=Label,
    visible=lambda: Label.objects.visible_to(user_slot()),
    # The last column is only sorted by.
    columns=("id", "project_id", "name", "version", "created_at", "updated_at", "name_key"),
    present=_named("id", "project", "name", "version", "created_at", "updated_at"),
)

COMMENT: Final = Resource(
    name="comment",
    model=Comment,
    visible=lambda: Comment.objects.visible_to(user_slot()),
    columns=("id", "task_id", "body", "version", "created_by_id", "created_at", "updated_at"),
    present=_named("id", "task", "body", "version", "created_by", "created_at", "updated_at"),
)
