"""What no view answers is a problem, except under /admin/, where people look."""

from typing import Any

import pytest
from django.test import Client

pytestmark = [pytest.mark.once, pytest.mark.usefixtures("stub_urls")]


@pytest.fixture
def client() -> Client:
    return Client(raise_request_exception=False, enforce_csrf_checks=True)


def is_problem(response: Any, status: int, code: str, path: str) -> None:
    assert response.status_code == status
    assert response.headers["Content-Type"] == "application/problem+json"
    body = response.json()
    assert (body["status"], body["code"], body["instance"]) == (status, code, path)
    assert body["type"] == f"/api/problems/{code}"
    assert body["request_id"] == response.headers["X-Request-ID"]


def is_page(response: Any, status: int) -> None:
    assert response.status_code == status
    assert response.headers["Content-Type"].startswith("text/html")


def test_it_answers_a_path_that_is_not_there(client: Client) -> None:
    is_problem(client.get("/echo/"), 404, "not_found", "/echo/")
    is_page(client.get("/admin/nothing"), 404)


def test_it_answers_a_refusal(client: Client) -> None:
    is_problem(client.get("/forbidden"), 403, "permission_denied", "/forbidden")
    is_page(client.get("/admin/forbidden"), 403)


def test_it_answers_a_crash_and_says_nothing_of_it(client: Client) -> None:
    response = client.get("/crash")
    is_problem(response, 500, "internal_error", "/crash")
    assert b"hunter2" not in response.content
    is_page(client.get("/admin/crash"), 500)


def test_it_answers_a_form_without_its_token(client: Client) -> None:
    is_problem(client.post("/form"), 403, "csrf_failed", "/form")
    is_page(client.post("/admin/form"), 403)


def test_it_answers_a_foreign_host(client: Client) -> None:
    response = client.get("/echo", HTTP_HOST="evil.example")
    is_problem(response, 400, "malformed_request", "/echo")
    assert "Host header" in response.json()["detail"]
    is_page(client.get("/admin/", HTTP_HOST="evil.example"), 400)


def test_it_answers_a_query_of_too_many_fields(client: Client) -> None:
    response = client.get("/query?" + "&".join(f"f{n}=1" for n in range(1001)))
    is_problem(response, 400, "malformed_request", "/query")
    assert response.json()["detail"] == "The query or the form has too many fields."


def test_it_answers_a_form_that_is_too_large() -> None:
    client = Client(raise_request_exception=False)
    response = client.post(
        "/form", b"a=" + b"x" * 1024 * 1024, content_type="application/x-www-form-urlencoded"
    )
    is_problem(response, 413, "content_too_large", "/form")
