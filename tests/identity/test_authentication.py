"""Who is asking: bearer tokens, browsers, and what is neither."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIClient, APIRequestFactory
from rest_framework.views import APIView

from tasks.identity import families, tokens
from tasks.identity.authentication import BearerAuthentication
from tasks.identity.tokens import TokenPair
from tasks.identity.user_state import CallerCache
from tasks.models import TokenFamily, User
from tests.identity.makers import PASSWORD, make_user

CHALLENGE = 'Bearer realm="tasks"'
INVALID = 'Bearer realm="tasks", error="invalid_token"'


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Process:
    """A process with a user-state cache and a clock of its own, answering to tokens."""

    def __init__(self) -> None:
        self.clock = Clock()

        class Authentication(BearerAuthentication):
            callers = CallerCache(clock=self.clock)

        class View(APIView):
            authentication_classes = (Authentication,)
            permission_classes = (IsAuthenticated,)
            throttle_classes = ()

            def get(self, request: Request) -> Response:
                claims: Any = request.auth
                return Response({"user": request.user.get_username(), "sid": claims["sid"]})

        self.view = View.as_view()

    def get(self, authorization: str | None) -> Any:
        headers = {} if authorization is None else {"Authorization": authorization}
        return self.view(APIRequestFactory().get("/", headers=headers))

    def status(self, pair: TokenPair) -> int:
        status: int = self.get(f"Bearer {pair.access}").status_code
        return status


@pytest.fixture
def now() -> datetime:
    return timezone.now()


@pytest.fixture
def user(db: None) -> User:
    return make_user("alice")


@pytest.fixture
def family(user: User, now: datetime) -> TokenFamily:
    return families.start(user=user, now=now)


@pytest.fixture
def pair(family: TokenFamily, now: datetime) -> TokenPair:
    return tokens.pair(user_id=family.user_id, sid=family.pk, jti=family.current_jti, now=now)


def test_it_knows_the_caller_and_the_claims(pair: TokenPair, family: TokenFamily) -> None:
    response = Process().get(f"Bearer {pair.access}")

    assert response.status_code == 200
    assert response.data == {"user": "alice", "sid": str(family.pk)}


def test_it_asks_the_database_once_for_many_requests(
    pair: TokenPair, django_assert_num_queries: Callable[..., Any]
) -> None:
    process = Process()

    with django_assert_num_queries(1):
        for _ in range(10):
            assert process.status(pair) == 200


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_it_reads_the_scheme_without_regard_to_case(scheme: str, pair: TokenPair) -> None:
    assert Process().get(f"{scheme} {pair.access}").status_code == 200


def end(family: TokenFamily) -> None:
    families.end(sid=family.pk, now=timezone.now())


def change_password(family: TokenFamily) -> None:
    user = User.objects.get()
    user.set_password("another password entirely")
    user.save()


def deactivate(family: TokenFamily) -> None:
    User.objects.update(is_active=False)


def delete(family: TokenFamily) -> None:
    User.objects.all().delete()


@pytest.mark.parametrize("change", [end, change_password, deactivate, delete])
def test_it_lets_nobody_in_five_seconds_after(
    change: Callable[[TokenFamily], None], family: TokenFamily, pair: TokenPair
) -> None:
    """The change is made by another process, so this one is not told."""
    process = Process()
    assert process.status(pair) == 200

    change(family)

    process.clock.now += 5
    assert process.status(pair) == 401
    assert Process().status(pair) == 401, "a process that has no state asks at once"


def test_it_answers_nobody_with_the_plain_challenge() -> None:
    response = Process().get(None)

    assert response.status_code == 401
    assert response.data["code"] == "not_authenticated"
    assert response["WWW-Authenticate"] == CHALLENGE


@pytest.mark.parametrize("header", ["Basic YWxpY2U6c2VjcmV0", "Token abc", "Bearerabc", "", " "])
def test_it_leaves_other_schemes_to_others(header: str) -> None:
    response = Process().get(header)

    assert response.data["code"] == "not_authenticated"
    assert response["WWW-Authenticate"] == CHALLENGE


@pytest.mark.parametrize(
    "credentials",
    ["", "   ", "abc", "a.b.c", "one two", "é", "\x00", "x" * 100_000, ",", '"', "a" * 50 + "."],
    ids=[
        "none", "blank", "no dots", "dots", "two", "not ASCII", "NUL", "huge", "comma", "quote",
        "one dot",
    ],
)  # fmt: skip
def test_it_answers_a_malformed_token_with_the_reason(credentials: str) -> None:
    response = Process().get(f"Bearer {credentials}")

    assert response.status_code == 401
    assert response.data["code"] == "invalid_token"
    assert response["WWW-Authenticate"] == INVALID


def test_it_takes_no_refresh_token(pair: TokenPair) -> None:
    assert Process().get(f"Bearer {pair.refresh}").status_code == 401


def test_it_takes_one_token_only(pair: TokenPair) -> None:
    assert Process().get(f"Bearer {pair.access} {pair.access}").status_code == 401
    assert Process().get(f"Bearer {pair.access}, Bearer {pair.access}").status_code == 401


def browser(username: str) -> APIClient:
    client = APIClient(enforce_csrf_checks=True)
    assert client.login(username=username, password=PASSWORD)
    return client


def test_it_lets_a_browser_read(user: User) -> None:
    response = browser("alice").get("/api/v1/me")

    assert response.status_code == 200
    assert response.json()["id"] == str(user.pk)


def test_it_refuses_a_browsers_write_without_the_csrf_token(user: User) -> None:
    response = browser("alice").post("/api/v1/projects", {"name": "Home"}, format="json")

    assert response.status_code == 403
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.json()["code"] == "csrf_failed"


def test_it_takes_a_browsers_write_with_the_csrf_token(user: User) -> None:
    client = browser("alice")
    client.get("/admin/login/")
    csrf = client.cookies["csrftoken"].value

    response = client.post(
        "/api/v1/projects", {"name": "Home"}, format="json", headers={"X-CSRFToken": csrf}
    )

    assert response.status_code == 201


def test_it_wants_no_csrf_token_beside_a_bearer_token(pair: TokenPair) -> None:
    response = APIClient(enforce_csrf_checks=True).post(
        "/api/v1/projects",
        {"name": "Home"},
        format="json",
        headers={"Authorization": f"Bearer {pair.access}"},
    )

    assert response.status_code == 201


def test_it_takes_the_token_where_there_is_a_session_too(pair: TokenPair) -> None:
    make_user("bob")

    response = browser("bob").get("/api/v1/me", headers={"Authorization": f"Bearer {pair.access}"})

    assert response.json()["username"] == "alice"


@pytest.mark.parametrize("change", [change_password, deactivate, delete])
def test_it_ends_a_browsers_session_too(
    change: Callable[[TokenFamily], None], family: TokenFamily
) -> None:
    client = browser("alice")

    change(family)

    response = client.get("/api/v1/me")
    assert response.status_code == 401
    assert response.json()["code"] == "not_authenticated"
    assert response.headers["WWW-Authenticate"] == CHALLENGE
