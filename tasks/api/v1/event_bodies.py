"""What answers about events and changes look like; the requests have no bodies.

Answers are not made by these: events are sent as they are stored, and resources by `tasks.rows`.
They describe both for the OpenAPI document, and tests hold the answers against them.
"""

from typing import Final

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

_DIGITS: Final = 20  # of a `sequence`
_KINDS: Final = ("project", "task", "label", "member", "comment")
_COMPONENTS: Final = [{"$ref": f"#/components/schemas/{kind.title()}"} for kind in _KINDS]


@extend_schema_field({"type": ["object", "null"]})
class _Snapshot(serializers.JSONField):
    """An object as it was; which fields it has depends on the type of the event."""


@extend_schema_field({"anyOf": [*_COMPONENTS, {"type": "null"}]})
class _Resource(serializers.JSONField):
    """An object as its own path shows it."""


class EventDataShown(serializers.Serializer):
    """What an event tells."""

    object = _Snapshot(help_text="What it happened to, as it was then. Null if you do not see it.")
    changes = serializers.DictField(
        child=serializers.ListField(min_length=2, max_length=2),
        help_text="For each field that changed, the old and the new value.",
    )
    actor = serializers.UUIDField(
        allow_null=True, help_text="The user who did it; null for the service itself."
    )
    request_id = serializers.CharField(allow_null=True, help_text="The request that did it.")
    project = serializers.UUIDField(allow_null=True, help_text="The project that it happened in.")


class EventShown(serializers.Serializer):
    """An event, as CloudEvents 1.0 has it; the same on every way that it takes to you."""

    specversion = serializers.ChoiceField(["1.0"], help_text="Of CloudEvents.")
    id = serializers.UUIDField(help_text="The same wherever and however often you get it.")
    source = serializers.CharField(  # type: ignore[assignment]  # a field, here
        help_text="The service that it comes from."
    )
    type = serializers.CharField(help_text="What happened, like `task.moved`.")
    subject = serializers.UUIDField(help_text="The id of what it happened to.")
    time = serializers.DateTimeField(help_text="When it happened.")
    datacontenttype = serializers.ChoiceField(["application/json"])
    dataschema = serializers.CharField(help_text="Names the shape of `data`.")
    sequence = serializers.RegexField(
        rf"^[0-9]{{{_DIGITS}}}$", help_text="Its place in the log; compares as text, too."
    )
    traceparent = serializers.CharField(required=False, help_text="W3C Trace Context.")
    data = EventDataShown()  # type: ignore[assignment]  # a field, here


class EventsShown(serializers.Serializer):
    """A part of the log."""

    results = EventShown(many=True)
    next = serializers.CharField(help_text="Where to go on, now or later. It is always there.")
    more = serializers.BooleanField(
        help_text="Whether to go on at once. An answer may be short, or empty, and say so."
    )


class ChangeShown(serializers.Serializer):
    """What to do to your copy of one object."""

    op = serializers.ChoiceField(["upsert", "delete", "reset", "drop"])
    type = serializers.ChoiceField(_KINDS)
    id = serializers.UUIDField(help_text="Of a member, the user's.")
    project = serializers.UUIDField(help_text="The project that it is in, or was.")
    data = _Resource(  # type: ignore[assignment]  # a field, here
        help_text="The object as you see it now; null if you do not."
    )


class ChangesShown(serializers.Serializer):
    """What is different since you asked last."""

    changes = ChangeShown(many=True)
    next = serializers.CharField(help_text="The `since` of your next request.")
    more = serializers.BooleanField(help_text="Whether to ask again at once.")
