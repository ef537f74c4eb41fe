"""The shapes of endpoints and deliveries; see `tasks.api.v1.bodies`."""

from collections.abc import Mapping
from typing import Any, Final

from rest_framework import serializers

from tasks.api.v1.bodies import Written
from tasks.api.v1.fields import Flag, Id, NewId, StrictField, Text
from tasks.events.catalogue import TYPES, kind_of
from tasks.models import Delivery

_KINDS: Final = frozenset(f"{kind_of(name)}.*" for name in TYPES)
_TAKEN: Final = frozenset(TYPES) | _KINDS
_MOST_TYPES: Final = 100
_PATTERN: Final = r"^[a-z]+\.([a-z_]+|\*)$"


class Address(StrictField):
    """A URL to post to. Which ones can be posted to, the operation decides."""

    takes = "an https URL of at most 2048 visible ASCII characters"
    schema: Mapping[str, Any] = {
        "type": "string",
        "format": "uri",
        "maxLength": 2048,
        "pattern": r"^https?://[\x21-\x7e]+$",
        "example": "https://example.org/hooks/tasks",
    }

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str) or len(data) > self.schema["maxLength"]:
            self.fail("invalid")
        if not data.startswith(("https://", "http://")) or not _is_visible(data):
            self.fail("invalid")
        return data


def _is_visible(text: str) -> bool:
    return all("\x21" <= character <= "\x7e" for character in text)


class EventTypes(StrictField):
    """A list of types of events, or of all types of a kind like `task.*`; empty for all.

    The document names no single ones: there will be more of them, in answers too.
    """

    takes = "a list of types of events"
    schema: Mapping[str, Any] = {
        "type": "array",
        "maxItems": _MOST_TYPES,
        "items": {"type": "string", "maxLength": 40, "pattern": _PATTERN, "example": "task.*"},
    }

    def to_internal_value(self, data: Any) -> list[str]:
        if not isinstance(data, list) or len(data) > _MOST_TYPES:
            self.fail("invalid")
        errors = {str(index): [_refusal(item)] for index, item in enumerate(data) if _is_bad(item)}
        if errors:
            raise serializers.ValidationError(errors)
        return list(dict.fromkeys(data))


def _is_bad(item: Any) -> bool:
    return not isinstance(item, str) or item not in _TAKEN


def _refusal(item: Any) -> serializers.ErrorDetail:
    if not isinstance(item, str):
        return serializers.ErrorDetail("It takes a text.", "invalid")
    known = ", ".join(sorted(_TAKEN))
    return serializers.ErrorDetail(f"There is no such type. There are: {known}.", "unknown_type")


class _WebhookFields(Written):
    url = Address(
        help_text="Where events are posted to: https and public, but for what an operator allows."
    )
    description = Text(most=200, required=False, help_text="Your own words.")
    types = EventTypes(
        required=False, help_text="The types of events to send, also like `task.*`; empty for all."
    )
    project = Id(
        required=False,
        allow_null=True,
        help_text="Send only the events of this project; null for all that you may see.",
    )
    enabled = Flag(
        required=False,
        help_text="Whether anything is sent. True enables again, and failures are forgotten.",
    )
    disabled_because = serializers.ChoiceField(
        ["owner", "gone", "failing"],
        read_only=True,
        allow_null=True,
        help_text="You did it; the endpoint answered 410; it failed for 5 days.",
    )
    failing_since = serializers.DateTimeField(
        read_only=True, allow_null=True, help_text="The first failure after the last success."
    )
    breaker = serializers.ChoiceField(
        ["closed", "open", "half-open"],
        read_only=True,
        help_text="While it is open nothing is sent; half-open, one delivery tries whether it may "
        "close again.",
    )


class WebhookBody(_WebhookFields):
    """An endpoint to which events are posted."""

    id = NewId(required=False, help_text="A UUIDv7; an offline client may choose it on create.")


class WebhookChange(_WebhookFields):
    """A change of an endpoint: what it leaves out stays."""

    id = serializers.UUIDField(read_only=True)


class WebhookWithSecretShown(_WebhookFields):
    """An endpoint and its secret, which is shown this once."""

    id = serializers.UUIDField(read_only=True)
    secret = serializers.CharField(
        read_only=True, help_text="The key of the signatures, `whsec_…` in base64. Keep it."
    )


class PingShown(serializers.Serializer):
    """What was sent off."""

    event = serializers.UUIDField(help_text="Its id; one of the deliveries will be of this event.")


class AttemptShown(serializers.Serializer):
    """One request of a delivery, and what came back."""

    at = serializers.DateTimeField()
    duration_ms = serializers.IntegerField(help_text="How long it took, in milliseconds.")
    status = serializers.IntegerField(
        allow_null=True, help_text="The status of the answer; null if there was none."
    )
    error = serializers.CharField(
        allow_null=True,
        help_text="A word for what went wrong if nothing came back, like `timeout`.",
    )
    answer = serializers.CharField(help_text="The first KiB of the answer's body.")


class DeliveryShown(serializers.Serializer):
    """One event for one endpoint."""

    id = serializers.UUIDField()
    webhook = serializers.UUIDField()
    event = serializers.UUIDField(help_text="The id of the event, sent as `webhook-id`.")
    type = serializers.CharField(help_text="The type of the event.")
    state = serializers.ChoiceField(
        Delivery.State.values,
        help_text="Waits for its next try; was answered with 2xx; was tried ten times in vain; is "
        "not sent, since you may not see the event any more or the endpoint is disabled.",
    )
    tries = serializers.IntegerField(help_text="How often it was tried.")
    next_try_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)
    last_attempt = AttemptShown(allow_null=True)
