"""What health checks answer when all is well, and how the answers look."""

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, DjangoDbBlocker, Settings

from tasks.events.heartbeat import KINDS
from tasks.models import Worker
from tests.health.conftest import Ask

pytestmark = pytest.mark.django_db

PATHS = ["/health", "/health/live", "/health/ready"]
READY = {"database": "ok", "migrations": "ok"}
WELL = {**READY, "events": "ok", "worker": "ok"}


@pytest.fixture(scope="module", autouse=True)
def _worker(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """A worker that is there all the time; committed, since the checks look from outside."""
    with django_db_blocker.unblock():
        now = timezone.now()
        worker = Worker.objects.create(
            kinds=",".join(KINDS), started_at=now, seen_at=now + timedelta(hours=1)
        )
    yield
    with django_db_blocker.unblock():
        worker.delete()


def test_it_is_alive_without_asking_anybody(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(0):
        response = client.get("/health/live")
    assert response.status_code == 200
    assert response.json() == {"status": "ok", "checks": {}}


def test_it_is_ready_with_a_database_that_has_all_migrations(ask: Ask) -> None:
    assert ask("/health/ready") == (200, {"status": "ok", "checks": READY})


def test_it_names_only_what_is_configured(ask: Ask) -> None:
    body = {"status": "ok", "checks": WELL, "oldest_unsent_event_seconds": 0.0}
    assert ask("/health") == (200, body)


def test_it_names_everything_that_is_configured(
    ask: Ask, settings: Settings, redis_url: str, amqp_url: str
) -> None:
    settings.REDIS_URL, settings.AMQP_URL = redis_url, amqp_url
    everything = {**WELL, "redis": "ok", "rabbitmq": "ok"}
    status, body = ask("/health")
    assert (status, body["checks"]) == (200, everything)
    assert ask("/health/ready") == (200, {"status": "ok", "checks": READY})


def test_it_gives_each_check_a_line(client: Client) -> None:
    assert client.get("/health").content.decode() == (
        "{\n"
        '  "status": "ok",\n'
        '  "checks": {\n'
        '    "database": "ok",\n'
        '    "migrations": "ok",\n'
        '    "events": "ok",\n'
        '    "worker": "ok"\n'
        "  },\n"
        '  "oldest_unsent_event_seconds": 0.0\n'
        "}\n"
    )


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("accept", ["", "*/*", "bad", "text/html", ";;;,", "application/xml"])
def test_it_answers_json_whatever_is_accepted(client: Client, path: str, accept: str) -> None:
    response = client.get(path, headers={"Accept": accept})
    assert response.status_code == 200
    assert response["Content-Type"] == "application/json"


@pytest.mark.parametrize("path", PATHS)
def test_it_is_cached_nowhere(client: Client, path: str) -> None:
    assert "no-store" in client.get(path)["Cache-Control"]


@pytest.mark.parametrize("path", PATHS)
def test_it_answers_head_like_get_without_the_body(client: Client, path: str) -> None:
    response = client.head(path)
    assert response.status_code == 200
    assert response["Content-Type"] == "application/json"
    assert response.content == b""


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
def test_it_refuses_other_methods_with_a_problem(client: Client, path: str, method: str) -> None:
    response = client.generic(method, path)
    assert response.status_code == 405
    assert response["Content-Type"] == "application/problem+json"
    assert response["Allow"] == "GET, HEAD"
    assert response.json()["code"] == "method_not_allowed"
    assert response.json()["instance"] == path


@pytest.mark.parametrize("path", [f"{path}/" for path in PATHS])
def test_it_has_no_addresses_with_a_slash(client: Client, path: str) -> None:
    assert client.get(path).status_code == 404


@pytest.mark.parametrize("path", PATHS)
def test_it_is_never_throttled(client: Client, settings: Settings, path: str) -> None:
    settings.RATE_LIMITS = {"anonymous": (1, 3600)}
    responses = [client.get(path) for _ in range(5)]
    assert [response.status_code for response in responses] == [200] * 5
    assert not any("RateLimit" in response for response in responses)


def test_it_writes_openmetrics(client: Client) -> None:
    response = client.get("/health?format=openmetrics")
    assert response.status_code == 200
    assert response["Content-Type"].startswith("application/openmetrics-text;")
    lines = [line for line in response.content.decode().splitlines() if line[0] != "#"]
    assert [re.sub(r"\d+\.\d{6}$", "SECONDS", line) for line in lines] == [
        'django_health_check_status{check="database"} 1',
        'django_health_check_status{check="migrations"} 1',
        'django_health_check_status{check="events"} 1',
        'django_health_check_status{check="worker"} 1',
        'django_health_check_response_time_seconds{check="database"} SECONDS',
        'django_health_check_response_time_seconds{check="migrations"} SECONDS',
        'django_health_check_response_time_seconds{check="events"} SECONDS',
        'django_health_check_response_time_seconds{check="worker"} SECONDS',
        "django_health_check_overall_status 1",
        "tasks_oldest_unsent_event_seconds 0.0",
    ]


def test_it_gives_load_balancers_a_status_whatever_the_query(client: Client) -> None:
    response = client.get("/health/ready?format=openmetrics")
    assert response["Content-Type"] == "application/json"
