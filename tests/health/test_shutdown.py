"""A service that is told to stop says so before its socket closes: real gunicorn, real signals."""

import http.client
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.config.processes import CHECKOUT, environment
from tests.listening import closed_port

pytestmark = [pytest.mark.once, pytest.mark.xdist_group("gunicorn")]

CONFIGURATION = """
from config.gunicorn import *
from health import shutdown


def when_ready(server):
    shutdown.drain_on_sigterm({seconds})
"""
STOPPING = {"status": "unavailable", "checks": {"process": "stopping"}}


class Service(NamedTuple):
    process: subprocess.Popen[bytes]
    port: int

    def get(self, path: str) -> tuple[int, Any]:
        """Ask over a connection of its own, so that any of the workers may answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        finally:
            connection.close()

    def await_status(self, path: str, status: int, seconds: float) -> float:
        """Return how long it took until an address answered with a status."""
        begun = time.monotonic()
        while True:
            try:
                if self.get(path)[0] == status:
                    return time.monotonic() - begun
            except OSError:
                pass  # Not listening yet.
            assert time.monotonic() - begun < seconds
            assert self.process.poll() is None


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a database that has all migrations."""
    directory = tmp_path_factory.mktemp("var")
    migrate = [sys.executable, "manage.py", "migrate", "--skip-checks", "--verbosity=0"]
    subprocess.run(migrate, cwd=CHECKOUT, env=environment(directory), check=True)
    return directory


@contextmanager
def service(directory: Path, *, drain: float) -> Iterator[Service]:
    """Start two workers, and wait until they are ready."""
    port, configuration = closed_port(), directory / "gunicorn.py"
    configuration.write_text(CONFIGURATION.format(seconds=drain))
    given = {"PORT": str(port), "WEB_CONCURRENCY": "2", "PYTHONPATH": str(CHECKOUT)}
    process = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "-c", str(configuration), "tests.health.wsgi"],
        cwd=CHECKOUT,
        env=environment(directory, **given),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        running = Service(process, port)
        running.await_status("/health/ready", 200, 30)
        yield running
    finally:
        process.kill()
        process.wait()


def test_it_is_not_ready_before_it_stops_listening(migrated: Path) -> None:
    with service(migrated, drain=2) as running:
        running.process.send_signal(signal.SIGTERM)
        sent = time.monotonic()
        assert running.await_status("/health/ready", 503, 2) < 1
        # In all workers, over new connections; and they still serve.
        assert [running.get("/health/ready") for _ in range(20)] == [(503, STOPPING)] * 20
        assert [running.get("/health/live")[0] for _ in range(20)] == [200] * 20
        assert time.monotonic() - sent < 2
        assert running.process.wait(20) == 0
        assert 2 <= time.monotonic() - sent < 10
        with pytest.raises(ConnectionRefusedError):
            running.get("/health/live")


def test_it_stays_ready_while_workers_are_replaced_and_stops_at_once_when_told_twice(
    migrated: Path,
) -> None:
    with service(migrated, drain=60) as running:
        running.process.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + 2
        while time.monotonic() < deadline:
            assert running.get("/health/ready")[0] == 200
        running.process.send_signal(signal.SIGTERM)
        running.await_status("/health/ready", 503, 2)
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(20) == 0
