"""The log to RabbitMQ: every event at least once, those of one object in their order.

One process at a time publishes, under a lease of the cursor. It takes the events behind the cursor,
publishes them all together and moves the cursor over those that the broker has confirmed. Whoever
dies in between leaves events that are confirmed and not yet passed: they are published again, with
the same ids.

Of two events of one object the second is published when the first is confirmed. Nothing else keeps
their order: a broker that refuses one message (a full queue) may take the next one.

What stops an event decides what becomes of it. A broker that is down, frozen or closed to us is
none of the event's fault: it waits, as long as it takes. One that a full queue refuses waits too,
with pauses that grow: the broker has put it into the other queues that want it, and does so again
with each try. An event that the broker, or AMQP itself, will not have is tried five times while the
others pass, and then parked.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Protocol
from uuid import UUID

from django.db import close_old_connections, connection
from django.utils import timezone

from tasks import metrics
from tasks.events import cursors
from tasks.events.broker import Message, Outcome, Result
from tasks.events.envelope import cloud_event
from tasks.events.parked import due_again
from tasks.ids import uuid7
from tasks.models import Event

MOST_TRIES: Final = 5
BATCH: Final = 200  # an event has up to 1.2 MB, rarely more than 2 kB
PATIENCE: Final = 5.0  # seconds for a batch; well below the lease
PAUSE: Final = timedelta(seconds=0.2)  # before the second try, doubled before each further one
LONGEST_PAUSE: Final = timedelta(seconds=30)
_log: Final = logging.getLogger(__name__)
_PASSED: Final = frozenset({Outcome.CONFIRMED, Outcome.UNROUTABLE})
_REFUSALS: Final = frozenset({Outcome.REFUSED, Outcome.POISON})


class Publisher(Protocol):
    """What takes messages; `tasks.events.broker.Publisher`."""

    def publish(self, messages: list[Message], *, timeout: float) -> list[Result]: ...


@dataclass(slots=True)
class _Refused:
    """An event that was refused.

    Attributes:
        tries: how many there have been.
        poison: how many of them failed for its own sake.
    """

    tries: int = 0
    poison: int = 0
    again_at: datetime | None = None
    error: str = ""

    @property
    def is_hopeless(self) -> bool:
        return self.poison >= MOST_TRIES

    def is_due(self, now: datetime) -> bool:
        return not self.is_hopeless and (self.again_at is None or self.again_at <= now)

    def note(self, result: Result, now: datetime) -> None:
        self.poison += result.outcome is Outcome.POISON
        # Doubled without an end, it would leave the range of numbers some day.
        self.again_at = now + min(PAUSE * 2 ** min(self.tries, 16), LONGEST_PAUSE)
        self.tries += 1
        self.error = result.error


@dataclass(slots=True)
class _Window:
    """What this process knows of the events behind the cursor.

    Attributes:
        position: where it left the cursor.
        passed: sequences that are done although one before them is not.
        refused: by sequence, those that a queue, the broker or AMQP would not have.
    """

    position: int
    passed: set[int] = field(default_factory=set)
    refused: dict[int, _Refused] = field(default_factory=dict)


class Relay:
    """Publishes the log; `step` is the body of a loop.

    Args:
        source: the CloudEvents attribute.
        clock: the time, which decides when an event that was refused is due again.
    """

    def __init__(
        self,
        publisher: Publisher,
        *,
        source: str,
        clock: Callable[[], datetime] = timezone.now,
    ) -> None:
        self._publisher = publisher
        self._source = source
        self._clock = clock
        self._holder = uuid7()
        self._window = _Window(position=0)
        self._released: dict[int, _Refused] = {}  # by event, what a full queue refuses

    def step(self) -> bool:
        """Publish what waits, if it is this process's turn; return whether there may be more."""
        position = cursors.position(cursors.RABBITMQ)
        if not Event.objects.filter(sequence__gt=position).exists():
            return self._send_parked()
        cursor = cursors.lease(cursors.RABBITMQ, self._holder)
        if cursor is None:
            return False
        if cursor.position != self._window.position:
            # It was another's turn, who did not know what we knew.
            self._window = _Window(cursor.position)
        behind = Event.objects.filter(sequence__gt=cursor.position).order_by("sequence")
        return self._publish(list(behind[:BATCH]))

    def release(self) -> None:
        """Give the lease back at the end of the process."""
        cursors.release(cursors.RABBITMQ, self._holder)

    def _publish(self, events: list[Event]) -> bool:
        now = self._clock()
        wave = list(self._next_wave(events, now))
        results = self._send(wave)
        for event, result in zip(wave, results, strict=True):
            self._note(event, result, now)
        self._advance(events, now)
        return any(result.outcome in _PASSED for result in results)

    def _send(self, events: list[Event]) -> list[Result]:
        if not events:
            return []
        messages = [
            Message(str(event.uid), event.type, cloud_event(event, source=self._source))
            for event in events
        ]
        if not connection.in_atomic_block:  # as it is in no worker
            close_old_connections()  # Nothing is held while the broker takes its time.
        return self._publisher.publish(messages, timeout=PATIENCE)

    def _next_wave(self, events: Iterable[Event], now: datetime) -> Iterator[Event]:
        """Yield the events that may be published together: of each object the first one."""
        seen: set[UUID] = set()
        for event in events:
            sequence, key = _sequence(event), event.task or event.subject
            if sequence in self._window.passed:
                continue
            refused = self._window.refused.get(sequence)
            if key not in seen and (refused is None or refused.is_due(now)):
                yield event
            seen.add(key)

    def _note(self, event: Event, result: Result, now: datetime) -> None:
        sequence = _sequence(event)
        if result.outcome in _PASSED:
            self._window.passed.add(sequence)
        elif result.outcome in _REFUSALS:
            self._window.refused.setdefault(sequence, _Refused()).note(result, now)

    def _advance(self, events: list[Event], now: datetime) -> None:
        """Move the cursor over all that is done, parking what was refused too often."""
        window = self._window
        for event in events:
            sequence = _sequence(event)
            refused = window.refused.get(sequence)
            if refused is not None and refused.is_hopeless:
                self._park(event, refused, now)
            elif sequence not in window.passed:
                break
            window.passed.discard(sequence)
            window.refused.pop(sequence, None)
            window.position = sequence
        if events and window.position >= _sequence(events[0]):
            cursors.move(cursors.RABBITMQ, self._holder, window.position)

    def _park(self, event: Event, refused: _Refused, now: datetime) -> None:
        cursors.park(cursors.RABBITMQ, event, refused.error, tries=refused.poison, now=now)
        metrics.EVENTS_PARKED.inc()
        _log.error("event_parked", extra={"event_id": str(event.uid), "error": refused.error})

    def _send_parked(self) -> bool:
        """Publish what somebody has released (tasks/events/parked.py), one at a time."""
        parked = due_again(cursors.RABBITMQ, MOST_TRIES)
        if parked is None or cursors.lease(cursors.RABBITMQ, self._holder) is None:
            return False
        now = self._clock()
        refused = self._released.setdefault(parked.event_id, _Refused())
        if not refused.is_due(now):
            return False
        [result] = self._send([parked.event])
        if result.outcome in _PASSED:
            parked.delete()
        elif result.outcome is Outcome.POISON:
            cursors.park(cursors.RABBITMQ, parked.event, result.error, tries=MOST_TRIES, now=now)
        if result.outcome is Outcome.REFUSED:
            refused.note(result, now)
        else:
            self._released.pop(parked.event_id)
        return result.outcome in _PASSED


def _sequence(event: Event) -> int:
    """Return the event's place, which everything behind the cursor has."""
    if event.sequence is None:
        raise ValueError("an event that has no place in the log cannot be published")
    return event.sequence
