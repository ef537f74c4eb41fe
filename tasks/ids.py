"""Identifiers: UUID version 7 (RFC 9562 §5.7), made here or chosen by a client.

Version 7 begins with the time, so rows made one after the other lie side by side in an index.
`uuid.uuid7` is in the standard library only from Python 3.14 on; until then `uuid_utils` makes
them. The wrapper keeps that library's name out of the migrations.
"""

import re
from uuid import UUID

import uuid_utils.compat

CANONICAL = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
VERSION_7 = r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"

_canonical = re.compile(CANONICAL)


def uuid7() -> UUID:
    """Return a new time-ordered identifier."""
    return uuid_utils.compat.uuid7()


def parse_id(text: str) -> UUID | None:
    """Read an identifier in canonical form (lower case, hyphens); None for anything else.

    `uuid.UUID` also takes braces, `urn:uuid:` and upper case: several spellings of one resource
    would be several keys for caches and idempotency.
    """
    return UUID(text) if _canonical.fullmatch(text) else None
