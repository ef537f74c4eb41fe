"""The database of one test, also for the real WSGI application, and the ids in it."""

from collections.abc import Iterator
from datetime import datetime

import pytest
from django.core.signals import request_finished, request_started
from django.db import close_old_connections

from tasks.models import User
from tests.contract.world import Ids, furnish, ids_of


@pytest.fixture
def wsgi(db: None) -> Iterator[None]:
    """Keep the connection, and the test's transaction on it, over requests to `config.wsgi`."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield
    for signal in signals:
        signal.connect(close_old_connections)


@pytest.fixture
def ids(alice: User, bob: User, now: datetime) -> Ids:
    """The ids in a project of alice's, of which bob is an editor and charlie sees nothing."""
    return {**ids_of(furnish(alice, bob, now)), "user_id": str(bob.pk)}
