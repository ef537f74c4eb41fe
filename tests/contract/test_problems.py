"""Every kind of problem in the catalogue, provoked, and read to the last member.

Each case is a function that brings the problem about. Those that arise before Django come from a
real gunicorn, and the database that does not answer is a port on which nobody listens.
"""

import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from typing import Any, Final

import pytest
from django.test import Client, override_settings
from django.utils import timezone

from tasks.api.problems import CATALOGUE
from tasks.events.cursors import PRUNED
from tasks.identity import families, tokens
from tasks.models import Cursor, User
from tests.cast import Answer, Api
from tests.config.processes import FIELD_KEY, STRONG, Gunicorn, gunicorn
from tests.contract import problems_of_webhooks  # noqa: F401  which adds its cases
from tests.contract.provoking import CASES, Problem, as_user, case, from_socket, made, of
from tests.listening import closed_port
from tests.operations.holding import key_in_use

pytestmark = pytest.mark.xdist_group("gunicorn")

CHALLENGE: Final = 'Bearer realm="tasks"'
INVALID: Final = f'{CHALLENGE}, error="invalid_token"'


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gunicorn]:
    with gunicorn(tmp_path_factory.mktemp("var")) as running:
        yield running


# --- 400 --------------------------------------------------------------------------------------


@case("malformed_request")
def malformed_request(request: pytest.FixtureRequest) -> Problem:
    answer = as_user(request, "alice").post("/tasks", raw=b'{"title": "a", "title": "b"}')
    return of(answer, detail="The key 'title' stands more than once in one object.")


@case("validation_failed")
def validation_failed(request: pytest.FixtureRequest) -> Problem:
    answer = as_user(request, "alice").post("/tasks", {"title": "a", "priority": 5})
    words = "It takes a whole number from 0 to 4."
    return of(answer, errors=[{"pointer": "#/priority", "code": "invalid", "detail": words}])


@case("invalid_cursor")
def invalid_cursor(request: pytest.FixtureRequest) -> Problem:
    return of(as_user(request, "alice").get("/tasks?cursor=AAAA"))


# --- 401 and 403 ------------------------------------------------------------------------------


@case("not_authenticated")
def not_authenticated(request: pytest.FixtureRequest) -> Problem:
    answer = as_user(request, "nobody").get("/tasks")
    assert answer.headers["WWW-Authenticate"] == CHALLENGE
    return of(answer, detail="Authentication credentials were not provided.")


@case("invalid_token")
def invalid_token(request: pytest.FixtureRequest) -> Problem:
    answer = as_user(request, "nobody").get("/tasks", headers={"Authorization": "Bearer nonsense"})
    assert answer.headers["WWW-Authenticate"] == INVALID
    return of(answer, detail="The access token is malformed, expired or no longer valid.")


@case("invalid_credentials")
def invalid_credentials(request: pytest.FixtureRequest) -> Problem:
    body = {"username": "alice", "password": "a guess"}
    answer = as_user(request, "nobody").post("/auth/token", body)
    assert answer.headers["WWW-Authenticate"] == CHALLENGE
    return of(answer, "/api/v1/auth/token")


@case("permission_denied")
def permission_denied(request: pytest.FixtureRequest) -> Problem:
    path = f"/projects/{request.getfixturevalue('project').pk}"
    answer = as_user(request, "bob").patch(path, {"name": "Mine"})
    words = (
        "As editor of this project you may not rename, describe, delete and restore the project."
    )
    return of(answer, f"/api/v1{path}", detail=words)


@case("csrf_failed")
def csrf_failed(request: pytest.FixtureRequest) -> Problem:
    client = Client(enforce_csrf_checks=True)
    client.force_login(request.getfixturevalue("alice"))
    response = client.post("/api/v1/tasks", {"title": "a"}, content_type="application/json")
    return of(Answer(response), detail="CSRF Failed: CSRF cookie not set.")


# --- 404, 405, 406 ----------------------------------------------------------------------------


@case("not_found")
def not_found(request: pytest.FixtureRequest) -> Problem:
    return of(as_user(request, "alice").get("/tasks/"), "/api/v1/tasks/")


@case("method_not_allowed")
def method_not_allowed(request: pytest.FixtureRequest) -> Problem:
    answer = as_user(request, "alice").delete("/tasks")
    assert answer.headers["Allow"] == "GET, POST, HEAD, OPTIONS"
    return of(answer, detail='Method "DELETE" not allowed.')


@case("not_acceptable")
def not_acceptable(request: pytest.FixtureRequest) -> Problem:
    answer = as_user(request, "alice").get("/tasks", headers={"Accept": "application/xml"})
    return of(answer, detail="Could not satisfy the request Accept header.")


# --- 409 --------------------------------------------------------------------------------------


@case("id_taken")
def id_taken(request: pytest.FixtureRequest) -> Problem:
    alice = as_user(request, "alice")
    taken = made(alice, "/tasks", {"title": "a"})
    return of(alice.post("/tasks", {"title": "b", "id": taken}))


@case("external_id_taken")
def external_id_taken(request: pytest.FixtureRequest) -> Problem:
    alice = as_user(request, "alice")
    made(alice, "/tasks", {"title": "a", "external_id": "crm-1"})
    return of(alice.post("/tasks", {"title": "b", "external_id": "crm-1"}))


@case("label_taken")
def label_taken(request: pytest.FixtureRequest) -> Problem:
    alice = as_user(request, "alice")
    made(alice, "/tasks", {"title": "a", "labels": ["home", "work"]})
    label = alice.get("/labels").body["results"][0]["id"]
    answer = alice.patch(f"/labels/{label}", {"name": "WORK"})
    return of(answer, f"/api/v1/labels/{label}")


@case("already_member")
def already_member(request: pytest.FixtureRequest) -> Problem:
    path = f"/projects/{request.getfixturevalue('project').pk}/members"
    answer = as_user(request, "alice").post(path, {"user": "bob", "role": "viewer"})
    return of(answer, f"/api/v1{path}")


@case("last_admin")
def last_admin(request: pytest.FixtureRequest) -> Problem:
    alice: User = request.getfixturevalue("alice")
    path = f"/projects/{request.getfixturevalue('project').pk}/members/{alice.pk}"
    answer = as_user(request, "alice").delete(path)
    return of(answer, f"/api/v1{path}", detail="This is the last admin of the project.")


@case("in_trash")
def in_trash(request: pytest.FixtureRequest) -> Problem:
    alice = as_user(request, "alice")
    path = f"/tasks/{made(alice, '/tasks', {'title': 'a'})}"
    assert alice.delete(path).status == 204
    answer = alice.patch(path, {"title": "b"})
    return of(answer, f"/api/v1{path}", detail="The task is in the trash.")


@case("inbox_stays")
def inbox_stays(request: pytest.FixtureRequest) -> Problem:
    alice = as_user(request, "alice")
    path = f"/projects/{alice.get('/me').body['inbox']}"
    answer = alice.delete(path)
    return of(answer, f"/api/v1{path}", detail="The inbox project cannot be deleted.")


@case("conflict")
def conflict(request: pytest.FixtureRequest) -> Problem:
    """The account is deleted while this process still knows its sign-in, for up to 5 s."""
    charlie = as_user(request, "charlie")
    assert charlie.get("/projects").status == 200
    assert charlie.user is not None
    User.objects.filter(pk=charlie.user.pk).delete()
    return of(charlie.post("/projects", {"name": "a"}), "/api/v1/projects")


@case("idempotency_key_in_use")
def idempotency_key_in_use(request: pytest.FixtureRequest) -> Problem:
    alice = as_user(request, "alice")
    assert alice.user is not None
    with key_in_use(alice.user.pk, "k-1"):
        answer = alice.post("/tasks", {"title": "a"}, headers={"Idempotency-Key": "k-1"})
    assert answer.headers["Retry-After"] == "1"
    return of(answer)


# --- 410 --------------------------------------------------------------------------------------


@case("events_expired")
def events_expired(request: pytest.FixtureRequest) -> Problem:
    Cursor.objects.create(name=PRUNED, position=7)
    return of(as_user(request, "alice").get("/events?after=6"), "/api/v1/events")


# --- Conditions and keys ----------------------------------------------------------------------


@case("precondition_failed")
def precondition_failed(request: pytest.FixtureRequest) -> Problem:
    alice = as_user(request, "alice")
    path = f"/tasks/{made(alice, '/tasks', {'title': 'a'})}"
    answer = alice.patch(path, {"title": "b"}, headers={"If-Match": '"2"'})
    assert answer.headers["ETag"] == '"1"'
    return of(answer, f"/api/v1{path}", detail="Its version is 1 now.")


@case("idempotency_key_reused")
def idempotency_key_reused(request: pytest.FixtureRequest) -> Problem:
    alice, headers = as_user(request, "alice"), {"Idempotency-Key": "k-1"}
    assert alice.post("/tasks", {"title": "a"}, headers=headers).status == 201
    return of(alice.post("/tasks", {"title": "b"}, headers=headers))


@case("precondition_required")
def precondition_required(request: pytest.FixtureRequest) -> Problem:
    alice = as_user(request, "alice")
    path = f"/tasks/{made(alice, '/tasks', {'title': 'a'})}"
    with override_settings(REQUIRE_IF_MATCH=True):
        return of(alice.delete(path), f"/api/v1{path}")


# --- The body and its head --------------------------------------------------------------------


@case("length_required")
def length_required(request: pytest.FixtureRequest) -> Problem:
    return from_socket(
        request.getfixturevalue("server"),
        b"POST /api/v1/tasks HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        "/api/v1/tasks",
    )


@case("content_too_large")
def content_too_large(request: pytest.FixtureRequest) -> Problem:
    return from_socket(
        request.getfixturevalue("server"),
        b"POST /api/v1/tasks HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        b"Content-Length: 1048577\r\n\r\n" + b"x" * 1048577,
        "/api/v1/tasks",
    )


@case("uri_too_long")
def uri_too_long(request: pytest.FixtureRequest) -> Problem:
    line = b"GET /api/v1/tasks?q=" + b"x" * 9000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n"
    return from_socket(request.getfixturevalue("server"), line)


@case("headers_too_large")
def headers_too_large(request: pytest.FixtureRequest) -> Problem:
    head = b"GET /api/v1/tasks HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 9000 + b"\r\n\r\n"
    return from_socket(request.getfixturevalue("server"), head)


@case("unsupported_media_type")
def unsupported_media_type(request: pytest.FixtureRequest) -> Problem:
    answer = as_user(request, "alice").post("/tasks", raw=b"title=a", content_type="text/plain")
    return of(answer, detail='Unsupported media type "text/plain" in request.')


# --- When it is too much, or broken -------------------------------------------------------------


@case("rate_limited")
def rate_limited(request: pytest.FixtureRequest) -> Problem:
    alice = as_user(request, "alice")
    one_a_minute = {"user": (1, 60), "write": (1, 60), "anonymous": (1, 60), "login": (1, 60)}
    with override_settings(RATE_LIMITS=one_a_minute):
        assert alice.get("/tasks").status == 200
        answer = alice.get("/tasks")
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert answer.headers["RateLimit-Policy"] == '"user";q=1;w=60'
    seconds = int(answer.headers["Retry-After"])
    unit = "second" if seconds == 1 else "seconds"
    words = f"Request was throttled. Expected available in {seconds} {unit}."
    return of(answer, detail=words)


@case("internal_error")
def internal_error(request: pytest.FixtureRequest) -> Problem:
    with override_settings(ROOT_URLCONF="tests.contract.urls"):
        answer = as_user(request, "alice").get("/crash")
    assert b"hunter2" not in answer.response.content
    return of(answer, "/api/v1/crash")


@case("unavailable")
def unavailable(request: pytest.FixtureRequest) -> Problem:
    body = b'{"username": "alice", "password": "a guess"}'
    nobody_listens = f"postgres://postgres@127.0.0.1:{closed_port()}/tasks"
    secrets = {
        "SECRET_KEY": STRONG,
        "JWT_SIGNING_KEYS": STRONG[::-1],
        "FIELD_ENCRYPTION_KEYS": FIELD_KEY,
    }
    var = request.getfixturevalue("tmp_path")
    with gunicorn(var, DATABASE_URL=nobody_listens, **secrets) as server:
        found = from_socket(
            server,
            b"POST /api/v1/auth/token HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            b"Content-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n%s" % (len(body), body),
            "/api/v1/auth/token",
        )
    assert found.headers["Retry-After"] == "5"
    return found


# --- And all of them --------------------------------------------------------------------------

BEFORE_DJANGO: Final = {"length_required", "content_too_large", "uri_too_long", "headers_too_large"}


def marked(code: str) -> Any:
    """Real commits where they are needed; a gunicorn has no part in the test's database."""
    marks = [pytest.mark.django_db(transaction=code in {"conflict", "idempotency_key_in_use"})]
    if code in BEFORE_DJANGO | {"unavailable"}:
        marks.append(pytest.mark.once)
    return pytest.param(code, marks=marks)


def test_it_has_a_case_for_each_kind_of_problem() -> None:
    assert sorted(CASES) == sorted(CATALOGUE)


@pytest.mark.parametrize("code", [marked(code) for code in CASES])
def test_it_answers_the_whole_problem(request: pytest.FixtureRequest, code: str) -> None:
    found, kind = CASES[code](request), CATALOGUE[code]
    assert found.status == kind.status
    assert found.headers["Content-Type"] == "application/problem+json"
    assert found.body == {
        "type": f"/api/problems/{code}",
        "title": kind.title,
        "status": kind.status,
        "detail": found.detail or kind.remedy,
        "instance": found.instance,
        "code": code,
        "request_id": found.headers["X-Request-ID"],
        **({"errors": found.errors} if found.errors else {}),
    }
    assert re.fullmatch(r"[0-9a-f]{32}", found.body["request_id"])


@pytest.mark.once
@pytest.mark.parametrize("code", CATALOGUE)
def test_it_leads_to_a_page_from_each_type(code: str) -> None:
    page = Client().get(f"/api/problems/{code}")
    assert page.status_code == 200
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    words = unescape(page.content.decode())
    assert f"<code>{code}</code>" in words
    assert CATALOGUE[code].title in words
    assert f">{code}<" in Client().get("/api/problems").content.decode()


@pytest.mark.once
def test_it_knows_no_page_of_another_type() -> None:
    assert Client().get("/api/problems/nothing").json()["code"] == "not_found"


@pytest.mark.parametrize(
    "place", ["/problems", "/problems/not_found", "/schema", "/docs", "/redoc"]
)
def test_it_refuses_in_json_also_where_pages_are_shown(as_nobody: Api, place: str) -> None:
    posted = as_nobody.post(f"/api{place}")
    assert (posted.status, posted.code) == (405, "method_not_allowed")
    assert posted.headers["Allow"].startswith("GET, HEAD")
    if not place.startswith("/problems"):
        refused = as_nobody.get(f"/api{place}", headers={"Accept": "image/png"})
        assert (refused.status, refused.code) == (406, "not_acceptable")


def test_it_does_not_take_an_expired_token(as_nobody: Api, alice: User) -> None:
    now = timezone.now() - timedelta(minutes=6)
    family = families.start(user=alice, now=now)
    access = tokens.pair(user_id=alice.pk, sid=family.pk, jti=family.current_jti, now=now).access
    answer = as_nobody.get("/tasks", headers={"Authorization": f"Bearer {access}"})
    assert (answer.status, answer.code) == (401, "invalid_token")
