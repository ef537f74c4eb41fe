"""Queries, paths and headers that nobody should send: refused by name, and nothing written."""

import io
from collections.abc import Iterator
from typing import Any, Final

import orjson
import pytest

from config.wsgi import application
from tests.cast import Api
from tests.contract.document import Operation, operations
from tests.contract.refusals import REQUIRED, is_refused, path_of
from tests.contract.snapshot import nothing_written
from tests.contract.world import Ids

pytestmark = pytest.mark.usefixtures("wsgi")

# --- The query --------------------------------------------------------------------------------

GARBAGE: Final = (
    *("", "%00", "%0A", "a%00b", "%1F", "%7F", "a" * 4001),
    *("%ED%A0%80", "%FF", "%C3%28", "%", "%zz", "%F0%9F%98%80"),
    *("%D9%A3", "%EF%BC%91", "-1", "+1", "1e3", "0x1", "1.0", "NaN", "9" * 1000),
    *("2027-02-29", "0000-01-01", "2027-W01", "2027-01-01T25:00:00Z", "2027-01-01T00:00:00"),
    *("0001-01-01T00:00:00%2B23:59", "9999-12-31T23:59:59-23:59", "2027-01-01%2000:00:00Z"),
    *("01938F6E-7C00-7A11-8B22-0F1E2D3C4B5A", "{}", "urn:uuid:x", "null", "None", "*"),
    *("TRUE", "yes", "position,title", "--title", "owner__password", "id", "../..", "'", '"'),
)
# Some parameters take any text.
NO_TEXT: Final = {"", "%00", "%0A", "a%00b", "%1F", "%7F", "a" * 4001, "9" * 1000}
TAKEN: Final = dict.fromkeys(("q", "external_id", "label", "label_not"), {*GARBAGE} - NO_TEXT)


def in_queries() -> Iterator[Any]:
    for operation in operations().values():
        for name in operation.parameters("query"):
            yield pytest.param(operation, name, id=f"{operation}-{name}")


@pytest.mark.parametrize(("operation", "name"), list(in_queries()))
def test_it_refuses_garbage_in_each_parameter(
    as_alice: Api, ids: Ids, operation: Operation, name: str
) -> None:
    path = path_of(operation, ids)
    with nothing_written():
        for text in GARBAGE:
            answer = as_alice(operation.method, f"{path}?{name}={text}")
            if text in TAKEN.get(name, ()):
                assert answer.status == 200, (text, answer)
                continue
            assert answer.status == 400, (text, answer)
            assert is_refused(answer)
            assert answer.code == "invalid_cursor" or answer.error(name) == "invalid", answer


@pytest.mark.parametrize("operation", list(operations().values()), ids=str)
def test_it_refuses_parameters_that_it_does_not_know(
    as_alice: Api, ids: Ids, operation: Operation
) -> None:
    body = REQUIRED.get(operation.name, {}) if operation.body() is not None else None
    with nothing_written():
        for query in ("nothing=1", "format=json", "format=xml", "page=2", "Limit=1", "tz%00=UTC"):
            answer = as_alice(operation.method, f"{path_of(operation, ids)}?{query}", body)
            name = query.partition("=")[0].replace("%00", "\0")
            assert (answer.status, answer.error(name)) == (400, "unknown"), answer


@pytest.mark.parametrize(("operation", "name"), list(in_queries()))
def test_it_refuses_a_parameter_that_comes_too_often(
    as_alice: Api, ids: Ids, operation: Operation, name: str
) -> None:
    schema = operation.parameters("query")[name]
    value = {"tz": "UTC", "q": "a", "cursor": "AAAA", "limit": "5", "ordering": "created"}.get(name)
    value = value or ("true" if schema.get("type") == "boolean" else "2027-01-01")
    often = schema.get("maxItems", 1) + 1
    query = "&".join([f"{name}={value}"] * often)
    answer = as_alice(operation.method, f"{path_of(operation, ids)}?{query}")
    assert (answer.status, answer.error(name)) == (400, "invalid"), answer


def test_it_takes_many_values_of_every_filter_at_once(as_alice: Api, ids: Ids) -> None:
    """As many as a request line holds; one statement for SQLite's parser and PostgreSQL's."""
    filters = [f"label={number}" for number in range(20)]
    filters += [f"label_not={number}" for number in range(20)]
    filters += [f"external_id={number}" for number in range(100)]
    filters += [f"priority={number}" for number in range(5)]
    answer = as_alice.get(f"/tasks?project={ids['project_id']}&" + "&".join(filters))
    assert (answer.status, answer.body["results"]) == (200, [])


def test_it_refuses_a_thousand_parameters(as_alice: Api) -> None:
    answer = as_alice.get("/tasks?" + "&".join(f"a{number}=1" for number in range(1001)))
    assert (answer.status, answer.code) == (400, "malformed_request")
    assert answer.body["detail"] == "The query or the form has too many fields."


CHARSETS: Final = ("utf-7", "unicode_escape", "utf-16", "utf-16-le", "idna", "punycode", "cp037")
LONE_SURROGATES: Final = (
    "%2B%32%41%41%2D",  # UTF-7
    "%5C%75%64%38%30%30",  # unicode_escape
    "%00%D8",  # UTF-16
)


@pytest.mark.parametrize("charset", CHARSETS)
def test_it_reads_the_query_as_utf_8_whatever_the_body_claims(as_alice: Api, charset: str) -> None:
    """Django decodes it by the charset of Content-Type, and some codecs yield half characters."""
    created = as_alice.post("/tasks", {"title": "a", "external_id": "+2AA-"})
    assert created.status == 201
    content_type = f"application/json; charset={charset}"
    for text in LONE_SURROGATES:
        for query in (f"external_id={text}", f"{text}=1", f"q={text}"):
            answer = as_alice.get(f"/tasks?{query}", content_type=content_type)
            assert answer.status in {200, 400}, answer
    found = as_alice.get(f"/tasks?external_id={LONE_SURROGATES[0]}", content_type=content_type)
    assert [row["id"] for row in found.body["results"]] == [created.body["id"]]


# --- The path and the headers -------------------------------------------------------------------

ID: Final = "01938f6e-7c00-7a11-8b22-0f1e2d3c4b5a"


@pytest.mark.parametrize(
    "path",
    [
        *("/tasks/", "//tasks", "/tasks//", f"/tasks/{ID}/", "/nothing", "/Tasks", "/tasks.json"),
        *(f"/tasks/{ID.upper()}", f"/tasks/{{{ID}}}", f"/tasks/urn:uuid:{ID}"),
        *(f"/tasks/{ID.replace('-', '')}", f"/tasks/{ID}%0A", f"/tasks/%20{ID}", "/tasks/%00"),
        *("/tasks/1", "/tasks/null", "/tasks/%2e%2e", "/tasks/%C3%28"),
        *("/tasks/" + "x" * 3000, f"/tasks/{ID};v=1", f"/projects/{ID}/members/me"),
        *("/api/v2/tasks", "/api/v1", "/api/v1/", "/api//v1/tasks", "/api", "/nothing/at/all"),
    ],
)
def test_it_answers_a_path_that_leads_nowhere(as_alice: Api, path: str) -> None:
    with nothing_written():
        for method, body in (("GET", None), ("PATCH", {}), ("DELETE", None), ("POST", {})):
            answer = as_alice(method, path, body)
            assert answer.status in {404, 405}, (method, answer)
            assert is_refused(answer)
    got = as_alice.get(path)
    assert got.code == ("method_not_allowed" if path.endswith("/me") else "not_found")
    assert "Location" not in got.headers


def test_it_takes_no_id_in_another_spelling(as_alice: Api, ids: Ids) -> None:
    task = ids["task_id"]
    assert as_alice.get(f"/tasks/{task}").status == 200
    for spelling in (task.upper(), f"{{{task}}}", f"urn:uuid:{task}", task.replace("-", "")):
        assert as_alice.get(f"/tasks/{spelling}").status == 404
        answer = as_alice.get(f"/tasks?parent={spelling}")
        assert (answer.status, answer.error("parent")) == (400, "invalid")


@pytest.mark.parametrize(
    "accept",
    [
        *(
            "application/xml",
            "text/csv",
            "image/*",
            "application/problem+json",
            "*",
            ";;;",
            "a/b/c",
        ),
        *("application/json;q=0", "*/*;q=0", "application/json; a*=bogus'en'x;q=0", "," * 500),
        *("/", "ä/ö", "application/jsonp", "json"),
    ],
)
def test_it_answers_406_where_nothing_fits(as_alice: Api, accept: str) -> None:
    answer = as_alice.get("/tasks", headers={"Accept": accept})
    assert (answer.status, answer.code) == (406, "not_acceptable")


@pytest.mark.parametrize(
    "authorization",
    [
        *("Bearer", "Bearer ", "Bearer a b", "Bearer é", "bearer " + "x" * 8000, "Bearer null"),
        *("Bearer ..", "Bearer e30.e30.", "Bearer eyJhbGciOiJub25lIn0.e30."),
        *("Basic YWxpY2U6YQ==", "Basic", "Token abc", "Negotiate", "", ",", "Digest a=b"),
    ],
)
def test_it_answers_401_to_an_authorization_that_is_none(
    as_nobody: Api, authorization: str
) -> None:
    with nothing_written():
        answer = as_nobody.post("/tasks", {"title": "a"}, headers={"Authorization": authorization})
    assert answer.status == 401
    assert answer.code == (
        "invalid_token" if authorization.lower().startswith("bearer") else "not_authenticated"
    )
    assert answer.headers["WWW-Authenticate"].startswith('Bearer realm="tasks"')


def raw_request(**environ: str) -> tuple[int, dict[str, str], dict[str, Any]]:
    """Ask the real WSGI application with bytes that the test client would tidy up."""
    started: list[Any] = []
    chunks = application(
        {
            "REQUEST_METHOD": "GET",
            "PATH_INFO": "/api/v1/tasks",
            "QUERY_STRING": "",
            "SERVER_NAME": "testserver",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "192.0.2.1",
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(),
            **environ,
        },
        lambda status, headers: started.extend([status, dict(headers)]),
    )
    content = b"".join(chunks)
    if close := getattr(chunks, "close", None):
        close()
    return int(started[0].split()[0]), started[1], orjson.loads(content)


ENVIRONS: Final[dict[str, tuple[dict[str, str], int, str]]] = {
    "1001 parameters and a charset": (
        {
            "QUERY_STRING": "&".join(f"a{number}=1" for number in range(1001)),
            "CONTENT_TYPE": "application/json; charset=utf-7",
        },
        400, "malformed_request",
    ),
    "a charset that is none": (
        {"CONTENT_TYPE": "application/json; charset=hex", "QUERY_STRING": "q=%ff"}, 400,
        "malformed_request",
    ),
    "a foreign host": ({"HTTP_HOST": "evil.example"}, 400, "malformed_request"),
    "a host with a path": ({"HTTP_HOST": "testserver/x"}, 400, "malformed_request"),
    "a length that is none": ({"CONTENT_LENGTH": "²"}, 400, "malformed_request"),
    "chunks": ({"HTTP_TRANSFER_ENCODING": "chunked"}, 411, "length_required"),
    "too long": ({"CONTENT_LENGTH": "1048577"}, 413, "content_too_large"),
    "bytes that are no text": ({"PATH_INFO": "/api/v1/\xff\xfe"}, 404, "not_found"),
    "a broken cookie": ({"HTTP_COOKIE": "sessionid=\xff; \x00=;;"}, 401, "not_authenticated"),
    "a session that is none": ({"HTTP_COOKIE": "sessionid=a"}, 401, "not_authenticated"),
}  # fmt: skip


@pytest.mark.parametrize("title", ENVIRONS)
def test_it_refuses_what_the_server_lets_through(title: str) -> None:
    environ, status, code = ENVIRONS[title]
    with nothing_written():
        answered, headers, body = raw_request(**environ)
    assert (answered, body["status"], body["code"]) == (status, status, code)
    assert headers["Content-Type"] == "application/problem+json"
    assert headers["X-Request-ID"] == body["request_id"]
