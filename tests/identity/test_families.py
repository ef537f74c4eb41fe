"""Sign-ins: started, rotated exactly once for each token, ended."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Barrier

import pytest
from django.db import connection

from tasks.errors import InvalidCredentials, InvalidToken
from tasks.identity import families
from tasks.ids import uuid7
from tasks.models import TokenFamily, User
from tests.identity.makers import NOW, make_user

LATER = NOW + timedelta(minutes=1)


@pytest.fixture
def user(db: None) -> User:
    return make_user("alice")


@pytest.fixture
def family(user: User) -> TokenFamily:
    return families.start(user=user, now=NOW)


def rotate(family: TokenFamily, now: datetime = LATER) -> TokenFamily:
    return families.rotate(sid=family.pk, jti=family.current_jti, now=now)


def test_it_starts_a_sign_in_for_a_fortnight(user: User, family: TokenFamily) -> None:
    family.refresh_from_db()

    assert family.user_id == user.pk
    assert family.created_at == NOW
    assert family.expires_at == NOW + timedelta(days=14)
    assert family.ended_at is None
    assert len(family.current_jti) == 32


def test_it_notes_the_last_login(user: User, family: TokenFamily) -> None:
    user.refresh_from_db()

    assert user.last_login == NOW


def delete(user: User) -> None:
    User.objects.filter(pk=user.pk).delete()


def deactivate(user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)


def change_password(user: User) -> None:
    changed = User.objects.get(pk=user.pk)
    changed.set_password("another password entirely")
    changed.save()


CHANGES = pytest.mark.parametrize("change", [delete, deactivate, change_password])


@CHANGES
def test_it_starts_nothing_for_a_user_who_changed_since_the_password_was_checked(
    change: Callable[[User], None], user: User
) -> None:
    change(user)

    with pytest.raises(InvalidCredentials):
        families.start(user=user, now=NOW)
    assert not TokenFamily.objects.exists()


def test_it_rotates_and_renews(family: TokenFamily) -> None:
    following = rotate(family)

    stored = TokenFamily.objects.get()
    assert stored.current_jti == following.current_jti != family.current_jti
    assert stored.expires_at == LATER + timedelta(days=14)
    assert stored.created_at == NOW


def test_it_rotates_in_a_chain(family: TokenFamily) -> None:
    for _ in range(3):
        family = rotate(family)

    assert TokenFamily.objects.get().ended_at is None


def test_it_ends_the_family_of_a_token_that_comes_twice(family: TokenFamily) -> None:
    following = rotate(family)

    with pytest.raises(InvalidToken):
        rotate(family)
    assert TokenFamily.objects.get().ended_at == LATER
    with pytest.raises(InvalidToken):
        rotate(following)


def test_it_leaves_other_sign_ins_of_the_user_alone(user: User, family: TokenFamily) -> None:
    other = families.start(user=user, now=NOW)
    rotate(family)

    with pytest.raises(InvalidToken):
        rotate(family)
    rotate(other)


@CHANGES
def test_it_refuses_a_user_who_changed(
    change: Callable[[User], None], user: User, family: TokenFamily
) -> None:
    change(user)

    with pytest.raises(InvalidToken):
        rotate(family)
    assert not TokenFamily.objects.exclude(current_jti=family.current_jti).exists()


def test_it_refuses_after_the_end(family: TokenFamily) -> None:
    families.end(sid=family.pk, now=NOW)

    with pytest.raises(InvalidToken):
        rotate(family)
    assert TokenFamily.objects.get().current_jti == family.current_jti


def test_it_refuses_what_never_was(db: None) -> None:
    with pytest.raises(InvalidToken):
        families.rotate(sid=uuid7(), jti="1", now=NOW)


def test_it_expires_when_it_is_not_used(family: TokenFamily) -> None:
    fortnight = NOW + timedelta(days=14)
    rotate(family, fortnight - timedelta(seconds=1))

    again = TokenFamily.objects.get()
    with pytest.raises(InvalidToken):
        rotate(again, fortnight + timedelta(days=14))


def test_it_asks_for_the_password_again_after_ninety_days(family: TokenFamily) -> None:
    for day in range(10, 90, 10):
        family = rotate(family, NOW + timedelta(days=day))

    with pytest.raises(InvalidToken):
        rotate(family, NOW + timedelta(days=90))


def test_it_ends_once(family: TokenFamily) -> None:
    families.end(sid=family.pk, now=NOW)
    families.end(sid=family.pk, now=LATER)

    assert TokenFamily.objects.get().ended_at == NOW


@pytest.mark.django_db(transaction=True)
def test_it_lets_exactly_one_of_twenty_simultaneous_refreshes_through() -> None:
    family = families.start(user=make_user("alice"), now=NOW)
    together = Barrier(20)

    def attempt(_: int) -> str | None:
        try:
            together.wait(timeout=20)
            return rotate(family).current_jti
        except InvalidToken:
            return None
        finally:
            connection.close()

    with ThreadPoolExecutor(20) as pool:
        results = list(pool.map(attempt, range(20)))

    [won] = [jti for jti in results if jti is not None]
    stored = TokenFamily.objects.get()
    assert stored.current_jti == won
    assert stored.ended_at == LATER, "the nineteen others have used a token twice"
    with pytest.raises(InvalidToken):
        rotate(stored)
