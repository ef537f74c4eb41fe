"""One POST to receivers that are friendly, strange or hostile."""

import gzip
import itertools
import socket
import tracemalloc
from contextlib import ExitStack
from ipaddress import ip_network
from threading import Thread

import pytest

from tasks.webhooks.transport import Answer, Failure, PostFailed
from tests.listening import closed_port
from tests.webhooks.posting import post
from tests.webhooks.receivers import Behaviour, receiver

pytestmark = pytest.mark.once
LOOPBACK = (ip_network("127.0.0.0/8"),)
BODY = b'{"id": "1"}'
OK = b"HTTP/1.1 200 OK\r\n"
SHORT = 0.5  # seconds, for what never ends by itself


def sent(url: str, *, body: bytes = BODY, seconds: float = 15.0) -> Answer:
    return post(url, body=body, headers={"webhook-id": "1"}, allowed=LOOPBACK, seconds=seconds)


def failure(url: str, *, body: bytes = BODY, seconds: float = 15.0) -> PostFailed:
    with pytest.raises(PostFailed) as failed:
        sent(url, body=body, seconds=seconds)
    return failed.value


def ended_in_time(failed: PostFailed) -> bool:
    """Whether it ran until its deadline and no longer, as far as a busy machine can tell."""
    return failed.code is Failure.TIMEOUT and 500 <= failed.duration_ms < 10_000


def dripping(answer: bytes, then: bytes) -> Behaviour:
    """Answer, and then a byte each 20 ms for as long as anybody listens."""

    def behave(connection: socket.socket) -> None:
        connection.sendall(answer)
        connection.settimeout(0.02)
        for byte in itertools.cycle(then):
            connection.sendall(bytes([byte]))
            try:
                if not connection.recv(1):
                    return
            except TimeoutError:
                continue

    return behave


def flooding(answer: bytes, then: bytes) -> Behaviour:
    """Answer, and then the same again and again for as long as anybody takes it."""

    def behave(connection: socket.socket) -> None:
        connection.sendall(answer)
        while True:
            connection.sendall(then)

    return behave


def keeping_quiet(connection: socket.socket) -> None:
    connection.recv(1)  # Nothing more comes until the client hangs up.


@pytest.mark.parametrize(
    ("answer", "status", "retry_after", "body"),
    [
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, None, b""),
        (b"HTTP/1.1 410 Gone\r\nContent-Length: 2\r\n\r\nno", 410, None, b"no"),
        (
            b"HTTP/1.1 503 Busy\r\nretry-after: 120\r\nContent-Length: 0\r\n\r\n",
            *(503, "120", b""),
        ),
        (
            b"HTTP/1.1 429 Slow\r\nRetry-After: Wed, 25 Nov 2026 10:00:00 GMT\r\n\r\nuntil closed",
            *(429, "Wed, 25 Nov 2026 10:00:00 GMT", b"until closed"),
        ),
        (b"HTTP/1.0 200 OK\r\n\r\nold", 200, None, b"old"),
        (
            OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n",
            *(200, None, b"abcde"),
        ),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 202 Accepted\r\n\r\n", 202, None, b""),
        (OK + b"\r\n" + b"\xff\x00" * 1000, 200, None, b"\xff\x00" * 512),
        (OK + b"Content-Length: 2000\r\n\r\n" + b"x" * 2000, 200, None, b"x" * 1024),
    ],
)
def test_it_returns_what_the_receiver_answers(
    answer: bytes, status: int, retry_after: str | None, body: bytes
) -> None:
    with receiver(answer) as running:
        got = sent(f"http://127.0.0.1:{running.port}/")
    assert got[:3] == (status, retry_after, body)
    assert 0 <= got.duration_ms < 15_000


def test_it_posts_the_body_and_the_headers_and_asks_for_no_encoding() -> None:
    with receiver(OK + b"\r\n") as running:
        sent(f"http://127.0.0.1:{running.port}/a%20b?c=d")
        head, _, body = running.requests[0].partition(b"\r\n\r\n")
    assert body == BODY
    assert head.split(b"\r\n") == [
        b"POST /a%20b?c=d HTTP/1.1",
        b"Content-Length: 11",
        b"User-Agent: tasks-webhooks/1",
        b"webhook-id: 1",
        b"Host: 127.0.0.1:%d" % running.port,
        b"Accept-Encoding: identity",
        b"Connection: close",
    ]


def test_it_undoes_no_encoding() -> None:
    bomb = gzip.compress(bytes(10_000_000))
    with receiver(OK + b"Content-Encoding: gzip\r\n\r\n" + bomb) as running:
        assert sent(f"http://127.0.0.1:{running.port}/").body == bomb[:1024]


@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
def test_it_follows_no_redirect(status: int) -> None:
    with receiver(OK + b"\r\n") as canary:
        place = f"Location: http://127.0.0.1:{canary.port}/\r\nRefresh: 0; url=/\r\n"
        with receiver(f"HTTP/1.1 {status} There\r\n{place}\r\n".encode()) as running:
            assert sent(f"http://127.0.0.1:{running.port}/").status == status
            assert running.accepted == 1
        assert canary.accepted == 0


def test_it_takes_no_proxy_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiver(OK + b"\r\n") as canary, receiver(b"HTTP/1.1 204 No\r\n\r\n") as running:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{canary.port}")
            monkeypatch.setenv(name.lower(), f"http://127.0.0.1:{canary.port}")
        assert sent(f"http://127.0.0.1:{running.port}/").status == 204
        assert canary.accepted == 0


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (b"", Failure.CLOSED),
        (b"HTTP/1.1 200", Failure.CLOSED),
        (OK + b"Content-Le", Failure.CLOSED),
        (OK + b"Content-Length: 10\r\n\r\nshort", Failure.CLOSED),
        (OK + b"Content-Length: 10\r\n\r\n", Failure.CLOSED),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab", Failure.CLOSED),
        (OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nab", Failure.CLOSED),
        (b"220 mail.example ESMTP\r\n", Failure.PROTOCOL),
        (b"<html>It works</html>\r\n", Failure.PROTOCOL),
        (b"HTTP/2.0 200 OK\r\n\r\n", Failure.PROTOCOL),
        (b"HTTP/1.1 9999 OK\r\n\r\n", Failure.PROTOCOL),
        (b"\x15\x03\x01\x00\x02\x02\x16\r\n", Failure.PROTOCOL),
        (OK + b"X: 1\r\n" * 200 + b"\r\n", Failure.PROTOCOL),
        (OK + b"X: " + b"y" * 100_000 + b"\r\n\r\n", Failure.TOO_LARGE_HEADER),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 4000, Failure.TOO_LARGE_HEADER),
    ],
)
def test_it_says_what_is_wrong_with_an_answer(answer: bytes, code: Failure) -> None:
    with receiver(answer) as running:
        assert failure(f"http://127.0.0.1:{running.port}/").code is code


@pytest.mark.parametrize(
    "behave",
    [
        keeping_quiet,
        dripping(b"", b"HTTP/1.1 200 OK"),
        dripping(OK, b"X: y\r\n"),
        dripping(OK + b"\r\n", b"z"),
        dripping(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nz\r\n"),
        dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
    ids=["silent", "status", "fields", "body", "chunks", "interim"],
)
def test_it_ends_at_the_deadline_however_the_answer_drips(behave: Behaviour) -> None:
    with receiver(behave) as running:
        url = f"http://127.0.0.1:{running.port}/"
        assert ended_in_time(failure(url, seconds=SHORT))
        assert running.left.wait(20)  # It has hung up.


def test_it_ends_at_the_deadline_with_a_receiver_that_takes_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"://127.0.0.1:{listener.getsockname()[1]}/"
        assert ended_in_time(failure("http" + url, body=bytes(20_000_000), seconds=SHORT))
        assert ended_in_time(
            failure("https" + url, seconds=SHORT)
        )  # Before the handshake's answer.


def test_it_ends_at_the_deadline_with_a_host_that_takes_no_connection() -> None:
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(3):  # The backlog is full now; the kernel drops what comes.
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        assert ended_in_time(failure(url, seconds=SHORT))


@pytest.mark.parametrize(
    ("behave", "outcome"),
    [
        (flooding(OK + b"\r\n", bytes(65536)), 200),
        (flooding(OK + b"Content-Length: 10000000000\r\n\r\n", bytes(65536)), 200),
        (flooding(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nz\r\n"), 200),
        (flooding(OK + b"Transfer-Encoding: chunked\r\n\r\n1;", b"x" * 65536), "too_large_header"),
        (flooding(OK, b"X: " + b"y" * 65000 + b"\r\n"), "too_large_header"),
        (flooding(b"", b"x" * 65536), "too_large_header"),
    ],
    ids=["body", "length", "chunks", "extension", "fields", "line"],
)
def test_it_stops_reading_early_whatever_has_no_end(behave: Behaviour, outcome: int | str) -> None:
    with receiver(behave) as running:
        url = f"http://127.0.0.1:{running.port}/"
        tracemalloc.start()
        try:
            got: int | str = sent(url).status
        except PostFailed as failed:
            got = failed.code
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert running.left.wait(20)  # It has hung up.
    assert (got, peak < 1_000_000) == (outcome, True)


def test_it_reads_the_answer_of_a_receiver_that_would_not_read_the_request() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, ExitStack() as stack:

        def refuse() -> None:
            client, _ = listener.accept()
            with client:
                client.recv(10)
                client.sendall(b"HTTP/1.1 413 Too Large\r\n\r\n")

        thread = Thread(target=refuse)
        stack.callback(thread.join)
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        assert sent(url, body=bytes(20_000_000)).status == 413


def test_it_says_that_nobody_listens() -> None:
    assert failure(f"http://127.0.0.1:{closed_port()}/").code is Failure.CONNECT


def test_it_tries_the_next_address_of_a_name() -> None:
    allowed = ip_network("127.0.0.0/8"), ip_network("::1/128")
    try:
        running = receiver(OK + b"\r\n", host="::1")
        with running as on_ipv6:
            url = f"http://localhost:{on_ipv6.port}/"  # 127.0.0.1 comes first, and refuses.
            assert post(url, allowed=allowed).status == 200
    except OSError:
        pytest.skip("this machine has no IPv6 on its loopback")
