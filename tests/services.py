"""Redis, RabbitMQ and Chromium: where they are, or why the tests that need them did not run.

A test asks for the fixture `redis_url`, `amqp_url` or `chromium`. Where that is missing the test
is skipped, with the command that installs it, so that a fresh clone needs nothing. With CI=true a
missing service is a failure: a pipeline must not turn green by testing less.
"""

import os
import shutil
from collections.abc import Callable
from functools import cache
from typing import Final, NamedTuple

import pika
import pika.exceptions
import pytest
import redis


class Service(NamedTuple):
    name: str
    variable: str  # Of the environment; tests/environment.py gives it its default.
    install: str
    probe: Callable[[str], str | None]  # Name and version of what answers at the URL, if it does.

    @property
    def url(self) -> str:
        return os.environ[self.variable]

    @property
    def missing(self) -> str:
        """Why its tests cannot run, without the URL's password."""
        place = self.url.rpartition("@")[2].rpartition("//")[2].rstrip("/")
        return f"no {self.name} answers at {place}; install one: {self.install}"


def _redis(url: str) -> str | None:
    try:
        with redis.Redis.from_url(url, socket_connect_timeout=2, socket_timeout=2) as client:
            return f"Redis {client.info('server')['redis_version']}"
    except redis.RedisError:
        return None


def _rabbitmq(url: str) -> str | None:
    parameters = pika.URLParameters(url)
    parameters.socket_timeout = parameters.stack_timeout = 3
    try:
        pika.BlockingConnection(parameters).close()
    except (pika.exceptions.AMQPError, OSError):
        return None
    return "RabbitMQ"


REDIS: Final = Service("Redis", "TEST_REDIS_URL", "apt-get install redis-server", _redis)
RABBITMQ: Final = Service("RabbitMQ", "TEST_AMQP_URL", "apt-get install rabbitmq-server", _rabbitmq)


@cache
def answer(service: Service) -> str | None:
    """Ask once per process: a service that is not there costs one timeout, not one per test."""
    return service.probe(service.url)


def url_or_skip(service: Service) -> str:
    if answer(service) is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(service.missing)
    return service.url


def chromium() -> str | None:
    """Return the path of a Chromium, Debian's or another."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next(filter(None, map(shutil.which, names)), None)


CHROMIUM_MISSING: Final = "no Chromium; install one: apt-get install chromium"


def closing_lines() -> list[str]:
    """Say which services the tests had, and what to install for those that were skipped."""
    lines = []
    for service in (REDIS, RABBITMQ):
        found = answer(service)
        lines.append(f"with {found}" if found else f"without {service.name}: {service.missing}")
    browser = chromium()
    lines.append(f"with {browser}" if browser else f"without a browser: {CHROMIUM_MISSING}")
    return lines
