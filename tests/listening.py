"""A listener on the loopback with a thread for each connection, until it is closed."""

import socket
import threading
from contextlib import suppress


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
