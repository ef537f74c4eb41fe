"""What health checks answer when something is down, frozen or not migrated."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import DEFAULT_DB_ALIAS, OperationalError, connection, connections
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from pytest_django import Settings

from health import checks
from tests.health.conftest import Ask, forget
from tests.health.servers import Proxy, proxy_to
from tests.listening import closed_port

DOWN = {"database": "unavailable", "migrations": "unavailable"}
WELL = {"database": "ok", "migrations": "ok"}
# The tests have no worker.
WORKLESS = {**WELL, "events": "ok", "worker": "unavailable"}


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> "Database":
    return Database(monkeypatch)


class Database:
    """Where a new connection goes; those of the test itself stay."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._settings: dict[str, Any] = connections.settings[DEFAULT_DB_ALIAS]
        self._monkeypatch = monkeypatch

    def is_now(self, **values: str) -> None:
        for name, value in values.items():
            self._monkeypatch.setitem(self._settings, name, value)


@pytest.fixture
def frozen_database(database: Database, vendor: str) -> Iterator[Proxy]:
    """A proxy to PostgreSQL, thawed at first, for all new connections."""
    if vendor != "postgresql":
        pytest.skip("SQLite is a file and cannot freeze; the run on PostgreSQL has this test.")
    target = connection.settings_dict
    with proxy_to(target["HOST"] or "127.0.0.1", int(target["PORT"] or 5432)) as proxy:
        database.is_now(HOST="127.0.0.1", PORT=str(proxy.port))
        yield proxy


@contextmanager
def took_less_than(seconds: float) -> Iterator[None]:
    begun = time.monotonic()
    yield
    assert time.monotonic() - begun < seconds


# --- Down -------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/health", "/health/ready"])
def test_it_is_not_ready_without_a_database(client: Client, database: Database, path: str) -> None:
    database.is_now(NAME="/nowhere/at-all")
    response = client.get(path)
    assert response.status_code == 503
    assert response["Content-Type"] == "application/json"
    assert response["Retry-After"] == "5"
    # Nothing but these words: no host, no name, no error.
    down: dict[str, Any] = {"status": "unavailable", "checks": DOWN}
    if path == "/health":
        down["checks"] = {**DOWN, "events": "unavailable", "worker": "unavailable"}
        down["oldest_unsent_event_seconds"] = None
    assert response.json() == down


@pytest.mark.django_db
def test_it_is_alive_without_a_database(ask: Ask, database: Database) -> None:
    database.is_now(NAME="/nowhere/at-all")
    assert ask("/health/live") == (200, {"status": "ok", "checks": {}})


@pytest.mark.django_db
def test_it_is_ready_as_soon_as_the_database_is_back(
    ask: Ask, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as down:
        Database(down).is_now(NAME="/nowhere/at-all")
        assert ask("/health/ready")[0] == 503
    assert ask("/health/ready") == (200, {"status": "ok", "checks": WELL})


@pytest.mark.django_db
def test_it_reports_failures_to_prometheus_with_status_200(
    client: Client, database: Database
) -> None:
    database.is_now(NAME="/nowhere/at-all")
    response = client.get("/health?format=openmetrics")
    assert response.status_code == 200
    assert b'django_health_check_status{check="database"} 0' in response.content
    assert b"django_health_check_overall_status 0" in response.content
    assert b"\ntasks_oldest_unsent_event_seconds" not in response.content  # Nobody can tell.


@pytest.mark.django_db(transaction=True)
def test_it_is_not_ready_before_all_migrations_and_then_asks_no_more(
    ask: Ask, database: Database
) -> None:
    recorder = MigrationRecorder(connection)
    last = MigrationLoader(connection).graph.leaf_nodes("tasks")[0]
    recorder.record_unapplied(*last)
    try:
        pending = {"database": "ok", "migrations": "pending"}
        assert ask("/health/ready") == (503, {"status": "unavailable", "checks": pending})
    finally:
        recorder.record_applied(*last)
    assert ask("/health/ready") == (200, {"status": "ok", "checks": WELL})
    checks.DATABASE.probe.forget()
    database.is_now(NAME="/nowhere/at-all")
    known = {"database": "unavailable", "migrations": "ok"}
    assert ask("/health/ready") == (503, {"status": "unavailable", "checks": known})


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("setting", "scheme", "name"),
    [("REDIS_URL", "redis", "redis"), ("AMQP_URL", "amqp", "rabbitmq")],
)
def test_it_stays_ready_without_redis_and_rabbitmq(
    ask: Ask, settings: Settings, setting: str, scheme: str, name: str
) -> None:
    setattr(settings, setting, f"{scheme}://user:secret@127.0.0.1:{closed_port()}/0")
    status, body = ask("/health")
    assert (status, body["checks"]) == (503, {**WORKLESS, name: "unavailable"})
    assert ask("/health/ready") == (200, {"status": "ok", "checks": WELL})


# --- Frozen -----------------------------------------------------------------------------------


@pytest.fixture(params=["redis", "rabbitmq"])
def frozen_service(
    request: pytest.FixtureRequest, settings: Settings
) -> Iterator[tuple[str, Proxy]]:
    """The name of a service, and a proxy to it that is configured in its place."""
    name: str = request.param
    real = urlsplit(
        request.getfixturevalue("redis_url" if name == "redis" else "amqp_url"),
    )
    port = real.port or (6379 if name == "redis" else 5672)
    with proxy_to(real.hostname or "127.0.0.1", port) as proxy:
        login, at, _ = real.netloc.rpartition("@")
        url = real._replace(netloc=f"{login}{at}127.0.0.1:{proxy.port}").geturl()
        setattr(settings, "REDIS_URL" if name == "redis" else "AMQP_URL", url)
        yield name, proxy


@pytest.mark.django_db
def test_it_answers_in_time_while_redis_or_rabbitmq_is_frozen(
    ask: Ask, frozen_service: tuple[str, Proxy]
) -> None:
    name, proxy = frozen_service
    assert ask("/health")[1]["checks"] == {**WORKLESS, name: "ok"}
    forget()
    proxy.freeze()
    with took_less_than(2):
        status, body = ask("/health")
    assert (status, body["checks"]) == (503, {**WORKLESS, name: "unavailable"})


@pytest.mark.django_db
def test_it_is_not_ready_within_two_seconds_while_the_database_is_frozen(
    ask: Ask, frozen_database: Proxy
) -> None:
    assert ask("/health/ready") == (200, {"status": "ok", "checks": WELL})
    checks.DATABASE.probe.forget()
    frozen_database.freeze()
    known = {"database": "unavailable", "migrations": "ok"}
    with took_less_than(2):
        assert ask("/health/ready") == (503, {"status": "unavailable", "checks": known})
    frozen_database.thaw()
    _await_ready(ask)


@pytest.mark.django_db
def test_it_piles_up_neither_threads_nor_connections_while_the_database_is_frozen(
    frozen_database: Proxy,
) -> None:
    frozen_database.freeze()
    clients = [Client() for _ in range(20)]
    handler = clients[0].handler
    handler.load_middleware()  # Else each would, and look at every static file meanwhile.
    for client in clients:
        client.handler = handler
    with ThreadPoolExecutor(20) as pool, took_less_than(2):
        responses = list(pool.map(lambda client: client.get("/health/ready"), clients))
        assert [response.status_code for response in responses] == [503] * 20
        assert len([each for each in threading.enumerate() if each.name == "health"]) == 2
    assert frozen_database.accepted == 2  # One for each of the two lines.
    with took_less_than(0.3):  # The hanging question is known to be late.
        assert clients[0].get("/health/ready").status_code == 503


@pytest.mark.django_db
def test_it_hangs_up_on_a_server_that_takes_a_statement_and_does_not_answer(
    frozen_database: Proxy,
) -> None:
    with checks.own_connection() as own, own.cursor() as cursor:
        frozen_database.freeze()
        with took_less_than(3), pytest.raises(OperationalError):
            cursor.execute("SELECT 1")
    assert own.connection is None


@pytest.mark.django_db
def test_it_leaves_no_connection_behind(ask: Ask, vendor: str) -> None:
    if vendor != "postgresql":
        pytest.skip("SQLite has no connections to count; the run on PostgreSQL has this test.")
    before = _sessions()
    for _ in range(10):
        checks.DATABASE.probe.forget()
        checks.MIGRATIONS.probe.forget()
        assert ask("/health/ready")[0] == 200
    deadline = time.monotonic() + 5
    while _sessions() > before:  # The server notices that one was closed a moment later.
        assert time.monotonic() < deadline


def _await_ready(ask: Ask) -> None:
    deadline = time.monotonic() + 5
    while ask("/health/ready")[0] != 200:
        assert time.monotonic() < deadline


def _sessions() -> int:
    """Return how many connections there are to the database of this test."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
        return int(cursor.fetchone()[0])
