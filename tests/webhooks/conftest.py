"""An endpoint of alice's, as the operations make it."""

from datetime import datetime, timedelta
from typing import Final

import pytest

from tasks.models import User, Webhook
from tasks.operations.access import Actor
from tasks.webhooks.operations import create_webhook

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
