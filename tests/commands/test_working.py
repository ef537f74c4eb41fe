"""Which loops a worker has: what its kinds of work need, and what this service has around it."""

from collections.abc import Iterable

import pytest
from pytest_django import Settings

from tasks.events.heartbeat import KINDS, Heartbeat
from tasks.loops import Loop
from tasks.management import working

EVENTS, WEBHOOKS, UPKEEP = (["sequencer"], ["fan-out", "webhooks"], ["pruning"])


def loops(*kinds: str) -> list[Loop]:
    return working.loops(kinds, Heartbeat(kinds))


def names(found: Iterable[Loop], vendor: str) -> list[str]:
    """Return the names of the loops, but for those that say and hear that somebody is there."""
    told = [loop.name for loop in found]
    assert told.pop() == "heartbeat"
    assert ("listener" in told) == (vendor == "postgresql")
    return [name for name in told if name != "listener"]


def test_it_has_what_each_kind_of_work_needs(vendor: str) -> None:
    assert names(loops("events"), vendor) == EVENTS
    assert names(loops("webhooks"), vendor) == WEBHOOKS
    assert names(loops(*KINDS), vendor) == [*EVENTS, *WEBHOOKS, *UPKEEP]


def test_it_listens_to_nobody_where_nothing_is_waited_for() -> None:
    assert [loop.name for loop in loops("upkeep")] == [*UPKEEP, "heartbeat"]


@pytest.mark.once
@pytest.mark.django_db(transaction=True)
def test_it_speaks_to_rabbitmq_where_there_is_one(settings: Settings, vendor: str) -> None:
    settings.AMQP_URL = "amqp://guest:guest@192.0.2.1/"  # Nothing connects before it is started.
    found = loops("events")
    for loop in found:
        loop._close()  # What it has opened.
    assert names(found, vendor) == [*EVENTS, "relay", "inbound"]
