"""Worker processes on the database of the test, and what they have said."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from uuid import UUID, uuid4

from django.db import connection, transaction
from django.utils import timezone

from tasks.events.log import record_event
from tasks.models import Event
from tests.environment import CHECKOUT

PATIENCE = 30.0  # seconds


class Process(NamedTuple):
    process: subprocess.Popen[bytes]
    log: Path

    def lines(self) -> list[dict[str, Any]]:
        """What it has logged."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def said(self) -> list[str]:
        return [line["event"] for line in self.lines()]

    def wait_for(self, holds: Callable[[], object]) -> None:
        """Wait until something holds; fail if it has ended meanwhile."""
        for _ in range(int(PATIENCE / 0.05)):
            if holds():
                return
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(0.05)
                break
        raise AssertionError(self.log.read_text())


@contextmanager
def worker(
    directory: Path,
    *arguments: str,
    database: str = "",
    program: Sequence[str] = ("manage.py",),
    **given: str,
) -> Iterator[Process]:
    """Start a worker and wait until it says so; kill it at the end if it still runs.

    Args:
        database: another way to the database of the test.
        program: what Python runs.
        given: variables of its environment.
    """
    log = directory / f"worker-{uuid4()}.log"
    given = {"DATABASE_URL": database or url(), "LOG_FORMAT": "json", **given}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, *program, "run_worker", *arguments],
            cwd=CHECKOUT,
            env={**os.environ, **given},
            stdout=output,
            stderr=output,
        )
    started = Process(process, log)
    try:
        started.wait_for(lambda: "worker_started" in log.read_text())
        yield started
    finally:
        process.kill()
        process.wait()


def url(*, port: int | None = None) -> str:
    """Return the URL of the test's own database, on PostgreSQL by way of another port if given."""
    name = connection.settings_dict["NAME"]
    if connection.vendor == "sqlite":
        return f"sqlite:///{name}"
    server = urlsplit(os.environ["DATABASE_URL"])
    login, at, place = server.netloc.rpartition("@")
    place = f"127.0.0.1:{port}" if port else place
    return server._replace(netloc=f"{login}{at}{place}", path=f"/{name}").geturl()


def record(user: UUID | None = None) -> Event:
    """Commit an event, as the operations do."""
    with transaction.atomic():
        return record_event(
            "task.updated",
            subject=uuid4(),
            project=None,
            shown={"title": "Pack"},
            actor=None,
            now=timezone.now(),
            user=user,
        )


def all_have_their_place() -> bool:
    return not Event.objects.filter(sequence=None).exists()


def sequences() -> list[int | None]:
    return list(Event.objects.order_by("number").values_list("sequence", flat=True))
