"""The real WSGI application, asked with the raw environ that a server would hand it."""

import io
import json
from collections.abc import Iterable
from typing import Any

import pytest

from config import wsgi
from tests.config.conftest import Lines

# Django looks after its connections when a request starts, and one may be open already.
pytestmark = [
    pytest.mark.once,
    pytest.mark.django_db,
    pytest.mark.usefixtures("stub_urls"),
]


class Started:
    """What the application said to `start_response`."""

    def __call__(self, status: str, headers: list[tuple[str, str]]) -> None:
        self.status = status
        self.headers = dict(headers)


def ask(application: Any = wsgi.application, **environ: str) -> tuple[Started, dict[str, Any]]:
    started = Started()
    chunks: Iterable[bytes] = application(
        {
            "REQUEST_METHOD": "GET",
            "PATH_INFO": "/echo",
            "QUERY_STRING": "",
            "SERVER_NAME": "testserver",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(),
            **environ,
        },
        started,
    )
    body = b"".join(chunks)
    assert started.headers["Content-Length"] == str(len(body))
    return started, json.loads(body)


MANY = "&".join(f"f{number}=1" for number in range(1001))


@pytest.mark.parametrize(
    ("environ", "status", "code"),
    [
        ({"CONTENT_TYPE": "a/b; charset=idna", "QUERY_STRING": "q=%ff"}, 400, "malformed_request"),
        ({"CONTENT_TYPE": "a/b; charset=hex", "QUERY_STRING": "q=%ff"}, 400, "malformed_request"),
        ({"CONTENT_TYPE": "a/b; charset=utf-8", "QUERY_STRING": MANY}, 400, "malformed_request"),
        ({"CONTENT_LENGTH": "-1"}, 400, "malformed_request"),
        ({"CONTENT_LENGTH": "two"}, 400, "malformed_request"),
        ({"CONTENT_LENGTH": "²"}, 400, "malformed_request"),
        ({"HTTP_TRANSFER_ENCODING": "chunked"}, 411, "length_required"),
        ({"CONTENT_LENGTH": "1048577"}, 413, "content_too_large"),
        ({"CONTENT_LENGTH": "9" * 5000}, 413, "content_too_large"),
    ],
)
def test_it_refuses_what_django_would_misread(
    environ: dict[str, str], status: int, code: str
) -> None:
    started, body = ask(HTTP_X_REQUEST_ID="abc", **environ)
    assert int(started.status.split()[0]) == status
    assert started.headers["Content-Type"] == "application/problem+json"
    assert started.headers["X-Request-ID"] == "abc"
    assert started.headers["X-Content-Type-Options"] == "nosniff"
    assert (body["status"], body["code"]) == (status, code)
    assert (body["instance"], body["request_id"]) == ("/echo", "abc")


@pytest.mark.parametrize("length", ["", "0", "1048576", "0001048576"])
def test_it_lets_a_body_of_an_allowed_length_through(length: str) -> None:
    assert wsgi.refusal({"CONTENT_LENGTH": length}) == ""


def test_it_turns_whatever_escapes_into_a_problem_and_logs_it(log: Lines) -> None:
    def broken(*_: object) -> Iterable[bytes]:
        raise RuntimeError("hunter2")

    started, body = ask(wsgi.LastResort(broken), HTTP_X_REQUEST_ID="abc", PATH_INFO="/\xc3\xa9\xff")
    [line] = log()
    assert started.status == "500 Internal Server Error"
    assert (body["code"], body["instance"]) == ("internal_error", "/é�")
    assert "hunter2" not in str(body)
    assert (line["event"], line["level"], line["request_id"]) == ("request_crashed", "ERROR", "abc")
    assert line["exc_info"].endswith("RuntimeError: hunter2")
