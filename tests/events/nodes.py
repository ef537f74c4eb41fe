"""A RabbitMQ node of the tests' own, to freeze, to kill, to fill and to lock up."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import pika
import pika.exceptions
import pytest

from tests import services
from tests.listening import closed_port

LARGEST: Final = 20_000  # bytes of a message that the node takes
# Debian's programs on the path switch the user and forget the environment.
_PLACES: Final = os.pathsep.join(("/usr/lib/rabbitmq/bin", os.environ.get("PATH", "")))
_PROGRAMS: Final = ("rabbitmq-server", "rabbitmqctl", "epmd")


class Node:
    """One node with a directory, ports and an Erlang port mapper of its own, on the loopback."""

    def __init__(self, home: Path) -> None:
        self.port = closed_port()
        self.url = f"amqp://guest:guest@127.0.0.1:{self.port}/?socket_timeout=3"
        self._name = f"tasks{self.port}@localhost"
        self._home = home
        self._environment = _environment(home, self._name, closed_port(), closed_port())
        listener = f"listeners.tcp.local = 127.0.0.1:{self.port}"
        (home / "node.conf").write_text(f"{listener}\nmax_message_size = {LARGEST}\n")
        (home / "plugins").write_text("[].")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, again with the same data, and wait until it takes connections and commands."""
        with (self._home / "output").open("ab") as output:
            self._process = subprocess.Popen(
                [_program("rabbitmq-server")],
                env=self._environment,
                stdout=output,
                stderr=output,
                start_new_session=True,  # A shell and the node: a group to be signalled as one.
            )
        if not self._answers(self._process):
            pytest.fail(f"RabbitMQ did not start:\n{(self._home / 'output').read_text()}")
        # It listens before its boot is done, and until then refuses to be controlled.
        self.control("await_startup")

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        if self._process is not None:
            self._signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def control(self, *words: str) -> None:
        """Run rabbitmqctl."""
        ended = subprocess.run(
            [_program("rabbitmqctl"), "--quiet", "--node", self._name, *words],
            env=self._environment,
            check=False,
            capture_output=True,
            timeout=60,  # twenty seconds were seen on a busy machine
        )
        assert ended.returncode == 0, (ended.stdout + ended.stderr).decode()

    def end(self) -> None:
        """Leave nothing behind, the port mapper neither, which first has to miss the node."""
        self.kill()
        mapper = [_program("epmd"), "-port", self._environment["ERL_EPMD_PORT"], "-kill"]
        for _ in range(50):
            done = subprocess.run(mapper, check=False, capture_output=True, timeout=10)
            if b"living nodes" not in done.stdout + done.stderr:
                return
            time.sleep(0.1)

    def _answers(self, process: subprocess.Popen[bytes]) -> bool:
        """Wait until it takes connections, or has ended, or does neither for too long."""
        for _ in range(300):
            with suppress(pika.exceptions.AMQPError, OSError):
                pika.BlockingConnection(pika.URLParameters(self.url)).close()
                return True
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.1)
                break
        return False

    def _signal(self, number: int) -> None:
        assert self._process is not None
        os.killpg(self._process.pid, number)


@contextmanager
def started() -> Iterator[Node]:
    """Start a node; skip the test where one of the programs is not installed."""
    missing = [name for name in _PROGRAMS if shutil.which(name, path=_PLACES) is None]
    if missing:
        pytest.skip(f"no program {missing[0]}; install it: {services.RABBITMQ.install}")
    with tempfile.TemporaryDirectory(prefix="tasks-rabbitmq-") as directory:
        node = Node(Path(directory))
        try:
            node.start()
            yield node
        finally:
            node.end()


def _program(name: str) -> str:
    path = shutil.which(name, path=_PLACES)
    assert path is not None
    return path


def _environment(home: Path, name: str, distribution: int, mapper: int) -> dict[str, str]:
    cookie = home / ".erlang.cookie"
    cookie.write_text("tests-and-nobody-else")
    cookie.chmod(0o400)
    return {
        "PATH": os.environ.get("PATH", ""),
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "ERL_EPMD_PORT": str(mapper),
        "RABBITMQ_CONFIG_FILE": str(home / "node.conf"),
        "RABBITMQ_CONF_ENV_FILE": os.devnull,
        "RABBITMQ_CTL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
        "RABBITMQ_DIST_PORT": str(distribution),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "plugins"),
        "RABBITMQ_LOG_BASE": str(home / "log"),
        "RABBITMQ_MNESIA_BASE": str(home / "data"),
        "RABBITMQ_NODENAME": name,
        # One scheduler: it starts faster than it would with more on a busy machine.
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
            "-kernel inet_dist_use_interface {127,0,0,1} +S 1:1"
        ),
    }
