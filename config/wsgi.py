"""The WSGI application, inside a last resort.

Django answers errors of views and middleware, but it reads the request first, and there a client
can make it raise: a charset that is no text encoding, or a thousand parameters and any charset,
and no handler of ours runs. It also takes a chunked body for an empty one. So the outermost layer
is ours: it refuses what Django would misread, and turns whatever still escapes into a problem.
"""

import logging
import os
from collections.abc import Callable, Iterable
from typing import Any, Final

import django
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.urls import get_resolver

from config.middleware import HEADER, request_id_of
from tasks import context
from tasks.api.problems import problem_response

type Environ = dict[str, Any]
type StartResponse = Callable[..., Any]
type Application = Callable[[Environ, StartResponse], Iterable[bytes]]

LARGEST_BODY: Final = 1024 * 1024
_MOST_DIGITS: Final = len(str(LARGEST_BODY))
_logger: Final = logging.getLogger(__name__)


class UnreadableRequestError(Exception):
    """Django cannot make a request of what the client sent."""


class Request(WSGIRequest):
    """Django's request; only the client's bytes go into it, so a failure to make it is a 400."""

    def __init__(self, environ: Environ) -> None:
        try:
            super().__init__(environ)
        except Exception as error:
            raise UnreadableRequestError from error


class Handler(WSGIHandler):
    """Django's handler, which tells a request that it cannot read from a crash."""

    request_class = Request


class LastResort:
    """Answers problem+json for what happens before Django or escapes from it."""

    def __init__(self, application: Application) -> None:
        self.application = application

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if code := refusal(environ):
            return _answer(code, environ, start_response)
        try:
            return self.application(environ, start_response)
        except UnreadableRequestError:
            return _answer("malformed_request", environ, start_response)
        except Exception:  # noqa: BLE001 (the top: nothing above it would answer)
            return _answer("internal_error", environ, start_response, crashed=True)


def refusal(environ: Environ) -> str:
    """Return the problem's code for a body that is refused unread; empty for all others."""
    if "HTTP_TRANSFER_ENCODING" in environ:
        return "length_required"
    length = environ.get("CONTENT_LENGTH") or "0"
    if not (length.isascii() and length.isdigit()):
        return "malformed_request"
    # By the number of digits first: int() refuses thousands of them.
    too_large = len(length.lstrip("0")) > _MOST_DIGITS or int(length) > LARGEST_BODY
    return "content_too_large" if too_large else ""


def _answer(
    code: str, environ: Environ, start_response: StartResponse, *, crashed: bool = False
) -> Iterable[bytes]:
    request_id = request_id_of(environ.get("HTTP_X_REQUEST_ID"))
    token = context.request_id.set(request_id)
    try:
        response = problem_response(code, instance=_path(environ), headers={HEADER: request_id})
        fields = {"method": environ.get("REQUEST_METHOD"), "code": code}
        if crashed:
            _logger.exception("request_crashed", extra=fields)
        else:
            _logger.info("request_refused", extra=fields)
    finally:
        context.request_id.reset(token)
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Content-Length"] = str(len(response.content))
    start_response(f"{response.status_code} {response.reason_phrase}", list(response.items()))
    return [response.content]


def _path(environ: Environ) -> str:
    raw = str(environ.get("PATH_INFO", ""))
    return raw.encode("latin-1", "replace").decode("utf-8", "replace")


os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup(set_prefix=False)
# Read now and not by the first request: a view that cannot be imported ends the start.
_ = get_resolver().url_patterns
application = LastResort(Handler())
