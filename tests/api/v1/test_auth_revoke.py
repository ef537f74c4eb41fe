"""POST /api/v1/auth/revoke"""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from tasks.identity import sign_in, tokens
from tasks.identity.tokens import TokenPair
from tasks.models import TokenFamily
from tests.identity.makers import PASSWORD, make_user

pytestmark = pytest.mark.django_db

URL = "/api/v1/auth/revoke"


@pytest.fixture
def pair() -> TokenPair:
    make_user("alice")
    return signed_in()


def signed_in() -> TokenPair:
    return sign_in.sign_in(username="alice", password=PASSWORD, now=timezone.now())


def revoke(token: Any) -> Any:
    return APIClient().post(URL, {"token": token}, format="json")


def refresh(token: str) -> int:
    status: int = (
        APIClient().post("/api/v1/auth/refresh", {"refresh": token}, format="json").status_code
    )
    return status


def me(access: str) -> int:
    bearer = {"Authorization": f"Bearer {access}"}
    status: int = APIClient().get("/api/v1/me", headers=bearer).status_code
    return status


@pytest.mark.parametrize("kind", ["access", "refresh"])
def test_it_ends_the_sign_in_of_either_token(kind: str, pair: TokenPair) -> None:
    assert me(pair.access) == 200

    response = revoke(getattr(pair, kind))

    assert (response.status_code, response.json()) == (200, {})
    assert response.headers["Cache-Control"] == "no-store"
    assert me(pair.access) == 401
    assert refresh(pair.refresh) == 401


def test_it_leaves_other_sign_ins_of_the_user_alone(pair: TokenPair) -> None:
    other = signed_in()

    revoke(pair.refresh)

    assert me(other.access) == 200
    assert refresh(other.refresh) == 200


def test_it_takes_an_expired_access_token(pair: TokenPair) -> None:
    family = TokenFamily.objects.get()
    old = tokens.pair(
        user_id=family.user_id,
        sid=family.pk,
        jti=family.current_jti,
        now=timezone.now() - timedelta(hours=1),
    )

    assert revoke(old.access).status_code == 200
    assert refresh(pair.refresh) == 401


def test_it_takes_a_token_twice(pair: TokenPair) -> None:
    assert revoke(pair.refresh).status_code == 200
    ended_at = TokenFamily.objects.get().ended_at

    assert revoke(pair.refresh).status_code == 200
    assert TokenFamily.objects.get().ended_at == ended_at


@pytest.mark.parametrize("token", ["", "garbage", "a.b.c", "é", "x" * 8192])
def test_it_answers_an_unknown_token_in_the_same_way(token: str, pair: TokenPair) -> None:
    response = revoke(token)

    assert (response.status_code, response.json()) == (200, {})
    assert TokenFamily.objects.get().ended_at is None


def test_it_believes_no_altered_token(pair: TokenPair) -> None:
    revoke(pair.refresh[:-2])

    assert TokenFamily.objects.get().ended_at is None


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({}, "#/token", "required"),
        ({"token": 1}, "#/token", "invalid"),
        ({"token": "x", "token_type_hint": "refresh_token"}, "#/token_type_hint", "unknown"),
    ],
)
def test_it_names_what_is_wrong_with_the_body(body: Any, pointer: str, code: str) -> None:
    response = APIClient().post(URL, body, format="json")

    assert response.status_code == 400
    errors = response.json()["errors"]
    assert (pointer, code) in [(error["pointer"], error["code"]) for error in errors]
