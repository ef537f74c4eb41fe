"""One POST to an endpoint that anybody may have named, safe for the network that we are in.

Why it is not a client like others: those resolve a name more than once (a DNS server that answers
with a public address first and 127.0.0.1 a moment later is then obeyed), follow redirects, take
proxies from the environment, keep connections for the next request to the same address (without
looking at the certificate for the other name), read answers of any length, and begin their timeout
anew with each byte. So here the name is resolved once, all its addresses are judged, the socket is
opened to one of those, and then lent to `http.client`, which knows the protocol and nothing else.
Everything together, the look into the DNS included, ends by one deadline: each wait is given what
is left of it.

What it costs: a TCP and TLS handshake per delivery. When not to use it: for anything whose address
an operator has configured; that needs no distrust.
"""

import http.client
import ssl
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from enum import StrEnum
from typing import Final, NamedTuple

from tasks.webhooks.addresses import Network
from tasks.webhooks.connecting import AddressRefused, Unreachable, Unresolved, connect
from tasks.webhooks.destination import BadURL, Destination, check_url, read
from tasks.webhooks.wire import Deadline, TooMuch, Wire

__all__ = ["Answer", "Failure", "PostFailed", "check_url", "post"]

KEPT: Final = 1024  # bytes of an answer's body; the rest is never read
SECONDS: Final = 15.0  # for everything


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


def post(
    url: str,
    *,
    body: bytes,
    headers: Mapping[str, str],
    allowed: Sequence[Network],
    seconds: float = SECONDS,
) -> Answer:
    """Post and return the answer, whatever its status; never longer than `seconds`.

    Args:
        allowed: the networks that may be posted to though they are not public, by http too.

    Raises:
        PostFailed: there is no answer.
    """
    begun = time.monotonic()
    try:
        destination = read(url)
        deadline = Deadline(begun + seconds)
        with connect(destination, allowed=allowed, deadline=deadline) as connection:
            status, retry_after, kept = _exchange(
                Wire(connection, deadline), destination, body, headers
            )
    except tuple(_FAILURES) as error:
        raise PostFailed(_code(error), _ms_since(begun)) from error
    return Answer(status, retry_after, kept, _ms_since(begun))


def _exchange(
    wire: Wire, destination: Destination, body: bytes, headers: Mapping[str, str]
) -> tuple[int, str | None, bytes]:
    http_client = http.client.HTTPConnection(destination.host, destination.port)
    http_client.auto_open = 0  # It must never open a socket of its own.
    http_client.sock = wire
    # Whoever refuses a request need not read it: what broke the sending may be an answer.
    with suppress(ConnectionError, ssl.SSLError):
        http_client.request("POST", destination.target, body, _head(destination, headers))
    with http_client.getresponse() as response:
        wire.head_is_over()
        return response.status, response.headers["Retry-After"], _beginning(response)


def _head(destination: Destination, headers: Mapping[str, str]) -> dict[str, str]:
    ours = {"Host": destination.authority, "Accept-Encoding": "identity", "Connection": "close"}
    return {"User-Agent": "tasks-webhooks/1", **headers, **ours}


def _beginning(response: http.client.HTTPResponse) -> bytes:
    """Return what is kept of the body; raises ConnectionError if it ended before its length."""
    kept = response.read(KEPT)
    if response.length and len(kept) < KEPT:
        raise ConnectionResetError
    return kept


def _code(error: Exception) -> Failure:
    return next(code for kind, code in _FAILURES.items() if isinstance(error, kind))


def _ms_since(begun: float) -> int:
    return round((time.monotonic() - begun) * 1000)
