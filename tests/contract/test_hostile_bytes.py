"""Bytes that are hostile on the wire, to a real gunicorn: refused as problems, or hung up on.

What matters most is how many answers come back: a second one to what a proxy took for one request
is a smuggled request (RFC 9112 §11.2). Beside these, `tests/config/test_gunicorn.py` has what each
kind of refusal looks like.
"""

import json
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from typing import Final

import pytest

from tests.config.processes import Gunicorn, gunicorn, parse, read_all

pytestmark = [pytest.mark.once, pytest.mark.xdist_group("gunicorn")]

HOST: Final = b"Host: localhost\r\n"
POST: Final = b"POST /api/v1/auth/token HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\n"
GET: Final = b"GET /health/live HTTP/1.1\r\n" + HOST
# What a smuggler wants to have answered; it would be a 200.
SECOND: Final = GET + b"\r\n"
CHUNKED: Final = b"Transfer-Encoding: chunked\r\n"
PLAIN: Final = GET + b"\r\n"
BAD: Final = (400,)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gunicorn]:
    var = tmp_path_factory.mktemp("var")
    with gunicorn(var, LOCAL_RUN="true", LOG_FORMAT="json", RATE_LIMITS="off") as running:
        yield running
    assert [line for line in running.log() if '"level":"INFO"' not in line] == []


def exchange(server: Gunicorn, sent: bytes) -> list[tuple[int, dict[str, str], bytes]]:
    """Send bytes and no more after them; return all answers that come until the end."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        try:
            connection.sendall(sent)
            with suppress(OSError):  # the server may have hung up already
                connection.shutdown(socket.SHUT_WR)
            received = read_all(connection)
        except (ConnectionResetError, BrokenPipeError):
            return []
    return list(answers(received))


def answers(received: bytes) -> Iterator[tuple[int, dict[str, str], bytes]]:
    """Take apart the answers on a connection, each by its length."""
    while received:
        status, headers, rest = parse(received)
        if 100 <= status < 200:
            received = rest
            continue
        size = int(headers["content-length"])
        yield status, headers, rest[:size]
        received = rest[size:]


CASES: Final[dict[str, tuple[bytes, tuple[int, ...]]]] = {
    # Two lengths, of which a proxy may believe the other one.
    "a length and chunks": (
        POST + b"Content-Length: 5\r\n" + CHUNKED + b"\r\n0\r\n\r\n" + SECOND, BAD,
    ),
    "chunks and a length": (
        POST + CHUNKED + b"Content-Length: 5\r\n\r\n0\r\n\r\n" + SECOND, BAD,
    ),
    "two lengths": (POST + b"Content-Length: 2\r\nContent-Length: 9\r\n\r\n{}" + SECOND, BAD),
    "a length twice": (POST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}" + SECOND, BAD),
    "a list of lengths": (POST + b"Content-Length: 2, 2\r\n\r\n{}" + SECOND, BAD),
    "a length with a sign": (POST + b"Content-Length: +2\r\n\r\n{}" + SECOND, BAD),
    "a negative length": (POST + b"Content-Length: -1\r\n\r\n{}" + SECOND, BAD),
    "a length in hex": (POST + b"Content-Length: 0x2\r\n\r\n{}" + SECOND, BAD),
    "a length in words": (POST + b"Content-Length: two\r\n\r\n{}" + SECOND, BAD),
    "an empty length": (POST + b"Content-Length:\r\n\r\n{}" + SECOND, BAD),
    "a length of other digits": (POST + "Content-Length: ٢\r\n\r\n{}".encode() + SECOND, BAD),
    "a blank before the colon": (POST + b"Content-Length : 2\r\n\r\n{}" + SECOND, BAD),
    "a length in a folded line": (POST + b"X: a\r\n Content-Length: 2\r\n\r\n{}" + SECOND, BAD),
    "a length without a body": (POST + b"Content-Length: 100\r\n\r\n{", BAD),
    # Codings that are chunked for one and not for another.
    "an unknown coding": (POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", (411,)),
    "a coding behind a blank": (
        POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + SECOND, BAD,
    ),
    "a coding behind a tab": (
        POST + b"Transfer-Encoding:\x0bchunked\r\nContent-Length: 2\r\n\r\n{}" + SECOND, BAD,
    ),
    "chunked twice": (POST + CHUNKED + CHUNKED + b"\r\n0\r\n\r\n" + SECOND, BAD),
    "chunked, then identity": (
        POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + SECOND, BAD,
    ),
    "chunks in HTTP/1.0": (
        POST.replace(b"/1.1", b"/1.0") + CHUNKED + b"\r\n0\r\n\r\n" + SECOND, BAD,
    ),
    "a quoted coding": (POST + b'Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n', (411,)),
    # Chunks that are none: the body is not read, so nothing behind it may be answered.
    "a size that is none": (POST + CHUNKED + b"\r\nzz\r\n{}\r\n0\r\n\r\n" + SECOND, (411,)),
    "a negative size": (POST + CHUNKED + b"\r\n-2\r\n{}\r\n0\r\n\r\n" + SECOND, (411,)),
    "an endless size": (POST + CHUNKED + b"\r\n" + b"f" * 40 + b"\r\n{}", (411,)),
    "a size too small": (POST + CHUNKED + b"\r\n1\r\n{}\r\n0\r\n\r\n" + SECOND, (411,)),
    "chunks without an end": (POST + CHUNKED + b"\r\n2\r\n{}\r\n", (411,)),
    "a size of underscores": (POST + CHUNKED + b"\r\n0_2\r\n{}\r\n0\r\n\r\n" + SECOND, (411,)),
    # Headers that another reader would see differently.
    "a NUL in a value": (GET + b"X: a\0b\r\n\r\n", BAD),
    "a NUL in a name": (GET + b"X\0: a\r\n\r\n", BAD),
    "a bare carriage return": (GET + b"X: a\rContent-Length: 5\r\n\r\n", BAD),
    "a bare line feed": (GET + b"X: a\nY: b\r\n\r\n", BAD),
    "line feeds only": (b"GET /health/live HTTP/1.1\nHost: localhost\n\n", BAD),
    "a folded line": (GET + b"X: a\r\n b\r\n\r\n", BAD),
    "a name with a blank": (GET + b"X Y: a\r\n\r\n", BAD),
    "a name that is empty": (GET + b": a\r\n\r\n", BAD),
    "a name that is no text": (GET + b"X\xff: a\r\n\r\n", BAD),
    "a blank before the first": (b"GET / HTTP/1.1\r\n Host: a\r\n\r\n", BAD),
    "two hosts": (b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nHost: evil\r\n\r\n", BAD),
    # Request lines.
    "HTTP/0.9": (b"GET /health/live\r\n\r\n", BAD),
    "HTTP/2 without asking": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", BAD),
    "HTTP/2.1": (b"GET /health/live HTTP/2.1\r\n" + HOST + b"\r\n", BAD),
    "a lower-case version": (b"GET /health/live http/1.1\r\n" + HOST + b"\r\n", BAD),
    "a lower-case method": (b"get /health/live HTTP/1.1\r\n" + HOST + b"\r\n", BAD),
    "a method of marks": (b"G(T /health/live HTTP/1.1\r\n" + HOST + b"\r\n", BAD),
    "a method with a NUL": (b"G\0T /health/live HTTP/1.1\r\n" + HOST + b"\r\n", BAD),
    "a method without end": (b"G" * 5000 + b" / HTTP/1.1\r\n" + HOST + b"\r\n", BAD),
    "two blanks": (b"GET  /health/live HTTP/1.1\r\n" + HOST + b"\r\n", BAD),
    "a tab": (b"GET\t/health/live\tHTTP/1.1\r\n" + HOST + b"\r\n", BAD),
    "no target": (b"GET HTTP/1.1\r\n" + HOST + b"\r\n", BAD),
    "a line break in the target": (b"GET /\rX: a HTTP/1.1\r\n" + HOST + b"\r\n", BAD),
    # Other protocols.
    "a TLS hello": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)) * 2, BAD),
    "a banner of SSH": (b"SSH-2.0-OpenSSH_9.9\r\n", BAD),
    "an SMTP greeting": (b"EHLO evil\r\n\r\n", BAD),
    "a proxy's first line": (b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n" + GET + b"\r\n", BAD),
    "zeros": (bytes(4000) + b"\r\n\r\n", BAD),
    # Too much of it.
    "a line without end": (b"GET /" + b"a" * 200_000, (414,)),
    "a header without end": (GET + b"X: " + b"a" * 200_000, (431,)),
    "a thousand headers": (GET + b"X: a\r\n" * 1000 + b"\r\n", (431,)),
    "headers without end": (GET + b"X: a\r\n" * 90_000, (431,)),
    # Not enough.
    "nothing": (b"", ()),
    "half a line": (b"GET /hea", ()),
    "half a head": (GET + b"X: a", ()),
    "line breaks": (b"\r\n" * 2000, BAD),
}  # fmt: skip


@pytest.mark.parametrize("title", CASES)
def test_it_refuses_hostile_bytes_once_and_goes_on(server: Gunicorn, title: str) -> None:
    sent, statuses = CASES[title]
    found = exchange(server, sent)
    # Who sends on while the server hangs up may not get to see why.
    hung_up = not found and len(sent) > 100_000
    assert hung_up or tuple(status for status, _, _ in found) == statuses
    for status, headers, content in found:
        assert headers["content-type"] == "application/problem+json"
        body = json.loads(content)
        assert (body["status"], body["request_id"]) == (status, headers["x-request-id"])
    assert [status for status, _, _ in exchange(server, PLAIN)] == [200]


@pytest.mark.parametrize(
    "given",
    ["a\tb", "a" * 129, "\U0001f600", "evil%0d%0aX-Evil: 1", "../..", "<b>", "a b", '"', "a;b,c"],
)
def test_it_sends_back_no_request_id_that_could_be_more(server: Gunicorn, given: str) -> None:
    sent = GET + b"X-Request-ID: " + given.encode() + b"\r\n\r\n"
    [(status, headers, _)] = exchange(server, sent)
    assert (status, len(headers["x-request-id"])) == (200, 32)
    assert "x-evil" not in headers


RESET: Final = struct.pack("ii", 1, 0)  # struct linger: on, for no time


@pytest.mark.parametrize(
    "sent",
    [
        *(b"", b"GET", GET, PLAIN, PLAIN * 20, POST + b"Content-Length: 1000\r\n\r\n{"),
        *(POST + CHUNKED + b"\r\n5\r\n{", b"GET /api/schema HTTP/1.1\r\n" + HOST + b"\r\n"),
    ],
)
def test_it_survives_clients_that_leave(server: Gunicorn, sent: bytes) -> None:
    for _ in range(25):
        with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            connection.sendall(sent)
    assert [status for status, _, _ in exchange(server, PLAIN)] == [200]


SLOW: Final = {
    "half a head": GET + b"X: a",
    "half a body": POST + b"Content-Length: 1000\r\n\r\n{",
    "answers that nobody takes": (b"GET /api/schema HTTP/1.1\r\n" + HOST + b"\r\n") * 100,
}

ENDS: Final[dict[str, list[int]]] = {"half a head": [], "half a body": [400]}


@pytest.mark.parametrize("titles", [["half a head", "half a body"], ["answers that nobody takes"]])
def test_it_waits_for_no_client_for_ever(server: Gunicorn, titles: list[str]) -> None:
    """As many as there are threads keep it waiting, and it answers the next one all the same."""
    with ExitStack() as held:
        slow = [
            (title, held.enter_context(dawdler(server, SLOW[title])))
            for title in titles * (4 // len(titles))
        ]
        assert 3 < longest_wait(server) < 40
        assert longest_wait(server) < 40  # not just one thread is free again
        for title, connection in slow:
            if title in ENDS:
                assert [each[0] for each in answers(read_all(connection))] == ENDS[title]


def dawdler(server: Gunicorn, sent: bytes) -> socket.socket:
    """Return a connection on which these bytes are sent and nothing is taken."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.connect(("127.0.0.1", server.port))
    connection.sendall(sent)
    return connection


def longest_wait(server: Gunicorn) -> float:
    """Ask on until an answer was long in coming; return for how many seconds."""
    for _ in range(500):
        asked = time.monotonic()
        assert [status for status, _, _ in exchange(server, PLAIN)] == [200]
        if (waited := time.monotonic() - asked) > 3:
            return waited
    return 0
