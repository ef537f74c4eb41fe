"""The relay: what becomes of an event, by what the broker says of it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from uuid import UUID

import orjson
import pytest
from django.core.management import call_command
from django.db import connection
from django.db.models.functions import Now
from django.utils import timezone

from tasks.events import cursors, relay
from tasks.events.broker import Message, Outcome, Result
from tasks.events.relay import Relay
from tasks.ids import uuid7
from tasks.models import Cursor, Event, ParkedEvent
from tests.events.making import NOON, make_event, sequence_all

pytestmark = pytest.mark.django_db


class Broker:
    """Ours: takes everything, but for the ids about which it was told otherwise."""

    def __init__(self) -> None:
        self.says: dict[str, Outcome] = {}
        self.calls: list[list[str]] = []
        self.bodies: list[bytes] = []

    def publish(self, messages: Sequence[Message], *, timeout: float) -> list[Result]:
        self.calls.append([message.id for message in messages])
        self.bodies += [message.body for message in messages]
        outcomes = [self.says.get(message.id, Outcome.CONFIRMED) for message in messages]
        return [Result(outcome, "said so") for outcome in outcomes]

    @property
    def taken(self) -> list[str]:
        return [one for call in self.calls for one in call]


@pytest.fixture
def broker() -> Broker:
    Cursor.objects.create(name=cursors.RABBITMQ)
    return Broker()


class Clock:
    """Tells the time that a test says."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    def passes(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def one(broker: Broker, clock: Clock) -> Relay:
    return Relay(broker, source="/tasks", clock=clock)


def events(count: int, subject: UUID | None = None) -> list[Event]:
    made = [make_event(subject=subject or uuid7()) for _ in range(count)]
    sequence_all()
    return made


def ids(made: Sequence[Event]) -> list[str]:
    return [str(event.uid) for event in made]


def test_it_publishes_in_the_order_of_the_log(one: Relay, broker: Broker) -> None:
    made = events(3)

    assert one.step()
    assert not one.step()

    assert broker.calls == [ids(made)]
    assert cursors.position(cursors.RABBITMQ) == 3
    first = orjson.loads(broker.bodies[0])
    assert (first["id"], first["type"], first["source"]) == (ids(made)[0], "task.created", "/tasks")


def test_it_sends_the_second_of_an_object_when_the_first_is_confirmed(
    one: Relay, broker: Broker
) -> None:
    a, other = events(2, subject=uuid7()), events(1)

    while one.step():
        pass

    assert broker.calls == [ids([a[0], *other]), ids([a[1]])]


def test_it_takes_a_task_and_its_comments_for_one_object(one: Relay, broker: Broker) -> None:
    task = uuid7()
    made = [make_event(subject=subject, task=task) for subject in (task, uuid7())]
    sequence_all()

    while one.step():
        pass

    assert broker.calls == [ids(made[:1]), ids(made[1:])]


def test_it_waits_for_a_broker_that_is_down(one: Relay, broker: Broker) -> None:
    made = events(2)
    broker.says = dict.fromkeys(ids(made), Outcome.UNSENT)

    for _ in range(20):
        assert not one.step()

    assert cursors.position(cursors.RABBITMQ) == 0
    assert not ParkedEvent.objects.exists()
    broker.says, broker.calls = {}, []
    assert one.step()
    assert broker.calls == [ids(made)]


def test_it_gives_a_full_queue_more_time_with_each_try_and_parks_nothing(
    one: Relay, broker: Broker, clock: Clock
) -> None:
    """The other queues get the event again each time."""
    [event, *_] = events(2)
    broker.says = {str(event.uid): Outcome.REFUSED}

    waited = pauses_of(one, broker, clock, seconds=120)

    assert waited == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0, 30.0]
    assert not ParkedEvent.objects.exists()
    broker.says = {}
    clock.passes(30)
    assert one.step()
    assert cursors.position(cursors.RABBITMQ) == 2


def test_it_counts_no_full_queue_among_the_tries_of_what_is_parked(
    one: Relay, broker: Broker, clock: Clock
) -> None:
    [event] = events(1)
    broker.says = {str(event.uid): Outcome.REFUSED}
    pauses_of(one, broker, clock, seconds=60)
    broker.says, broker.calls = {str(event.uid): Outcome.POISON}, []

    pauses_of(one, broker, clock, seconds=300)

    assert broker.taken == [str(event.uid)] * 5
    assert ParkedEvent.objects.get().tries == 5


def test_it_gives_a_full_queue_time_for_what_was_released_too(
    one: Relay, broker: Broker, clock: Clock
) -> None:
    [event] = events(1)
    one.step()
    cursors.park(cursors.RABBITMQ, event, "too large", tries=0, now=NOON)
    broker.says = {str(event.uid): Outcome.REFUSED}

    waited = pauses_of(one, broker, clock, seconds=60)

    assert waited == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6]
    broker.says = {}
    clock.passes(30)
    assert one.step()
    assert not ParkedEvent.objects.exists()


def pauses_of(one: Relay, broker: Broker, clock: Clock, *, seconds: int) -> list[float]:
    """Let time pass in steps of 0.2 s; return the pauses between two tries."""
    tried: list[datetime] = []
    for _ in range(5 * seconds):
        before = len(broker.calls)
        one.step()
        tried += [clock.now] * (len(broker.calls) - before)
        clock.passes(0.2)
    return [(later - sooner).total_seconds() for sooner, later in pairwise(tried)]


def test_it_does_not_send_again_what_was_taken_behind_one_that_was_not(
    one: Relay, broker: Broker, clock: Clock
) -> None:
    made = events(3)
    broker.says = {ids(made)[0]: Outcome.REFUSED}
    one.step()
    broker.says, broker.calls = {}, []
    clock.passes(0.2)

    one.step()

    assert broker.calls == [ids(made)[:1]]
    assert cursors.position(cursors.RABBITMQ) == 3


def test_it_goes_on_after_what_nobody_wants(one: Relay, broker: Broker) -> None:
    made = events(2)
    broker.says = {ids(made)[0]: Outcome.UNROUTABLE}

    one.step()

    assert cursors.position(cursors.RABBITMQ) == 2


def test_it_parks_what_is_refused_for_its_own_sake_after_five_tries(
    one: Relay, broker: Broker, clock: Clock
) -> None:
    poison, after = events(2, subject=uuid7())
    others = events(1)
    broker.says = {str(poison.uid): Outcome.POISON}

    for _ in range(30):
        one.step()
        clock.passes(1)

    assert broker.taken.count(str(poison.uid)) == 5
    assert broker.calls[0] == ids([poison, *others])
    assert broker.calls[-1] == ids([after])
    assert cursors.position(cursors.RABBITMQ) == 3
    parked = ParkedEvent.objects.get()
    assert (parked.event, parked.tries, parked.error) == (poison, 5, "said so")


def test_it_sends_a_parked_one_again_when_it_is_released(
    one: Relay, broker: Broker, capsys: pytest.CaptureFixture[str]
) -> None:
    [event] = events(1)
    one.step()
    cursors.park(cursors.RABBITMQ, event, "too large", tries=5, now=timezone.now())
    assert not one.step()

    broker.says = {str(event.uid): Outcome.POISON}
    call_command("parked_events", "--release")
    assert not one.step()
    assert ParkedEvent.objects.get().tries == 5

    broker.says, broker.calls = {}, []
    call_command("parked_events", str(event.uid), "--release")
    assert one.step()
    assert not ParkedEvent.objects.exists()
    assert broker.calls == [[str(event.uid)]]
    assert "too large" in capsys.readouterr().out


def test_it_leaves_it_to_whoever_has_the_lease(one: Relay, broker: Broker) -> None:
    made = events(2)
    cursors.lease(cursors.RABBITMQ, uuid7())

    assert not one.step()
    assert broker.calls == []

    Cursor.objects.update(leased_until=Now() - timedelta(seconds=1))
    assert one.step()
    assert broker.calls == [ids(made)]


def test_it_forgets_what_it_knew_when_it_was_another_ones_turn(one: Relay, broker: Broker) -> None:
    made = events(3)
    broker.says = {ids(made)[0]: Outcome.UNSENT}
    one.step()
    one.release()
    broker.says, broker.calls = {}, []
    other = Relay(broker, source="/tasks")

    other.step()
    other.release()
    events(1)
    one.step()

    assert broker.calls[0] == ids(made)
    assert cursors.position(cursors.RABBITMQ) == 4


def test_it_waits_longer_before_each_further_try(one: Relay, broker: Broker, clock: Clock) -> None:
    [event] = events(1)
    broker.says = {str(event.uid): Outcome.POISON}

    assert pauses_of(one, broker, clock, seconds=4) == [0.2, 0.4, 0.8, 1.6]


def test_it_publishes_no_parked_one_while_another_has_the_lease(one: Relay, broker: Broker) -> None:
    [event] = events(1)
    one.step()
    one.release()
    cursors.park(cursors.RABBITMQ, event, "too large", tries=0, now=NOON)
    broker.calls = []
    cursors.lease(cursors.RABBITMQ, uuid7())

    assert not one.step()

    assert broker.calls == []
    assert ParkedEvent.objects.exists()


def test_it_takes_no_more_at_once_than_a_batch(
    one: Relay, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "BATCH", 2)
    made = events(3)

    while one.step():
        pass

    assert broker.calls == [ids(made[:2]), ids(made[2:])]


def test_it_begins_again_where_the_cursor_was_put_back(one: Relay, broker: Broker) -> None:
    made = events(3)
    one.step()
    Cursor.objects.filter(name=cursors.RABBITMQ).update(position=0)
    broker.says, broker.calls = {ids(made)[0]: Outcome.REFUSED}, []

    one.step()

    assert broker.calls == [ids(made)]
    assert cursors.position(cursors.RABBITMQ) == 0


def test_it_tries_five_times_also_what_waits_behind_another(
    one: Relay, broker: Broker, clock: Clock
) -> None:
    unsent, poison = events(2)
    broker.says = {str(unsent.uid): Outcome.UNSENT, str(poison.uid): Outcome.POISON}

    for _ in range(30):
        one.step()
        clock.passes(1)

    assert broker.taken.count(str(poison.uid)) == 5
    assert not ParkedEvent.objects.exists()
    del broker.says[str(unsent.uid)]
    one.step()
    assert ParkedEvent.objects.get().event == poison


@pytest.mark.django_db(transaction=True)
def test_it_holds_no_connection_while_the_broker_takes_its_time(
    one: Relay, broker: Broker, vendor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if vendor == "sqlite":
        pytest.skip("SQLite has no pool that a connection would be missing from")
    events(1)
    held: list[bool] = []
    publish = broker.publish

    def slowly(messages: Sequence[Message], *, timeout: float) -> list[Result]:
        held.append(connection.connection is not None)
        return publish(messages, timeout=timeout)

    monkeypatch.setattr(broker, "publish", slowly)

    assert one.step()
    assert held == [False]
