"""The key's row and the change are one: through a process that dies, and through a lost race."""

import os
import signal
import subprocess
import sys
from datetime import datetime
from typing import Final

import pytest
from django.db import connection
from django.utils import timezone

from tasks.errors import KeyInUse
from tasks.models import IdempotencyKey, Task, User
from tasks.operations.access import Actor
from tasks.operations.idempotency import Kept, once
from tasks.operations.tasks import create_task
from tests.environment import CHECKOUT
from tests.operations.holding import key_in_use

pytestmark = pytest.mark.django_db(transaction=True)

# Makes the change, and says so before it would be committed; then it waits to be killed.
DYING: Final = """
import sys, django
django.setup()
from django.utils import timezone
from tasks.operations.access import Actor
from tasks.operations.idempotency import once
from tasks.operations.tasks import create_task

actor, now = Actor(sys.argv[1]), timezone.now()

def act():
    create_task(actor=actor, now=now, fields={"title": "a"})
    print("made", flush=True)
    sys.stdin.read()

once(actor=actor, now=now, key="k", fingerprint="f", act=act)
"""


def request(user: User, now: datetime) -> Kept:
    actor = Actor(user.pk)

    def act() -> Kept:
        return Kept(201, str(create_task(actor=actor, now=now, fields={"title": "a"}).pk))

    return once(actor=actor, now=now, key="k", fingerprint="f", act=act)


def test_it_leaves_nothing_of_a_process_that_dies_before_the_commit(alice: User) -> None:
    """No task, no key, and no lock that the retry would have to wait for."""
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings"}
    name = connection.settings_dict["NAME"]
    if connection.vendor == "sqlite":
        environment["DATABASE_URL"] = f"sqlite:///{name}"
    else:
        environment["DATABASE_URL"] = f"{os.environ['DATABASE_URL'].rpartition('/')[0]}/{name}"
    process = subprocess.Popen(
        [sys.executable, "-c", DYING, str(alice.pk)],
        cwd=CHECKOUT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        assert process.stdout.readline() == "made\n"
        if connection.vendor == "postgresql":
            with pytest.raises(KeyInUse):
                request(alice, timezone.now())
        assert not Task.objects.exists()
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(20)
        process.stdout.close()
        process.stdin.close()

    until_forgotten()
    first, again = request(alice, timezone.now()), request(alice, timezone.now())

    assert (first.replayed, again.replayed) == (False, True)
    assert first.body == again.body
    assert Task.objects.count() == IdempotencyKey.objects.count() == 1


def until_forgotten() -> None:
    """Wait until PostgreSQL has noticed that its client is gone, which it does on its own."""
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        while True:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity "
                "WHERE datname = current_database() AND state = 'idle in transaction'"
            )
            if not cursor.fetchone()[0]:
                return


def test_it_is_free_again_after_a_failure(alice: User, now: datetime) -> None:
    with key_in_use(alice.pk, "k"), pytest.raises(KeyInUse):
        request(alice, now)

    assert not request(alice, now).replayed


def test_it_does_not_keep_others_from_their_keys(alice: User, bob: User, now: datetime) -> None:
    """The first one has not begun to write, so also SQLite's only writer is free."""
    if connection.vendor == "sqlite":
        pytest.skip("SQLite has one writer at a time: the other user waits for it.")
    with key_in_use(alice.pk, "k"):
        assert not request(bob, now).replayed
