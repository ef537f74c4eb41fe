"""`Idempotency-Key`: a write that is sent again is done once (`tasks.operations.idempotency`).

Every write of a signed-in user may carry a key. `ApiView.initial` puts `answer_once` in front of
the handler, so no view can forget it. Signing in and out have no user to keep a key for, and
answers that nobody should store: they ignore it. An answer that shows a secret once is stored for
the one who lost it, encrypted as the secret itself.
"""

import hashlib
import json
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

import orjson
from rest_framework.exceptions import ParseError
from rest_framework.request import Request
from rest_framework.response import Response

from tasks.api.renderers import OPTIONS
from tasks.errors import Conflict
from tasks.operations.access import Actor
from tasks.operations.idempotency import Kept, once
from tasks.webhooks.secrets import Unreadable, seal, unseal

HEADER: Final = "Idempotency-Key"
METHODS: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_KEY: Final = re.compile(r"[\x21-\x7e]{1,255}")
_KEPT_HEADERS: Final = ("Location", "ETag")
_DIGEST_BYTES: Final = 32


def key_of(request: Request) -> str | None:
    """Return the key of a write; None if it has none, or nobody is signed in.

    Raises:
        ParseError: it is not 1 to 255 visible ASCII characters.
    """
    key: str | None = request.META.get("HTTP_IDEMPOTENCY_KEY")
    if key is None or request.method not in METHODS or not request.user.is_authenticated:
        return None
    if not _KEY.fullmatch(key):
        raise ParseError(f"{HEADER} takes 1 to 255 visible ASCII characters.")
    return key


def answer_once(
    request: Request,
    key: str,
    actor: Actor,
    now: datetime,
    handle: Callable[[], Response],
    *,
    confidential: bool = False,
) -> Response:
    """Return what `handle` answers; or, if this user sent this key before, what it answered then.

    Args:
        confidential: whether the answer holds a secret, so that its body is kept encrypted.

    Raises what `once` and `handle` raise.
    """
    answers = []

    def act() -> Kept:
        answers.append(handle())
        return _kept(answers[0], confidential=confidential)

    kept = once(actor=actor, now=now, key=key, fingerprint=_fingerprint(request), act=act)
    return _replayed(kept, confidential=confidential) if kept.replayed else answers[0]


def _kept(response: Response, *, confidential: bool) -> Kept:
    headers = {name: response[name] for name in _KEPT_HEADERS if name in response}
    body = "" if response.data is None else _json(response.data)
    return Kept(response.status_code, seal(body) if confidential else body, headers)


def _replayed(kept: Kept, *, confidential: bool) -> Response:
    body = _opened(kept.body) if confidential else kept.body
    data = orjson.loads(body) if body else None
    headers = {**kept.headers, "Idempotent-Replayed": "true"}
    return Response(data, status=kept.status, headers=headers)


def _opened(sealed: str) -> str:
    """Decrypt a body; raises Conflict if the key was taken out of service within the day."""
    try:
        return unseal(sealed)
    except Unreadable:
        raise Conflict("It was done; but the answer cannot be decrypted any more.") from None


def _json(data: Any) -> str:
    return orjson.dumps(data, default=str, option=OPTIONS).decode()


def _fingerprint(request: Request) -> str:
    """Return a digest of what is asked: method, path, query and what the body says.

    Blanks and the order of members do not count, and neither do the conditions: whoever asks again
    under the version that their own lost success made asks for the same.
    """
    query = sorted(request.query_params.lists())
    # Not by orjson, which takes no number beyond 64 bits.
    asked = json.dumps([request.method, request.path, query, request.data], sort_keys=True)
    return hashlib.blake2b(asked.encode(), digest_size=_DIGEST_BYTES).hexdigest()
