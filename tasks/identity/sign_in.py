"""The use cases of signing in: a password for tokens, a token for the next ones, and the end.

simplejwt's own views and serializers are not used. Its rotation reads, then writes, so several of
twenty simultaneous refreshes succeed; it does not notice that a token is used twice; a refresh for
a deleted user is an error 500, one after a change of password works; and its blacklist keeps tokens
in clear and grows with each refresh (simplejwt #860, #927, #985). docs/adr/0003-sign-in-families.md
says what is done in their place.
"""

from datetime import datetime

from django.contrib.auth import authenticate
from rest_framework_simplejwt.exceptions import TokenError

from tasks.errors import InvalidCredentials, InvalidToken
from tasks.identity import families, tokens
from tasks.identity.tokens import RefreshToken, TokenPair
from tasks.identity.user_state import callers
from tasks.models import User


def sign_in(*, username: str, password: str, now: datetime) -> TokenPair:
    """Check a password and begin a sign-in.

    An unknown name, a wrong password and an inactive account cannot be told apart: the error is
    the same, and Django runs its password hasher in each case, so the time is too.

    Raises:
        InvalidCredentials: they do not fit an active account.
    """
    # Names are stored in Unicode's form NFKC; the same name typed on another system is the same.
    user = authenticate(username=User.normalize_username(username), password=password)
    if not isinstance(user, User):
        raise InvalidCredentials
    family = families.start(user=user, now=now)
    return tokens.pair(user_id=user.pk, sid=family.pk, jti=family.current_jti, now=now)


def refresh(*, token: str, now: datetime) -> TokenPair:
    """Exchange a refresh token for the next pair; it works once.

    Raises:
        InvalidToken: it is no refresh token, expired, or used before, or its sign-in is over.
    """
    try:
        shown = RefreshToken(token)  # type: ignore[arg-type]  # simplejwt's hint; it takes a str
    except TokenError:
        raise InvalidToken from None
    try:
        family = families.rotate(sid=shown.sid, jti=shown["jti"], now=now)
    except InvalidToken:
        callers.forget(shown.sid)  # it may have been ended just now
        raise
    return tokens.pair(user_id=family.user_id, sid=family.pk, jti=family.current_jti, now=now)


def sign_out(*, token: str, now: datetime) -> None:
    """End the sign-in that a token of either kind belongs to; an unknown token is no error."""
    sid = tokens.sid_of(token)
    if sid is not None:
        families.end(sid=sid, now=now)
        callers.forget(sid)
