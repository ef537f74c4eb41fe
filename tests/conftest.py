"""What every test has: the prepared environment, a database of its own, the services, the cast."""

import os
import sqlite3
from pathlib import Path

import django
import pytest

from tests import environment, postgres, services

# Before anything imports a model, so before `tests.cast` below is loaded.
environment.prepare()
django.setup()

pytest_plugins = ["tests.cast", "tests.contract.closing_line"]


def pytest_configure() -> None:
    from django.conf import settings

    # Production's hasher takes half a second per password, on purpose.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(scope="session")
def django_db_modify_db_settings() -> None:
    """Give this process a database of its own, in place of pytest-django's fixed names.

    On SQLite it is a file and not in memory: threads then see each other's commits through WAL
    and its locks, as they do in production.
    """
    from django.db import connection

    connection.settings_dict["TEST"]["NAME"] = environment.test_database_name()


@pytest.fixture
def vendor() -> str:
    """`sqlite` or `postgresql`, for what only one of them promises."""
    from django.db import connection

    return connection.vendor


@pytest.fixture
def redis_url() -> str:
    """The URL of a Redis that answers. It is shared: use keys of your own, never flush it."""
    return services.url_or_skip(services.REDIS)


@pytest.fixture
def amqp_url() -> str:
    """The URL of a RabbitMQ that answers. It is shared: use exchanges and queues of your own."""
    return services.url_or_skip(services.RABBITMQ)


@pytest.fixture
def chromium() -> str:
    """The path of a Chromium to drive."""
    path = services.chromium()
    if path is None:
        pytest.skip(services.CHROMIUM_MISSING)
    return path


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what ran on what, and keep the lines for whoever started this run (tests/__main__.py)."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        return  # The first process knows the results of all workers.
    counts = {kind: len(terminalreporter.getreports(kind)) for kind in ("passed", "failed")}
    counts |= {kind: len(terminalreporter.stats.get(kind, [])) for kind in ("error", "skipped")}
    said = ", ".join(f"{count} {kind}" for kind, count in counts.items() if count) or "no tests"
    lines = [f"{_database()}: {said}", *(f"  {line}" for line in services.closing_lines())]
    terminalreporter.section("ran on")
    terminalreporter.write("".join(f"{line}\n" for line in lines))
    if kept := os.environ.get("TEST_CLOSING_LINES"):
        with Path(kept).open("a") as file:
            file.writelines(f"{line}\n" for line in lines)


def _database() -> str:
    url = os.environ["DATABASE_URL"]
    if url.startswith("sqlite"):
        return f"SQLite {sqlite3.sqlite_version}"
    version = postgres.version_of(url)
    origin = os.environ.get("TEST_DATABASE_ORIGIN", "named by DATABASE_URL")
    return f"PostgreSQL {version // 10_000}.{version % 10_000}, {origin}"
