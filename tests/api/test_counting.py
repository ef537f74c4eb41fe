"""Every request to the API is counted, whatever it is refused for."""

from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from pytest_django import Settings

from tasks.models import Task, User
from tests.cast import Api

pytestmark = pytest.mark.once

TASKS = "/api/v1/tasks"


@pytest.fixture(autouse=True)
def limits(settings: Settings) -> None:
    settings.RATE_LIMITS = {
        "anonymous": (2, 3600),
        "user": (3, 3600),
        "write": (2, 3600),
        "login": (2, 3600),
    }


@pytest.fixture
def somewhere() -> Client:
    """Somebody at an address that nobody else has."""
    digits = uuid4().hex
    address = f"2001:db8:{digits[:4]}:{digits[4:8]}::1"
    return Client(raise_request_exception=False, enforce_csrf_checks=True, REMOTE_ADDR=address)


@pytest.mark.parametrize(
    ("method", "path", "options", "status"),
    [
        ("GET", "/tasks", {"headers": {"Accept": "text/csv"}}, 406),
        ("GET", "/tasks?no=1", {}, 400),
        ("GET", "/tasks/0197c9a2-7f3e-7c5e-9d0a-1f2e3d4c5b6a", {}, 404),
        ("OPTIONS", "/tasks", {}, 200),
        ("PUT", "/tasks", {"body": {}}, 405),
        ("POST", "/tasks", {"raw": b"{"}, 400),
        ("POST", "/tasks", {"raw": b"a=b", "content_type": "text/plain"}, 415),
    ],
)
def test_it_counts_a_request_of_a_user(
    as_alice: Api, method: str, path: str, options: Any, status: int
) -> None:
    answer = as_alice(method, path, **options)
    assert (answer.status, answer.headers["RateLimit"][:12]) == (status, '"user";r=2;t')


def test_it_says_too_many_and_not_unacceptable(as_alice: Api) -> None:
    wants_csv = {"headers": {"Accept": "text/csv"}}
    statuses = [as_alice.post("/tasks", {"title": "a"}, **wants_csv).status for _ in range(3)]
    assert statuses == [406, 406, 429]
    assert Task.objects.count() == 0


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("headers", "status"),
    [({}, 401), ({"Authorization": "Bearer x"}, 401), ({"Accept": "text/csv"}, 406)],
)
def test_it_counts_a_request_of_nobody(
    somewhere: Client, headers: dict[str, str], status: int
) -> None:
    statuses = [somewhere.get(TASKS, headers=headers).status_code for _ in range(3)]
    assert statuses == [status, status, 429]


def test_it_counts_a_request_that_may_be_forged(somewhere: Client, alice: User) -> None:
    somewhere.force_login(alice)
    answers = [somewhere.post(TASKS, {}, "application/json") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [403, 403, 429]
    assert [answer.json()["code"] for answer in answers] == ["csrf_failed"] * 2 + ["rate_limited"]


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/api/v1/auth/token", "/api/v1/auth/refresh"])
def test_it_counts_a_sign_in_that_accepts_no_json(somewhere: Client, path: str) -> None:
    headers = {"Accept": "text/csv"}
    answers = [
        somewhere.post(path, {"username": "a"}, "application/json", headers=headers)
        for _ in range(3)
    ]
    assert [answer.status_code for answer in answers] == [406, 406, 429]


def test_it_tells_a_longer_window_where_one_is_set(as_alice: Api, settings: Settings) -> None:
    settings.RATE_LIMITS = {**settings.RATE_LIMITS, "sustained": (1, 86_400)}
    first, second = as_alice.get("/tasks"), as_alice.get("/tasks")
    assert (first.status, second.status) == (200, 429)
    assert first.headers["RateLimit-Policy"] == '"user";q=3;w=3600, "sustained";q=1;w=86400'
    assert second.headers["RateLimit"] == '"user";r=2;t=1200, "sustained";r=0;t=86400'
    assert second.headers["Retry-After"] == "86400"
