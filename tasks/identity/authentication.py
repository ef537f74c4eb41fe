"""Who is asking: a bearer token (RFC 6750), or the session of a browser that has logged in.

The bearer comes first, so it is the one that challenges: without it DRF would answer 403 to a
caller who has not signed in at all.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from django.utils import timezone
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.request import Request
from rest_framework_simplejwt.exceptions import TokenError

from tasks.identity.tokens import AccessToken
from tasks.identity.user_state import Caller, CallerCache, callers

CHALLENGE: Final = 'Bearer realm="tasks"'
INVALID_TOKEN_CHALLENGE: Final = f'{CHALLENGE}, error="invalid_token"'


class BearerAuthentication(BaseAuthentication):
    """`Authorization: Bearer …`; `request.user` is a `Caller`, `request.auth` the claims."""

    callers: ClassVar[CallerCache] = callers

    def authenticate(self, request: Request) -> tuple[Caller, Mapping[str, Any]] | None:
        """Return who calls, or None if the request carries no bearer token.

        Raises:
            AuthenticationFailed: `invalid_token`: it carries one that is not good.
        """
        credentials = _bearer_credentials(request)
        if credentials is None:
            return None
        try:
            token = AccessToken(credentials)  # type: ignore[arg-type]  # it takes a str
        except TokenError:
            raise _invalid_token() from None
        caller = self.callers.get(token.sid, now=timezone.now())
        if caller is None:
            raise _invalid_token()
        return caller, token.payload

    def authenticate_header(self, request: Request) -> str:
        """Return the challenge: whoever sent no token is not told that it was wrong (§3.1)."""
        return CHALLENGE if _bearer_credentials(request) is None else INVALID_TOKEN_CHALLENGE


class BrowserAuthentication(SessionAuthentication):
    """The session cookie, with the CSRF check that a cookie needs and a token does not."""

    def enforce_csrf(self, request: Request) -> None:
        """Raise PermissionDenied, `csrf_failed`, if the request may come from another site."""
        try:
            super().enforce_csrf(request)
        except PermissionDenied as error:
            raise PermissionDenied(str(error.detail), code="csrf_failed") from None


def _bearer_credentials(request: Request) -> str | None:
    """Return what follows the scheme `Bearer`, well-formed or not; None for any other scheme."""
    header: str = request.META.get("HTTP_AUTHORIZATION", "")
    scheme, _, credentials = header.strip().partition(" ")
    return credentials.strip() if scheme.lower() == "bearer" else None


def _invalid_token() -> AuthenticationFailed:
    return AuthenticationFailed(
        "The access token is malformed, expired or no longer valid.", code="invalid_token"
    )
