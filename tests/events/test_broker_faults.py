"""Publishing to a RabbitMQ that freezes, dies, fills up or locks us out: in time, and no poison.

After each fault the same publisher works again.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import closing

import pytest

from tasks.events import topology
from tasks.events.broker import Message, Outcome, Publisher, Result
from tests.events import nodes
from tests.events.brokers import Queue, counted, messages, outcomes, queue_on
from tests.events.nodes import Node

pytestmark = [pytest.mark.once, pytest.mark.xdist_group("rabbitmq")]

C, UNSENT, POISON = Outcome.CONFIRMED, Outcome.UNSENT, Outcome.POISON
SLACK = 0.5  # seconds


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    with nodes.started() as node:
        yield node


@pytest.fixture
def queue(node: Node) -> Iterator[Queue]:
    with queue_on(node.url, topology.EVENTS, "#") as queue:
        yield queue


@pytest.fixture
def publisher(node: Node) -> Iterator[Publisher]:
    """A publisher that is connected."""
    with closing(Publisher(node.url)) as publisher:
        publisher.publish(messages("task.first", b"first"), timeout=5)
        yield publisher


def in_time(publisher: Publisher, sent: Sequence[Message], *, timeout: float) -> list[Result]:
    begun = time.monotonic()
    results = publisher.publish(sent, timeout=timeout)
    assert time.monotonic() - begun < timeout + SLACK
    return results


def until_confirmed(publisher: Publisher, sent: Sequence[Message]) -> None:
    """Send as the relay does: what was not sent, again."""
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        if set(outcomes(publisher.publish(sent, timeout=5))) == {C}:
            return
    pytest.fail("The publisher does not work again.")


def connections() -> float:
    return counted("tasks_broker_connections_total", link="publisher")


def test_it_waits_no_longer_than_told_for_a_frozen_broker(
    node: Node, queue: Queue, publisher: Publisher
) -> None:
    sent = messages("task.a", b"1", b"2")
    node.freeze()
    try:
        with closing(Publisher(node.url)) as stranger:
            assert outcomes(in_time(publisher, sent, timeout=0.3)) == [UNSENT, UNSENT]
            assert outcomes(in_time(publisher, sent, timeout=0.3)) == [UNSENT, UNSENT]
            assert outcomes(in_time(stranger, sent, timeout=0.3)) == [UNSENT, UNSENT]
            node.thaw()
            until_confirmed(publisher, sent)
            until_confirmed(stranger, sent)
    finally:
        node.thaw()
    assert set(queue.bodies()) == {b"first", b"1", b"2"}


def test_it_waits_for_room_where_the_memory_is_full(
    node: Node, queue: Queue, publisher: Publisher
) -> None:
    sent = messages("task.a", b"1")
    before = connections()
    node.control("set_vm_memory_high_watermark", "0.00001")
    try:
        assert outcomes(in_time(publisher, sent, timeout=0.3)) == [UNSENT]
        assert in_time(publisher, sent, timeout=0.3) == [
            (UNSENT, "the broker is full and takes nothing")
        ]
    finally:
        node.control("set_vm_memory_high_watermark", "0.4")
    until_confirmed(publisher, sent)
    assert connections() == before  # A blocked connection is kept: another would be blocked, too.
    # What was on the way when it said so, and the last; what came between was held back.
    assert queue.bodies() == [b"first", b"1", b"1"]


def test_it_finds_the_one_that_is_too_large_among_many(
    node: Node, queue: Queue, publisher: Publisher
) -> None:
    large = b"x" * (nodes.LARGEST + 1)
    bodies = [b"%d" % number for number in range(100)]
    sent = messages("task.a", *bodies[:50], large, *bodies[50:], large)
    results = in_time(publisher, sent, timeout=10)
    assert outcomes(results) == [*[C] * 50, POISON, *[C] * 50, POISON]
    assert results[50].error.startswith("406 PRECONDITION_FAILED - message size 20001 ")
    first_seen = list(dict.fromkeys(queue.bodies()))
    assert first_seen == [b"first", *bodies]


def test_it_is_connected_again_before_it_is_needed(
    node: Node, queue: Queue, publisher: Publisher
) -> None:
    before = connections()
    node.control("close_all_connections", "told to")
    deadline = time.monotonic() + 10
    while connections() == before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert outcomes(in_time(publisher, messages("task.a", b"1"), timeout=5)) == [C]


def test_it_is_locked_out_until_the_password_is_right_again(
    node: Node, queue: Queue, publisher: Publisher
) -> None:
    sent = messages("task.a", b"1")
    node.control("change_password", "guest", "another")
    try:
        node.control("close_all_connections", "told to")
        [result] = in_time(publisher, sent, timeout=2)
        assert result.outcome is UNSENT
        assert "ACCESS_REFUSED" in result.error
    finally:
        node.control("change_password", "guest", "guest")
    until_confirmed(publisher, sent)
    assert queue.bodies() == [b"first", b"1"]


def test_it_outlives_a_broker_that_is_killed_and_so_do_the_messages(
    node: Node, queue: Queue, publisher: Publisher
) -> None:
    sent = messages("task.a", b"1")
    node.kill()
    try:
        assert outcomes(in_time(publisher, sent, timeout=1)) == [UNSENT]
    finally:
        node.start()
    until_confirmed(publisher, sent)
    assert queue.bodies() == [b"first", b"1"]
