"""The request id goes in and out, and each request leaves one line."""

import logging
import re

import pytest
from django.test import Client

from tasks import context
from tests.config.conftest import Lines

pytestmark = [pytest.mark.once, pytest.mark.usefixtures("stub_urls")]


@pytest.fixture
def client() -> Client:
    return Client(raise_request_exception=False)


@pytest.mark.parametrize("given", ["a", "A-z0.9_~", "x" * 128])
def test_it_takes_a_well_formed_request_id(client: Client, given: str) -> None:
    response = client.get("/echo", headers={"X-Request-ID": given})
    assert response.json() == {"request_id": given}
    assert response.headers["X-Request-ID"] == given


@pytest.mark.parametrize("given", ["", "x" * 129, "a b", "a\nb", "a\n", "é", '"><script>'])
def test_it_makes_a_request_id_in_place_of_a_malformed_one(client: Client, given: str) -> None:
    response = client.get("/echo", HTTP_X_REQUEST_ID=given)
    made = response.headers["X-Request-ID"]
    assert re.fullmatch("[0-9a-f]{32}", made)
    assert response.json() == {"request_id": made}


def test_it_makes_a_new_id_for_each_request_and_forgets_it_after(client: Client) -> None:
    first, second = (client.get("/echo").headers["X-Request-ID"] for _ in range(2))
    assert first != second
    assert context.request_id.get() == ""


def test_it_writes_one_line_with_the_route_and_not_the_path(client: Client, log: Lines) -> None:
    span = f"00-{'a' * 32}-{'b' * 16}-01"
    client.get("/items/7?token=hunter2", headers={"X-Request-ID": "abc", "traceparent": span})
    [line] = log()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\+00:00", line.pop("timestamp"))
    assert 0 <= line.pop("duration_ms") < 10_000
    assert line == {
        "level": "INFO",
        "logger": "access",
        "event": "request_finished",
        "request_id": "abc",
        "trace_id": "a" * 32,
        "method": "GET",
        "route": "items/<int:number>",
        "status": 200,
        "user": None,
    }


@pytest.mark.parametrize(
    ("path", "route", "status"), [("/nothing", None, 404), ("/forbidden", "forbidden", 403)]
)
def test_it_writes_nothing_but_the_access_line_for_a_refusal(
    client: Client, log: Lines, path: str, route: str | None, status: int
) -> None:
    client.get(path)
    assert [(line["event"], line["route"], line["status"]) for line in log()] == [
        ("request_finished", route, status)
    ]


def test_it_logs_a_crash_once_with_its_traceback_and_the_same_id(
    client: Client, log: Lines
) -> None:
    response = client.get("/crash?token=hunter3", headers={"X-Request-ID": "abc"})
    crash, access = log()
    assert (crash["level"], crash["logger"]) == ("ERROR", "django.request")
    assert crash["exc_info"].endswith("RuntimeError: hunter2")
    assert (access["event"], access["status"]) == ("request_finished", 500)
    assert crash["request_id"] == access["request_id"] == "abc"
    assert "hunter3" not in str(crash)
    assert response.status_code == 500


def test_it_names_a_user_that_is_known_already(client: Client, log: Lines) -> None:
    client.get("/known")
    assert log()[0]["user"] == "0197c9a2-7f3e-7c5e-9d0a-1f2e3d4c5b6a"


def test_it_asks_no_database_who_the_user_is(client: Client, log: Lines) -> None:
    # This test may not touch the database: reading the session named here would fail it.
    client.cookies["sessionid"] = "x" * 32
    assert client.get("/echo").status_code == 200
    assert log()[0]["user"] is None


def test_it_keeps_probes_out_of_the_log_unless_it_is_asked_for_everything(
    client: Client, log: Lines, caplog: pytest.LogCaptureFixture
) -> None:
    client.get("/health/live")
    assert log() == []
    caplog.set_level(logging.DEBUG, logger="access")
    client.get("/health/live")
    assert [line["level"] for line in log()] == ["DEBUG"]
