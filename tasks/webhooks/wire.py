"""A socket with one deadline and one limit for all that happens in an exchange.

The timeout of a socket begins anew with each byte, so a receiver that sends one byte per second
holds its caller for as long as it likes. Here each wait is given only what is left of the time.
That needs no thread that watches, and no library underneath that knows of it: `http.client` wants
three methods of a socket, and gets these.
"""

import io
import socket
import ssl
import sys
import time
from collections.abc import Callable
from typing import Final

# All of an answer that is read: http.client alone would take 100 fields of 64 KiB each, and any
# number of interim answers before.
LIMIT: Final = 32 * 1024


class TooMuch(Exception):
    """More came than is ever read, and still not what is kept of the body."""


class Deadline:
    """A moment on the monotonic clock, asked for the time that is left until then."""

    def __init__(self, at: float) -> None:
        self._at = at

    def left(self) -> float:
        """Return the seconds that are left, more than 0.

        Raises:
            TimeoutError: there are none.
        """
        left = self._at - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


class Wire:
    """What http.client needs of a socket, for one exchange after the other.

    Args:
        connection: is this one's from here on, and closed by `hang_up`.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._reader = _Reader(_Raw(self.receive))
        self.expect(None)

    def expect(self, deadline: Deadline | None) -> None:
        """From now on expect one answer, until the deadline; or, with None, nothing at all."""
        self._deadline = deadline
        self._read = 0
        self._head_is_over = False

    def head_is_over(self) -> None:
        """From now on the end of the connection may be the end of the answer."""
        self._head_is_over = True

    @property
    def has_received(self) -> bool:
        """Whether anything of this answer has come."""
        return self._read > 0

    def is_idle(self) -> bool:
        """Whether nothing is expected and nothing has come: no byte too much, and no end.

        A byte too much is never the next answer (RFC 9112, section 6.3). It may be in the reader
        already, in TLS or in the socket, so all three are asked. What TLS sends for itself, a
        session ticket say, makes the socket readable too, and is nothing.
        """
        try:
            return self._deadline is None and not self._reader.peek()
        except OSError:
            return False

    def sendall(self, data: bytes) -> None:
        # Not the socket's own: over TLS that allows each record of 16 KiB the whole time again.
        left = memoryview(data)
        while left:
            self._connection.settimeout(self._seconds())
            left = left[self._connection.send(left) :]

    def makefile(self, _mode: str) -> io.BufferedReader:
        return self._reader

    def close(self) -> None:
        """Do nothing: http.client closes after the head what it then reads the body from."""

    def hang_up(self) -> None:
        self._connection.close()

    def receive(self, buffer: memoryview) -> int | None:
        """Return how many bytes came, 0 at the end; None if nothing is expected, and right so.

        Raises:
            TooMuch, TimeoutError, OSError: no more comes, or is read.
        """
        if self._read >= LIMIT:
            raise TooMuch
        self._connection.settimeout(self._seconds())
        self._acknowledge()
        try:
            count = self._connection.recv_into(buffer, min(len(buffer), LIMIT - self._read))
        except (BlockingIOError, ssl.SSLWantReadError):
            return None
        if not (count or self._head_is_over):
            raise ConnectionResetError  # http.client takes "HTTP/1.1 200" for a head.
        self._read += count
        return count

    def _acknowledge(self) -> None:
        """Acknowledge what has come at once; the kernel remembers this for a moment only.

        Many receivers write head and body apart. Nagle's algorithm holds the body back until the
        head is acknowledged, and that waits 40 ms on a connection that is no longer new.
        """
        if sys.platform == "linux":
            self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)

    def _seconds(self) -> float:
        return self._deadline.left() if self._deadline else 0.0


class _Raw(io.RawIOBase):
    def __init__(self, receive: Callable[[memoryview], int | None]) -> None:
        self._receive = receive

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int | None:  # type: ignore[override]  # As given.
        return self._receive(buffer)


class _Reader(io.BufferedReader):
    def close(self) -> None:
        """Do nothing: http.client closes it with each answer, and what is left in it counts."""
