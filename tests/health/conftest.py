"""The health checks by themselves, and nothing remembered from the test before."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from health import checks

type Ask = Callable[[str], tuple[int, dict[str, Any]]]


@pytest.fixture(autouse=True)
def alone(settings: Settings) -> Iterator[None]:
    settings.ROOT_URLCONF = "health.urls"
    forget()
    yield
    forget()


def forget() -> None:
    for check in (checks.DATABASE, checks.MIGRATIONS, checks.REDIS, checks.RABBITMQ):
        check.probe.forget()
    checks.PROGRESS.forget()


@pytest.fixture
def ask(client: Client) -> Ask:
    """Return the status and the body of an address."""

    def get(path: str) -> tuple[int, dict[str, Any]]:
        response = client.get(path)
        return response.status_code, response.json()

    return get
