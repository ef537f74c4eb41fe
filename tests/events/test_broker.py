"""Publishing to a RabbitMQ that works: outcomes, order, pace, and what only one message suffers."""

import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from uuid import uuid4

import pytest

from tasks.events import cursors
from tasks.events.broker import Message, Outcome, Publisher
from tasks.events.relay import Relay
from tasks.models import Cursor
from tests.events.brokers import Queue, counted, messages, outcomes, queue_on
from tests.events.making import NOON, make_event, sequence_all
from tests.listening import closed_port

pytestmark = [pytest.mark.once]

C, U = Outcome.CONFIRMED, Outcome.UNROUTABLE


@pytest.fixture
def exchange(amqp_url: str) -> Iterator[str]:
    """A name of our own for `tasks.events`: the broker is shared."""
    name = f"test-{uuid4()}"
    with queue_on(amqp_url, name, "nothing") as queue:
        yield name
        queue.delete_exchange()


@pytest.fixture
def publisher(amqp_url: str, exchange: str) -> Iterator[Publisher]:
    with closing(Publisher(amqp_url, exchange=exchange)) as publisher:
        yield publisher


@pytest.fixture
def queue(amqp_url: str, exchange: str) -> Iterator[Queue]:
    with queue_on(amqp_url, exchange, "task.*") as queue:
        yield queue


def test_it_sends_an_event_as_a_persistent_message_with_its_id(
    publisher: Publisher, queue: Queue
) -> None:
    [message] = messages("task.created", b'{"a": 1}')
    before = int(time.time())
    assert publisher.publish([message], timeout=5) == [(C, "")]
    [(properties, body)] = queue.take()
    assert body == message.body
    assert properties.message_id == message.id
    assert properties.delivery_mode == 2
    assert properties.content_type == "application/cloudevents+json"
    assert (properties.type, properties.app_id) == ("task.created", "tasks")
    assert properties.timestamp is not None
    assert before <= properties.timestamp <= time.time()


def test_it_keeps_the_order_of_a_thousand(publisher: Publisher, queue: Queue) -> None:
    sent = [str(number).encode() for number in range(1000)]
    before = counted("tasks_events_published_total", outcome="confirmed")
    results = publisher.publish(messages("task.updated", *sent), timeout=10)
    assert set(outcomes(results)) == {C}
    assert queue.bodies() == sent
    assert counted("tasks_events_published_total", outcome="confirmed") - before == 1000


def test_it_sends_a_thousand_in_a_second(publisher: Publisher, queue: Queue) -> None:
    def seconds() -> float:
        begun = time.monotonic()
        sent = messages("task.updated", *[b"x" * 1200] * 1000)
        assert set(outcomes(publisher.publish(sent, timeout=10))) == {C}
        return time.monotonic() - begun

    # It takes a tenth of that. A machine that is busy at the moment gets another chance.
    assert any(seconds() < 1 for _ in range(3))


def test_it_says_which_messages_nobody_wants(publisher: Publisher, queue: Queue) -> None:
    sent = [*messages("task.a", b"1"), *messages("label.b", b"2"), *messages("task.c", b"3")]
    results = publisher.publish(sent, timeout=5)
    assert outcomes(results) == [C, U, C]
    assert results[1].error == "no queue is bound for it"
    queue.unbind()
    assert outcomes(publisher.publish(sent[:1], timeout=5)) == [U]
    queue.bind()
    assert outcomes(publisher.publish(sent[:1], timeout=5)) == [C]


def test_it_parks_alone_what_does_not_fit_into_a_frame(publisher: Publisher, queue: Queue) -> None:
    fits, longer = "task." + "x" * 250, "task." + "x" * 251
    sent = [
        *messages(fits, b"1"),
        *messages(longer, b"2"),
        *messages("task.\ud800", b"3"),
        Message("i" * 256, "task.a", b"4"),
        *messages("task.z", b"5"),
    ]
    results = publisher.publish(sent, timeout=5)
    poison = Outcome.POISON
    assert outcomes(results) == [C, poison, poison, poison, C]
    assert results[1].error == "cannot be encoded: ShortStringTooLong"
    assert queue.bodies() == [b"1", b"5"]
    assert outcomes(publisher.publish(sent[1:2], timeout=0)) == [poison]


def test_it_has_nothing_to_say_of_nothing(publisher: Publisher) -> None:
    assert publisher.publish([], timeout=5) == []


def test_it_is_refused_by_a_full_queue_until_there_is_room(
    publisher: Publisher, amqp_url: str, exchange: str
) -> None:
    limits = {"x-max-length": 2, "x-overflow": "reject-publish"}
    with queue_on(amqp_url, exchange, "full", **limits) as queue:
        for _ in range(2):
            assert outcomes(publisher.publish(messages("full", b"1"), timeout=5)) == [C]
        assert publisher.publish(messages("full", b"2"), timeout=5) == [
            (Outcome.REFUSED, "refused by a queue")
        ]
        queue.purge()
        assert outcomes(publisher.publish(messages("full", b"3"), timeout=5)) == [C]


@pytest.mark.django_db
def test_it_gives_the_other_queues_what_a_full_one_refuses_once_with_each_try(
    publisher: Publisher, queue: Queue, amqp_url: str, exchange: str
) -> None:
    now = NOON
    relay = Relay(publisher, source="/tasks", clock=lambda: now)
    Cursor.objects.create(name=cursors.RABBITMQ)
    make_event()
    sequence_all()
    limits = {"x-max-length": 0, "x-overflow": "reject-publish"}
    with queue_on(amqp_url, exchange, "task.*", **limits):
        for pause in (0.0, 0.2, 0.4):
            now += timedelta(seconds=pause)
            for _ in range(50):
                relay.step()
            assert len(queue.take()) == 1


def test_it_declares_a_deleted_exchange_anew(publisher: Publisher, queue: Queue) -> None:
    assert outcomes(publisher.publish(messages("task.a", b"1"), timeout=5)) == [C]
    queue.delete_exchange()
    [result] = publisher.publish(messages("task.b", b"2"), timeout=5)
    assert result.outcome is Outcome.UNSENT
    assert result.error.startswith("404 NOT_FOUND")
    assert outcomes(publisher.publish(messages("task.b", b"2"), timeout=5)) == [U]
    queue.bind()
    assert outcomes(publisher.publish(messages("task.b", b"2"), timeout=5)) == [C]


def test_it_answers_heartbeats_while_nothing_is_published(amqp_url: str, exchange: str) -> None:
    made = ("tasks_broker_connections_total", "publisher")
    before = counted(made[0], link=made[1])
    with closing(Publisher(amqp_url, exchange=exchange, heartbeat=1)) as publisher:
        publisher.publish(messages("task.a", b"1"), timeout=5)
        threading.Event().wait(3.5)  # The broker ends it after two seconds of silence.
        assert outcomes(publisher.publish(messages("task.a", b"1"), timeout=5)) == [U]
    assert counted(made[0], link=made[1]) - before == 1
    assert counted("tasks_broker_connected", link=made[1]) == 0


def test_it_does_not_tell_the_password(amqp_url: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    place = amqp_url.rpartition("@")[2]
    with closing(Publisher(f"amqp://guest:hunter2@{place}")) as publisher:
        [result] = publisher.publish(messages("task.a", b"1"), timeout=5)
    assert result.outcome is Outcome.UNSENT
    assert "ACCESS_REFUSED" in result.error
    assert "hunter2" not in caplog.text + repr(result) + repr(publisher)
    with pytest.raises(ValueError, match="cannot be read: ValueError") as raised:
        Publisher("amqp://guest:hunter2@127.0.0.1:port/")
    assert raised.value.__cause__ is None


def test_it_sends_nothing_where_nobody_listens_or_after_it_was_closed() -> None:
    publisher = Publisher(f"amqp://127.0.0.1:{closed_port()}/")
    begun = time.monotonic()
    [result] = publisher.publish(messages("task.a", b"1"), timeout=5)
    publisher.close()
    assert result.outcome is Outcome.UNSENT
    assert "refused" in result.error.lower()
    assert publisher.publish(messages("task.a", b"1"), timeout=5) == [(Outcome.UNSENT, "closed")]
    assert time.monotonic() - begun < 2


def test_it_closes_soon_while_it_connects_to_somebody_who_does_not_answer(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        publisher = Publisher(f"amqp://127.0.0.1:{silent.getsockname()[1]}/")
        begun = time.monotonic()
        [result] = publisher.publish(messages("task.a", b"1"), timeout=0.3)
        assert result == (Outcome.UNSENT, "no confirm in time")
        publisher.close()
        assert time.monotonic() - begun < 1.5
    assert "broker_link_failed" not in caplog.text
    assert not [thread for thread in threading.enumerate() if thread.name == "broker-publisher"]
