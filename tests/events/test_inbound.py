"""Events of the identity service: handled once, and none that is wrong stops the rest."""

import json
import threading
from collections import Counter
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from django.db import OperationalError, connection

from tasks.errors import Conflict
from tasks.events.identity_event import IdentityEvent
from tasks.models import ReceivedEvent, User
from tests.events.brokers import counted
from tests.events.identity_service import IdentityService, event, eventually
from tests.health.servers import proxy_to

pytestmark = [pytest.mark.django_db(transaction=True)]


@pytest.fixture
def service(amqp_url: str) -> Iterator[IdentityService]:
    service = IdentityService(amqp_url)
    yield service
    service.delete()


class Handler:
    """Remembers what it was called with, and may refuse some of it."""

    def __init__(self, **errors: Exception) -> None:
        self.ids: list[str] = []
        self.events: list[IdentityEvent] = []
        self._errors = errors  # By the event's id.

    def __call__(self, event: IdentityEvent) -> None:
        assert connection.in_atomic_block
        self.ids.append(event.id)
        self.events.append(event)
        User.objects.create(username=f"{event.id}-{len(self.ids)}")
        if event.id in self._errors:
            raise self._errors[event.id]


def received() -> list[str]:
    return sorted(ReceivedEvent.objects.values_list("event_id", flat=True))


def test_it_handles_events_of_both_spellings(service: IdentityService) -> None:
    handler = Handler()
    with service.consumed_by(handler):
        service.send(event(id="1", type="user.deleted"), key="user.deleted")
        service.send(event(id="2"), key="identity.user.updated")
        service.send(event(id="3", type="user.created"), key="user.created")
        eventually(lambda: len(received()) == 2)
    assert sorted(handler.ids) == ["1", "2"]
    assert {found.type for found in handler.events} == {"user.deleted", "user.updated"}
    assert (service.left(), service.dead()) == (0, [])


def test_it_handles_an_event_once_however_often_it_comes_and_to_whom(
    service: IdentityService,
) -> None:
    handler = Handler()
    before = counted("tasks_events_received_total", outcome="repeated")
    bodies = [event(id=str(number)) for number in range(20)]
    with service.consumed_by(handler), service.consumed_by(handler):
        service.send(*bodies, *bodies)
        done = before + len(bodies)
        eventually(lambda: counted("tasks_events_received_total", outcome="repeated") == done)
    assert Counter(handler.ids) == {str(number): 1 for number in range(20)}
    assert ReceivedEvent.objects.count() == User.objects.count() == 20
    assert (service.left(), service.dead()) == (0, [])


def test_it_puts_aside_what_is_refused_five_times_and_goes_on_meanwhile(
    service: IdentityService,
) -> None:
    handler = Handler(bad=ValueError("no such name"), worse=Conflict("taken"), bug=KeyError("x"))
    bad, worse, bug = event(id="bad"), event(id="worse"), event(id="bug")
    with service.consumed_by(handler):
        service.send(bad, worse, bug, event(id="good"))
        eventually(lambda: received() == ["good"])
        assert Counter(handler.ids)["bad"] < 5  # It waits for its next try; the good one did not.
        dead = service.dead_letters(3)
    assert sorted(dead) == sorted(
        [(bad, "ValueError: no such name"), (worse, "Conflict: taken"), (bug, "KeyError")]
    )
    assert Counter(handler.ids) == {"bad": 5, "worse": 5, "bug": 5, "good": 1}
    # The refused left neither their note nor what was done for them.
    assert received() == ["good"]
    assert User.objects.count() == 1
    assert service.left() == 0


def test_it_puts_aside_at_once_what_it_cannot_read(service: IdentityService) -> None:
    handler = Handler()
    large = json.dumps({"data": "x" * 70_000}).encode()
    with service.consumed_by(handler):
        service.send(b"\xff", large, event(source=""), event(id="good"))
        eventually(lambda: received() == ["good"])
        dead = service.dead_letters(3)
    assert [reason for _, reason in dead] == [
        "ValueError: It is not JSON in UTF-8.",
        "ValueError: It has more than 65536 bytes.",
        "ValueError: source is not a text of 1 to 255 characters.",
    ]
    assert handler.ids == ["good"]
    assert service.left() == 0


def test_it_waits_for_a_database_that_is_away(service: IdentityService, vendor: str) -> None:
    handler = Handler()
    tries: list[str] = []

    def handle(event: IdentityEvent) -> None:
        tries.append(event.id)
        if len(tries) == 1:
            _lose_the_connection(vendor)
        handler(event)

    with service.consumed_by(handle):
        service.send(event(id="1"), event(id="2"))
        eventually(lambda: received() == ["1", "2"])
    assert tries == ["1", "1", "2"]
    assert handler.ids == ["1", "2"]
    assert (service.left(), service.dead()) == (0, [])


def _lose_the_connection(vendor: str) -> None:
    if vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    raise OperationalError("disk I/O error")  # Nobody ends an SQLite from outside.


@pytest.mark.once
def test_it_keeps_a_dead_letter_until_there_is_a_place_for_it(service: IdentityService) -> None:
    with service.consumed_by(Handler()):
        service.delete_dead_queue()
        service.send(b"broken", event(id="good"))
        eventually(lambda: received() == ["good"])
        eventually(lambda: counted("tasks_events_received_total", outcome="dead") > 0)
        [(body, _)] = service.dead_letters(1)
    assert body == b"broken"
    assert service.left() == 0


@pytest.mark.once
def test_it_answers_heartbeats_while_an_event_is_handled(service: IdentityService) -> None:
    handler = Handler()

    def handle(event: IdentityEvent) -> None:
        handler(event)
        threading.Event().wait(3.5)  # The broker ends a connection after two seconds of silence.

    with service.consumed_by(handle, heartbeat=1):
        service.send(event(id="slow"))
        eventually(lambda: received() == ["slow"])
    assert handler.ids == ["slow"]
    assert service.left() == 0


@pytest.mark.once
def test_it_comes_back_when_everything_was_deleted(service: IdentityService) -> None:
    handler = Handler()
    before = counted("tasks_broker_connections_total", link="consumer")
    with service.consumed_by(handler):
        service.send(event(id="1"))
        eventually(lambda: received() == ["1"])
        service.delete()
        eventually(lambda: counted("tasks_broker_connections_total", link="consumer") == before + 2)
        service.send(event(id="2"), b"broken")
        eventually(lambda: received() == ["1", "2"])
        eventually(service.dead)


@pytest.mark.once
def test_it_ends_in_time_where_the_broker_is_frozen_and_loses_nothing(
    service: IdentityService,
) -> None:
    place = urlsplit(service.url)
    assert place.hostname is not None
    with proxy_to(place.hostname, place.port or 5672) as proxy:
        direct = f"{place.hostname}:{place.port or 5672}"
        behind = service.url.replace(direct, f"127.0.0.1:{proxy.port}")

        def handle(_: IdentityEvent) -> None:
            proxy.freeze()
            raise ValueError("for another try")

        with service.consumed_by(handle, url=behind):
            service.send(event(id="1"))
            eventually(lambda: counted("tasks_events_received_total", outcome="refused") > 0)
    eventually(lambda: service.left() == 1)
    assert received() == []
