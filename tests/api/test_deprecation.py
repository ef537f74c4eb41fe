"""What is deprecated says so: by headers, in the document and in the log."""

from collections.abc import Callable
from datetime import date
from email.utils import parsedate_to_datetime
from typing import Any, Final

import pytest
from drf_spectacular.generators import SchemaGenerator
from pytest_django import Settings

from tasks.api import deprecation
from tasks.api.deprecation import Deprecation, VersionDeprecation
from tasks.models import Project
from tests.api import deprecated_urls as stub
from tests.cast import Answer, Api
from tests.config.conftest import Lines, log

__all__ = ["log"]

ANNOUNCING: Final = ("Deprecation", "Sunset", "Link")
V1: Final = VersionDeprecation(date(2026, 11, 1), "/docs/v2", date(2028, 11, 1))

type Uses = Callable[[], list[tuple[str, str | None]]]


@pytest.fixture(autouse=True)
def stub_urls(settings: Settings) -> None:
    settings.ROOT_URLCONF = "tests.api.deprecated_urls"


@pytest.fixture
def version(monkeypatch: pytest.MonkeyPatch) -> None:
    """Announce the end of v1."""
    monkeypatch.setitem(deprecation.VERSIONS, "/api/v1/", V1)


@pytest.fixture
def uses(log: Lines) -> Uses:
    """Return what the log says was used, as kinds and names."""

    def read() -> list[tuple[str, str | None]]:
        lines = [line for line in log() if line["event"] == "deprecated_use"]
        return [(line["deprecated"], line["field"]) for line in lines]

    return read


def announced(answer: Answer) -> tuple[str | None, ...]:
    return tuple(answer.headers.get(name) for name in ANNOUNCING)


def both(link: str) -> str:
    """Return the links that announce an end whose day is known."""
    return ", ".join(
        f'<{link}>; rel="{rel}"; type="text/html"' for rel in ("deprecation", "sunset")
    )


NOTHING: Final = (None, None, None)

# --- an operation -----------------------------------------------------------------------------


def test_it_announces_the_end_of_an_operation(as_alice: Api) -> None:
    answer = as_alice.post("/print", {"text": "Hello"})

    assert answer.status == 200
    assert announced(answer) == (
        "@1798761600",
        "Sun, 04 Jul 2027 00:00:00 GMT",
        f'</jobs/1>; rel="next", {both("/docs/printing")}',
    )
    assert parsedate_to_datetime(answer.headers["Sunset"]).date() == stub.OPERATION.sunset


def test_it_says_nothing_of_the_other_operations_of_a_view(as_alice: Api) -> None:
    assert announced(as_alice.get("/print")) == NOTHING
    assert announced(as_alice.put("/print", {"text": "Hello"})) == NOTHING
    assert announced(as_alice("OPTIONS", "/print")) == NOTHING
    assert announced(as_alice("TRACE", "/print")) == NOTHING


def test_it_announces_an_operation_also_to_whom_it_refuses(
    as_alice: Api, as_nobody: Api, uses: Uses
) -> None:
    refusals = [
        as_nobody.post("/print", {"text": "Hello"}),
        as_alice.post("/print", {"txet": "Hello"}),
        as_alice.delete("/print"),
    ]
    assert [answer.status for answer in refusals] == [401, 400, 409]
    assert {answer.headers["Deprecation"] for answer in refusals} == {"@1798761600"}
    assert uses() == []  # They will not miss what they did not get.


def test_it_takes_head_for_get_and_options_for_neither(as_alice: Api) -> None:
    for path in ("/old", "/pages"):
        got = as_alice.get(path)
        assert got.headers["Deprecation"].startswith("@")
        assert announced(as_alice("HEAD", path)) == announced(got)
        assert announced(as_alice("OPTIONS", path)) == NOTHING


# --- parameters and fields --------------------------------------------------------------------


def test_it_announces_a_parameter_to_whoever_uses_it(as_alice: Api, uses: Uses) -> None:
    assert announced(as_alice.get("/print?quick=true")) == NOTHING
    answer = as_alice.get("/print?loud=true")
    assert announced(answer) == (
        "@1801440000",
        "Wed, 04 Aug 2027 00:00:00 GMT",
        both("/docs/loud"),
    )
    assert announced(as_alice("HEAD", "/print?loud=true")) == announced(answer)
    assert uses() == [("parameter", "loud")] * 2
    assert announced(as_alice.get("/print?loud=perhaps")) == NOTHING


def test_it_announces_a_field_to_whoever_sends_it_without_a_sunset_before_one_is_known(
    as_alice: Api, uses: Uses
) -> None:
    assert announced(as_alice.put("/print", {"text": "Hello"})) == NOTHING
    assert announced(as_alice.put("/print", {"text": "Hello", "colour": True})) == (
        "@1803859200",
        None,
        '<https://example.org/colour?of=text#sent>; rel="deprecation"; type="text/html"',
    )
    assert uses() == [("field", "colour")]


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ({"edge": {"margin": "1 cm"}}, "edge.margin"),
        ({"edges": [{"paper": "A4"}, {"margin": "1 cm"}, {"margin": "2 cm"}]}, "edges.margin"),
    ],
)
def test_it_finds_a_field_inside_others(
    as_alice: Api, uses: Uses, body: dict[str, Any], name: str
) -> None:
    answer = as_alice.put("/print", {"text": "Hello", **body})
    assert (answer.status, answer.headers["Deprecation"]) == (200, "@1796083200")
    assert uses() == [("field", name)]
    plain = {"edge": {"paper": "A4"}, "edges": [{"paper": "A4"}]}
    assert announced(as_alice.put("/print", {"text": "Hello", **plain})) == NOTHING


def test_it_announces_a_field_of_answers_on_each_that_shows_it(as_alice: Api, uses: Uses) -> None:
    answer = as_alice.get("/pages")
    assert answer.headers["Deprecation"] == "@1809129600"
    assert answer.headers["Sunset"] == "Mon, 01 Nov 2027 00:00:00 GMT"
    same = as_alice.get("/pages", headers={"If-None-Match": answer.headers.get("ETag", "*")})
    assert same.headers["Deprecation"] == "@1809129600"
    assert announced(as_alice.delete("/pages")) == NOTHING  # nothing is shown
    assert announced(as_alice.get("/pages?page=2")) == NOTHING  # a problem is
    assert uses() == []  # nobody knows who looks at it


# --- several, and whole versions --------------------------------------------------------------


def test_it_sends_the_earliest_days_and_all_the_links(as_alice: Api, uses: Uses) -> None:
    body = {"text": "Hello", "colour": True, "edge": {"margin": "1 cm"}}
    answer = as_alice.post("/print", body)
    assert answer.headers["Deprecation"] == "@1796083200"  # of the margin
    assert answer.headers["Sunset"] == "Sun, 04 Jul 2027 00:00:00 GMT"  # of the operation
    links = [link.split(">")[0] for link in answer.headers["Link"].split("<")[1:]]
    assert links == [
        "/jobs/1",
        *["/docs/printing"] * 2,
        "https://example.org/colour?of=text#sent",
        *["/docs/margin"] * 2,
    ]
    assert uses() == [("operation", None), ("field", "colour"), ("field", "edge.margin")]


def test_it_sends_each_link_once(as_alice: Api) -> None:
    body = {"text": "Hello", "edge": {"margin": "1 cm"}, "edges": [{"margin": "1 cm"}]}
    assert as_alice.put("/print", body).headers["Link"] == both("/docs/margin")


@pytest.mark.usefixtures("version")
def test_it_announces_the_end_of_a_version_on_all_its_operations(
    as_alice: Api, as_nobody: Api, project: Project, uses: Uses
) -> None:
    answers = [
        as_alice.get("/me"),
        as_alice.get(f"/projects/{project.pk}"),
        as_alice.post("/tasks", {"title": "Learn Flask"}),
        as_nobody.get("/me"),
    ]
    assert [answer.status for answer in answers] == [200, 200, 201, 401]
    assert {announced(answer) for answer in answers} == {
        ("@1793491200", "Wed, 01 Nov 2028 00:00:00 GMT", both("/docs/v2"))
    }
    assert uses() == [("version", None)] * 3
    assert announced(as_alice.get("/api/problems")) == NOTHING


def test_it_says_in_the_log_who_still_needs_it(as_alice: Api, log: Lines) -> None:
    ids = {"X-Request-ID": "abc", "traceparent": f"00-{'a' * 32}-{'b' * 16}-01"}
    as_alice.put("/print", {"text": "Hello", "colour": True}, headers=ids)
    [line] = [line for line in log() if line["event"] == "deprecated_use"]
    assert as_alice.user is not None
    del line["timestamp"]
    assert line == {
        "event": "deprecated_use",
        "level": "INFO",
        "logger": "tasks.api",
        "request_id": "abc",
        "trace_id": "a" * 32,
        "method": "PUT",
        "route": "api/v1/print",
        "user": str(as_alice.user.pk),
        "deprecated": "field",
        "field": "colour",
    }


def test_it_tells_whoever_sends_the_same_again_the_same(as_alice: Api, uses: Uses) -> None:
    answers = [
        as_alice.post(
            "/print", {"text": "Hello", "colour": True}, headers={"Idempotency-Key": "once"}
        )
        for _ in range(2)
    ]
    assert answers[1].headers["Idempotent-Replayed"] == "true"
    assert {answer.headers["Deprecation"] for answer in answers} == {"@1798761600"}
    assert uses() == [("operation", None), ("field", "colour")] * 2


# --- the document -----------------------------------------------------------------------------


def document(patterns: Any = None) -> Any:
    return SchemaGenerator(patterns=patterns).get_schema(request=None, public=True)


def marks(spec: Any) -> tuple[Any, Any]:
    return spec.get("deprecated"), spec.get("x-sunset")


@pytest.mark.once
def test_it_marks_operations_parameters_and_fields_in_the_document() -> None:
    made = document()
    operations = made["paths"]["/api/v1/print"]
    assert marks(operations["post"]) == (True, "2027-07-04")
    assert marks(operations["get"]) == marks(operations["put"]) == (None, None)
    query = {
        each["name"]: each for each in operations["get"]["parameters"] if each["in"] == "query"
    }
    assert marks(query["loud"]) == (True, "2027-08-04")
    assert marks(query["quick"]) == (None, None)
    schemas = made["components"]["schemas"]
    assert marks(schemas["PrintRequest"]["properties"]["colour"]) == (True, None)
    assert marks(schemas["PrintRequest"]["properties"]["text"]) == (None, None)
    assert marks(schemas["EdgeRequest"]["properties"]["margin"]) == (True, "2027-10-01")
    assert marks(schemas["PagedJob"]["properties"]["pages"]) == (True, "2027-11-01")
    assert marks(schemas["PagedJob"]["properties"]["id"]) == (None, None)


@pytest.mark.once
@pytest.mark.usefixtures("version")
def test_it_marks_every_operation_of_a_version_in_the_document() -> None:
    operations = {
        f"{method} {path}": marks(spec)
        for path, methods in document()["paths"].items()
        for method, spec in methods.items()
    }
    assert operations.pop("post /api/v1/print") == (True, "2027-07-04")  # the earlier one
    assert operations.pop("delete /api/v1/print") == (True, "2027-07-04")
    assert operations.pop("get /api/v1/old") == (True, "2027-07-04")
    assert set(operations.values()) == {(True, "2028-11-01")}


@pytest.mark.once
def test_it_makes_no_document_with_an_announcement_of_what_is_not_there() -> None:
    with pytest.raises(LookupError, match="MisspeltShown has no pagse"):
        document(stub.misspelt)


# --- declarations -----------------------------------------------------------------------------


@pytest.mark.once
@pytest.mark.parametrize(
    ("kind", "sunset", "earliest"),
    [
        (Deprecation, date(2026, 12, 31), "2027-07-04"),  # before the deprecation: RFC 9745 §4
        (Deprecation, date(2027, 1, 1), "2027-07-04"),
        (Deprecation, date(2027, 7, 3), "2027-07-04"),
        (VersionDeprecation, date(2028, 12, 31), "2029-01-01"),
    ],
)
def test_it_refuses_a_sunset_that_comes_too_early(
    kind: type[Deprecation], sunset: date, earliest: str
) -> None:
    with pytest.raises(ValueError, match=f"{sunset} is too early: {earliest} keeps the notice"):
        kind(date(2027, 1, 1), "/docs", sunset)
    assert kind(date(2027, 1, 1), "/docs", date.fromisoformat(earliest)).link == "/docs"


@pytest.mark.once
@pytest.mark.parametrize("link", ["", "/a b", "/a>; rel=b, <c", "/a\r\nSet-Cookie: b", "/ä", '"'])
def test_it_refuses_what_is_no_link(link: str) -> None:
    with pytest.raises(ValueError, match="is not a link"):
        Deprecation(date(2027, 1, 1), link)


def test_it_says_nothing_while_nothing_is_deprecated(as_alice: Api, project: Project) -> None:
    assert announced(as_alice.get("/tasks")) == NOTHING
    assert announced(as_alice.post("/tasks", {"title": "Learn Flask"})) == NOTHING
    assert announced(as_alice.get(f"/projects/{project.pk}")) == NOTHING
