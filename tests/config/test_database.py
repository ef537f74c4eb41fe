"""DATABASE_URL: what becomes of it, and that the real server keeps the limits."""

import pytest
from django.db import connection
from psycopg_pool import ConnectionPool

from config import database
from config.database import refuse_closed


@pytest.mark.once
def test_it_bounds_every_wait_on_postgresql() -> None:
    settings = database.from_url("postgres://ann:p%40ss@db:5433/tasks", threads=8)
    assert (settings["USER"], settings["PASSWORD"]) == ("ann", "p@ss")
    assert (settings["HOST"], settings["PORT"], settings["NAME"]) == ("db", 5433, "tasks")
    assert settings["CONN_MAX_AGE"] == 0
    assert settings["OPTIONS"] == {
        "pool": {
            "min_size": 1,
            "max_size": 8,
            "timeout": 5,
            "max_lifetime": 1800,
            "check": database.refuse_closed,
        },
        "server_side_binding": True,
        "application_name": "tasks",
        "connect_timeout": 3,
        "tcp_user_timeout": 8000,
        "keepalives": 1,
        "keepalives_idle": 30,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "options": "-c statement_timeout=8000 -c lock_timeout=3000 "
        "-c idle_in_transaction_session_timeout=15000 -c jit=off",
    }
    assert settings["OPTIONS"]["pool"]["timeout"] < database.REQUEST_DEADLINE_SECONDS


@pytest.mark.once
def test_it_keeps_the_options_of_the_url_and_lets_them_win() -> None:
    url = (
        "postgresql://db/tasks?sslmode=require&connect_timeout=9&options=-c%20statement_timeout%3D0"
    )
    options = database.from_url(url, threads=8)["OPTIONS"]
    assert (options["sslmode"], options["connect_timeout"]) == ("require", 9)
    assert options["options"].endswith("-c statement_timeout=0")


@pytest.mark.once
@pytest.mark.parametrize(
    "url",
    [
        "mysql://root:hunter2@db/tasks",
        "postgres:hunter2",
        "postgres://u:hunter2@db",
        "postgres://u:hunter2@db:port/tasks",
        "sqlite://:memory:",
        "sqlite:////nowhere/hunter2.sqlite3",
    ],
)
def test_it_refuses_without_repeating_the_url(url: str) -> None:
    with pytest.raises(ValueError) as refusal:  # noqa: PT011 (the text is asserted below)
        database.from_url(url, threads=8)
    assert "hunter2" not in str(refusal.value)


@pytest.mark.django_db
def test_it_sets_the_limits_on_the_real_server(vendor: str) -> None:
    questions_by_vendor: dict[str, dict[str, str | int]] = {
        "postgresql": {
            "SHOW statement_timeout": "8s",
            "SHOW lock_timeout": "3s",
            "SHOW idle_in_transaction_session_timeout": "15s",
            "SHOW jit": "off",
            "SHOW application_name": "tasks",
            "SHOW timezone": "UTC",
        },
        "sqlite": {
            "PRAGMA journal_mode": "wal",
            "PRAGMA synchronous": 1,
            "PRAGMA foreign_keys": 1,
            "PRAGMA busy_timeout": 5000,
        },
    }
    questions = questions_by_vendor[vendor]
    with connection.cursor() as cursor:
        answers = {question: cursor.execute(question).fetchone()[0] for question in questions}
    assert answers == questions


@pytest.mark.django_db
def test_it_takes_no_connection_that_the_server_has_ended(vendor: str) -> None:
    if vendor != "postgresql":
        pytest.skip("only PostgreSQL has connections that a server can end")
    parameters = connection.get_connection_params()
    with ConnectionPool(
        kwargs={**parameters, "autocommit": True}, min_size=1, max_size=1, check=refuse_closed
    ) as pool:
        with pool.connection() as pooled:
            ended = pooled.info.backend_pid
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [ended])
        with pool.connection() as fresh:
            assert fresh.execute("SELECT 1").fetchone() == (1,)
            assert fresh.info.backend_pid != ended
