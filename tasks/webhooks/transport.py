"""Posts to an endpoint that anybody may have named, safe for the network that we are in.

Why it is not a client like others: those resolve a name more than once (a DNS server that answers
with a public address first and 127.0.0.1 a moment later is then obeyed), follow redirects, take
proxies from the environment, keep connections for whatever goes to the same address later (without
looking at the certificate for the other name), read answers of any length, and begin their timeout
anew with each byte. So here the name is resolved once for a connection, all its addresses are
judged, the socket is opened to one of those, and then lent to `http.client`, which knows the
protocol and nothing else. Everything together, the look into the DNS included, ends by one
deadline for each post: each wait is given what is left of it.

A connection is kept for the posts of one turn, which go to one endpoint within a second or so: the
socket is still the one whose address was judged and whose certificate was verified. It is never
used for another URL, never by two threads, never put into a pool, and never longer.

What it costs: a TCP and TLS handshake per turn. When not to use it: for anything whose address an
operator has configured; that needs no distrust.
"""

import http.client
import ssl
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from enum import StrEnum
from typing import Final, NamedTuple, Self

from tasks.webhooks.addresses import Network
from tasks.webhooks.connecting import AddressRefused, Unreachable, Unresolved, connect
from tasks.webhooks.destination import BadURL, Destination, check_url, read
from tasks.webhooks.wire import Deadline, TooMuch, Wire

__all__ = ["Answer", "Connection", "Failure", "PostFailed", "check_url"]

KEPT: Final = 1024  # bytes of an answer's body; the rest is never read
SECONDS: Final = 15.0  # for everything that belongs to one post


class Answer(NamedTuple):
    """What came back, and has arrived whole as far as it is kept."""

    status: int
    retry_after: str | None  # As sent.
    body: bytes  # Its first 1024 bytes, as sent: no encoding is undone.
    duration_ms: int


class Failure(StrEnum):
    """Why there is no answer. These words are kept with each attempt, so they stay."""

    URL = "url"
    """The URL has no clear parts; it should not have been saved."""
    RESOLVE = "resolve"
    """The name has no address, or the DNS failed."""
    ADDRESS_REFUSED = "address_refused"
    """One of the addresses is not public; or it is, and http or the port is for others only."""
    CONNECT = "connect"
    """No address took the connection."""
    TLS = "tls"
    """No handshake, or a certificate that is not trusted, expired or for another name."""
    TIMEOUT = "timeout"
    """The time was over before the answer was there."""
    CLOSED = "closed"
    """The connection ended before the answer did."""
    PROTOCOL = "protocol"
    """What came is not HTTP/1, or has over 100 header fields."""
    TOO_LARGE_HEADER = "too_large_header"
    """The answer has more around its body than anybody needs."""


class PostFailed(Exception):
    """There is no answer; `code` says why, and nothing else is known of the request."""

    def __init__(self, code: Failure, duration_ms: int) -> None:
        super().__init__(code)
        self.code = code
        self.duration_ms = duration_ms


# The first that fits, so what is more special comes first.
_FAILURES: Final[Mapping[type[Exception], Failure]] = {
    TimeoutError: Failure.TIMEOUT,
    Unresolved: Failure.RESOLVE,
    AddressRefused: Failure.ADDRESS_REFUSED,
    Unreachable: Failure.CONNECT,
    TooMuch: Failure.TOO_LARGE_HEADER,
    ssl.SSLError: Failure.TLS,
    ConnectionError: Failure.CLOSED,  # http.client's RemoteDisconnected is one.
    http.client.IncompleteRead: Failure.CLOSED,
    http.client.HTTPException: Failure.PROTOCOL,
    OSError: Failure.CLOSED,
    BadURL: Failure.URL,
}


class _Request(NamedTuple):
    to: Destination
    body: bytes
    headers: Mapping[str, str]
    last: bool

    @property
    def head(self) -> dict[str, str]:
        ours = {"Host": self.to.authority, "Accept-Encoding": "identity"}
        closing = {"Connection": "close"} if self.last else {}
        return {"User-Agent": "tasks-webhooks/1", **self.headers, **ours, **closing}


type _Read = tuple[int, str | None, bytes]  # An answer but for the time that it took.


class Connection:
    """A persistent connection (RFC 9112, section 9.3): opened by a post, kept for the next one.

    The next one opens another if this cannot be relied on, or if it goes to another URL. For one
    thread, and to be closed at the end: it is a context manager.

    Args:
        allowed: the networks that may be posted to though they are not public, by http too.
    """

    def __init__(self, allowed: Sequence[Network]) -> None:
        self._allowed = allowed
        self._wire: Wire | None = None
        self._to: Destination | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._hang_up()

    def post(
        self,
        url: str,
        *,
        body: bytes,
        headers: Mapping[str, str],
        last: bool,
        seconds: float = SECONDS,
    ) -> Answer:
        """Post and return the answer, whatever its status; never longer than `seconds`.

        It may arrive twice: a receiver may close a kept connection just when the request is on its
        way, and then it is sent once more, over a new one.

        Args:
            last: whether none follows; then the receiver is told to close the connection.

        Raises:
            PostFailed: there is no answer.
        """
        begun = time.monotonic()
        try:
            request = _Request(read(url), body, headers, last)
            answer = self._answer(request, Deadline(begun + seconds))
        except tuple(_FAILURES) as error:
            raise PostFailed(_code(error), _ms_since(begun)) from error
        return Answer(*answer, _ms_since(begun))

    def _answer(self, request: _Request, deadline: Deadline) -> _Read:
        if self._wire and self._to == request.to and self._wire.is_idle():
            try:
                return _exchange(self._wire, request, deadline)
            except OSError as error:
                # Closed before a byte of the answer: more likely because it was idle than because
                # of the request, which may be repeated, for it has an id (RFC 9112, section
                # 9.3.1). A timeout is no close, and a new connection has not been idle.
                if isinstance(error, TimeoutError) or self._wire.has_received:
                    raise
        self._hang_up()
        connection = connect(request.to, allowed=self._allowed, deadline=deadline)
        self._wire, self._to = Wire(connection), request.to
        return _exchange(self._wire, request, deadline)

    def _hang_up(self) -> None:
        if self._wire:
            self._wire.hang_up()


def _exchange(wire: Wire, request: _Request, deadline: Deadline) -> _Read:
    wire.expect(deadline)
    http_client = http.client.HTTPConnection(request.to.host, request.to.port)
    http_client.auto_open = 0  # It must never open a socket of its own.
    http_client.sock = wire
    # Whoever refuses a request need not read it: what broke the sending may be an answer.
    with suppress(ConnectionError, ssl.SSLError):
        http_client.request("POST", request.to.target, request.body, request.head)
    with http_client.getresponse() as response:
        wire.head_is_over()
        kept = _beginning(response)
        if not request.last and _persists(response, kept):
            wire.expect(None)
        return response.status, response.headers["Retry-After"], kept


def _beginning(response: http.client.HTTPResponse) -> bytes:
    """Return what is kept of the body; raises ConnectionError if it ended before its length."""
    kept = response.read(KEPT)
    if response.length and len(kept) < KEPT:
        raise ConnectionResetError
    return kept


def _persists(response: http.client.HTTPResponse, body: bytes) -> bool:
    """Whether an answer of which `body` was read is over and lets another request follow.

    http.client reads what says its length twice, or oddly, somehow. Where that ends nobody can be
    sure, so nothing follows it (RFC 9112, section 6.3); 101 and 103 are only the beginning.
    """
    headers = response.headers
    length = headers.get_all("Content-Length", []) + headers.get_all("Transfer-Encoding", [])
    return (
        response.version == 11  # noqa: PLR2004 - HTTP/1.1
        and 200 <= response.status < 300  # noqa: PLR2004 - HTTP's 2xx
        and not response.will_close
        and response.isclosed()
        and length in ([], ["chunked"], [str(len(body))])
    )


def _code(error: Exception) -> Failure:
    return next(code for kind, code in _FAILURES.items() if isinstance(error, kind))


def _ms_since(begun: float) -> int:
    return round((time.monotonic() - begun) * 1000)
