"""Servers that can be frozen: a Redis of our own, and a proxy in front of somebody else's.

A frozen server is worse than a dead one: its kernel takes connections and acknowledges what is
sent, so nothing fails, and nobody answers.
"""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest
import redis

from tests import services
from tests.listening import Listener, closed_port


class Proxy(Listener):
    """Forwards TCP connections, until it is told to hold everything back."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._flowing = threading.Event()
        self._flowing.set()
        super().__init__(socket.create_server(("127.0.0.1", 0)))

    def freeze(self) -> None:
        self._flowing.clear()

    def thaw(self) -> None:
        self._flowing.set()

    def close(self) -> None:
        self.thaw()
        super().close()

    def _serve(self, client: socket.socket) -> None:
        with client, socket.create_connection(self._target) as server:
            back = threading.Thread(target=self._pump, args=(server, client), daemon=True)
            back.start()
            self._pump(client, server)
            back.join()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                self._flowing.wait()
                sink.sendall(data)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@contextmanager
def proxy_to(host: str, port: int) -> Iterator[Proxy]:
    with closing(Proxy(host, port)) as proxy:
        yield proxy


class RedisServer:
    """A Redis of the test's own, to freeze and to kill."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.process = process
        self.url = f"redis://127.0.0.1:{port}/0"

    def client(self) -> redis.Redis:
        return redis.Redis.from_url(self.url)

    def freeze(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@contextmanager
def redis_server() -> Iterator[RedisServer]:
    """Start a Redis; skip the test where the program is not installed, fail with CI=true."""
    program = shutil.which("redis-server")
    if program is None:
        reason = f"no program redis-server; install it: {services.REDIS.install}"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)
    port = closed_port()
    with tempfile.TemporaryDirectory(prefix="tasks-redis-") as directory:
        options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", directory]
        with Path(directory, "log").open("wb") as log:
            process = subprocess.Popen([program, *options], stdout=log, stderr=log)
        server = RedisServer(process, port)
        try:
            _await_ping(server)
            yield server
        finally:
            server.kill()  # Also where it is frozen.


def _await_ping(server: RedisServer) -> None:
    for _ in range(200):
        with server.client() as client, suppress(redis.ConnectionError):
            client.ping()
            return
        with suppress(subprocess.TimeoutExpired):
            server.process.wait(0.05)
    pytest.fail("redis-server does not answer.")
