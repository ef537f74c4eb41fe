"""gunicorn itself, with this configuration, on a real socket."""

import json
import re
import signal
import socket
import ssl
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest

from config.worker import code_of
from tests.config.processes import FIELD_KEY, STRONG, Gunicorn, certificate, gunicorn, parse

pytestmark = [pytest.mark.once, pytest.mark.xdist_group("gunicorn")]

REFUSED = b"POST /api/v1/tasks HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gunicorn]:
    with gunicorn(tmp_path_factory.mktemp("var"), LOCAL_RUN="true", LOG_FORMAT="json") as running:
        yield running


@pytest.mark.parametrize(
    ("request_bytes", "status", "code"),
    [
        (b"NOT HTTP\r\n\r\n", 400, "malformed_request"),
        (b"GET / HTTP/9.9\r\nHost: a\r\n\r\n", 400, "malformed_request"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n", 400, "malformed_request"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\n\r\n", 400, "malformed_request"),
        (
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            400,
            "malformed_request",
        ),
        (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414, "uri_too_long"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 9000 + b"\r\n\r\n", 431, "headers_too_large"),
        (b"GET / HTTP/1.1\r\n" + b"X: a\r\n" * 101 + b"\r\n", 431, "headers_too_large"),
        (
            REFUSED + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
            411,
            "length_required",
        ),
        (
            REFUSED + b"Content-Length: 1048577\r\n\r\n" + b"x" * 1048577,
            413,
            "content_too_large",
        ),
    ],
)
def test_it_answers_what_never_reaches_django_with_a_problem(
    server: Gunicorn, request_bytes: bytes, status: int, code: str
) -> None:
    answered, headers, content = server.send(request_bytes)
    assert answered == status
    assert headers["content-type"] == "application/problem+json"
    assert headers["content-length"] == str(len(content))
    assert headers["connection"] == "close"
    body = json.loads(content)
    assert (body["status"], body["code"]) == (status, code)
    assert body["type"] == f"/api/problems/{code}"
    assert body["request_id"] == headers["x-request-id"]
    assert re.fullmatch("[0-9a-f]{32}", body["request_id"])
    logged = [json.loads(line) for line in server.log()]
    assert [line["code"] for line in logged if line["request_id"] == body["request_id"]] == [code]


def test_it_serves_the_next_request_on_a_connection_whose_body_it_refused(server: Gunicorn) -> None:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=20)
    statuses, sockets = [], set()
    for _ in range(2):
        connection.request("POST", "/api/v1/tasks", iter([b"{}"]), encode_chunked=True)
        sockets.add(connection.sock)
        response = connection.getresponse()
        statuses.append((response.status, len(response.read()) > 0))
    assert statuses == [(411, True), (411, True)]
    assert len(sockets) == 1
    connection.close()


def test_it_calls_everything_else_an_error_of_ours() -> None:
    assert code_of(RuntimeError()) == "internal_error"
    assert code_of(ssl.SSLError()) == "malformed_request"


def test_it_serves_the_application(server: Gunicorn) -> None:
    status, headers, body = server.send(
        b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    )
    assert (status, headers["x-content-type-options"]) == (200, "nosniff")
    assert json.loads(body)


PROXIED = (
    b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    b"X-Forwarded-Proto: https\r\n\r\n"
)


def test_it_believes_the_scheme_from_nobody_unless_told_to(server: Gunicorn) -> None:
    status, headers, _ = server.send(PROXIED)
    assert (status, "strict-transport-security" in headers) == (200, False)


def test_it_believes_the_scheme_from_a_trusted_proxy(tmp_path: Path) -> None:
    with gunicorn(tmp_path, LOCAL_RUN="true", TRUSTED_PROXIES="10.0.0.0/8,127.0.0.0/8") as running:
        status, headers, _ = running.send(PROXIED)
    assert (status, "strict-transport-security" in headers) == (200, True)


def test_it_reads_changed_files_again_when_told_to_reload(tmp_path: Path) -> None:
    (tmp_path / "format").write_text("json")
    files = {"LOG_FORMAT_FILE": str(tmp_path / "format")}
    with gunicorn(tmp_path / "var", LOCAL_RUN="true", **files) as running:
        (tmp_path / "format").write_text("console")
        running.process.send_signal(signal.SIGHUP)
        for _ in range(2000):
            running.send(b"NOT HTTP\r\n\r\n")
            if any(" request_refused code=" in line for line in running.log()):
                break
        else:
            raise AssertionError("\n".join(running.log()))
        assert running.process.poll() is None


def test_it_says_that_it_is_not_ready_before_it_hangs_up(tmp_path: Path) -> None:
    request = b"GET /health/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    production = {
        "DATABASE_URL": f"sqlite:///{tmp_path}/tasks.sqlite3",
        "SECRET_KEY": STRONG,
        "JWT_SIGNING_KEYS": STRONG,
        "FIELD_ENCRYPTION_KEYS": FIELD_KEY,
    }
    with gunicorn(tmp_path, **production) as running:
        running.process.terminate()
        answers = [running.send(request) for _ in range(20)]
        running.process.terminate()  # the second one does not wait
        assert running.process.wait(20) == 0
    assert {status for status, _, _ in answers} == {503}
    assert b"stopping" in answers[-1][2]


def test_it_ends_cleanly_when_told_to(tmp_path: Path) -> None:
    with gunicorn(tmp_path, LOCAL_RUN="true", LOG_FORMAT="json") as running:
        running.process.terminate()
        assert running.process.wait(20) == 0
    events = [json.loads(line) for line in running.log()]
    assert {event["level"] for event in events} == {"INFO"}
    assert events[-1]["event"] == "Shutting down: Master"


def test_it_does_not_start_with_a_mistake_and_says_so_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(AssertionError) as end, gunicorn(tmp_path, RATE_LIMITS="many"):
        pass
    assert str(end.value) == (
        "RATE_LIMITS: must name each of anonymous, user, sustained, write, login at most once."
    )


def test_it_demands_the_clients_certificate_and_a_modern_tls(tmp_path: Path) -> None:
    cert, key = certificate(tmp_path, "server")
    client_cert, client_key = certificate(tmp_path, "client")
    trusting = ssl.create_default_context(cafile=cert)
    known = ssl.create_default_context(cafile=cert)
    known.load_cert_chain(client_cert, client_key)

    def ask(port: int, context: ssl.SSLContext) -> int:
        with (
            socket.create_connection(("127.0.0.1", port), timeout=20) as plain,
            context.wrap_socket(plain, server_hostname="127.0.0.1") as connection,
        ):
            connection.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999\r\n\r\n")
            return parse(connection.recv(65536))[0]

    var = tmp_path / "var"
    with gunicorn(
        var,
        LOCAL_RUN="true",
        TLS_CERT_FILE=cert,
        TLS_KEY_FILE=key,
        TLS_CLIENT_CA_FILE=client_cert,
    ) as running:
        assert ask(running.port, known) == 413
        with pytest.raises(ssl.SSLError):
            ask(running.port, trusting)
