"""The shapes of API v1, once for all: what answers show and what requests may send.

Answers are made from rows (`tasks.rows`), requests are read by these serializers, the OpenAPI
schema is made from them, and a test holds rows and serializers together field by field.
"""

from typing import Any, Final

from rest_framework import serializers

from tasks.api.bodies import Body
from tasks.api.v1.fields import (
    ClockTime,
    Day,
    Flag,
    Id,
    LabelNames,
    Line,
    NewId,
    Number,
    OneOf,
    Text,
    Words,
    ZoneName,
)
from tasks.lifecycle import Status
from tasks.models import MAX_LABELS
from tasks.policies import Role

KIB: Final = 1024
STATUSES: Final = [status.value for status in Status]
ROLES: Final = [role.value for role in Role]


class Written(Body):
    """What every written thing has."""

    version = serializers.IntegerField(
        read_only=True, help_text="Grows by one with each change; the ETag."
    )
    created_at = serializers.DateTimeField(read_only=True)
    updated_at = serializers.DateTimeField(read_only=True)


class _TaskFields(Written):
    parent = Id(  # type: ignore[assignment]  # a field; the attribute of serializers is elsewhere
        required=False, allow_null=True, help_text="The task this one is a part of."
    )
    title = Line(most=500, help_text="One line, trimmed.")
    description = Text(most=64 * KIB, required=False, help_text="Markdown source.")
    status = OneOf(words=STATUSES, required=False, help_text="RFC 5545's four, in plain words.")
    completed = Flag(required=False, help_text="The plain view of `status`: true means done.")
    priority = Number(least=0, most=4, required=False, help_text="0 none, 4 urgent.")
    start_date = Day(required=False, allow_null=True, help_text="Not after `due_date`.")
    due_date = Day(required=False, allow_null=True)
    due_time = ClockTime(required=False, allow_null=True, help_text="Needs `due_date`.")
    timezone = ZoneName(required=False, help_text="Where the dates are; UTC when left out.")
    due_at = serializers.DateTimeField(
        read_only=True, allow_null=True, help_text="When it becomes overdue."
    )
    completed_at = serializers.DateTimeField(read_only=True, allow_null=True)
    assignee = Id(required=False, allow_null=True, help_text="A member of the project.")
    labels = LabelNames(most=MAX_LABELS, longest=50, required=False, help_text="Made on first use.")
    external_id = Line(
        most=255, required=False, allow_null=True, help_text="Unique in the project."
    )
    metadata = Words(most=4 * KIB, required=False, help_text="Your own data.")
    position = serializers.CharField(
        read_only=True, help_text="The order in the project, compared byte by byte."
    )
    created_by = serializers.UUIDField(read_only=True, allow_null=True)
    deleted_at = serializers.DateTimeField(
        read_only=True, allow_null=True, help_text="Set while it is in the trash."
    )


class TaskBody(_TaskFields):
    """One thing to do."""

    id = NewId(required=False, help_text="A UUIDv7; an offline client may choose it on create.")
    project = Id(required=False, help_text="The inbox of its creator when left out on create.")


class TaskChange(_TaskFields):
    """A change of a task: what it leaves out stays."""

    id = serializers.UUIDField(read_only=True)
    project = serializers.UUIDField(read_only=True, help_text="Changed only by `move`.")


class MoveBody(Body):
    """Where a task is to go."""

    after = Id(required=False, allow_null=True, help_text="The task to come after; null: first.")
    before = Id(required=False, allow_null=True, help_text="The task to come before; null: last.")
    parent = Id(  # type: ignore[assignment]  # a field; the attribute of serializers is elsewhere
        required=False, allow_null=True, help_text="The task to be a part of; null: a root."
    )
    project = Id(required=False, help_text="The project to go to.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse what names no place, or two."""
        if not attrs:
            raise serializers.ValidationError("Say where it is to go.", code="required")
        if "after" in attrs and "before" in attrs:
            error = serializers.ErrorDetail("Send one of `after` and `before`.", "contradicts")
            raise serializers.ValidationError({"before": [error]})
        return attrs


class _ProjectFields(Written):
    name = Line(most=200)
    description = Text(most=64 * KIB, required=False, help_text="Markdown source.")
    inbox = serializers.BooleanField(read_only=True, help_text="Whether it is somebody's inbox.")
    role = serializers.ChoiceField(ROLES, read_only=True, help_text="Your own role in it.")
    created_by = serializers.UUIDField(read_only=True, allow_null=True)
    deleted_at = serializers.DateTimeField(
        read_only=True, allow_null=True, help_text="Set while it is in the trash."
    )


class ProjectBody(_ProjectFields):
    """A list of tasks, shared by its members."""

    id = NewId(required=False, help_text="A UUIDv7; an offline client may choose it on create.")


class ProjectChange(_ProjectFields):
    """A change of a project: what it leaves out stays."""

    id = serializers.UUIDField(read_only=True)


class _MemberFields(Written):
    username = serializers.CharField(read_only=True)
    role = OneOf(words=ROLES)


class MemberBody(_MemberFields):
    """A user's role in a project."""

    user = Line(most=150, help_text="The id or the username.")


class MemberChange(Written):
    """Another role for a member."""

    role = OneOf(words=ROLES)


class MemberShown(_MemberFields):
    """A member as answers show them: `user` is the id."""

    user = serializers.UUIDField(read_only=True)


class LabelBody(Written):
    """A word that groups the tasks of a project."""

    id = serializers.UUIDField(read_only=True)
    project = serializers.UUIDField(read_only=True)
    name = Line(most=50, help_text="Unique in the project without regard to case.")


class _CommentFields(Written):
    task = serializers.UUIDField(read_only=True)
    body = Text(most=64 * KIB, blank=False, help_text="Markdown source.")
    created_by = serializers.UUIDField(read_only=True, allow_null=True)


class CommentBody(_CommentFields):
    """What a member says about a task."""

    id = NewId(required=False, help_text="A UUIDv7; an offline client may choose it on create.")


class CommentChange(_CommentFields):
    """A change of a comment."""

    id = serializers.UUIDField(read_only=True)


class MeBody(serializers.Serializer):
    """Who you are here."""

    id = serializers.UUIDField()
    username = serializers.CharField()
    inbox = serializers.UUIDField(help_text="Your inbox project.")
