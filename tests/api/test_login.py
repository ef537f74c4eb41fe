"""The page where browsers sign in: for everybody, counted like the sign-in of the API."""

from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from pytest_django import Settings

from tasks import metrics
from tasks.models import User

pytestmark = [pytest.mark.once, pytest.mark.django_db]

PASSWORD = "correct horse battery staple"
WRONG = "Please enter a correct username and password."


@pytest.fixture
def browser() -> Client:
    """A browser at an address that nobody else has."""
    digits = uuid4().hex
    return Client(REMOTE_ADDR=f"2001:db8:{digits[:4]}:{digits[4:8]}::1")


@pytest.fixture
def dora() -> User:
    return User.objects.create_user("dora", password=PASSWORD)


@pytest.fixture
def erin() -> User:
    """Staff."""
    return User.objects.create_superuser("erin", password=PASSWORD)


@pytest.fixture
def limits(settings: Settings) -> None:
    settings.RATE_LIMITS = {
        **dict.fromkeys(("anonymous", "user", "write"), (100, 3600)),
        "login": (2, 3600),
    }


def send(browser: Client, username: str, password: str = PASSWORD, **more: str) -> Any:
    return browser.post("/login", {"username": username, "password": password, **more})


def signed_in(browser: Client) -> bool:
    return browser.get("/api/v1/me").status_code == 200


# --- In and out -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["dora", "erin"])
def test_it_lets_everybody_in(browser: Client, dora: User, erin: User, name: str) -> None:
    response = send(browser, name)
    assert (response.status_code, response.headers["Location"]) == (302, "/api/v1/tasks")
    assert browser.get("/api/v1/me").json()["username"] == name


@pytest.mark.parametrize("password", ["wrong", "", PASSWORD.upper()])
def test_it_refuses_a_wrong_password(browser: Client, dora: User, password: str) -> None:
    response = send(browser, "dora", password)
    assert response.status_code == 200
    assert not signed_in(browser)


def test_it_says_the_same_to_strangers_and_to_the_deactivated(browser: Client, dora: User) -> None:
    dora.is_active = False
    dora.save()
    pages = [send(browser, name).content.decode() for name in ("dora", "nobody")]
    assert [page.count(WRONG) for page in pages] == [1, 1]
    assert not signed_in(browser)


def test_it_lets_out(browser: Client, dora: User) -> None:
    browser.force_login(dora)
    response = browser.post("/logout?next=/api/v1/tasks")
    assert (response.status_code, response.headers["Location"]) == (302, "/api/v1/tasks")
    assert not signed_in(browser)
    assert browser.post("/logout").headers["Location"] == "/login"


def test_it_keeps_the_page_in_no_cache(browser: Client) -> None:
    response = browser.get("/login")
    assert (response.status_code, "no-store" in response.headers["Cache-Control"]) == (200, True)


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [("PUT", "/login", "GET, HEAD, POST, OPTIONS"), ("GET", "/logout", "POST, OPTIONS")],
)
def test_it_answers_other_methods_with_a_problem(
    browser: Client, method: str, path: str, allow: str
) -> None:
    response = browser.generic(method, path)
    assert (response.status_code, response.headers["Allow"]) == (405, allow)
    assert response.json()["code"] == "method_not_allowed"


def test_it_shows_a_page_where_the_csrf_token_is_missing(dora: User) -> None:
    strict = Client(enforce_csrf_checks=True)
    response = send(strict, "dora")
    assert response.status_code == 403
    assert b"<h1>The form is out of date</h1>" in response.content
    assert b"<style" not in response.content


# --- Where it leads ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("following", "target"),
    [
        ("/api/v1/tasks?limit=1", "/api/v1/tasks?limit=1"),
        ("http://testserver/api/docs", "http://testserver/api/docs"),
        ("", "/api/v1/tasks"),
        ("https://evil.example/", "/api/v1/tasks"),
        ("//evil.example/", "/api/v1/tasks"),
        ("/\\evil.example", "/api/v1/tasks"),
        ("https:///evil.example", "/api/v1/tasks"),
        ("javascript:alert(1)", "/api/v1/tasks"),
        (" //evil.example", "/api/v1/tasks"),
    ],
)
def test_it_leads_to_addresses_of_this_service_only(
    browser: Client, dora: User, following: str, target: str
) -> None:
    assert send(browser, "dora", next=following).headers["Location"] == target
    page = browser.get("/login", {"next": following})  # Dora is in already.
    assert page.headers.get("Location") == (target if following == target else None)
    assert b"evil" not in page.content


def test_it_leads_on_who_is_there_already(browser: Client, dora: User) -> None:
    browser.force_login(dora)
    assert browser.get("/login?next=/api/v1/tasks").headers["Location"] == "/api/v1/tasks"
    assert b"You are logged in as dora." in browser.get("/login").content


# --- The admin site ---------------------------------------------------------------------------


def test_it_is_the_sign_in_of_the_admin_site(browser: Client, erin: User) -> None:
    page = browser.get("/admin/", follow=True)
    assert page.redirect_chain == [("/admin/login/?next=/admin/", 302)]
    assert b'<form method="post" action="/login">' in page.content
    assert b'name="next" value="/admin/"' in page.content
    assert send(browser, "erin", next="/admin/").headers["Location"] == "/admin/"
    assert browser.get("/admin/").status_code == 200
    assert browser.get("/admin/login/").headers["Location"] == "/admin/"
    assert browser.post("/admin/logout/").headers["Location"] == "/login"
    assert browser.get("/admin/").status_code == 302


def test_it_tells_others_that_the_admin_site_is_for_staff(browser: Client, dora: User) -> None:
    assert send(browser, "dora", next="/admin/").headers["Location"] == "/admin/"
    page = browser.get("/admin/", follow=True)
    assert (page.status_code, len(page.redirect_chain)) == (200, 1)
    assert b"You are logged in as dora. The administration is for staff only" in page.content


@pytest.mark.usefixtures("limits")
def test_it_counts_where_the_admin_site_has_its_own_address(browser: Client, erin: User) -> None:
    for _ in range(2):
        browser.post("/admin/login/", {"username": "erin", "password": "wrong"})
    response = browser.post("/admin/login/", {"username": "erin", "password": PASSWORD})
    assert response.status_code == 429


# --- How often --------------------------------------------------------------------------------


@pytest.mark.usefixtures("limits")
def test_it_refuses_the_right_password_after_too_many_attempts(browser: Client, dora: User) -> None:
    name = f"dora-{uuid4()}"
    User.objects.filter(pk=dora.pk).update(username=name)
    refused = "tasks_rate_limit_refusals_total", {"budget": "login-account"}
    before = metrics.registry.get_sample_value(*refused) or 0
    for _ in range(2):
        assert send(browser, name, "wrong").status_code == 200
    response = send(browser, name)
    assert response.status_code == 429
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    assert response.headers["Retry-After"] == "1800"
    assert response.headers["RateLimit-Policy"] == (
        '"login-account";q=2;w=3600, "login-address";q=2;w=3600'
    )
    assert b"Too many attempts. Try again in 1800 seconds." in response.content
    assert PASSWORD.encode() not in response.content
    assert not signed_in(browser)
    assert metrics.registry.get_sample_value(*refused) == before + 1


@pytest.mark.usefixtures("limits")
def test_it_shares_the_budgets_with_the_sign_in_of_the_api(browser: Client) -> None:
    name = f"dora-{uuid4()}"
    body = {"username": name.upper(), "password": "wrong"}
    assert browser.post("/api/v1/auth/token", body, "application/json").status_code == 401
    assert send(browser, f" {name} ", "wrong").status_code == 200
    assert send(browser, name, "wrong").status_code == 429
    assert browser.post("/api/v1/auth/token", body, "application/json").status_code == 429


@pytest.mark.usefixtures("limits")
def test_it_counts_by_address_whatever_the_account(browser: Client) -> None:
    statuses = [send(browser, str(uuid4())).status_code for _ in range(3)]
    assert statuses == [200, 200, 429]
    assert browser.post("/login").status_code == 429
    assert browser.get("/login").status_code == 200
