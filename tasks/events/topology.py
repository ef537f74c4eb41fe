"""The names in RabbitMQ, and what of them is declared by whom connects.

Everything is declared anew with each connection, which costs a few milliseconds: a broker that was
set up afresh, or an exchange that somebody deleted, mends itself. All of it is durable.

The queue of the inbound events is a quorum queue: it outlives a node of a cluster, and it counts
how often a message came back. One that ends the process each time it is handled is put aside by the
broker after `DELIVERIES`, where a classic queue would deliver it for ever. The limit is far above
the tries of a message that is refused, since a restart of the worker counts as well. It is said
explicitly: RabbitMQ 4 has one of 20.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from pika.channel import Channel
from pika.exchange_type import ExchangeType

EVENTS: Final = "tasks.events"
DELIVERIES: Final = 100


@dataclass(frozen=True, slots=True)
class Inbound:
    """Where events of another service come from, and where those go that cannot be handled.

    Attributes:
        keys: of the bindings. Their own name for an event comes with and without its service.
    """

    exchange: str = "identity.events"
    keys: tuple[str, ...] = ("identity.user.#", "user.#")
    queue: str = "tasks.identity"
    dead_exchange: str = "tasks.dead"

    @property
    def dead_queue(self) -> str:
        return f"{self.queue}.dead"


IDENTITY: Final = Inbound()


def declare_outbound(channel: Channel, exchange: str, done: Callable[[], None]) -> None:
    """Declare the exchange of our events; who wants them declares queues and bindings."""
    channel.exchange_declare(exchange, ExchangeType.topic, durable=True, callback=lambda _: done())


def declare_inbound(channel: Channel, names: Inbound, done: Callable[[], None]) -> None:
    """Declare both exchanges, both queues and the bindings.

    The channel sends one after the other, so the answer to the last is the answer to all.
    """
    declare_dead_letters(channel, names, _nothing)
    channel.exchange_declare(names.exchange, ExchangeType.topic, durable=True, callback=_nothing)
    limits = {
        "x-delivery-limit": DELIVERIES,
        "x-dead-letter-exchange": names.dead_exchange,
        "x-dead-letter-routing-key": names.queue,
    }
    _declare_queue(channel, names.queue, limits)
    for key in names.keys[:-1]:
        channel.queue_bind(names.queue, names.exchange, key, callback=_nothing)
    channel.queue_bind(names.queue, names.exchange, names.keys[-1], callback=lambda _: done())


def declare_dead_letters(channel: Channel, names: Inbound, done: Callable[[], None]) -> None:
    """Declare where messages go that cannot be handled, for somebody to look at."""
    channel.exchange_declare(
        names.dead_exchange, ExchangeType.direct, durable=True, callback=_nothing
    )
    _declare_queue(channel, names.dead_queue, {})
    channel.queue_bind(
        names.dead_queue, names.dead_exchange, names.queue, callback=lambda _: done()
    )


def _declare_queue(channel: Channel, name: str, arguments: dict[str, Any]) -> None:
    arguments = {"x-queue-type": "quorum", **arguments}
    channel.queue_declare(name, durable=True, arguments=arguments, callback=_nothing)


def _nothing(*_: object) -> None:
    """A callback makes the channel wait for the answer before it sends what follows."""
