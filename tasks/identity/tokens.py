"""Access and refresh tokens: simplejwt's token classes over a backend that knows many keys.

simplejwt's own backend has one key, writes no `kid` and cannot tell an access token from other
tokens before reading its claims. This one writes the header of RFC 9068 (`typ: at+jwt`), chooses
the key by `kid`, and hands PyJWT that key with its one algorithm and the list of claims that must
be there. A refresh token has another `typ` and another `token_type`, so neither kind ever passes
for the other (RFC 8725 §3.11, §3.12).

A token is verified in each request, so what can be known beforehand is: the keys are loaded once,
and the header, which is the same text in all tokens of one key, is read once.
"""

import json
import time
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, ClassVar, Final, Self
from uuid import UUID

import jwt
from django.conf import settings
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import (
    TokenBackendError,
    TokenBackendExpiredToken,
    TokenError,
)
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.tokens import AccessToken as SimpleAccessToken
from rest_framework_simplejwt.tokens import RefreshToken as SimpleRefreshToken
from rest_framework_simplejwt.tokens import Token

from tasks.identity.keys import Key, load_keys
from tasks.ids import parse_id

# What a person may do, they may do through their own client. Service accounts will have less.
USER_SCOPE: Final = "tasks:read tasks:write webhooks events:read"
# Ours have about 700 characters with the longest key; more is not worth the work of reading.
LONGEST_TOKEN: Final = 2048
_REMEMBERED_TOKENS: Final = 4096  # about 1 kB each
_REQUIRED: Final = ["exp", "iat", "iss", "aud", "sub", "jti", "sid", "scope", "token_type"]


class KeyRingBackend(TokenBackend):
    """Signs with the first key and verifies with the key that the token names.

    Args:
        header_type: the `typ` of the tokens it makes, and the only one it accepts.
        keys: as `load_keys` returns them.
        issuer: the `iss` it writes and demands.
        audience: the `aud` it writes and demands.
        leeway: seconds by which the clocks of two processes may differ.
    """

    def __init__(
        self, *, header_type: str, keys: tuple[Key, ...], issuer: str, audience: str, leeway: int
    ) -> None:
        super().__init__(keys[0].algorithm, issuer=issuer, audience=audience, leeway=leeway)
        self._header_type = header_type
        self._seconds = leeway
        self._keys = {key.kid: key for key in keys}
        self._signing = keys[0]
        # Bounded: anybody can send headers, but only ours are worth remembering.
        self._key_of = lru_cache(maxsize=64)(self._read_header)
        # A token comes with each request of its five minutes; its signature does not change.
        self._verified = lru_cache(maxsize=_REMEMBERED_TOKENS)(self.claims)

    def encode(self, payload: dict[str, Any]) -> str:
        key = self._signing
        return jwt.encode(
            {**payload, "iss": self.issuer, "aud": self.audience},
            key.signing,
            algorithm=key.algorithm,
            headers={"typ": self._header_type, "kid": key.kid},
        )

    def decode(self, token: Any, verify: bool = True) -> dict[str, Any]:  # noqa: FBT001, FBT002
        """Return the claims of a token; all checks are made, whatever `verify` says.

        A token that was good before is asked only whether it has expired since; a bad one is
        not remembered, so it costs its sender as much as us each time.

        Raises:
            TokenBackendExpiredToken: it was good until it expired.
            TokenBackendError: anything else is wrong with it.
        """
        claims = self._verified(token)
        if claims["exp"] <= time.time() - self._seconds:
            raise TokenBackendExpiredToken("Token is expired")
        return dict(claims)

    def claims(self, token: object, *, expired_too: bool = False) -> dict[str, Any]:
        """Return the claims; with `expired_too`, also those of a token that was good once."""
        if not isinstance(token, str) or len(token) > LONGEST_TOKEN:
            raise TokenBackendError("Token is invalid")
        key = self._key_of(token.partition(".")[0])
        if key is None:
            raise TokenBackendError("Token is invalid")
        try:
            return jwt.decode(
                token,
                key.verifying,
                algorithms=[key.algorithm],
                audience=self.audience,
                issuer=self.issuer,
                leeway=self.leeway or 0,
                options={
                    "require": _REQUIRED,
                    "strict_aud": True,
                    "verify_exp": not expired_too,
                },
            )
        except jwt.ExpiredSignatureError as error:
            raise TokenBackendExpiredToken("Token is expired") from error
        # UnicodeEncodeError: a lone surrogate, which JSON can carry and UTF-8 cannot.
        except (jwt.PyJWTError, UnicodeEncodeError) as error:
            raise TokenBackendError("Token is invalid") from error

    def _read_header(self, segment: str) -> Key | None:
        """Return the key that the first segment of a token names; None if it is not of ours."""
        try:
            header = json.loads(urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))
        except (ValueError, RecursionError):
            return None
        if not isinstance(header, dict) or header.get("typ") != self._header_type:
            return None
        kid = header.get("kid")
        return self._keys.get(kid) if isinstance(kid, str) else None


@lru_cache(maxsize=8)
def _backend(header_type: str, keys: tuple[str, ...]) -> KeyRingBackend:
    return KeyRingBackend(
        header_type=header_type,
        keys=load_keys(keys),
        issuer=api_settings.ISSUER,
        audience=api_settings.AUDIENCE,
        leeway=api_settings.LEEWAY,
    )


class _FamilyToken(Token):
    """A token of one sign-in.

    Attributes:
        header_type: the `typ` of its header.
        sid: the sign-in, a `TokenFamily`, that it belongs to.
    """

    header_type: ClassVar[str]
    sid: UUID

    @classmethod
    def issue(cls, *, user_id: UUID, sid: UUID, now: datetime, jti: str | None = None) -> Self:
        """Return a new token; a refresh token is given the `jti` that its family expects."""
        token = cls()
        token.sid = sid
        token.set_iat(at_time=now)
        token.set_exp(from_time=now)
        token.payload |= {"sub": str(user_id), "sid": str(sid), "scope": USER_SCOPE}
        if jti is not None:
            token.payload["jti"] = jti
        return token

    @classmethod
    def backend(cls) -> KeyRingBackend:
        return _backend(cls.header_type, tuple(settings.JWT_SIGNING_KEYS))

    def get_token_backend(self) -> KeyRingBackend:
        return self.backend()

    def verify(self) -> None:
        """Check what PyJWT has not: the kind of the token, and that its `sid` is an id."""
        self.verify_token_type()
        self.sid = _sid(self.payload)


class AccessToken(_FamilyToken, SimpleAccessToken):
    """Opens the API for five minutes (RFC 9068)."""

    header_type = "at+jwt"


class RefreshToken(_FamilyToken, SimpleRefreshToken):  # type: ignore[misc]  # in simplejwt too
    """Buys the next pair of tokens, once."""

    header_type = "rt+jwt"
    access_token_class = AccessToken


@dataclass(frozen=True, slots=True)
class TokenPair:
    """What a sign-in or a refresh hands out; `expires_in` is in seconds (RFC 6749 §5.1)."""

    access: str
    refresh: str
    expires_in: int


def pair(*, user_id: UUID, sid: UUID, jti: str, now: datetime) -> TokenPair:
    """Return the tokens of a family whose current refresh token is `jti`."""
    access = AccessToken.issue(user_id=user_id, sid=sid, now=now)
    refresh = RefreshToken.issue(user_id=user_id, sid=sid, now=now, jti=jti)
    return TokenPair(str(access), str(refresh), int(access.payload["exp"] - access.payload["iat"]))


def sid_of(text: str) -> UUID | None:
    """Return the sign-in that a token of either kind belongs to, even if it has expired.

    Logging out must work with the token that is at hand: an access token that expired while the
    window was open still names the sign-in that its holder wants to end.
    """
    for kind in (RefreshToken, AccessToken):
        try:
            return _sid(kind.backend().claims(text, expired_too=True))
        except (TokenBackendError, TokenError):
            continue
    return None


def _sid(claims: Mapping[str, Any]) -> UUID:
    sid = claims["sid"]
    parsed = parse_id(sid) if isinstance(sid, str) else None
    if parsed is None:
        raise TokenError("Token names no sign-in")
    return parsed
