"""HEAD, OPTIONS and the methods that a path does not have; the id of a request."""

import pytest

from tests.cast import Api

pytestmark = pytest.mark.once


def test_it_answers_head_as_get_without_the_body(as_alice: Api) -> None:
    got, asked = as_alice.get("/tasks"), as_alice("HEAD", "/tasks")
    assert (asked.status, asked.response.content) == (200, b"")
    same = ("Content-Type", "Cache-Control", "Allow", "Vary", "Content-Length")
    assert [asked.headers.get(name) for name in same] == [got.headers.get(name) for name in same]
    gone = as_alice("HEAD", "/tasks/nothing")
    assert (gone.status, gone.response.content) == (404, b"")
    assert gone.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/me", "GET, HEAD, OPTIONS"),
        ("/tasks", "GET, POST, HEAD, OPTIONS"),
        ("/tasks/nothing", "GET, PUT, PATCH, DELETE, HEAD, OPTIONS"),
        ("/labels/nothing", "PATCH, DELETE, OPTIONS"),
        ("/auth/token", "POST, OPTIONS"),
    ],
)
def test_it_answers_options_with_the_methods(as_alice: Api, path: str, allowed: str) -> None:
    answer = as_alice("OPTIONS", path)
    assert (answer.status, answer.headers["Allow"]) == (200, allowed)
    assert sorted(answer.body) == ["description", "name", "parses", "renders"]
    refused = as_alice("TRACE", path)
    assert (refused.status, refused.code) == (405, "method_not_allowed")
    assert refused.headers["Allow"] == allowed


def test_it_keeps_the_clients_request_id(as_alice: Api) -> None:
    answer = as_alice.get("/nothing", headers={"X-Request-ID": "my-own.1"})
    assert answer.headers["X-Request-ID"] == answer.body["request_id"] == "my-own.1"
