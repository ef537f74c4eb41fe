"""Starting the service's processes on this machine, and stopping them again.

Each gets a process group of its own, so that Ctrl-C reaches this process alone and the others get
one signal, from here. A terminal signals its whole group: gunicorn's workers would hear SIGINT
from it and SIGQUIT from their parent in the same moment, and the second handler, interrupting the
first, waits for ever for the lock of the thread pool.
"""

import errno
import http.client
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Final, NamedTuple

STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_ANY: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 (asked for, not chosen here)


class NotServingError(Exception):
    """The service cannot start, or has ended; the message is for the person who started it."""


class Address(NamedTuple):
    host: str
    port: int

    @property
    def reachable_host(self) -> str:
        """Where to connect to: a service that listens everywhere answers on the loopback."""
        return _ANY.get(self.host, self.host)

    @property
    def url(self) -> str:
        host = self.reachable_host
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    def require_free(self) -> None:
        """Find out before anything is started that the port cannot be had.

        Raises:
            NotServingError: with the remedy.
        """
        try:
            family, kind, protocol, _, address = socket.getaddrinfo(
                self.host, self.port, type=socket.SOCK_STREAM
            )[0]
            with socket.socket(family, kind, protocol) as probe:
                # As gunicorn does: connections of the last run that linger are no obstacle.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(address)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise NotServingError(
                    f"Port {self.port} of {self.host} is taken. Stop what listens there, or "
                    f"choose another: make run PORT={self.port + 1}"
                ) from None
            raise NotServingError(
                f"Cannot listen on {self.host}, port {self.port}: {error.strerror}."
            ) from None


def exit_on_signals() -> None:
    """Make each stop signal end this process with exit code 0, by way of its `finally` blocks."""

    def leave(*_: object) -> None:
        raise SystemExit(0)

    for number in STOP_SIGNALS:
        signal.signal(number, leave)


@contextmanager
def started(*commands: Sequence[str]) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Run commands and yield their processes; they have ended when the block is left."""
    processes: list[subprocess.Popen[bytes]] = []
    try:
        for command in commands:  # One by one: what has been started is stopped in any case.
            process = subprocess.Popen(command, process_group=0)  # noqa: S603 (they are ours)
            processes.append(process)
        yield processes
    finally:
        _stop(processes)


def first_to_end(processes: Sequence[subprocess.Popen[bytes]]) -> subprocess.Popen[bytes]:
    """Wait until one of them ends by itself, and return it."""
    while True:
        # Only looked at, not taken: the exit code is for the one who waits for that process.
        ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
        for process in processes:
            if ended is not None and process.pid == ended.si_pid:
                process.wait()
                return process


def wait_until_ready(process: subprocess.Popen[bytes], address: Address, seconds: float) -> None:
    """Return when `/health/ready` answers 200.

    Raises:
        NotServingError: the process has ended, or the time is over.
    """
    deadline, answer = time.monotonic() + seconds, "none"
    while answer != "200":
        if process.poll() is not None:
            raise NotServingError("The service ended while starting; its log above says why.")
        if time.monotonic() > deadline:
            raise NotServingError(f"Not ready after {seconds:.0f} s; the last answer: {answer}.")
        time.sleep(0.1)
        answer = _readiness(address)


def _readiness(address: Address) -> str:
    connection = http.client.HTTPConnection(address.reachable_host, address.port, timeout=5)
    try:
        connection.request("GET", "/health/ready")
        return str(connection.getresponse().status)
    except (OSError, http.client.HTTPException) as error:
        return type(error).__name__
    finally:
        connection.close()


def _stop(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """Let running requests finish; a second stop signal, or 30 s, ends them."""

    def kill(*_: object) -> None:
        for process in processes:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

    for number in STOP_SIGNALS:
        signal.signal(number, kill)
    for process in processes:
        process.terminate()  # Does nothing to one that has ended and was waited for.
    deadline = time.monotonic() + 30  # gunicorn gives them 25 s, the worker takes 10.
    for process in processes:
        try:
            process.wait(timeout=max(deadline - time.monotonic(), 0))
        except subprocess.TimeoutExpired:
            kill()
            process.wait()
