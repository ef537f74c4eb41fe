"""What another service says of a user: one message, read and checked. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

LARGEST: Final = 64 * 1024  # bytes of a message
TYPES: Final = frozenset({"user.deactivated", "user.deleted", "user.updated"})
_PREFIX: Final = "identity."
_LONGEST: Final = 255  # characters, the columns of ReceivedEvent


@dataclass(frozen=True, slots=True)
class IdentityEvent:
    """An event of the identity service.

    Attributes:
        source: who says so; together with `id` it names the event.
        type: one of TYPES, without the service's prefix.
        subject: the user.
        data: as it came; the handler checks what it takes from it.
    """

    source: str
    id: str
    type: str
    subject: UUID
    data: Mapping[str, Any]


def read(body: bytes) -> IdentityEvent | None:
    """Return the event of a CloudEvents JSON message; None for a type that means nothing here.

    Raises:
        ValueError: It is none, in a sentence for whoever looks into the dead letters.
    """
    message = _object(_parsed(body), "the message")
    if not str(message.get("specversion", "1.0")).startswith("1."):
        raise ValueError("specversion is not 1.0.")
    kind = _text(message, "type").removeprefix(_PREFIX)
    if kind not in TYPES:
        return None
    data = _object(message.get("data"), "data")
    source, name = _text(message, "source"), _text(message, "id")
    return IdentityEvent(source, name, kind, _user(message, data), data)


def _parsed(body: bytes) -> object:
    if len(body) > LARGEST:
        raise ValueError(f"It has more than {LARGEST} bytes.")
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise ValueError("It is not JSON in UTF-8.") from None


def _object(value: object, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{name} is not an object.")
    return value


def _text(message: Mapping[str, Any], name: str) -> str:
    value = message.get(name)
    if not isinstance(value, str) or not 1 <= len(value) <= _LONGEST:
        raise ValueError(f"{name} is not a text of 1 to {_LONGEST} characters.")
    if not value.isprintable():  # NUL, which PostgreSQL refuses; lone surrogates, too.
        raise ValueError(f"{name} has characters that cannot be printed.")
    return value


def _user(message: Mapping[str, Any], data: Mapping[str, Any]) -> UUID:
    named = [value for value in (data.get("id"), message.get("subject")) if value is not None]
    try:
        users = {UUID(value) for value in named}
    except (ValueError, TypeError, AttributeError):
        raise ValueError("data.id or subject is not a UUID.") from None
    if len(users) != 1:
        raise ValueError("data.id and subject name no user, or two.")
    return users.pop()
