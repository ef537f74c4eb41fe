"""Sign-ins: start, rotate, end. The only writer of `TokenFamily`.

Every refresh token of a sign-in names the same family, and the family names the one token that is
good. So a refresh is a compare-and-swap of `current_jti`, exact however many processes try at
once, and a token that comes a second time is recognised: either its thief or its owner has been
here before, nobody can tell who, and the family ends (RFC 9700 §4.14.2).

What that means for a client: of twenty refreshes with one token at the same moment one succeeds,
and the others end the family under it. The winner's refresh token is then worth nothing, its
access token at most the five seconds of the user-state cache. A client sends one refresh at a time
and signs in again if its answer was lost.
"""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

from django.db import transaction
from django.utils.crypto import constant_time_compare
from rest_framework_simplejwt.settings import api_settings

from tasks.errors import InvalidCredentials, InvalidToken
from tasks.models import TokenFamily, User
from tasks.operations.upkeep import delete_in_batches

# A refresh renews the family's life, up to here; then the password is asked for again, as ASVS
# 5.0 §7.3.2 demands of any session.
LONGEST_SIGN_IN: Final = timedelta(days=90)


def start(*, user: User, now: datetime) -> TokenFamily:
    """Begin a sign-in for a user whose password has just been checked; notes `last_login`.

    Raises:
        InvalidCredentials: meanwhile the user was deleted or deactivated or has a new password.
    """
    unchanged = User.objects.filter(pk=user.pk, is_active=True, password=user.password)
    with transaction.atomic():
        # Under the lock of this UPDATE the user cannot go away before the family refers to it.
        if not unchanged.update(last_login=now):
            raise InvalidCredentials
        return TokenFamily.objects.create(
            user=user,
            auth_hash=user.get_session_auth_hash(),
            current_jti=uuid4().hex,
            created_at=now,
            expires_at=now + api_settings.REFRESH_TOKEN_LIFETIME,
        )


def rotate(*, sid: UUID, jti: str, now: datetime) -> TokenFamily:
    """Exchange the family's refresh token for the next one, whose `current_jti` is returned.

    The user is looked at before the swap and not in it. Joined in, the swap would become a
    subquery, which PostgreSQL does not evaluate again for the row it has waited for, and several
    would succeed. Nothing is lost: a user who is deactivated in between gets tokens that are dead,
    because each use looks again.

    Call it outside of a transaction: the end of the family must outlive the error it causes.

    Raises:
        InvalidToken: the sign-in is over, or this was not its current token; then it is now.
    """
    family = TokenFamily.objects.select_related("user").filter(pk=sid).first()
    if family is None or not _user_unchanged(family):
        raise InvalidToken
    following = uuid4().hex
    swapped = TokenFamily.objects.filter(
        pk=sid,
        current_jti=jti,
        ended_at=None,
        expires_at__gt=now,
        created_at__gt=now - LONGEST_SIGN_IN,
    ).update(current_jti=following, expires_at=now + api_settings.REFRESH_TOKEN_LIFETIME)
    if not swapped:
        end(sid=sid, now=now)
        raise InvalidToken
    family.current_jti = following
    return family


def end(*, sid: UUID, now: datetime) -> None:
    """End a sign-in; one that is over or unknown stays as it is."""
    TokenFamily.objects.filter(pk=sid, ended_at=None).update(ended_at=now)


def end_all(*, user: User, now: datetime) -> None:
    """End whatever a user has signed in with; it stays ended, whatever becomes of the user."""
    TokenFamily.objects.filter(user=user, ended_at=None).update(ended_at=now)


def _user_unchanged(family: TokenFamily) -> bool:
    user = family.user
    return user.is_active and constant_time_compare(family.auth_hash, user.get_session_auth_hash())


def prune(*, now: datetime) -> int:
    """Delete the sign-ins whose last refresh token has expired; return how many."""
    return delete_in_batches(TokenFamily.objects.filter(expires_at__lte=now))
