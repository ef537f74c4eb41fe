"""A connection that is kept from one post to the next: when it is, and what can go wrong then."""

import os
import socket
import ssl
import statistics
import struct
import sys
import threading
from collections.abc import Iterator, Sequence
from ipaddress import ip_network
from typing import Final

import pytest
from cryptography import x509

from tasks.webhooks.transport import Answer, Connection, Failure, PostFailed
from tests.webhooks.receivers import Authority, Behaviour, Receiver, conversing

pytestmark = pytest.mark.once
LOOPBACK: Final = (ip_network("127.0.0.0/8"),)
OK: Final = b"HTTP/1.1 200 OK\r\n"
DONE: Final = b"HTTP/1.1 204 No Content\r\n\r\n"
TOO_MUCH: Final = b"HTTP/1.1 299 Nobody Asked\r\nContent-Length: 0\r\n\r\n"
CHUNKED: Final = OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"
SHORT: Final = 0.5  # seconds, for what never ends by itself


@pytest.fixture
def connection() -> Iterator[Connection]:
    with Connection(LOOPBACK) as made:
        yield made


@pytest.fixture(params=["http", "https"])
def tls(request: pytest.FixtureRequest) -> ssl.SSLContext | None:
    """Without TLS, and with."""
    if request.param == "http":
        return None
    trusted: Authority = request.getfixturevalue("trusted")
    return trusted.server(x509.DNSName("localhost"))


def post(
    connection: Connection,
    running: Receiver,
    number: int,
    *,
    secure: object = None,
    path: str = "/",
    body: bytes = b"{}",
    last: bool = False,
    seconds: float = 15.0,
) -> Answer:
    return connection.post(
        f"http{'s' if secure else ''}://localhost:{running.port}{path}",
        body=body,
        headers={"webhook-id": str(number)},
        last=last,
        seconds=seconds,
    )


def failure(
    connection: Connection, running: Receiver, number: int, *, seconds: float = 15.0
) -> PostFailed:
    with pytest.raises(PostFailed) as failed:
        post(connection, running, number, seconds=seconds)
    return failed.value


def seen(running: Receiver) -> list[int]:
    """Return the ids of the requests, in the order in which they came."""
    heads = [each.partition(b"\r\n\r\n")[0] for each in running.requests]
    return [int(head.partition(b"webhook-id: ")[2].split()[0]) for head in heads]


def hang_up(connection: socket.socket) -> None:
    connection.close()


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def say_goodbye(connection: socket.socket) -> None:
    """Close as TLS has it, where there is TLS."""
    if isinstance(connection, ssl.SSLSocket):
        connection.settimeout(0)
        with pytest.raises(ssl.SSLWantReadError):
            connection.unwrap()
    connection.close()


def spoil(connection: socket.socket) -> None:
    """Break TLS, where there is TLS, by an alert that everybody can read."""
    if isinstance(connection, ssl.SSLSocket):
        send_beneath(connection, b"\x15\x03\x03\x00\x02\x02\x50")
    connection.close()


def send_beneath(connection: socket.socket, data: bytes) -> None:
    with socket.socket(fileno=os.dup(connection.fileno())) as beneath:
        beneath.sendall(data)


def keep_quiet(_connection: socket.socket) -> None:
    """Nothing comes, and what comes next is waited for."""


def after(answer: bytes, then: Behaviour) -> Behaviour:
    def behave(connection: socket.socket) -> None:
        connection.sendall(answer)
        then(connection)

    return behave


ENDINGS = pytest.mark.parametrize("end", [hang_up, reset, say_goodbye, spoil])


def test_it_is_one_for_a_whole_turn(connection: Connection, tls: ssl.SSLContext | None) -> None:
    with conversing([DONE] * 8, tls=tls) as running:
        for number in range(8):
            last = number == 7
            assert post(connection, running, number, secure=tls, last=last).status == 204
        assert seen(running) == list(range(8))
        assert running.accepted == 1
        closing = [b"\r\nConnection: close\r\n" in each for each in running.requests]
        assert closing == [False] * 7 + [True]
        assert not any(b"keep-alive" in each for each in running.requests)


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (OK + b"Content-Length: 0\r\n\r\n", b""),
        (OK + b"Content-Length: 2\r\n\r\nab", b"ab"),
        (OK + b"Content-Length: 1024\r\n\r\n" + b"x" * 1024, b"x" * 1024),
        (b"HTTP/1.1 204 No\r\nContent-Length: 0\r\n\r\n", b""),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"Content-Length: 1\r\n\r\na", b"a"),
        (CHUNKED, b"ab"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n1;a=b\r\nz\r\n0\r\nX: y\r\n\r\n", b"z"),
        (OK + b"Connection: keep-alive\r\nContent-Length: 0\r\n\r\n", b""),
    ],
)
def test_it_is_kept_after_a_success_that_has_been_read_to_its_end(
    connection: Connection, answer: bytes, body: bytes
) -> None:
    with conversing([answer, DONE]) as running:
        assert post(connection, running, 1)[2] == body
        assert post(connection, running, 2).status == 204
        assert (seen(running), running.accepted) == ([1, 2], 1)


@pytest.mark.parametrize(
    "answer",
    [
        OK + b"Connection: close\r\nContent-Length: 0\r\n\r\n",
        OK + b"Connection: Close\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n",
        OK + b"Content-Length: 1025\r\n\r\n" + b"x" * 1025,
        OK + b"Transfer-Encoding: chunked\r\n\r\n401\r\n" + b"x" * 1025 + b"\r\n0\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n400\r\n" + b"x" * 1024,
        OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        OK + b"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        OK + b"Content-Length: +1\r\n\r\na",
        b"HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n",
        after(OK + b"\r\nuntil closed", hang_up),
    ],
)
def test_it_is_not_kept_after_any_other_answer(
    connection: Connection, answer: bytes | Behaviour
) -> None:
    with conversing([answer], [DONE]) as running:
        post(connection, running, 1)
        assert post(connection, running, 2).status == 204
        assert (seen(running), running.accepted) == ([1, 2], 2)


@pytest.mark.parametrize("answer", [DONE, CHUNKED, OK + b"Content-Length: 2\r\n\r\nab"])
@pytest.mark.parametrize("more", [TOO_MUCH, b"\r\n", b"x"])
def test_it_takes_nothing_that_came_with_one_answer_for_the_next(
    connection: Connection, answer: bytes, more: bytes, tls: ssl.SSLContext | None
) -> None:
    with conversing([answer + more], [DONE], tls=tls) as running:
        assert post(connection, running, 1, secure=tls).status in (200, 204)
        assert post(connection, running, 2, secure=tls).status == 204
        assert (seen(running), running.accepted) == ([1, 2], 2)


def test_it_takes_nothing_that_came_before_the_request_for_its_answer(
    connection: Connection, tls: ssl.SSLContext | None, gate: threading.Event
) -> None:
    has_come = threading.Event()

    def send_more(to: socket.socket) -> None:
        gate.wait(20)
        to.sendall(TOO_MUCH)
        has_come.set()

    with conversing([after(DONE, send_more)], [DONE], tls=tls) as running:
        assert post(connection, running, 1, secure=tls).status == 204
        gate.set()
        assert has_come.wait(20)
        assert post(connection, running, 2, secure=tls).status == 204
        assert (seen(running), running.accepted) == ([1, 2], 2)


@ENDINGS
def test_it_opens_another_after_the_receiver_has_closed(
    connection: Connection, end: Behaviour, tls: ssl.SSLContext | None
) -> None:
    with conversing([after(DONE, end)], [DONE], tls=tls) as running:
        post(connection, running, 1, secure=tls)
        assert running.left.wait(20)
        assert post(connection, running, 2, secure=tls).status == 204
        assert (seen(running), running.accepted) == ([1, 2], 2)


def test_it_sends_nothing_to_who_will_not_answer(connection: Connection) -> None:
    """One that has ended its own half may still read, and would see the event twice."""
    has_ended = threading.Event()

    def end_its_half(of: socket.socket) -> None:
        of.shutdown(socket.SHUT_WR)
        has_ended.set()

    with conversing([after(DONE, end_its_half)], [DONE]) as running:
        post(connection, running, 1)
        assert has_ended.wait(20)
        assert post(connection, running, 2).status == 204
        assert (seen(running), running.accepted) == ([1, 2], 2)


@ENDINGS
def test_it_sends_once_more_what_a_receiver_closes_upon(
    connection: Connection, end: Behaviour, tls: ssl.SSLContext | None
) -> None:
    """The other connection is kept then."""
    with conversing([DONE, end], [DONE, DONE], tls=tls) as running:
        for number in (1, 2, 3):
            assert post(connection, running, number, secure=tls).status == 204
        assert (seen(running), running.accepted) == ([1, 2, 2, 3], 2)
        assert running.requests[1] == running.requests[2]


def test_it_sends_once_more_what_could_not_be_sent(
    connection: Connection, tls: ssl.SSLContext | None
) -> None:
    def read_a_bit(of: socket.socket) -> None:
        of.sendall(DONE)
        of.recv(10)
        of.close()

    with conversing([read_a_bit], [DONE], tls=tls) as running:
        post(connection, running, 1, secure=tls)
        assert post(connection, running, 2, secure=tls, body=bytes(5_000_000)).status == 204
        assert (seen(running), running.accepted) == ([1, 2], 2)


@pytest.mark.parametrize(
    ("scripts", "numbers"),
    [
        ([[hang_up]], [1]),
        ([[DONE, hang_up], [hang_up]], [1, 2, 2]),
        ([[DONE, after(b"H", hang_up)]], [1, 2]),
        ([[DONE, after(b"H", reset)]], [1, 2]),
        ([[DONE, after(b"HTTP/1.1 100 Continue\r\n\r\n", hang_up)]], [1, 2]),
        ([[DONE, after(OK + b"Content-Length: 9\r\n\r\nshort", hang_up)]], [1, 2]),
    ],
    ids=["new", "new-again", "half", "half-and-reset", "interim", "body"],
)
def test_it_does_not_send_again_what_fails_otherwise(
    connection: Connection, scripts: Sequence[Sequence[Behaviour | bytes]], numbers: list[int]
) -> None:
    with conversing(*scripts, [DONE]) as running:
        for number in range(1, numbers[-1]):
            post(connection, running, number)
        assert failure(connection, running, numbers[-1]).code is Failure.CLOSED
        assert (seen(running), running.accepted) == (numbers, len(scripts))
        assert post(connection, running, 9).status == 204  # Over another one.
        assert running.accepted == len(scripts) + 1


def test_it_does_not_send_again_what_nobody_answers(connection: Connection) -> None:
    with conversing([DONE, keep_quiet], [DONE]) as running:
        post(connection, running, 1)
        assert failure(connection, running, 2, seconds=SHORT).code is Failure.TIMEOUT
        assert (seen(running), running.accepted) == ([1, 2], 1)


def test_it_has_one_deadline_for_both_tries(connection: Connection) -> None:
    def hang_up_late(on: socket.socket) -> None:
        on.settimeout(1.3)
        with pytest.raises(TimeoutError):
            on.recv(1)
        on.close()

    with conversing([DONE, hang_up_late], [keep_quiet]) as running:
        post(connection, running, 1)
        failed = failure(connection, running, 2, seconds=1.5)
        assert failed.code is Failure.TIMEOUT
        assert 1500 <= failed.duration_ms < 2800  # Two deadlines end after 2.8 s.
        assert (seen(running), running.accepted) == ([1, 2, 2], 2)


def test_it_reads_as_much_of_each_answer(connection: Connection) -> None:
    answer = OK + b"X: " + b"y" * 20_000 + b"\r\nContent-Length: 0\r\n\r\n"
    with conversing([answer] * 4) as running:
        assert [post(connection, running, number).status for number in range(4)] == [200] * 4
        assert running.accepted == 1


def test_it_is_not_kept_after_the_last_whatever_the_receiver_says(connection: Connection) -> None:
    with conversing([DONE], [DONE]) as running:
        post(connection, running, 1, last=True)
        post(connection, running, 2)
        assert (seen(running), running.accepted) == ([1, 2], 2)


def test_it_is_never_used_for_another_url(connection: Connection) -> None:
    with conversing([DONE], [DONE, DONE], [DONE]) as running:
        post(connection, running, 1, path="/one")
        post(connection, running, 2, path="/two")
        assert running.left.wait(20)  # The first one has ended.
        post(connection, running, 3, path="/two")
        post(connection, running, 4, path="/one")
        assert (seen(running), running.accepted) == ([1, 2, 3, 4], 3)


@pytest.mark.skipif(sys.platform != "linux", reason="Others cannot be told to acknowledge at once")
def test_it_does_not_let_a_receiver_wait_that_writes_its_answer_in_two_parts(
    connection: Connection, tls: ssl.SSLContext | None
) -> None:
    def answer_slowly(on: socket.socket) -> None:
        on.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 0)
        on.sendall(OK + b"Content-Length: 2\r\n\r\n")
        on.sendall(b"ab")

    with conversing([answer_slowly] * 40, tls=tls) as running:
        took = [post(connection, running, each, secure=tls).duration_ms for each in range(40)]
        assert running.accepted == 1
    assert statistics.median(took) < 30  # A delayed acknowledgement takes 40 ms.


def test_it_is_closed_at_the_end() -> None:
    with conversing([DONE]) as running:
        with Connection(LOOPBACK) as connection:
            post(connection, running, 1)
            assert not running.left.is_set()
        assert running.left.wait(20)


def test_it_is_kept_though_the_socket_has_something_that_is_only_of_tls(
    connection: Connection, trusted: Authority
) -> None:
    """A session ticket say, or here the beginning of a record: nothing that could be read."""
    has_come = threading.Event()

    def begin_a_record(to: socket.socket) -> None:
        to.sendall(DONE)
        send_beneath(to, b"\x17\x03\x03")
        has_come.set()

    context = trusted.server(x509.DNSName("localhost"))
    with conversing([begin_a_record, hang_up], [DONE], tls=context) as running:
        post(connection, running, 1, secure=True)
        assert has_come.wait(20)
        assert post(connection, running, 2, secure=True).status == 204
        assert (seen(running), running.accepted) == ([1, 2, 2], 2)  # It was sent over the first.
