"""POST /api/v1/auth/token"""

from typing import Any

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.utils import timezone
from rest_framework.test import APIClient

from tasks.models import TokenFamily, User
from tests.identity.makers import PASSWORD, make_user

pytestmark = pytest.mark.django_db

URL = "/api/v1/auth/token"


@pytest.fixture
def alice() -> User:
    return make_user("alice")


def sign_in(body: Any, **options: Any) -> Any:
    return APIClient().post(URL, body, format="json", **options)


def test_it_signs_in(alice: User) -> None:
    before = timezone.now()
    response = sign_in({"username": "alice", "password": PASSWORD})

    assert response.status_code == 200
    body = response.json()
    assert sorted(body) == ["access", "expires_in", "refresh", "token_type"]
    assert (body["expires_in"], body["token_type"]) == (300, "Bearer")
    assert response.headers["Cache-Control"] == "no-store"
    me = APIClient().get("/api/v1/me", headers={"Authorization": f"Bearer {body['access']}"})
    assert me.json()["id"] == str(alice.pk)
    alice.refresh_from_db()
    assert alice.last_login is not None
    assert alice.last_login >= before


def test_it_keeps_no_token(alice: User) -> None:
    body = sign_in({"username": "alice", "password": PASSWORD}).json()

    stored = " ".join(str(value) for value in TokenFamily.objects.values_list().get())
    assert body["access"] not in stored
    assert body["refresh"] not in stored


def test_it_begins_a_sign_in_of_its_own_each_time(alice: User) -> None:
    for _ in range(2):
        sign_in({"username": "alice", "password": PASSWORD})

    assert TokenFamily.objects.filter(user=alice, ended_at=None).count() == 2


def test_it_knows_a_name_in_any_of_unicodes_forms() -> None:
    make_user("Ångström")

    decomposed = "A\u030angstro\u0308m"
    assert sign_in({"username": decomposed, "password": PASSWORD}).status_code == 200


WRONG = {
    "password": {"username": "alice", "password": "wrong"},
    "no password": {"username": "alice", "password": ""},
    "blanks around the password": {"username": "alice", "password": f" {PASSWORD} "},
    "unknown": {"username": "nobody", "password": PASSWORD},
    "inactive": {"username": "inactive", "password": PASSWORD},
    "never has one": {"username": "unusable", "password": PASSWORD},
    "case": {"username": "Alice", "password": PASSWORD},
}


@pytest.mark.parametrize("case", WRONG)
def test_it_refuses_each_wrong_sign_in_in_the_same_words(case: str, alice: User) -> None:
    make_user("inactive", is_active=False)
    User.objects.create_user("unusable")

    response = sign_in(WRONG[case], headers={"X-Request-ID": "same"})

    assert response.status_code == 401
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="tasks"'
    assert response.headers["Cache-Control"] == "no-store"
    body = response.json()
    assert body.pop("request_id") == "same"
    assert body == {
        "type": "/api/problems/invalid_credentials",
        "title": "The sign-in failed",
        "status": 401,
        "detail": "Check the username and the password, and whether the account is active.",
        "instance": URL,
        "code": "invalid_credentials",
    }
    assert not TokenFamily.objects.exists()


class CountingHasher(MD5PasswordHasher):
    """Counts its work: the time of a sign-in is that of the hasher."""

    runs = 0

    def encode(self, password: str, salt: str) -> str:
        type(self).runs += 1
        return super().encode(password, salt)


def test_it_takes_the_same_time_for_each_wrong_sign_in(settings: Any) -> None:
    settings.PASSWORD_HASHERS = [f"{__name__}.CountingHasher"]
    make_user("alice")
    make_user("inactive", is_active=False)
    runs = {}
    for username in ("alice", "inactive", "nobody"):
        CountingHasher.runs = 0
        assert sign_in({"username": username, "password": "wrong"}).status_code == 401
        runs[username] = CountingHasher.runs

    assert runs == {"alice": 1, "inactive": 1, "nobody": 1}


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({}, "#/username", "required"),
        ({"username": "alice"}, "#/password", "required"),
        ({"username": "alice", "password": None}, "#/password", "null"),
        ({"username": "alice", "password": 12345678}, "#/password", "invalid"),
        ({"username": ["alice"], "password": "x"}, "#/username", "invalid"),
        ({"username": " ", "password": "x"}, "#/username", "blank"),
        ({"username": "x" * 151, "password": "x"}, "#/username", "invalid"),
        ({"username": "alice", "password": "x" * 1025}, "#/password", "invalid"),
        ({"username": "alice", "password": "x", "scope": "all"}, "#/scope", "unknown"),
        ([], "#", "invalid"),
    ],
)
def test_it_names_what_is_wrong_with_the_body(body: Any, pointer: str, code: str) -> None:
    response = sign_in(body)

    assert response.status_code == 400
    errors = response.json()["errors"]
    assert (pointer, code) in [(error["pointer"], error["code"]) for error in errors]
    assert not TokenFamily.objects.exists()


def test_it_takes_json_only(alice: User) -> None:
    response = APIClient().post(
        URL,
        f"username=alice&password={PASSWORD}",
        content_type="application/x-www-form-urlencoded",
    )

    assert response.status_code == 415


def test_it_ignores_a_stale_token_beside_the_password(alice: User) -> None:
    response = sign_in(
        {"username": "alice", "password": PASSWORD}, headers={"Authorization": "Bearer stale"}
    )

    assert response.status_code == 200


def test_it_counts_attempts_by_account(alice: User, settings: Any) -> None:
    settings.RATE_LIMITS = {
        **dict.fromkeys(["anonymous", "user", "write"], (99, 60)),
        "login": (2, 60),
    }
    body = {"username": "a-name-for-this-test", "password": "wrong"}

    statuses = [sign_in(body, REMOTE_ADDR=f"192.0.2.{n}").status_code for n in (1, 2, 3)]

    assert statuses == [401, 401, 429]
