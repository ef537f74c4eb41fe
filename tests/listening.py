"""Ports of the loopback, and a listener on one with a thread for each connection."""

import socket
import threading
from contextlib import suppress
from random import SystemRandom
from typing import Final

# Below those that outgoing connections are given (from 32768 on Linux, else from 49152): so a port
# is still free when a server starts on it, and when one that was killed starts there again.
_PORTS: Final = range(15_000, 32_000)


def closed_port() -> int:
    """Return a port on which nothing listens, and which no client happens to be given."""
    while True:
        port = SystemRandom().choice(_PORTS)  # Tests seed the other generator, each process alike.
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


class Listener:
    """Takes connections and lets a subclass serve them.

    Attributes:
        accepted: how many connections there were.
    """

    def __init__(self, listener: socket.socket) -> None:
        self.accepted = 0
        self._listener = listener
        self.port: int = listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # Wakes `accept`; a mere close does not.
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self.accepted += 1
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        """Serve one connection, in a thread of its own."""
        raise NotImplementedError
