"""Endpoints of alice's: one as the operations make it, and others that answer."""

import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Final

import pytest

from tasks.models import Project, User, Webhook
from tasks.operations.access import Actor
from tasks.webhooks import connecting
from tasks.webhooks.fanout import spread
from tasks.webhooks.operations import create_webhook
from tests.webhooks.endpoints import (
    Endpoints,
    forget_events,
    make_event,
    make_webhook,
    serving,
)
from tests.webhooks.receivers import Authority

URL: Final = "https://example.org/hooks"


@pytest.fixture
def owner(alice: User) -> Actor:
    return Actor(alice.pk)


@pytest.fixture
def webhook(owner: Actor, now: datetime) -> Webhook:
    return create_webhook(actor=owner, now=now, fields={"url": URL})[0]


@pytest.fixture
def later(now: datetime) -> datetime:
    return now + timedelta(minutes=5)


@pytest.fixture
def endpoints() -> Iterator[Endpoints]:
    with serving() as running:
        yield running


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def trusted(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Iterator[Authority]:
    """An authority that is believed because SSL_CERT_FILE names it."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.path))
    connecting.tls.cache_clear()
    yield authority
    connecting.tls.cache_clear()


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """What holds an endpoint's answer back; open at the end in any case."""
    made = threading.Event()
    yield made
    made.set()


@pytest.fixture
def hook(project: Project, alice: User, endpoints: Endpoints) -> Webhook:
    forget_events()
    return make_webhook(alice, endpoints.url("/hook"))


@pytest.fixture
def queue(project: Project, hook: Webhook, now: datetime) -> Callable[[int], list[str]]:
    """Make events that wait to be delivered; return their ids."""

    def make(count: int) -> list[str]:
        events = [str(make_event(project=project.pk).uid) for _ in range(count)]
        spread(now=now)
        return events

    return make
