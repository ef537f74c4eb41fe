"""Which representation a client gets: JSON, unless it prefers another one (RFC 9110 §12.5.1).

DRF's own negotiation does not read weights, so `text/html, application/json;q=0` would be answered
in JSON, and it lets a query parameter `format` overrule the header, which no table of ours knows.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from rest_framework.exceptions import NotAcceptable
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

type Chosen = tuple[BaseRenderer, str]

_ANY: Final = "*/*"
_WEIGHT: Final = re.compile(r";\s*q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)\s*(?:;|$)", re.IGNORECASE)


class Negotiation(DefaultContentNegotiation):
    """Takes the renderer with the highest weight; among equals the first, which is JSON."""

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> Chosen:
        """Return the renderer and its media type.

        Raises:
            NotAcceptable: every renderer is excluded.
        """
        header = request.META.get("HTTP_ACCEPT", "").strip() or _ANY
        first, *others = renderers
        if header in {_ANY, first.media_type}:  # what nearly every client sends
            return first, str(first.media_type)
        weights = _weights(header)
        best = max([first, *others], key=lambda renderer: _weight(renderer.media_type, weights))
        if not _weight(best.media_type, weights):
            raise NotAcceptable
        return best, str(best.media_type)


def _weights(header: str) -> Mapping[str, float]:
    """Return the weight of each media range; a weight that cannot be read counts as 1."""
    weights = {}
    for part in header.lower().split(","):
        found = _WEIGHT.search(part)
        weights[part.partition(";")[0].strip()] = float(found[1]) if found else 1.0
    return weights


def _weight(media_type: Any, weights: Mapping[str, float]) -> float:
    """Return the weight of the most specific range that the type is in; 0 for none."""
    ranges = (media_type, f"{media_type.partition('/')[0]}/*", _ANY)
    return next((weights[name] for name in ranges if name in weights), 0.0)
