"""From exceptions to problems: the one place where the domain's names become HTTP.

`REST_FRAMEWORK["EXCEPTION_HANDLER"]` points here. What is not listed is a mistake of ours: it goes
on to Django, which logs it and answers the problem `internal_error`.
"""

import logging
from collections.abc import Iterator, Mapping
from typing import Any, Final

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import IntegrityError, InterfaceError, OperationalError
from django.http import Http404
from psycopg_pool import PoolTimeout
from rest_framework import exceptions
from rest_framework.response import Response

from tasks.api.etags import tag_of
from tasks.api.problems import CATALOGUE, MEDIA_TYPE, problem
from tasks.api.renderers import JSONRenderer
from tasks.errors import Conflict, DomainError, FieldError, VersionMismatch

logger = logging.getLogger("tasks.api")

_WAITS: Final[Mapping[str, str]] = {  # seconds
    "unavailable": "5",  # a database that comes back does so within a few
    "idempotency_key_in_use": "1",  # a request does not take longer
}

_CODES: Final[Mapping[type[Exception], str]] = {
    exceptions.ParseError: "malformed_request",
    exceptions.ValidationError: "validation_failed",
    exceptions.NotAuthenticated: "not_authenticated",
    exceptions.AuthenticationFailed: "invalid_token",
    exceptions.PermissionDenied: "permission_denied",
    exceptions.NotFound: "not_found",
    exceptions.MethodNotAllowed: "method_not_allowed",
    exceptions.NotAcceptable: "not_acceptable",
    exceptions.UnsupportedMediaType: "unsupported_media_type",
    exceptions.Throttled: "rate_limited",
    PermissionDenied: "permission_denied",
    Http404: "not_found",
    RequestDataTooBig: "content_too_large",
    IntegrityError: Conflict.code,
}
_OUTAGES: Final = (OperationalError, InterfaceError, PoolTimeout)


def handle(exception: Exception, context: Mapping[str, Any]) -> Response | None:
    """Return the problem response for an exception raised in a view, or None for the unknown."""
    code = _code(exception)
    if code is None:
        return None
    request = context["request"]
    body = problem(
        code,
        detail=_detail(exception),
        instance=request.path,
        errors=[_shown(error) for error in _errors(exception)],
    )
    response = Response(body, status=body["status"], headers=_headers(exception, code))
    renderer = getattr(request, "accepted_renderer", None)
    if renderer is None or renderer.format != "api":
        # JSON also where the view itself answers in YAML or HTML: the schema, the documentation.
        request.accepted_renderer, request.accepted_media_type = JSONRenderer(), MEDIA_TYPE
        response.content_type = MEDIA_TYPE
    return response


def _code(exception: Exception) -> str | None:
    if isinstance(exception, DomainError):
        return exception.code
    if isinstance(exception, _OUTAGES):
        logger.error("database_unavailable", exc_info=exception)
        return "unavailable"
    if isinstance(exception, IntegrityError):
        logger.warning("write_conflict", exc_info=exception)
    named = getattr(exception, "default_code", None)
    own = getattr(getattr(exception, "detail", None), "code", None) or named
    if own in CATALOGUE:
        return str(own)
    return next((code for kind, code in _CODES.items() if isinstance(exception, kind)), None)


def _detail(exception: Exception) -> str:
    detail = getattr(exception, "detail", "")
    return "" if isinstance(detail, dict | list) else str(detail)


def _headers(exception: Exception, code: str) -> dict[str, str]:
    headers = {}
    if challenge := getattr(exception, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if wait := getattr(exception, "wait", None):
        headers["Retry-After"] = str(int(wait))
    if isinstance(exception, VersionMismatch):
        headers["ETag"] = tag_of(exception.version)
    if code in _WAITS:
        headers["Retry-After"] = _WAITS[code]
    return headers


def _errors(exception: Exception) -> list[FieldError]:
    if isinstance(exception, DomainError):
        return list(exception.errors)
    if isinstance(exception, exceptions.ValidationError):
        return list(_flattened(exception.detail))
    return []


def _flattened(detail: Any, path: tuple[str, ...] = ()) -> Iterator[FieldError]:
    """Walk DRF's nested errors; those of lists come with integer keys (DRF 3.18)."""
    if isinstance(detail, dict):
        for name, inner in detail.items():
            own = () if name == "non_field_errors" else (str(name),)
            yield from _flattened(inner, path + own)
    elif isinstance(detail, list):
        for item in detail:
            yield from _flattened(item, path)
    else:
        yield FieldError("/".join(map(_escaped, path)), detail.code, str(detail))


def _escaped(part: str) -> str:
    """Escape one part of a JSON pointer (RFC 6901 §3)."""
    return part.replace("~", "~0").replace("/", "~1")


def _shown(error: FieldError) -> dict[str, str]:
    if error.in_query:
        place = {"parameter": error.field}
    else:
        place = {"pointer": f"#/{error.field}" if error.field else "#"}
    return {**place, "code": error.code, "detail": error.detail}
