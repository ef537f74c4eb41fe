"""A socket with one deadline and one limit for all that happens on it.

The timeout of a socket begins anew with each byte, so a receiver that sends one byte per second
holds its caller for as long as it likes. Here each wait is given only what is left of the time.
That needs no thread that watches, and no library underneath that knows of it: `http.client` wants
three methods of a socket, and gets these.
"""

import io
import socket
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
    """What http.client needs of a socket. It does not own it: whoever opened it closes it."""

    def __init__(self, connection: socket.socket, deadline: Deadline) -> None:
        self._connection = connection
        self._deadline = deadline
        self._read = 0
        self._head_is_over = False

    def head_is_over(self) -> None:
        """From now on the end of the connection may be the end of the answer."""
        self._head_is_over = True

    def sendall(self, data: bytes) -> None:
        # Not the socket's own: over TLS that allows each record of 16 KiB the whole time again.
        left = memoryview(data)
        while left:
            self._connection.settimeout(self._deadline.left())
            left = left[self._connection.send(left) :]

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Reader(self.receive))

    def close(self) -> None:
        """Do nothing: http.client closes after the head what it then reads the body from."""

    def receive(self, buffer: memoryview) -> int:
        """Return how many bytes came, 0 at the end.

        Raises:
            TooMuch, TimeoutError, OSError: no more comes, or is read.
        """
        if self._read >= LIMIT:
            raise TooMuch
        self._connection.settimeout(self._deadline.left())
        count = self._connection.recv_into(buffer, min(len(buffer), LIMIT - self._read))
        if not (count or self._head_is_over):
            raise ConnectionResetError  # http.client takes "HTTP/1.1 200" for a head.
        self._read += count
        return count


class _Reader(io.RawIOBase):
    def __init__(self, receive: Callable[[memoryview], int]) -> None:
        self._receive = receive

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # What it is given.
        return self._receive(buffer)
