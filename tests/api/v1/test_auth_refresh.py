"""POST /api/v1/auth/refresh"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from tasks.identity import sign_in, tokens
from tasks.identity.tokens import TokenPair
from tasks.models import TokenFamily, User
from tests.identity.makers import PASSWORD, make_user

pytestmark = pytest.mark.django_db

URL = "/api/v1/auth/refresh"


@pytest.fixture
def alice() -> User:
    return make_user("alice")


@pytest.fixture
def pair(alice: User) -> TokenPair:
    return sign_in.sign_in(username="alice", password=PASSWORD, now=timezone.now())


def refresh(token: Any) -> Any:
    return APIClient().post(URL, {"refresh": token}, format="json")


def me(access: str) -> int:
    bearer = {"Authorization": f"Bearer {access}"}
    status: int = APIClient().get("/api/v1/me", headers=bearer).status_code
    return status


def assert_refused(response: Any) -> None:
    assert response.status_code == 401
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="tasks"'
    assert response.headers["Cache-Control"] == "no-store"
    assert response.json()["code"] == "invalid_token"


def test_it_gives_the_next_pair(pair: TokenPair) -> None:
    response = refresh(pair.refresh)

    assert response.status_code == 200
    body = response.json()
    assert sorted(body) == ["access", "expires_in", "refresh", "token_type"]
    assert (body["expires_in"], body["token_type"]) == (300, "Bearer")
    assert response.headers["Cache-Control"] == "no-store"
    assert body["refresh"] != pair.refresh
    assert body["access"] != pair.access
    assert me(body["access"]) == 200
    assert refresh(body["refresh"]).status_code == 200


def test_it_leaves_the_access_token_before_it_good(pair: TokenPair) -> None:
    refresh(pair.refresh)

    assert me(pair.access) == 200


def test_it_ends_the_whole_family_when_a_token_comes_twice(pair: TokenPair) -> None:
    following = refresh(pair.refresh).json()
    assert me(following["access"]) == 200

    assert_refused(refresh(pair.refresh))

    assert_refused(refresh(following["refresh"]))
    assert me(following["access"]) == 401, "this process has ended it, so it knows at once"
    assert me(pair.access) == 401


def delete(user: User) -> None:
    user.delete()


def deactivate(user: User) -> None:
    User.objects.update(is_active=False)


def change_password(user: User) -> None:
    user.set_password("another password entirely")
    user.save()


@pytest.mark.parametrize("change", [delete, deactivate, change_password])
def test_it_refuses_at_once_after(
    change: Callable[[User], None], alice: User, pair: TokenPair
) -> None:
    change(alice)

    assert_refused(refresh(pair.refresh))


def test_it_signs_in_again_with_the_new_password(alice: User, pair: TokenPair) -> None:
    change_password(alice)

    again = sign_in.sign_in(
        username="alice", password="another password entirely", now=timezone.now()
    )

    assert refresh(again.refresh).status_code == 200


def test_it_refuses_an_access_token(pair: TokenPair) -> None:
    assert_refused(refresh(pair.access))
    assert TokenFamily.objects.get().ended_at is None


def test_it_refuses_an_expired_token(pair: TokenPair) -> None:
    family = TokenFamily.objects.get()
    old = tokens.pair(
        user_id=family.user_id,
        sid=family.pk,
        jti=family.current_jti,
        now=timezone.now() - timedelta(days=14, minutes=1),
    )

    assert_refused(refresh(old.refresh))


@pytest.mark.parametrize(
    "token", ["", " ", "garbage", "a.b.c", "é.é.é", "x" * 8192, "...", "null", "a." * 1000]
)
def test_it_refuses_garbage(token: str) -> None:
    assert_refused(refresh(token))


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({}, "#/refresh", "required"),
        ({"refresh": None}, "#/refresh", "null"),
        ({"refresh": {"token": "x"}}, "#/refresh", "invalid"),
        ({"refresh": "x" * 8193}, "#/refresh", "invalid"),
        ({"refresh": "x", "access": "y"}, "#/access", "unknown"),
        ("x", "#", "invalid"),
    ],
)
def test_it_names_what_is_wrong_with_the_body(body: Any, pointer: str, code: str) -> None:
    response = APIClient().post(URL, body, format="json")

    assert response.status_code == 400
    errors = response.json()["errors"]
    assert (pointer, code) in [(error["pointer"], error["code"]) for error in errors]
