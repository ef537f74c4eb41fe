"""Taking turns: a dead endpoint delays nobody."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from time import monotonic

import pytest
from django.db import connection
from django.utils import timezone

from tasks.ids import uuid7
from tasks.loops import Loop
from tasks.models import Delivery, Project, User
from tasks.webhooks.dispatcher import Dispatcher
from tasks.webhooks.fairness import Endpoint, after, shares
from tasks.webhooks.fanout import spread
from tests.webhooks.endpoints import (
    LOOPBACK,
    PATIENCE,
    SOURCE,
    Endpoints,
    Reply,
    forget_events,
    make_event,
    make_webhook,
)

ONES = [Endpoint(uuid7()) for _ in range(10)]
NOW = timezone.now()


def suspect() -> Endpoint:
    return Endpoint(uuid7(), failures=1)


@pytest.mark.once
def test_it_begins_behind_the_one_that_was_served_last() -> None:
    assert after(ONES, None) == ONES
    assert after(ONES, ONES[3].id) == ONES[4:] + ONES[:4]
    assert after(ONES, ONES[9].id) == ONES
    assert after(ONES[5:], ONES[3].id) == ONES[5:]
    assert after([], ONES[3].id) == []


@pytest.mark.once
@pytest.mark.parametrize(
    ("endpoints", "busy", "suspects", "threads", "expected"),
    [
        pytest.param([], {}, 0, 32, [], id="nothing"),
        pytest.param(ONES[:1], {}, 0, 32, [16], id="one alone has half"),
        pytest.param(ONES[:1], {ONES[0].id: 15}, 0, 32, [1], id="those on the way count"),
        pytest.param(ONES[:1], {ONES[0].id: 16}, 0, 32, [], id="and may be all"),
        pytest.param(ONES[:3], {}, 0, 12, [2, 2, 2], id="turns until half are taken"),
        pytest.param(ONES[:9], {}, 0, 4, [1, 1, 1, 1], id="never more than there are threads"),
        pytest.param(ONES[:9], {ONES[9].id: 16}, 0, 32, [1] * 9, id="one when half are taken"),
        pytest.param(ONES[:9], {ONES[9].id: 32}, 0, 32, [], id="no thread is left"),
        pytest.param(ONES[:2], {}, 0, 1, [1], id="one thread"),
    ],
)
def test_it_shares_the_threads(
    endpoints: list[Endpoint],
    busy: dict[object, int],
    suspects: int,
    threads: int,
    expected: list[int],
) -> None:
    given = shares(endpoints, busy, suspects, threads)  # type: ignore[arg-type]

    assert list(given.values()) == expected
    assert list(given) == endpoints[: len(expected)]


@pytest.mark.once
def test_it_keeps_half_of_the_threads_from_those_that_have_failed() -> None:
    failing = [suspect() for _ in range(40)]

    assert shares(failing, {}, 0, 32) == dict.fromkeys(failing[:16], 1)
    assert shares(failing, {uuid7(): 10}, 10, 32) == dict.fromkeys(failing[:6], 1)
    assert shares([*failing, *ONES], {}, 0, 32) == dict.fromkeys([*failing[:16], *ONES], 1)
    assert shares(failing[:1], {}, 0, 1) == {failing[0]: 1}
    assert shares(failing[:3], {}, 0, 32) == dict.fromkeys(failing[:3], 1)


@contextmanager
def running(threads: int) -> Iterator[None]:
    """Send in a thread, as a worker does."""
    wake = threading.Event()
    sender = Dispatcher(source=SOURCE, allowed=LOOPBACK, wake=wake, threads=threads)

    def end() -> None:
        sender.stop(PATIENCE)
        connection.close()

    loop = Loop("webhooks", sender.step, idle=0.2, wake=wake, close=end)
    loop.start()
    try:
        yield
    finally:
        loop.stop()
        assert loop.join(PATIENCE)


@pytest.mark.django_db(transaction=True)
def test_it_lets_a_dead_endpoint_delay_nobody(
    project: Project, alice: User, endpoints: Endpoints, now: datetime
) -> None:
    """One of twenty takes every request and answers none; the others get all of their events.

    It keeps four of the eight threads. (`bench/webhooks.py` has a hundred, and the figures.)
    """
    forget_events()
    answer = threading.Event()
    endpoints.reply("/dead", Reply(gate=answer))
    dead = make_webhook(alice, endpoints.url("/dead"))
    for number in range(19):
        make_webhook(alice, endpoints.url(f"/{number}"))
    for _ in range(10):
        make_event(project=project.pk)
    spread(now=now)

    with running(threads=8):
        begun = monotonic()
        endpoints.await_requests(190, but="/dead")
        took = monotonic() - begun
        kept = len(endpoints.sent_to("/dead"))
        answer.set()
    assert took < 10
    assert kept <= 4
    healthy = Delivery.objects.exclude(webhook=dead)
    assert set(healthy.values_list("state", "tries")) == {("delivered", 1)}
