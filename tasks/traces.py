"""The trace that a request belongs to, as far as it has to be handed on.

A `traceparent` names the trace, and the span of whoever sends it. What we hand on, with events and
webhooks, keeps the trace and names a span of our own. Source: W3C Trace Context, level 1.
"""

import re
import secrets
from typing import Final

_WELL_FORMED: Final = re.compile(
    r"(?P<version>[0-9a-f]{2})-(?P<trace>[0-9a-f]{32})-(?P<span>[0-9a-f]{16})-(?P<flags>[0-9a-f]{2})"
    r"(?P<more>-.*)?",
    re.ASCII | re.DOTALL,
)


def traceparent_below(given: str | None) -> str:
    """Return the `traceparent` of a span of ours, in the caller's trace or in a new one.

    Args:
        given: the header of the request. One that is not well-formed counts as none (§3.2.2.4), and
            of one of a later version only what version 00 has is read (§4.1).
    """
    found = _WELL_FORMED.fullmatch(given) if given else None
    if found is None or not _is_valid(found):
        return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-00"
    return f"00-{found['trace']}-{secrets.token_hex(8)}-{int(found['flags'], 16) & 1:02x}"


def _is_valid(found: re.Match[str]) -> bool:
    longer = found["more"] is not None and found["version"] == "00"
    zeros = not (found["trace"].strip("0") and found["span"].strip("0"))
    return found["version"] != "ff" and not longer and not zeros
