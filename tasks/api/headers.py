"""The headers of requests and answers, as the OpenAPI document describes them."""

from typing import Any, Final

from drf_spectacular.utils import OpenApiParameter

# What is done to something that exists, and so may depend on its version.
CONDITIONAL: Final = frozenset(
    {"update", "partial_update", "destroy", "move", "restore", "rotate_secret"}
)
_TAG: Final = r'(W/)?"[\x21\x23-\x7e]*"'
_TAGS: Final = {
    "type": "string",
    "pattern": rf"^(\*|{_TAG}( *, *{_TAG})*)$",
    "examples": ['"3"', "*"],
}
_SUCCESS: Final = ["200", "201"]


def _sent(name: str, schema: dict[str, Any], words: str) -> OpenApiParameter:
    return OpenApiParameter(name, schema, "header", description=words)


def _answered(name: str, schema: dict[str, Any], words: str, on: list[str]) -> OpenApiParameter:
    return OpenApiParameter(name, schema, "header", description=words, response=on)


IF_NONE_MATCH: Final = _sent(
    "If-None-Match",
    {"type": "string", "examples": ['"3"']},
    "The tags that you have: if nothing changed, the answer is 304.",
)
IF_MATCH: Final = _sent(
    "If-Match", _TAGS, "Write only if this is the tag still; otherwise the answer is 412."
)
IDEMPOTENCY_KEY: Final = _sent(
    "Idempotency-Key",
    {
        "type": "string",
        "pattern": r"^[\x21-\x7e]{1,255}$",
        "maxLength": 255,
        "examples": ["8e03978e"],
    },
    "A key of your own for this request: sent again within a day it is done once.",
)
ETAG: Final = _answered("ETag", {"type": "string"}, "The tag of this version.", _SUCCESS)
TAG_IF_FAILED: Final = _answered(
    "ETag", {"type": "string"}, "The tag of the version that is there.", ["412"]
)
REPLAYED: Final = _answered(
    "Idempotent-Replayed",
    {"type": "string", "enum": ["true"]},
    "Present if this was answered before to the same key.",
    [*_SUCCESS, "202", "204"],
)
NOT_MODIFIED: Final = "You have it already."


def headers_of(
    method: str, action: str, *, signed_in: bool, volatile: bool = False
) -> list[OpenApiParameter]:
    """Return the headers that a request of this kind may have, and those of its answers."""
    if method == "GET":
        return [ETAG] if volatile else [IF_NONE_MATCH, ETAG]
    if not signed_in:
        return []
    conditions = [IF_MATCH, TAG_IF_FAILED] if action in CONDITIONAL else []
    return [IDEMPOTENCY_KEY, *conditions, ETAG, REPLAYED]
