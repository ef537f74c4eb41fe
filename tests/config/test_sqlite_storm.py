"""The embedded default under 24 writers: two gunicorn workers, a worker, one SQLite file, no error.

Eight seconds here; `TEST_STORM_SECONDS=60` makes a minute of it, and `-s` shows the figures.
"""

import os
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import orjson
import pytest

from tests.config.processes import CHECKOUT, Gunicorn, environment, gunicorn
from tests.config.sqlite_writers import Client, Place, Row, Writer

pytestmark = [pytest.mark.once, pytest.mark.xdist_group("gunicorn")]

WRITERS: Final = 24
USERS: Final = 8
SECONDS: Final = float(os.environ.get("TEST_STORM_SECONDS", "8"))
# Sign-in without a password, whose hash costs more than a hundred writes: three for each user.
SIGN_INS: Final = f"""
import django; django.setup()
import orjson
from django.utils import timezone
from tasks.identity import families, tokens
from tasks.models import User
now, made = timezone.now(), []
for number in range({USERS}):
    user = User.objects.create_user(f"user{{number}}")
    for _ in range({WRITERS // USERS}):
        family = families.start(user=user, now=now)
        pair = tokens.pair(user_id=user.pk, sid=family.pk, jti=family.current_jti, now=now)
        made.append({{"user": user.username, "access": pair.access, "refresh": pair.refresh}})
print(orjson.dumps(made).decode())
"""


def prepare(var: Path) -> list[Row]:
    """Make the database and the users; return a pair of tokens for each writer."""

    def python(*arguments: str) -> bytes:
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=CHECKOUT,
            env=environment(var, DJANGO_SETTINGS_MODULE="config.settings"),
            stdout=subprocess.PIPE,
            timeout=120,
            check=True,
        ).stdout

    python("manage.py", "migrate", "--verbosity=0")
    return list(orjson.loads(python("-c", SIGN_INS)))


@contextmanager
def worker(var: Path) -> Iterator[None]:
    """Let a worker write too, as beside every service; it must have ended without a complaint."""
    log = var / "worker.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "run_worker"],
            cwd=CHECKOUT,
            env=environment(var, LOG_LEVEL="WARNING"),
            stdout=output,
            stderr=output,
        )
        try:
            yield
        finally:
            process.terminate()
            assert process.wait(15) == 0
    assert log.read_text() == ""


@pytest.fixture
def var(tmp_path: Path) -> Path:
    """The directory of a fresh embedded database."""
    return tmp_path / "var"


def furnish(clients: list[Client], tokens: list[Row]) -> Iterator[Place]:
    """Make a project for each writer, and one with five tasks for all of them."""
    first = clients[0]
    common = first("POST", "/projects", {"name": "Everybody's"}, expected=201)["id"]
    for name in sorted({token["user"] for token in tokens} - {tokens[0]["user"]}):
        member = {"user": name, "role": "editor"}
        first("POST", f"/projects/{common}/members", member, expected=201)
    body = {"title": "Everybody's", "project": common}
    shared = tuple(first("POST", "/tasks", body, expected=201)["id"] for _ in range(5))
    for client in clients:
        own = client("POST", "/projects", {"name": "Mine"}, expected=201)["id"]
        yield Place((own, common), shared)


def storm(server: Gunicorn, tokens: list[Row]) -> list[Writer]:
    """Let all writers write at once; return them with what they remember."""
    clients = [Client(server.port, pair) for pair in tokens]
    places = furnish(clients, tokens)
    writers = [
        Writer(number, *pair) for number, pair in enumerate(zip(clients, places, strict=True))
    ]
    until = time.monotonic() + SECONDS
    with ThreadPoolExecutor(WRITERS) as threads:
        for done in [threads.submit(writer.run, until) for writer in writers]:
            done.result()
    return writers


def lost_updates(writers: list[Writer]) -> Iterator[str]:
    """Yield what two writers were both told, or the last told that is not there.

    Each change of a shared task sent a title of its own, so each raised the version by one.
    """
    told = [row for writer in writers for row in writer.shared]
    for key in writers[0].place.tasks:
        versions = {row["version"]: row for row in told if row["id"] == key}
        if sorted(versions) != list(range(2, sum(row["id"] == key for row in told) + 2)):
            yield f"{key}: {sorted(versions)}"
        found = writers[0].client("GET", f"/tasks/{key}", expected=200)
        if versions and found != versions[max(versions)]:
            yield f"{found} in place of {versions[max(versions)]}"


def would_notice(writer: Writer) -> bool:
    """Tell whether a lost change is found: one is remembered that was never made."""
    key, task = next(iter(writer.tasks.items()))
    writer.tasks[key] = {**task, "version": task["version"] + 1}
    return len(list(writer.missing())) == 1


def figures(writers: list[Writer]) -> str:
    """Return what happened, in one line."""
    tallies = [writer.client.tally for writer in writers]
    seconds = sorted(each for tally in tallies for each in tally.seconds)
    statuses = Counter(status for tally in tallies for status in tally.statuses)
    middle, most = seconds[len(seconds) // 2], seconds[len(seconds) * 99 // 100]
    return (
        f"{sum(tally.writes for tally in tallies)} acknowledged writes, "
        f"{dict(sorted(statuses.items()))}, p50 {middle * 1000:.0f} ms, "
        f"p99 {most * 1000:.0f} ms, max {seconds[-1] * 1000:.0f} ms, "
        f"fewest steps of a writer {min(writer.steps_done for writer in writers)}"
    )


def test_it_keeps_every_acknowledged_write_of_24_writers(var: Path) -> None:
    tokens = prepare(var)
    quiet = {"WEB_CONCURRENCY": "2", "RATE_LIMITS": "off", "LOG_LEVEL": "WARNING"}
    with gunicorn(var, **quiet) as server, worker(var):
        writers = storm(server, tokens)
        print(f"\n{SECONDS:.0f} s: {figures(writers)}")
        wrong = [line for writer in writers for line in writer.client.tally.wrong]
        assert wrong == [], (figures(writers), server.log()[-20:])
        missing = [line for writer in writers for line in writer.missing()]
        assert missing + list(lost_updates(writers)) == []
        assert all(writer.steps_done > 0 for writer in writers)
        assert would_notice(writers[0])
        assert server.log() == []
        for writer in writers:
            writer.client.connection.close()
    with closing(sqlite3.connect(var / "tasks.sqlite3")) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        # The log has all but what came in the last moment, without a gap.
        [(last, places)] = database.execute(
            "SELECT max(sequence), count(sequence) FROM tasks_event"
        )
        assert last == places > 100
