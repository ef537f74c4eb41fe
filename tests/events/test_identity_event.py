"""What is read out of another service's message, and what is none of it."""

import json
import re
from typing import Any
from uuid import UUID

import pytest

from tasks.events.identity_event import LARGEST, IdentityEvent, read

pytestmark = pytest.mark.once

USER = "0197f6f0-0000-7000-8000-000000000001"
OTHER = "0197f6f0-0000-7000-8000-000000000002"


def message(**changes: Any) -> bytes:
    whole = {
        "specversion": "1.0",
        "id": "e-1",
        "source": "/identity",
        "type": "user.updated",
        "data": {"id": USER, "username": "alice"},
    }
    return json.dumps({**whole, **changes}).encode()


def test_it_reads_an_event() -> None:
    data = {"id": USER, "username": "alice"}
    expected = IdentityEvent("/identity", "e-1", "user.updated", UUID(USER), data)
    assert read(message()) == expected


@pytest.mark.parametrize("kind", ["user.deactivated", "user.deleted", "user.updated"])
def test_it_takes_a_type_with_the_name_of_its_service_too(kind: str) -> None:
    for spelling in (kind, f"identity.{kind}"):
        event = read(message(type=spelling))
        assert event is not None
        assert event.type == kind


@pytest.mark.parametrize(
    "changes",
    [
        {"subject": USER},
        {"subject": USER.upper()},
        {"subject": USER, "data": {}},
        {"specversion": "1.1"},
    ],
)
def test_it_takes_the_user_from_either_place(changes: dict[str, Any]) -> None:
    event = read(message(**changes))
    assert event is not None
    assert event.subject == UUID(USER)


@pytest.mark.parametrize("kind", ["user.created", "identity.group.deleted", "identity.identity.x"])
def test_it_leaves_other_types_alone(kind: str) -> None:
    assert read(message(type=kind, data={})) is None


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "It is not JSON in UTF-8."),
        (b"\xff", "It is not JSON in UTF-8."),
        (b"[" * 60_000, "It is not JSON in UTF-8."),
        (b"[]", "the message is not an object."),
        (message(data=None), "data is not an object."),
        (message(data=[USER]), "data is not an object."),
        (message(specversion="0.3"), "specversion is not 1.0."),
        (message(type=None), "type is not a text of 1 to 255 characters."),
        (message(id=""), "id is not a text of 1 to 255 characters."),
        (message(id=7), "id is not a text of 1 to 255 characters."),
        (message(source="s" * 256), "source is not a text of 1 to 255 characters."),
        (message(source="\0"), "source has characters that cannot be printed."),
        (message(id="\ud800"), "id has characters that cannot be printed."),
        (message(data={}), "data.id and subject name no user, or two."),
        (message(subject=OTHER), "data.id and subject name no user, or two."),
        (message(data={"id": "alice"}), "data.id or subject is not a UUID."),
        (message(data={"id": 1}), "data.id or subject is not a UUID."),
        (message(data={"id": [USER]}), "data.id or subject is not a UUID."),
        (b" " * (LARGEST + 1), "It has more than 65536 bytes."),
    ],
)
def test_it_says_why_a_message_is_none(body: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(reason)}$"):
        read(body)
