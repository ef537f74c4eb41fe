"""GET /api/v1/me"""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from tasks.models import Membership, Project, User
from tests.cast import Api

pytestmark = pytest.mark.django_db

type Count = Callable[[int], Any]


def test_it_says_who_you_are(as_alice: Api, alice: User) -> None:
    answer = as_alice.get("/me")
    inbox = Project.objects.get()
    assert answer.status == 200
    assert answer.body == {"id": str(alice.pk), "username": "alice", "inbox": str(inbox.pk)}
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "private, no-cache"


def test_it_makes_the_inbox_once(as_alice: Api, as_bob: Api, alice: User) -> None:
    first = as_alice.get("/me").body
    assert as_alice.get("/me").body == first
    assert as_alice.post("/tasks", {"title": "a"}).body["project"] == first["inbox"]
    assert as_bob.get("/me").body["inbox"] != first["inbox"]
    membership = Membership.objects.get(project=first["inbox"])
    assert (membership.user, membership.role) == (alice, "admin")
    shown = as_alice.get(f"/projects/{first['inbox']}").body
    assert (shown["name"], shown["inbox"], shown["role"]) == ("Inbox", True, "admin")


def test_it_knows_a_browser_that_has_logged_in(alice: User) -> None:
    client = Client()
    client.force_login(alice)
    answer = client.get("/api/v1/me")
    assert (answer.status_code, answer.json()["username"]) == (200, "alice")


def test_it_asks_everybody_else_to_sign_in(as_nobody: Api) -> None:
    answer = as_nobody.get("/me")
    assert (answer.status, answer.code) == (401, "not_authenticated")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="tasks"'


def test_it_costs_one_query(as_alice: Api, django_assert_num_queries: Count) -> None:
    as_alice.get("/me")
    with django_assert_num_queries(1):
        assert as_alice.get("/me").status == 200
