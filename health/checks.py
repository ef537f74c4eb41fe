"""What is asked of each dependency.

The database is asked over a connection that is made for it and closed afterwards. One out of the
pool would have to be waited for behind the requests, and psycopg's pool waits for a frozen server
without limit.
"""

import math
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, NamedTuple

import pika
import redis
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.executor import MigrationExecutor
from health_check.base import HealthCheck
from health_check.exceptions import ServiceUnavailable
from pika.exceptions import AMQPError
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from health.probe import PATIENCE, Probe
from tasks.events import heartbeat

UNAVAILABLE: Final = "unavailable"
PENDING: Final = "pending"
LATE: Final = "late"

LATEST: Final = timedelta(minutes=5)  # for which an event may wait before something must be wrong
SEEN_WITHIN: Final = timedelta(seconds=30)  # a worker says every 5 s that it is there
_HANG_UP: Final = 2.0  # seconds; later than anybody waits
_TIMEOUT: Final = 1.0  # seconds, per step


@dataclass
class Check(HealthCheck):
    """One line of the answer: a fixed name, and a probe."""

    name: str
    probe: Probe[Any] = field(repr=False)
    timeout = timedelta(seconds=PATIENCE)

    async def run(self) -> None:
        await self.probe.answer()

    @property
    def labels(self) -> dict[str, str]:
        return {"check": self.name}


class Progress(NamedTuple):
    """How the workers are getting on.

    Attributes:
        waits: for how long the oldest event that has not been sent has been waiting.
        seen: the kinds of work for which a worker was there lately.
    """

    waits: timedelta
    seen: frozenset[str]


@dataclass
class EventsCheck(Check):
    """Whether events are sent; for one answer, since it keeps the age that it was told.

    Attributes:
        waits: None if it is not known.
    """

    waits: timedelta | None = field(default=None, init=False, repr=False)

    async def run(self) -> None:
        progress: Progress = await self.probe.answer()
        self.waits = progress.waits
        if progress.waits > LATEST:
            raise ServiceUnavailable(LATE)


class WorkerCheck(Check):
    """Whether there is a worker for each kind of work."""

    async def run(self) -> None:
        progress: Progress = await self.probe.answer()
        if not progress.seen.issuperset(heartbeat.KINDS):
            raise ServiceUnavailable(UNAVAILABLE)


def ask_database() -> None:
    """Run a statement."""
    try:
        with own_connection() as own, own.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError as error:
        raise ServiceUnavailable(UNAVAILABLE) from error


def ask_migrations() -> None:
    """Compare the migrations of this code with those that the database has.

    Migrations that the database has and this code does not are no fault: newer code has already
    been deployed beside it.
    """
    try:
        with own_connection() as own:
            executor = MigrationExecutor(own)
            plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError as error:
        raise ServiceUnavailable(UNAVAILABLE) from error
    if plan:
        raise ServiceUnavailable(PENDING)


def ask_progress() -> Progress:
    """Look at the log and at the heartbeats of the workers."""
    try:
        with own_connection():
            ages = heartbeat.ages()
            waits = heartbeat.oldest_unsent_age(heartbeat.readers(settings.AMQP_URL))
    except DatabaseError as error:
        raise ServiceUnavailable(UNAVAILABLE) from error
    return Progress(waits, frozenset(kind for kind, age in ages.items() if age < SEEN_WITHIN))


def ask_redis() -> None:
    """Send PING."""
    client = redis.Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=_TIMEOUT,
        socket_connect_timeout=_TIMEOUT,
        retry=Retry(NoBackoff(), 0),
    )
    try:
        with client:
            client.ping()
    except (RedisError, OSError) as error:
        raise ServiceUnavailable(UNAVAILABLE) from error


def ask_rabbitmq() -> None:
    """Sign in to the broker and leave again."""
    parameters = pika.URLParameters(settings.AMQP_URL)
    parameters.socket_timeout = parameters.stack_timeout = _TIMEOUT
    parameters.blocked_connection_timeout = _TIMEOUT
    parameters.connection_attempts = 1
    parameters.heartbeat = 2  # A broker that freezes between the two is noticed, too.
    try:
        pika.BlockingConnection(parameters).close()
    except (AMQPError, OSError) as error:
        raise ServiceUnavailable(UNAVAILABLE) from error


DATABASE: Final = Check("database", Probe(ask_database))
# Asked until they are applied, and then no more: nobody takes a migration back under running code.
MIGRATIONS: Final = Check("migrations", Probe(ask_migrations, fresh=math.inf))
PROGRESS: Final = Probe(ask_progress)
WORKER: Final = WorkerCheck("worker", PROGRESS)
REDIS: Final = Check("redis", Probe(ask_redis))
RABBITMQ: Final = Check("rabbitmq", Probe(ask_rabbitmq))


def of_readiness() -> list[Check]:
    """What a request cannot do without. Not Redis and RabbitMQ: the service goes on when they
    are down, and would otherwise be taken out of service everywhere at the same time.
    """
    return [DATABASE, MIGRATIONS]


def of_everything() -> list[Check]:
    """Everything that is configured."""
    checks = [*of_readiness(), EventsCheck("events", PROGRESS), WORKER]
    if settings.REDIS_URL:
        checks.append(REDIS)
    if settings.AMQP_URL:
        checks.append(RABBITMQ)
    return checks


@contextmanager
def own_connection() -> Iterator[BaseDatabaseWrapper]:
    """Yield a connection outside the pool, which is this thread's until it is closed again."""
    usual = connections[DEFAULT_DB_ALIAS]
    own = usual.copy()
    # Also for what goes by the alias, as Django's list of migrations does.
    connections[DEFAULT_DB_ALIAS] = own
    try:
        with _limited(own) if own.vendor == "postgresql" else closing(own):
            yield own
    finally:
        connections[DEFAULT_DB_ALIAS] = usual


@contextmanager
def _limited(own: BaseDatabaseWrapper) -> Iterator[None]:
    """Close the connection afterwards; break it if that takes too long."""
    options = own.settings_dict["OPTIONS"]
    options.pop("pool", None)
    options["connect_timeout"] = 2  # The least that libpq takes.
    lock = threading.Lock()
    timer = threading.Timer(_HANG_UP, _hang_up, (own, lock))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        with lock:
            own.close()


def _hang_up(own: BaseDatabaseWrapper, lock: threading.Lock) -> None:
    """End the wait for a server that has taken the statement and does not answer.

    No timeout does: `statement_timeout` is the frozen server's own, and for TCP all is well while
    its kernel acknowledges.
    """
    with lock:  # Not while it is being closed: its number may already be somebody else's file.
        if own.connection is not None:
            with socket.socket(fileno=os.dup(own.connection.fileno())) as wire:
                wire.shutdown(socket.SHUT_RDWR)
