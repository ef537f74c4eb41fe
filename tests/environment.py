"""The environment of the suite: that of production, with secrets that protect nothing.

It is prepared before Django reads its settings, and from nothing: a variable in somebody's shell
must not change what a test sees. Two things are taken from outside: which PostgreSQL to use
(DATABASE_URL) and where Redis and RabbitMQ answer (REDIS_URL, AMQP_URL). The latter two go only
to the tests that ask for them; for all others the service runs without.
"""

import atexit
import hashlib
import os
import platform
import shutil
import tempfile
from pathlib import Path
from typing import Final

CHECKOUT: Final = Path(__file__).resolve().parent.parent
_SERVICE_VARIABLES: Final = (
    *("SECRET_KEY", "JWT_SIGNING_KEYS", "FIELD_ENCRYPTION_KEYS"),
    *("ALLOWED_HOSTS", "HOST", "PORT", "WEB_CONCURRENCY"),
    *("DEBUG", "LOCAL_RUN", "VAR_DIR", "DATABASE_URL", "REDIS_URL", "AMQP_URL", "RATE_LIMITS"),
    *("TRUSTED_PROXIES", "TLS_CERT_FILE", "TLS_KEY_FILE", "TLS_CLIENT_CA_FILE"),
    *("LOG_LEVEL", "LOG_FORMAT", "WORKER_METRICS_PORT", "PROMETHEUS_MULTIPROC_DIR", "EVENT_SOURCE"),
    "WEBHOOK_ALLOWED_NETWORKS",
)


def prepare() -> None:
    """Set the variables for this process and for the workers that it will start."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        return  # The environment is the one that the first process has prepared.
    services = {
        "TEST_REDIS_URL": os.environ.get("REDIS_URL") or "redis://127.0.0.1:6379/0",
        "TEST_AMQP_URL": os.environ.get("AMQP_URL") or "amqp://guest:guest@127.0.0.1:5672/",
    }
    directory = tempfile.mkdtemp(prefix="tasks-tests-")
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    database = os.environ.get("DATABASE_URL", "")
    if not database.startswith(("postgres://", "postgresql://")):
        database = f"sqlite:///{directory}/tasks.sqlite3"
    for name in _SERVICE_VARIABLES:
        os.environ.pop(name, None)
        os.environ.pop(f"{name}_FILE", None)
    os.environ.update(
        services,
        DJANGO_SETTINGS_MODULE="config.settings",
        DATABASE_URL=database,
        VAR_DIR=directory,
        SECRET_KEY="tests-sign-cookies-with-this-and-nobody-else-does",
        JWT_SIGNING_KEYS="tests-sign-their-tokens-with-this-and-nobody-else-does",
        FIELD_ENCRYPTION_KEYS="2TnfYIGHh57qE0gb7h8QjP8ZyKsG-UmYx1BdoCvW3sA",
        ALLOWED_HOSTS="testserver",
        RATE_LIMITS="off",
        TEST_DATABASE=f"{database_prefix()}{os.getpid()}",
    )


def database_prefix() -> str:
    """Return how the names of this checkout's test databases begin.

    Two checkouts, or two people, may test on one server at the same time.
    """
    place = f"{platform.node()}:{CHECKOUT}".encode()
    return f"test_tasks_{hashlib.sha256(place).hexdigest()[:8]}_"


def test_database_name() -> str:
    """Return the name for this process: a file for SQLite, a database for PostgreSQL."""
    name = f"{os.environ['TEST_DATABASE']}_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
    if os.environ["DATABASE_URL"].startswith("sqlite"):
        return f"{os.environ['VAR_DIR']}/{name}.sqlite3"
    return name
