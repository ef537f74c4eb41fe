"""Answers for what no view of the API answers: a path that is not there, a crash, a forged form.

Django sends these as HTML pages. Clients of the API read problem+json and nothing else, so that
is what they get everywhere but at the sign-in and under /admin/, where people look at a page.
"""

from typing import Final

from django.core.exceptions import DisallowedHost, RequestDataTooBig, TooManyFieldsSent
from django.http import HttpRequest, HttpResponse
from django.views import csrf, defaults

from tasks.api.problems import problem_response

_ADMIN: Final = "/admin/"
_SIGN_IN: Final = ("/login", "/logout")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer what Django calls suspicious: a foreign Host, too many fields, too large a body."""
    if _for_people(request):
        return defaults.bad_request(request, exception)
    if isinstance(exception, RequestDataTooBig):
        return problem_response("content_too_large", instance=request.path)
    return problem_response("malformed_request", detail=_detail(exception), instance=request.path)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    if _for_people(request):
        return defaults.permission_denied(request, exception)
    return problem_response("permission_denied", instance=request.path)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if _for_people(request):
        return defaults.page_not_found(request, exception)
    return problem_response("not_found", instance=request.path)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer a crash; Django has logged it, and nothing of it goes to the client."""
    if _for_people(request):
        return defaults.server_error(request)
    return problem_response("internal_error", instance=request.path)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a form or a session's request without the CSRF token (`CSRF_FAILURE_VIEW`)."""
    if _for_people(request):
        return csrf.csrf_failure(request, reason)
    return problem_response("csrf_failed", instance=request.path)


def _for_people(request: HttpRequest) -> bool:
    return request.path.startswith(_ADMIN) or request.path in _SIGN_IN


def _detail(exception: Exception) -> str:
    if isinstance(exception, DisallowedHost):
        return "The Host header names no host of this service (ALLOWED_HOSTS)."
    if isinstance(exception, TooManyFieldsSent):
        return "The query or the form has too many fields."
    return ""
