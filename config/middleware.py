"""The outermost middleware: names the request, and writes the one line that says how it went.

It runs on every request, so it does no more than a look into a dictionary here and there: in
particular it never asks for a user that nobody else has asked for, which would cost a query.
"""

import logging
import re
from collections.abc import Callable
from pathlib import Path
from time import perf_counter_ns
from typing import Final
from uuid import uuid4

from django.http import HttpRequest, HttpResponse
from django.utils.functional import LazyObject
from whitenoise.middleware import WhiteNoiseMiddleware  # type: ignore[import-untyped]

from tasks import context
from tasks.traces import traceparent_below

HEADER: Final = "X-Request-ID"
NOT_MODIFIED: Final = 304
ACCESS: Final = logging.getLogger("access")
# RFC 3986 §2.3 unreserved characters: safe in a header, a URL, a log and a shell.
_WELL_FORMED: Final = re.compile(r"[A-Za-z0-9._~-]{1,128}")
_PROBES: Final = ("/health", "/metrics")


def request_id_of(given: str | None) -> str:
    """Return the id that the client gave, if it is well-formed, else a new one."""
    return given if given and _WELL_FORMED.fullmatch(given) else uuid4().hex


class StaticFiles(WhiteNoiseMiddleware):  # type: ignore[misc]
    """WhiteNoise, for which a checkout without collected files is nothing to warn of."""

    def add_files(self, root: str, prefix: str | None = None) -> None:
        if Path(root).is_dir():
            super().add_files(root, prefix)


class RequestContext:
    """Sets the request id for all code below, returns it to the client, logs the request."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        started = perf_counter_ns()
        request_id = request_id_of(request.META.get("HTTP_X_REQUEST_ID"))
        token = context.request_id.set(request_id)
        span = context.traceparent.set(traceparent_below(request.META.get("HTTP_TRACEPARENT")))
        try:
            response = self.get_response(request)
            response.headers[HEADER] = request_id
            if response.status_code == NOT_MODIFIED:
                # It would be the length of the whole answer (RFC 9110 §8.6); Django says 0.
                response.headers.pop("Content-Length", None)
            _log(request, response, (perf_counter_ns() - started) / 1_000_000)
            return response
        finally:
            # The thread serves somebody else next.
            context.request_id.reset(token)
            context.traceparent.reset(span)


def _log(request: HttpRequest, response: HttpResponse, milliseconds: float) -> None:
    # Probes come every few seconds and say nothing when all is well.
    level = logging.DEBUG if request.path_info.startswith(_PROBES) else logging.INFO
    if ACCESS.isEnabledFor(level):
        match = request.resolver_match
        fields = {
            "method": request.method,
            "route": match.route if match else None,
            "status": response.status_code,
            "duration_ms": round(milliseconds, 2),
            "user": _known_user(request),
        }
        ACCESS.log(level, "request_finished", extra=fields)


def _known_user(request: HttpRequest) -> str | None:
    """Return the id of the user, unless nobody has looked yet who that is."""
    user = request.__dict__.get("user")
    if isinstance(user, LazyObject):
        user = request.__dict__.get("_cached_user")
    key = getattr(user, "pk", None)
    return None if key is None else str(key)
