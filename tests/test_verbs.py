"""The verbs of the Makefile and what `make test` does for itself."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests import postgres, services
from tests.environment import CHECKOUT, database_prefix

pytestmark = pytest.mark.once

VERBS = [
    *("help", "run", "test", "check", "fix", "schema", "lock", "bench", "image", "clean"),
    "setup",
]


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    env = {"PATH": os.environ["PATH"]}
    command = ["make", "--no-print-directory", *arguments]
    return subprocess.run(
        command, env=env, cwd=CHECKOUT, text=True, capture_output=True, check=False
    )


def test_it_lists_each_verb_in_one_line() -> None:
    listed = make("help").stdout.splitlines()

    assert [re.split(r"\s+", line.strip(), maxsplit=2)[1] for line in listed] == VERBS
    assert all(len(line) <= 100 for line in listed)


def test_it_names_the_python_that_it_needs(tmp_path: Path) -> None:
    python = tmp_path / "python3.9"
    python.write_text('#!/bin/sh\ncase "$2" in *exit*) exit 1;; esac\necho version 3.9.1\n')
    python.chmod(0o755)

    done = make("run", f"PYTHON={python}")

    assert done.returncode == 2
    assert done.stderr.splitlines()[:2] == [
        f"Python 3.12 or newer is needed; {python} is version 3.9.1.",
        "Name another one: make run PYTHON=python3.13",
    ]


def test_it_says_that_a_python_is_missing() -> None:
    done = make("test", "PYTHON=/nowhere/python3")

    assert done.returncode == 2
    assert done.stderr.splitlines()[:2] == [
        "Python 3.12 or newer is needed; /nowhere/python3 is missing.",
        "Name another one: make test PYTHON=python3.13",
    ]


@pytest.fixture
def absent(monkeypatch: pytest.MonkeyPatch) -> services.Service:
    """A Redis at a port where nothing listens."""
    monkeypatch.setenv("TEST_ABSENT_URL", "redis://:a-password@127.0.0.1:1/0")
    return services.REDIS._replace(variable="TEST_ABSENT_URL")


def test_it_skips_what_needs_a_missing_service(
    absent: services.Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CI", raising=False)

    with pytest.raises(pytest.skip.Exception) as skipped:
        services.url_or_skip(absent)

    assert str(skipped.value) == (
        "no Redis answers at 127.0.0.1:1/0; install one: apt-get install redis-server"
    )


def test_it_fails_in_the_pipeline_without_the_service(
    absent: services.Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")

    with pytest.raises(pytest.fail.Exception, match="no Redis answers"):
        services.url_or_skip(absent)


@pytest.fixture(scope="module")
def started() -> Iterator[str]:
    with postgres.started() as url:
        yield url


def test_it_can_start_a_postgresql_of_its_own(started: str) -> None:
    assert postgres.version_of(started) >= 180_000


def test_it_drops_the_databases_of_killed_runs_only(started: str) -> None:
    dead = subprocess.Popen(["true"])
    dead.wait()
    mine, left = (f"{database_prefix()}{process}_gw0" for process in (os.getpid(), dead.pid))
    with psycopg.connect(started, autocommit=True) as connection:
        for name in (mine, left, "test_tasks_of_another_checkout"):
            connection.execute(f'CREATE DATABASE "{name}"')

        postgres.drop_leftovers(started)

        rows = connection.execute("SELECT datname FROM pg_database WHERE datname LIKE 'test_%'")
        assert {name for (name,) in rows} == {mine, "test_tasks_of_another_checkout"}


def test_it_stops_the_postgresql_that_it_started() -> None:
    with postgres.started() as url:
        pass

    assert postgres.version_of(url) == 0
