"""What the tests of inbound events share: the other service, a consumer, and the dead letters."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from uuid import uuid4

import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import ChannelClosedByBroker
from pika.exchange_type import ExchangeType

from tasks.events.inbound import REASON, Consumer, Handle
from tasks.events.topology import Inbound


class IdentityService:
    """Publishes to an exchange of the test's own, and looks into the queues behind it."""

    def __init__(self, url: str) -> None:
        mine = f"test-{uuid4()}"
        self.names = Inbound(exchange=f"{mine}.in", queue=mine, dead_exchange=f"{mine}.out")
        self.url = url

    def send(self, *bodies: bytes, key: str = "identity.user.updated") -> None:
        properties = pika.BasicProperties(
            content_type="application/cloudevents+json", message_id="m-1", headers={"own": 1}
        )
        with self._channel() as channel:
            channel.exchange_declare(self.names.exchange, ExchangeType.topic, durable=True)
            channel.confirm_delivery()
            for body in bodies:
                channel.basic_publish(self.names.exchange, key, body, properties, mandatory=True)

    def left(self) -> int:
        """Return how many messages are in the queue and with no consumer."""
        with self._channel() as channel:
            return int(channel.queue_declare(self.names.queue, passive=True).method.message_count)

    def dead(self) -> list[tuple[bytes, str]]:
        """Take the dead letters: body and reason."""
        found: list[tuple[bytes, str]] = []
        with self._channel() as channel:
            while True:
                _, properties, body = channel.basic_get(self.names.dead_queue, auto_ack=True)
                if properties is None or body is None:
                    return found
                headers = properties.headers or {}
                assert (properties.message_id, headers["own"]) == ("m-1", 1)
                assert properties.content_type == "application/cloudevents+json"
                found.append((body, str(headers[REASON])))

    def dead_letters(self, count: int) -> list[tuple[bytes, str]]:
        """Wait for so many; the queue may have to be declared first."""
        found: list[tuple[bytes, str]] = []

        def complete() -> bool:
            with suppress(ChannelClosedByBroker):
                found.extend(self.dead())
            return len(found) == count

        eventually(complete)
        return found

    def delete_dead_queue(self) -> None:
        with self._channel() as channel:
            channel.queue_delete(self.names.dead_queue)

    def delete(self) -> None:
        with self._channel() as channel:
            channel.queue_delete(self.names.queue)
            channel.exchange_delete(self.names.exchange)
            channel.queue_delete(self.names.dead_queue)
            channel.exchange_delete(self.names.dead_exchange)

    @contextmanager
    def consumed_by(self, handle: Handle, **options: Any) -> Iterator[None]:
        """Run a consumer in a thread of its own; it has to end within two seconds."""
        stop = threading.Event()
        options = {"url": self.url, "names": self.names, **options}
        consumer = Consumer(handle=handle, **options)
        thread = threading.Thread(target=consumer.run, args=(stop,))
        thread.start()
        try:
            eventually(self._has_consumer)
            yield
        finally:
            stop.set()
            thread.join(2)
            assert not thread.is_alive()

    def _has_consumer(self) -> bool:
        try:
            with self._channel() as channel:
                found = channel.queue_declare(self.names.queue, passive=True)
        except ChannelClosedByBroker:
            return False  # It is not declared yet.
        return int(found.method.consumer_count) > 0

    @contextmanager
    def _channel(self) -> Iterator[BlockingChannel]:
        connection = pika.BlockingConnection(pika.URLParameters(self.url))
        try:
            yield connection.channel()
        finally:
            connection.close()


def event(**changes: Any) -> bytes:
    """A CloudEvents message; `user` and `id` are its own unless said."""
    whole = {
        "specversion": "1.0",
        "id": str(uuid4()),
        "source": "/identity",
        "type": "identity.user.updated",
        "data": {"id": str(uuid4()), "username": "alice"},
    }
    return json.dumps({**whole, **changes}).encode()


def eventually(condition: Callable[[], object], *, seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail("It did not come about.")
        time.sleep(0.02)
