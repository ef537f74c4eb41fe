"""What the tests of RabbitMQ share: queues that end with the test, and short words for messages."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exchange_type import ExchangeType

from tasks.events.broker import Message, Outcome, Result
from tasks.metrics import registry

type Got = tuple[pika.BasicProperties, bytes]


class Queue:
    """A durable queue that is bound to an exchange.

    Each look into it is a connection of its own: the tests close and break connections.
    """

    def __init__(self, url: str, exchange: str, key: str, **arguments: Any) -> None:
        self.exchange = exchange
        self.name = f"test-{uuid4()}"
        self._key = key
        self._url = url
        with self.channel() as channel:
            channel.queue_declare(self.name, durable=True, arguments=arguments)
        self.bind()

    @contextmanager
    def channel(self) -> Iterator[BlockingChannel]:
        connection = pika.BlockingConnection(pika.URLParameters(self._url))
        try:
            yield connection.channel()
        finally:
            connection.close()

    def bind(self) -> None:
        with self.channel() as channel:
            channel.exchange_declare(self.exchange, ExchangeType.topic, durable=True)
            channel.queue_bind(self.name, self.exchange, self._key)

    def unbind(self) -> None:
        with self.channel() as channel:
            channel.queue_unbind(self.name, self.exchange, self._key)

    def purge(self) -> None:
        with self.channel() as channel:
            channel.queue_purge(self.name)

    def delete(self) -> None:
        with self.channel() as channel:
            channel.queue_delete(self.name)

    def delete_exchange(self) -> None:
        with self.channel() as channel:
            channel.exchange_delete(self.exchange)

    def bodies(self) -> list[bytes]:
        return [body for _, body in self.take()]

    def take(self) -> list[Got]:
        """Return what is there, and take it away."""
        with self.channel() as channel:
            return list(iter(lambda: _first(channel, self.name), None))


def _first(channel: BlockingChannel, name: str) -> Got | None:
    _, properties, body = channel.basic_get(name, auto_ack=True)
    return None if properties is None or body is None else (properties, body)


@contextmanager
def queue_on(url: str, exchange: str, key: str, **arguments: Any) -> Iterator[Queue]:
    queue = Queue(url, exchange, key, **arguments)
    try:
        yield queue
    finally:
        queue.delete()


def messages(key: str, *bodies: bytes) -> list[Message]:
    return [Message(str(uuid4()), key, body) for body in bodies]


def outcomes(results: Sequence[Result]) -> list[Outcome]:
    return [result.outcome for result in results]


def counted(name: str, **labels: str) -> float:
    """Return what this process has counted so far."""
    return registry.get_sample_value(name, labels) or 0.0
