"""Events of the identity service: each is handled once, and none stops those behind it.

RabbitMQ delivers a message again whenever it is not sure, so that each is noted in the transaction
that handles it (ReceivedEvent); the second delivery finds the note and does nothing. The delivery
is acknowledged after the commit.

What cannot be read, and what the handler refuses `TRIES` times, goes to the dead letters with the
reason in its headers. A refused message waits for its next try in this process, not acknowledged,
while others are handled: so its order among them is not kept, and the handler must bear that. The
tries are not the broker's count of deliveries, which also counts the restarts of this process, and
counts differently from one version of RabbitMQ to the next.

A database that is away is nobody's fault: then everything waits, and the broker keeps the rest.
"""

import heapq
import itertools
import logging
import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from django.db import (
    InterfaceError,
    OperationalError,
    close_old_connections,
    connection,
    transaction,
)
from pika import BasicProperties, spec
from pika.channel import Channel
from pika.delivery_mode import DeliveryMode
from pika.exceptions import AMQPError

from tasks import metrics
from tasks.errors import DomainError
from tasks.events import topology
from tasks.events.identity_event import IdentityEvent, read
from tasks.events.link import Link, Loss
from tasks.models import ReceivedEvent

logger = logging.getLogger(__name__)

TRIES: Final = 5
REASON: Final = "x-tasks-reason"  # The header of a dead letter.
HEARTBEAT: Final = 30  # seconds
PREFETCH: Final = 20  # messages that this process may hold
_TICK: Final = 0.2  # seconds until a stop is seen
_RETRY: Final = 0.1  # seconds before the second try; each further pause doubles
_AWAY: Final = (0.5, 30.0)  # first and longest pause, in seconds, while the database is away
_BURY_AGAIN: Final = 2.0  # seconds
_REASON: Final = 300  # characters
_REFUSALS: Final = (ValueError, DomainError)

type Handle = Callable[[IdentityEvent], None]


@dataclass(slots=True, eq=False)
class _Delivery:
    """A message, and the channel on which alone it can be acknowledged."""

    channel: Channel
    tag: int
    body: bytes
    headers: dict[str, Any]
    content_type: str | None
    message_id: str | None
    tries: int = field(default=0)


class Consumer:
    """Hands the events of the identity service to `handle`, in the thread that calls `run`.

    Args:
        handle: called inside a transaction. A ValueError or DomainError refuses the event.
    """

    def __init__(
        self,
        url: str,
        handle: Handle,
        *,
        heartbeat: int = HEARTBEAT,
        names: topology.Inbound = topology.IDENTITY,
    ) -> None:
        self._handle = handle
        self._names = names
        self._link = Link(url, self, name="consumer", heartbeat=heartbeat)
        self._coming: queue.SimpleQueue[_Delivery] = queue.SimpleQueue()
        self._later: list[tuple[float, int, _Delivery]] = []
        self._order = itertools.count()
        # These belong to the thread of the link: what was sent to the dead letters, by its tag.
        self._sent = 0
        self._burials: dict[int, tuple[_Delivery, str]] = {}
        self._returned: set[str | None] = set()

    def run(self, stop: threading.Event) -> None:
        """Consume until `stop` is set; what is not acknowledged by then comes again."""
        self._link.start()
        try:
            while not stop.is_set():
                delivery = self._next()
                if delivery is not None and delivery.channel.is_open:
                    self._work(delivery, stop)
        finally:
            self._link.close()
            connection.close()

    def declare(self, channel: Channel, done: Callable[[], None]) -> None:
        self._sent = 0
        self._burials.clear()
        self._returned.clear()
        channel.add_on_cancel_callback(lambda _: self._link.drop("the queue was deleted"))
        channel.add_on_return_callback(self._on_return)
        channel.confirm_delivery(self._on_confirm, callback=lambda _: None)
        channel.basic_qos(prefetch_count=PREFETCH, callback=lambda _: None)
        topology.declare_inbound(channel, self._names, done)

    def opened(self, channel: Channel) -> None:
        channel.basic_consume(self._names.queue, self._on_message)

    def lost(self, loss: Loss) -> None:
        """The broker delivers again what was not acknowledged."""

    def _on_message(
        self, channel: Channel, method: spec.Basic.Deliver, properties: BasicProperties, body: bytes
    ) -> None:
        self._coming.put(
            _Delivery(
                channel,
                method.delivery_tag or 0,
                body,
                dict(properties.headers or {}),
                properties.content_type,
                properties.message_id,
            )
        )

    def _next(self) -> _Delivery | None:
        """Return what is due for another try, else what comes; None after a moment of nothing."""
        if self._later and self._later[0][0] <= time.monotonic():
            return heapq.heappop(self._later)[-1]
        wait = min(self._later[0][0] - time.monotonic(), _TICK) if self._later else _TICK
        with suppress(queue.Empty):
            return self._coming.get(timeout=max(wait, 0))
        return None

    def _work(self, delivery: _Delivery, stop: threading.Event) -> None:
        try:
            event = read(delivery.body)
        except ValueError as error:
            return self._give_up(delivery, error)
        if event is None:
            return self._settle(delivery, "ignored")
        outcome = self._outcome(delivery, event, stop)
        return self._settle(delivery, outcome) if outcome else None

    def _outcome(self, delivery: _Delivery, event: IdentityEvent, stop: threading.Event) -> str:
        """Return what became of it; an empty text if it is not to be acknowledged now."""
        pause, longest = _AWAY
        while True:
            try:
                return "handled" if self._once(event) else "repeated"
            except (OperationalError, InterfaceError) as error:
                _say_away(error)
                if stop.wait(pause) or not delivery.channel.is_open:
                    return ""
                pause = min(2 * pause, longest)
            except Exception as error:  # noqa: BLE001 - the top of a loop that no message may end
                self._refused(delivery, event, error)
                return ""

    def _once(self, event: IdentityEvent) -> bool:
        """Handle it, unless that was done before; both or neither is committed."""
        try:
            with transaction.atomic():
                _, new = ReceivedEvent.objects.get_or_create(source=event.source, event_id=event.id)
                if new:
                    self._handle(event)
            return new
        finally:
            close_old_connections()  # One that broke is made anew; one that waits is nobody's.

    def _refused(self, delivery: _Delivery, event: IdentityEvent, error: Exception) -> None:
        delivery.tries += 1
        metrics.EVENTS_RECEIVED.labels("refused").inc()
        logger.warning(
            "identity_event_refused",
            extra={
                "source": event.source,
                "event_id": event.id,
                "tries": delivery.tries,
                "error": type(error).__name__,
            },
            exc_info=None if isinstance(error, _REFUSALS) else error,  # A bug.
        )
        if delivery.tries >= TRIES:
            return self._give_up(delivery, error)
        due = time.monotonic() + _RETRY * 2 ** (delivery.tries - 1)
        heapq.heappush(self._later, (due, next(self._order), delivery))
        return None

    def _give_up(self, delivery: _Delivery, error: Exception) -> None:
        """Put it aside. The log gets no words of the message, which the reason may repeat.

        The broker gets none but our own: a database's error, say, may hold a whole row.
        """
        name = type(error).__name__
        metrics.EVENTS_RECEIVED.labels("dead").inc()
        logger.error("identity_event_dead", extra={"error": name})
        reason = f"{name}: {error}"[:_REASON] if isinstance(error, _REFUSALS) else name
        self._link.call(partial(self._bury, delivery, reason))

    def _settle(self, delivery: _Delivery, outcome: str) -> None:
        metrics.EVENTS_RECEIVED.labels(outcome).inc()
        self._link.call(partial(_acknowledge, delivery))

    # In the thread of the link, from here.

    def _bury(self, delivery: _Delivery, reason: str) -> None:
        """Publish it to the dead letters; it is acknowledged when it is safe there."""
        if not delivery.channel.is_open:
            return
        self._sent += 1
        self._burials[self._sent] = (delivery, reason)
        properties = BasicProperties(
            content_type=delivery.content_type,
            correlation_id=str(self._sent),  # By which it is known if it is returned.
            delivery_mode=DeliveryMode.Persistent.value,
            headers={**delivery.headers, REASON: reason},
            message_id=delivery.message_id,
        )
        delivery.channel.basic_publish(
            self._names.dead_exchange, self._names.queue, delivery.body, properties, mandatory=True
        )

    def _bury_again(self, delivery: _Delivery, reason: str) -> None:
        """Nothing is lost: until there is room for it, or a queue again, we keep it."""
        if delivery.channel.is_open:
            again = partial(self._bury, delivery, reason)
            topology.declare_dead_letters(delivery.channel, self._names, again)

    def _on_return(
        self, _channel: Channel, _method: object, properties: BasicProperties, _body: bytes
    ) -> None:
        self._returned.add(properties.correlation_id)

    def _on_confirm(self, frame: Any) -> None:
        method: spec.Basic.Ack | spec.Basic.Nack = frame.method
        last = method.delivery_tag or 0
        for tag in [
            tag for tag in self._burials if tag == last or (method.multiple and tag < last)
        ]:
            delivery, reason = self._burials.pop(tag)
            if isinstance(method, spec.Basic.Nack) or str(tag) in self._returned:
                self._link.later(_BURY_AGAIN, partial(self._bury_again, delivery, reason))
            else:
                _acknowledge(delivery)
            self._returned.discard(str(tag))


def _acknowledge(delivery: _Delivery) -> None:
    if delivery.channel.is_open:
        with suppress(AMQPError):
            delivery.channel.basic_ack(delivery.tag)


def _say_away(error: Exception) -> None:
    metrics.EVENTS_RECEIVED.labels("database_away").inc()
    logger.warning("identity_events_wait", extra={"error": type(error).__name__})
