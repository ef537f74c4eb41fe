"""The catalogue of problems: every error that this service answers, RFC 9457.

`type` is `/api/problems/CODE`, a page of the documentation; `code` never changes. An entry here is
all that a new kind of error needs: the page, the schema and the test that demands that some test
provokes it all read this table. Nothing in this module knows DRF, so that the errors from before
and outside it can use it too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson
from django.http import HttpResponse

from tasks import context

MEDIA_TYPE: Final = "application/problem+json"


@dataclass(frozen=True, slots=True)
class ProblemType:
    """One kind of error: its HTTP status, its name for people, and what to do about it."""

    code: str
    status: int
    title: str
    remedy: str


CATALOGUE: Final[Mapping[str, ProblemType]] = {
    entry.code: entry
    for entry in (
        ProblemType(
            "malformed_request",
            400,
            "The request cannot be read",
            "Send well-formed HTTP and one UTF-8 JSON document: no duplicate keys, no NUL, "
            "no lone surrogates, at most 32 levels deep.",
        ),
        ProblemType(
            "validation_failed",
            400,
            "The request breaks a rule",
            "`errors` names each field (`pointer`) or query parameter (`parameter`) and says "
            "what it may be.",
        ),
        ProblemType(
            "invalid_cursor",
            400,
            "The cursor is not valid",
            "Use the `next` and `previous` links as they came, as the same user and with the "
            "same filters; or begin again without `cursor`.",
        ),
        ProblemType(
            "not_authenticated",
            401,
            "Sign-in is needed",
            "Send `Authorization: Bearer …` with an access token from `POST /api/v1/auth/token`.",
        ),
        ProblemType(
            "invalid_token",
            401,
            "The token is not valid",
            "Get a new access token with the refresh token, or sign in again.",
        ),
        ProblemType(
            "invalid_credentials",
            401,
            "The sign-in failed",
            "Check the username and the password, and whether the account is active.",
        ),
        ProblemType(
            "permission_denied",
            403,
            "Your role does not allow this",
            "Ask an admin of the project for a role that reaches.",
        ),
        ProblemType(
            "csrf_failed",
            403,
            "The CSRF check failed",
            "A browser session must send the token of its page as `X-CSRFToken`.",
        ),
        ProblemType(
            "not_found",
            404,
            "There is nothing here",
            "Check the path and the ids. What you may not see answers in the same way.",
        ),
        ProblemType(
            "method_not_allowed",
            405,
            "This method is not offered here",
            "The `Allow` header lists the methods of this path.",
        ),
        ProblemType(
            "not_acceptable",
            406,
            "No such representation",
            "Accept `application/json`.",
        ),
        ProblemType(
            "id_taken",
            409,
            "The id is taken",
            "Choose another UUIDv7, or leave `id` out.",
        ),
        ProblemType(
            "conflict",
            409,
            "Something else changed at the same moment",
            "Read what is there now, and send the request again if it still makes sense.",
        ),
        ProblemType(
            "external_id_taken",
            409,
            "The external id is taken",
            "Another task of the project, perhaps one in the trash, has this `external_id`.",
        ),
        ProblemType(
            "label_taken",
            409,
            "The label exists",
            "Label names are unique in a project, without regard to case.",
        ),
        ProblemType(
            "already_member",
            409,
            "Already a member",
            "Change the role of the member in place of adding them again.",
        ),
        ProblemType(
            "last_admin",
            409,
            "The last admin stays",
            "Make another member an admin first.",
        ),
        ProblemType(
            "in_trash",
            409,
            "It is in the trash",
            "Restore it before changing it.",
        ),
        ProblemType(
            "inbox_stays",
            409,
            "The inbox stays",
            "The inbox project cannot be deleted and its owner stays its admin.",
        ),
        ProblemType(
            "too_many_webhooks",
            409,
            "You have as many endpoints as one may have",
            "Delete one that is not needed any more, or let one endpoint take more types.",
        ),
        ProblemType(
            "webhook_disabled",
            409,
            "The endpoint is disabled",
            "Enable it first: `PATCH` it with `enabled: true`.",
        ),
        ProblemType(
            "idempotency_key_in_use",
            409,
            "The first request with this key is running",
            "Wait for the number of seconds in `Retry-After`, and send the same request again.",
        ),
        ProblemType(
            "events_expired",
            410,
            "The events are gone",
            "They are kept for 90 days. Begin anew: of the feed without `after`, of the changes "
            "without `since`, and then load the lists.",
        ),
        ProblemType(
            "length_required",
            411,
            "The length is needed",
            "Send the body with a `Content-Length`, not in chunks.",
        ),
        ProblemType(
            "precondition_failed",
            412,
            "It is not the version you took it for",
            "`ETag` is the tag of what is there now. Read it, and decide anew.",
        ),
        ProblemType(
            "content_too_large",
            413,
            "The body is too large",
            "Send at most 1 MiB.",
        ),
        ProblemType(
            "uri_too_long",
            414,
            "The request line is too long",
            "Use fewer or shorter query parameters.",
        ),
        ProblemType(
            "unsupported_media_type",
            415,
            "The body's type is not read here",
            "Send `Content-Type: application/json`, in UTF-8 and without `Content-Encoding`.",
        ),
        ProblemType(
            "idempotency_key_reused",
            422,
            "The key belongs to another request",
            "Choose a new `Idempotency-Key` for each request, and keep it for sending that again.",
        ),
        ProblemType(
            "precondition_required",
            428,
            "The version is needed",
            "Send `If-Match` with the tag of what you have read, or `*` for any.",
        ),
        ProblemType(
            "rate_limited",
            429,
            "Too many requests",
            "Wait for the number of seconds in `Retry-After`.",
        ),
        ProblemType(
            "headers_too_large",
            431,
            "The headers are too large",
            "Send fewer or shorter header fields.",
        ),
        ProblemType(
            "internal_error",
            500,
            "The service failed",
            "It is our mistake. Report the `request_id`; a retry may work.",
        ),
        ProblemType(
            "unavailable",
            503,
            "The service cannot answer now",
            "Its database does not answer. Retry after the number of seconds in `Retry-After`.",
        ),
    )
}


def problem(
    code: str,
    *,
    detail: str = "",
    instance: str = "",
    errors: Sequence[Mapping[str, str]] = (),
) -> dict[str, Any]:
    """Return the body of a problem of the catalogue.

    Args:
        code: a key of `CATALOGUE`; anything else is a mistake of ours and raises KeyError.
        detail: what happened in this case, for people; the remedy of the kind when left out.
        instance: the path of the request.
        errors: members `pointer` or `parameter`, `code` and `detail` (RFC 9457 §3, RFC 6901).
    """
    kind = CATALOGUE[code]
    body: dict[str, Any] = {
        "type": f"/api/problems/{code}",
        "title": kind.title,
        "status": kind.status,
        "detail": detail or kind.remedy,
        "instance": instance,
        "code": code,
        "request_id": context.request_id.get(),
    }
    if errors:
        body["errors"] = list(errors)
    return body


def problem_response(
    code: str, *, detail: str = "", instance: str = "", headers: Mapping[str, str] | None = None
) -> HttpResponse:
    """Answer a problem from outside DRF: a missing page, a failed CSRF check, a crash."""
    body = problem(code, detail=detail, instance=instance)
    return HttpResponse(
        orjson.dumps(body),
        status=body["status"],
        content_type=MEDIA_TYPE,
        headers=dict(headers or {}),
    )
