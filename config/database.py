"""DATABASE_URL as Django's connection settings, with a limit on every wait.

A database that is slow, locked or gone must cost a request an error, never a thread for ever.
What the URL's query says wins over what is set here, so that an operator can raise a limit for
one command, for example a migration that builds a large index:
`DATABASE_URL="…?options=-c%20statement_timeout%3D0" python manage.py migrate`.
"""

import select
from pathlib import Path
from typing import Any, Final

import dj_database_url
from django.conf import settings
from django.db import connections
from django.db.backends.postgresql.base import DatabaseWrapper as PostgreSQL
from psycopg import Connection, OperationalError

from config import sqlite

type Database = dict[str, Any]

REQUEST_DEADLINE_SECONDS: Final = 10
_SCHEMES: Final = ("sqlite", "postgres", "postgresql")
_SERVER_LIMITS: Final = {
    # A statement over this has lost its client already. A lock is waited for much less long,
    # and a transaction left open by a hung process gives its locks back.
    "statement_timeout": 8_000,
    "lock_timeout": 3_000,
    "idle_in_transaction_session_timeout": 15_000,
    # PostgreSQL compiles what it takes for a long statement to machine code. Ours are short: where
    # it guessed wrong, that took 50 to 500 ms, more than the statement itself.
    "jit": "off",
}


def embedded(path: Path) -> Database:
    """Return the settings of the embedded default: one SQLite file."""
    return _sqlite({"ENGINE": "django.db.backends.sqlite3", "NAME": str(path)})


def from_url(text: str, *, threads: int) -> Database:
    """Return the settings for a URL.

    Args:
        text: `sqlite:///PATH` or `postgres://USER:PASSWORD@HOST:PORT/NAME?OPTION=…`.
        threads: of one web process; the pool gives each of them a connection.

    Raises:
        ValueError: with the remedy, and without the URL, which holds a password.
    """
    if text.partition("://")[0] not in _SCHEMES:
        raise ValueError("must begin with postgres:// or sqlite:///.")
    try:
        database: Database = dict(dj_database_url.parse(text))
    except (ValueError, KeyError):
        raise ValueError(
            "cannot be read; write postgres://USER:PASSWORD@HOST:PORT/NAME and percent-encode "
            "special characters of the password."
        ) from None
    if database["ENGINE"] == "django.db.backends.sqlite3":
        return _sqlite(_on_disk(database))
    if not database["NAME"]:
        raise ValueError("names no database; write postgres://USER:PASSWORD@HOST:PORT/NAME.")
    return _postgresql(database, threads)


def close_pools() -> None:
    """Close the connection pools of this process, before it ends.

    Python waits at its end for threads, and the pool's own wait for work: each would be given
    five seconds to hear of the end. Where the settings were refused there is none, and to ask for
    one would read them, and refuse them, once more.
    """
    if not settings.configured:
        return
    for connection in connections.all(initialized_only=True):
        if isinstance(connection, PostgreSQL):
            connection.close()
            connection.close_pool()


def _on_disk(database: Database) -> Database:
    name = str(database["NAME"])
    if name == ":memory:":
        raise ValueError("must name a file: in memory, each thread would have its own database.")
    if not Path(name).absolute().parent.is_dir():
        raise ValueError("lies in a directory that does not exist; create it first.")
    return database


def refuse_closed(connection: Connection[Any]) -> None:
    """Raise OperationalError if the server has closed a connection that lay in the pool.

    A server that restarts or ends a session says so, and what it said waits in the socket: a
    connection that is idle and has something to read is over. Asking the kernel costs a few
    microseconds where psycopg's own check, and Django's, ask the server in each request. A peer
    that vanished without a word is noticed by the timeouts below.
    """
    socket = select.poll()  # `select()` takes no descriptor above 1023
    socket.register(connection.fileno(), select.POLLIN)
    if socket.poll(0):
        connection.close()
        raise OperationalError("the server has closed the connection")


def _sqlite(database: Database) -> Database:
    options = database.get("OPTIONS", {})
    return {
        **database,
        # Opening a file and setting the PRAGMAs anew for each request would cost more than the
        # queries of most.
        "CONN_MAX_AGE": 60,
        "OPTIONS": {
            # The write lock is taken at BEGIN: a transaction that upgrades from read to write
            # fails at once with "database is locked", whatever the timeout.
            "transaction_mode": "IMMEDIATE",
            "timeout": 5,
            # Waits for that lock more evenly than SQLite itself.
            "factory": sqlite.Connection,
            # WAL: readers and the one writer do not wait for each other; NORMAL is durable
            # against a crash of the process and loses at most the last commits with the power.
            "init_command": (
                "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; "
                "PRAGMA foreign_keys=ON; PRAGMA cache_size=-16000; PRAGMA temp_store=MEMORY;"
            ),
            **options,
        },
    }


def _postgresql(database: Database, threads: int) -> Database:
    given = database.get("OPTIONS", {})
    limits = " ".join(f"-c {name}={value}" for name, value in _SERVER_LIMITS.items())
    return {
        **database,
        # The pool keeps connections; Django's own persistence would hold one per thread for ever.
        "CONN_MAX_AGE": 0,
        "OPTIONS": {
            # A connection for each thread; the health checks have one of their own. Waiting for
            # one ends well before the client has given up.
            "pool": {
                "min_size": 1,
                "max_size": threads,
                "timeout": 5,
                "max_lifetime": 1800,
                "check": refuse_closed,
            },
            "server_side_binding": True,
            "application_name": "tasks",
            "connect_timeout": 3,
            # What was sent and not acknowledged for so long (ms) is a dead peer, and an idle
            # connection is probed after 30 s: a firewall that forgot it is noticed.
            "tcp_user_timeout": 8_000,
            "keepalives": 1,
            "keepalives_idle": 30,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            **given,
            "options": f"{limits} {given.get('options', '')}".strip(),
        },
    }
