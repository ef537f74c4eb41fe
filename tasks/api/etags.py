"""Entity tags and the conditions on them (RFC 9110 §8.8.3, §13).

The tag of a thing is its version in quotes, so whoever has the version has the tag. A list, and
what has no version, is tagged by a digest of its bytes. Tags are strong and belong to the JSON: the
pages for browsers have none.

What a write demands is read here and decided in the operation, under the lock of the row.
"""

import hashlib
import re
from typing import Final

from django.conf import settings
from rest_framework.exceptions import ParseError
from rest_framework.request import Request
from rest_framework.response import Response

from tasks.errors import DomainError
from tasks.versions import Expected

_TAG: Final = re.compile(r'(W/)?"([\x21\x23-\x7e\x80-\xff]*)"')
_TAGS: Final = re.compile(rf"[ \t,]*{_TAG.pattern}(?:[ \t]*,[ \t,]*{_TAG.pattern})*[ \t,]*")
_DIGEST_BYTES: Final = 16


class PreconditionRequired(DomainError):
    """The write has no `If-Match`, and REQUIRE_IF_MATCH is on."""

    code = "precondition_required"


def tag_of(version: int) -> str:
    """Return the entity tag of a version."""
    return f'"{version}"'


def expected(request: Request) -> Expected:
    """Return what a write demands of the version that it finds.

    `If-Match` compares strongly, so weak tags in it match nothing; `If-None-Match` compares weakly.

    Raises:
        PreconditionRequired: REQUIRE_IF_MATCH is on and there is no `If-Match`.
        ParseError: a header is neither `*` nor a list of entity tags.
    """
    match = request.META.get("HTTP_IF_MATCH")
    none_match = request.META.get("HTTP_IF_NONE_MATCH")
    if match is None and settings.REQUIRE_IF_MATCH:
        raise PreconditionRequired
    among = None
    if match is not None and match.strip() != "*":
        among = frozenset(tag for weak, tag in _tags("If-Match", match) if not weak)
    if none_match is None:
        return Expected(among)
    if none_match.strip() == "*":
        return Expected(among, absent=True)
    return Expected(among, frozenset(tag for _, tag in _tags("If-None-Match", none_match)))


def tag_answer(request: Request, response: Response) -> None:
    """Tag what a read answers in JSON, and leave the body out if the client has it already."""
    if response.status_code != 200 or response.accepted_renderer.format != "json":  # noqa: PLR2004
        return
    if "ETag" not in response.headers:
        digest = hashlib.blake2b(response.render().content, digest_size=_DIGEST_BYTES)
        response.headers["ETag"] = f'"{digest.hexdigest()}"'
    if _has(request, response.headers["ETag"]):
        response.status_code = 304
        response.content = b""
        response.headers.pop("Content-Type", None)


def _has(request: Request, tag: str) -> bool:
    """Tell whether `If-None-Match` names the tag; what cannot be read names none."""
    header = request.META.get("HTTP_IF_NONE_MATCH")
    if header is None:
        return False
    return header.strip() == "*" or tag in {f'"{own}"' for _, own in _TAG.findall(header)}


def _tags(name: str, header: str) -> list[tuple[str, str]]:
    if not _TAGS.fullmatch(header):
        raise ParseError(f'{name} takes `*` or entity tags in quotes, like "3".')
    return _TAG.findall(header)
