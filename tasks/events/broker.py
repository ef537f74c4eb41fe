"""Our events on their way to RabbitMQ: many at a time, each with its own outcome.

CONFIRMED says that the broker has the message safe, or that nobody wants it and it could say so
(UNROUTABLE). All else leaves the message to be sent again, so that one may arrive twice, and never
not at all. POISON says that this message can never be sent. It is said only of a message that was
alone on the way when the broker closed the channel for the sake of a message: an outage that looked
like poison would set events aside for ever.

The broker does not say which of many it refuses. What was on the way is then sent again one by one,
over a new connection, in the same order; the refused one costs a connection and its companions a
round trip each.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from enum import StrEnum
from functools import partial
from typing import Any, Final, NamedTuple

from pika import BasicProperties, spec
from pika.channel import Channel
from pika.delivery_mode import DeliveryMode
from pika.exceptions import AMQPError

from tasks import metrics
from tasks.events import topology
from tasks.events.link import Link, Loss

logger = logging.getLogger(__name__)

CONTENT_TYPE: Final = "application/cloudevents+json"
HEARTBEAT: Final = 10  # seconds
# Messages on the way at a time: what an outage may make arrive twice, and what a frozen broker
# leaves in memory. On two cores 1 gives 1,600 events/s, 16 give 8,000, 256 13,000 and more of them
# no more; with three busy processes beside it 1 gives 200, 64 1,200 and 256 1,900.
IN_FLIGHT: Final = 256
# Content too large, precondition failed (RabbitMQ's words for the former), frame and syntax error.
_POISON: Final = frozenset({311, 406, 501, 502})


class Message(NamedTuple):
    id: str
    routing_key: str
    body: bytes


class Outcome(StrEnum):
    CONFIRMED = "confirmed"
    UNROUTABLE = "unroutable"  # No queue wants it. The broker has dealt with it.
    REFUSED = "refused"  # A queue is full and says so; later it may not be.
    POISON = "poison"  # It is this message's fault: too large, or not to be put into a frame.
    UNSENT = "unsent"  # Whether it arrived is not known, and mostly it did not.


class Result(NamedTuple):
    outcome: Outcome
    error: str = ""


class _Batch:
    """The messages of one call, and what has become of them."""

    def __init__(self, messages: Sequence[Message]) -> None:
        self.results: list[Result | None] = [_refusal(message) for message in messages]
        self.messages = messages
        self.waiting = deque(i for i, result in enumerate(self.results) if result is None)
        self.done = threading.Event()
        self._left = len(self.waiting)
        if not self._left:
            self.done.set()

    def settle(self, index: int, result: Result) -> None:
        if self.results[index] is None:
            self.results[index] = result
            self._left -= 1
        if not self._left:
            self.done.set()


class Publisher:
    """Publishes for one thread; connects when it is first used, and again after each fault.

    Args:
        heartbeat: seconds; how soon a broker that vanished is noticed while nothing is published.
    """

    def __init__(
        self, url: str, *, heartbeat: int = HEARTBEAT, exchange: str = topology.EVENTS
    ) -> None:
        self._exchange = exchange
        self._link = Link(url, self, name="publisher", heartbeat=heartbeat)
        # All below belongs to the thread of the link.
        self._channel: Channel | None = None
        self._batch: _Batch | None = None
        self._sent: dict[int, tuple[_Batch, int]] = {}  # By delivery tag, in order.
        self._returned: list[str | None] = []
        self._tag = 0
        self._window = IN_FLIGHT
        self._blocked = False
        self._reason = ""

    def publish(self, messages: Sequence[Message], *, timeout: float) -> list[Result]:
        """Return what became of each message, in their order, after at most `timeout` seconds.

        They are sent in their order. It does not raise for anything that the broker does.
        """
        batch = _Batch(messages)
        if self._link.closed:
            self._end(batch, "closed")
        else:
            self._link.start()
            self._link.call(partial(self._begin, batch))
        if not batch.done.wait(timeout):
            self._link.call(partial(self._give_up, batch))
        unsent = Result(Outcome.UNSENT, self._reason or "no confirm in time")
        results = [result or unsent for result in batch.results]
        for result in results:
            metrics.EVENTS_PUBLISHED.labels(result.outcome.value).inc()
        return results

    def close(self) -> None:
        self._link.close()

    def declare(self, channel: Channel, done: Callable[[], None]) -> None:
        channel.add_on_return_callback(self._on_return)
        channel.confirm_delivery(self._on_confirm, callback=lambda _: None)
        channel.connection.add_on_connection_blocked_callback(lambda *_: self._block())
        channel.connection.add_on_connection_unblocked_callback(lambda *_: self._unblock())
        topology.declare_outbound(channel, self._exchange, done)

    def opened(self, channel: Channel) -> None:
        self._channel = channel
        self._tag = 0
        self._reason = ""
        self._send()

    def lost(self, loss: Loss) -> None:
        """Decide about what was on the way: the fault of one of them, or nobody's."""
        sent, self._sent = list(self._sent.values()), {}
        self._channel = None
        self._blocked = False
        self._returned.clear()
        self._reason = loss.text
        if self._batch is None:
            return
        if sent and loss.code in _POISON:
            self._suspect(self._batch, sent, loss.text)
        else:
            self._end(self._batch, loss.text)

    def _suspect(self, batch: _Batch, sent: list[tuple[_Batch, int]], error: str) -> None:
        mine = [index for owner, index in sent if owner is batch]
        if len(sent) == 1 and mine:
            batch.settle(mine[0], Result(Outcome.POISON, error))
        else:
            batch.waiting.extendleft(reversed(mine))
        self._window = 1

    def _end(self, batch: _Batch, error: str) -> None:
        for index, result in enumerate(batch.results):
            if result is None:
                batch.settle(index, Result(Outcome.UNSENT, error))
        self._batch = None

    def _begin(self, batch: _Batch) -> None:
        self._batch = batch
        self._window = IN_FLIGHT
        self._send()

    def _give_up(self, batch: _Batch) -> None:
        """Forget the batch. A connection that did not confirm in time is not sent more.

        A broker that said that it is full is waited for: it does not read, so that it would not
        notice that this connection is gone, and another one would be blocked like it.
        """
        if batch is self._batch:
            self._batch = None
            if self._sent and not self._blocked:
                self._link.drop("no confirm in time")

    def _send(self) -> None:
        batch, channel = self._batch, self._channel
        if batch is None or channel is None or self._blocked:
            return
        while batch.waiting and len(self._sent) < self._window:
            index = batch.waiting.popleft()
            message = batch.messages[index]
            self._tag += 1
            self._sent[self._tag] = (batch, index)
            channel.basic_publish(
                self._exchange,
                message.routing_key,
                message.body,
                _properties(message),
                mandatory=True,
            )

    def _on_confirm(self, frame: Any) -> None:
        method: spec.Basic.Ack | spec.Basic.Nack = frame.method
        confirmed = not isinstance(method, spec.Basic.Nack)
        for tag in self._tags(method.delivery_tag, multiple=method.multiple):
            batch, index = self._sent.pop(tag)
            batch.settle(index, self._result(batch.messages[index].id, confirmed=confirmed))
        self._send()

    def _tags(self, last: int, *, multiple: bool) -> list[int]:
        if multiple:
            return [tag for tag in self._sent if tag <= last]
        return [last] if last in self._sent else []

    def _result(self, message_id: str, *, confirmed: bool) -> Result:
        if not confirmed:
            return Result(Outcome.REFUSED, "refused by a queue")
        if message_id in self._returned:  # The broker returns it before it confirms it.
            self._returned.remove(message_id)
            return Result(Outcome.UNROUTABLE, "no queue is bound for it")
        return Result(Outcome.CONFIRMED)

    def _on_return(
        self, _channel: Channel, _method: object, properties: BasicProperties, _body: bytes
    ) -> None:
        self._returned.append(properties.message_id)

    def _block(self) -> None:
        self._blocked = True
        self._reason = "the broker is full and takes nothing"
        logger.warning("broker_blocked")

    def _unblock(self) -> None:
        self._blocked = False
        self._reason = ""
        logger.info("broker_unblocked")
        self._send()


def _properties(message: Message) -> BasicProperties:
    return BasicProperties(
        app_id="tasks",
        content_type=CONTENT_TYPE,
        delivery_mode=DeliveryMode.Persistent.value,
        message_id=message.id,
        timestamp=int(time.time()),
        type=message.routing_key,
    )


def _refusal(message: Message) -> Result | None:
    """Try whether it fits into frames at all; pika raises this and that where it does not."""
    try:
        spec.Basic.Publish(exchange="", routing_key=message.routing_key).encode()
        _properties(message).encode()
        memoryview(message.body)
    except (AMQPError, AssertionError, TypeError, ValueError) as error:
        return Result(Outcome.POISON, f"cannot be encoded: {type(error).__name__}")
    return None
