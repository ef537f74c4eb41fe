"""Pages for clients: `limit`, signed cursors, and the links to the neighbours.

A cursor says next to which row its page begins. It is signed together with the user, the path and
the filters, so it leads nowhere else, and what it holds can be trusted as it came.
"""

import base64
import binascii
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

import orjson
from django.utils.crypto import constant_time_compare, salted_hmac
from rest_framework.request import Request

from tasks.api import query
from tasks.api.query import Asked, Parameter
from tasks.errors import DomainError
from tasks.reads import Anchor, Order, Page
from tasks.rows import Resource, slot

_SALT: Final = "tasks.api.pagination"
_SIGNATURE_BYTES: Final = 16
_STEERING: Final = {"cursor", "limit"}
_LONGEST: Final = 4000  # characters; the sort value may be a title of 500 characters of 4 bytes

PARAMETERS: Final[Mapping[str, Parameter]] = {
    "limit": Parameter(
        "limit",
        "How many at most.",
        {
            "type": "integer",
            "minimum": 1,
            "maximum": query.MOST_LIMIT,
            "default": query.DEFAULT_LIMIT,
        },
        query.a_number(1, query.MOST_LIMIT),
    ),
    "cursor": Parameter(
        "cursor",
        "Where the page begins: part of the `next` and `previous` links, of no other meaning.",
        query.text_schema(_LONGEST),
        query.a_text(_LONGEST),
    ),
}


class InvalidCursor(DomainError):
    """The cursor was changed, is for another list, other filters or another user."""

    code = "invalid_cursor"


def anchor_of(asked: Asked, request: Request, resource: Resource, order: Order) -> Anchor | None:
    """Return the anchor that the request's cursor holds, if it has one.

    Raises:
        InvalidCursor: as the class says.
    """
    text = asked.one("cursor")
    if text is None:
        return None
    raw = _decode(text)
    signature, payload = raw[:_SIGNATURE_BYTES], raw[_SIGNATURE_BYTES:]
    if not constant_time_compare(signature, _sign(payload, request)):
        raise InvalidCursor
    value, key, backward, inclusive = orjson.loads(payload)
    field = slot(resource.model, order.column).output_field
    return Anchor(field.to_python(value), UUID(key), backward=backward, inclusive=inclusive)


def answer(page: Page, request: Request) -> dict[str, Any]:
    """Return the body of a list's answer."""
    return {
        "results": page.rows,
        "next": _link(page.after, request),
        "previous": _link(page.before, request),
    }


def _link(anchor: Anchor | None, request: Request) -> str | None:
    if anchor is None:
        return None
    parameters = [
        (name, value)
        for name, values in request.query_params.lists()
        if name != "cursor"
        for value in values
    ]
    parameters.append(("cursor", _encode(anchor, request)))
    host = f"{request.scheme}://{request.get_host()}"
    return f"{host}{request.path}?{urlencode(parameters)}"


def _encode(anchor: Anchor, request: Request) -> str:
    value = anchor.value
    if isinstance(value, datetime | date):
        value = value.isoformat()  # orjson writes the same, but says so less clearly
    payload = orjson.dumps([value, str(anchor.key), anchor.backward, anchor.inclusive])
    return _spelled(_sign(payload, request) + payload)


def _decode(text: str) -> bytes:
    """Return the bytes of a cursor; raises InvalidCursor unless it is spelled as it was given.

    The decoder passes over what is not of its alphabet and over the bits that do not fill a byte:
    a changed cursor would be as good as the one that was signed.
    """
    try:
        raw = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    except (UnicodeEncodeError, binascii.Error):
        raise InvalidCursor from None
    if _spelled(raw) != text:
        raise InvalidCursor
    return raw


def _spelled(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _sign(payload: bytes, request: Request) -> bytes:
    filters = sorted(
        (name, values) for name, values in request.query_params.lists() if name not in _STEERING
    )
    bound = orjson.dumps([str(request.user.pk), request.path, filters])
    digest = salted_hmac(_SALT, bound + b"\0" + payload, algorithm="sha256").digest()
    return digest[:_SIGNATURE_BYTES]
