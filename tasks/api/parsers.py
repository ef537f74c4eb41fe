"""Reading request bodies: one JSON document in UTF-8, and nothing that could mean two things.

The standard library's decoder, not orjson: only it lets us refuse duplicate keys, of which the
last one would silently win. Bodies are small, so the difference is a few microseconds.
Source: RFC 8259 §4, §8; I-JSON, RFC 7493 §2.
"""

import json
import math
from typing import Any, Final, Never

from django.http import UnreadablePostError
from rest_framework.exceptions import APIException, ParseError, UnsupportedMediaType
from rest_framework.parsers import BaseParser
from rest_framework.utils.mediatypes import _MediaType

MOST_BYTES: Final = 1024 * 1024
MOST_LEVELS: Final = 32


class ContentTooLarge(APIException):
    """The body is longer than `MOST_BYTES`."""

    status_code = 413
    default_code = "content_too_large"
    default_detail = "The body is longer than 1 MiB."


class StrictJSONParser(BaseParser):
    """`application/json`, strictly."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        """Return the document.

        Raises:
            UnsupportedMediaType: a range of types, another charset than UTF-8, a compressed body.
            ContentTooLarge: more than 1 MiB.
            ParseError: not JSON, or JSON with duplicate keys, NUL, lone surrogates, numbers
                beyond a double, or more than 32 levels.
        """
        media_type = media_type or self.media_type
        kind = _MediaType(media_type)
        if "*" in kind.full_type:
            # DRF compares as for Accept. A body has a type, not a range of them.
            raise UnsupportedMediaType(media_type)
        charset = kind.params.get("charset", "utf-8")
        if charset.strip('"').lower() not in {"utf-8", "utf8"}:
            raise UnsupportedMediaType(media_type, "The body must be in UTF-8.")
        if parser_context["request"].META.get("HTTP_CONTENT_ENCODING", "identity") != "identity":
            raise UnsupportedMediaType(media_type, "Compressed bodies are not read.")
        return document(_read(stream))


def _read(stream: Any) -> bytes:
    try:
        raw: bytes = stream.read(MOST_BYTES + 1)
    except UnreadablePostError as error:  # the client went away
        raise ParseError("The body did not arrive whole.") from error
    if len(raw) > MOST_BYTES:
        raise ContentTooLarge
    return raw


def document(raw: bytes) -> object:
    """Decode one JSON document; raises ParseError as `StrictJSONParser.parse` does."""
    try:
        parsed: object = json.loads(
            raw.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_constant=_refuse_constant,
            parse_float=_finite,
        )
    except ParseError:
        raise
    except RecursionError:
        raise ParseError(f"The document is more than {MOST_LEVELS} levels deep.") from None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ParseError(f"The body is not a JSON document in UTF-8: {error}") from error
    except ValueError:
        raise ParseError("A number has thousands of digits.") from None
    # The two walks are rare: most bodies have no escapes and few brackets.
    if raw.count(b"{") + raw.count(b"[") > MOST_LEVELS and _levels(parsed) > MOST_LEVELS:
        raise ParseError(f"The document is more than {MOST_LEVELS} levels deep.")
    if b"\\u" in raw:
        _refuse_unstorable(parsed)
    return parsed


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ParseError(f"The key {twice!r} stands more than once in one object.")
    return members


def _refuse_constant(name: str) -> Never:
    raise ParseError(f"{name} is not a JSON value.")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ParseError(f"The number {text[:20]} is too large.")
    return number


def _levels(value: object) -> int:
    """Return the depth, level by level: a recursive walk could overflow on what it measures."""
    depth, level = 0, [value]
    while level:
        inner = [item for item in level if isinstance(item, dict | list)]
        depth += bool(inner)
        level = [
            child for item in inner for child in (item.values() if isinstance(item, dict) else item)
        ]
    return depth


def _refuse_unstorable(value: object) -> None:
    """PostgreSQL stores no NUL in a text, and UTF-8 has no half of a surrogate pair."""
    if isinstance(value, str):
        if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
            raise ParseError("A string holds a NUL or a lone surrogate.")
    elif isinstance(value, dict):
        for name, member in value.items():
            _refuse_unstorable(name)
            _refuse_unstorable(member)
    elif isinstance(value, list):
        for item in value:
            _refuse_unstorable(item)
