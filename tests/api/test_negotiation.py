"""JSON for everybody, pages for those who ask for them, 406 for the rest (RFC 9110 §12.5.1)."""

import pytest
from django.test import Client

from tasks.models import User
from tests.cast import Api

pytestmark = pytest.mark.once

JSON, PAGE = "application/json", "text/html; charset=utf-8"


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        (None, JSON),
        ("", JSON),
        ("*/*", JSON),
        ("application/json", JSON),
        ("application/*", JSON),
        ("APPLICATION/JSON", JSON),
        ("application/json; charset=utf-8", JSON),
        ("application/json; indent=4", JSON),
        ("*/*;q=0.1", JSON),
        ("*/*; q=nonsense", JSON),
        ("text/csv, */*", JSON),
        ("text/html, application/json", JSON),
        ("text/html;q=0.9, application/json", JSON),
        ("text/html;q=0, */*", JSON),
        ("text/html", PAGE),
        ("text/*", PAGE),
        ("text/html, application/json;q=0.9", PAGE),
        ("application/json;q=0, */*", PAGE),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", PAGE),
    ],
)
def test_it_answers_in_the_type_that_is_preferred(
    as_alice: Api, accept: str | None, content_type: str
) -> None:
    answer = as_alice.get("/tasks", headers={} if accept is None else {"Accept": accept})
    assert (answer.status, answer.headers["Content-Type"]) == (200, content_type)
    assert "Accept" in answer.headers["Vary"]


@pytest.mark.parametrize("accept", ["application/xml", "text/csv;q=1", "*/*;q=0", "nonsense"])
def test_it_refuses_what_it_cannot_answer_in(as_alice: Api, accept: str) -> None:
    answer = as_alice.post("/tasks", {"title": "a"}, headers={"Accept": accept})
    assert (answer.status, answer.code) == (406, "not_acceptable")
    assert as_alice.get("/tasks").body["results"] == []


@pytest.mark.parametrize("path", ["/tasks", "/projects", "/labels", "/me", "/tasks/nothing"])
def test_it_shows_pages_to_a_browser_that_has_logged_in(alice: User, path: str) -> None:
    client = Client()
    client.force_login(alice)
    page = client.get(f"/api/v1{path}", headers={"Accept": "text/html"})
    assert page.status_code == (404 if path.endswith("nothing") else 200)
    assert page.headers["Content-Type"] == PAGE
    assert "alice" in page.content.decode()
    assert client.get(f"/api/v1{path}").headers["Content-Type"].endswith("json")


def test_it_shows_a_problem_as_a_page_to_those_who_ask_for_pages(as_nobody: Api) -> None:
    page = as_nobody.get("/tasks", headers={"Accept": "text/html"})
    assert (page.status, page.headers["Content-Type"]) == (401, PAGE)
    assert b"not_authenticated" in page.response.content
