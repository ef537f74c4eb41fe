"""A request with an idempotency key that runs for as long as a test wants."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from typing import Never
from uuid import UUID

from django.db import connection
from django.utils import timezone

from tasks.operations.access import Actor
from tasks.operations.idempotency import once

_PATIENCE = 20  # seconds


class Given(Exception):
    """The request ends without a success, so nothing of it is kept."""


@contextmanager
def key_in_use(user_id: UUID, key: str) -> Iterator[None]:
    """Let a request of this user with this key run inside the block, on its own connection."""
    begun, ended = Event(), Event()

    def act() -> Never:
        begun.set()
        ended.wait(_PATIENCE)
        raise Given

    def run() -> None:
        try:
            once(actor=Actor(user_id), now=timezone.now(), key=key, fingerprint="", act=act)
        except Given:
            pass
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as thread:
        running = thread.submit(run)
        assert begun.wait(_PATIENCE)
        try:
            yield
        finally:
            ended.set()
            running.result(_PATIENCE)
