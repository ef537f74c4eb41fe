"""Each type of event, made by a real operation, as it lies in a real queue of RabbitMQ."""

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date, datetime, time
from uuid import uuid4

import jsonschema
import orjson
import pytest
from django.db import transaction

from tasks.api.asyncapi import document
from tasks.events import cursors
from tasks.events.broker import Publisher
from tasks.events.catalogue import TYPES, kind_of
from tasks.events.envelope import cloud_event
from tasks.events.identity_event import read as read_inbound
from tasks.events.relay import Relay
from tasks.models import Cursor, Event, Project, User
from tasks.operations.moves import move_task
from tasks.operations.tasks import update_task
from tasks.webhooks.claims import claim, with_work
from tasks.webhooks.marking import mark_failed
from tasks.webhooks.operations import create_webhook, ping
from tasks.webhooks.sending import Sent
from tests.contract.world import deliver
from tests.events.brokers import Got, Queue, queue_on
from tests.events.identity_service import event as inbound_event
from tests.events.judging import asyncapi, judge, payload_of
from tests.events.making import sequence_all
from tests.operations.test_recording import CHANGES, Scene

SOURCE = "https://tasks.example.org/one"
# Nothing makes these yet.
LATER = {"reminder.fired"}


@pytest.fixture
def scene(project: Project, alice: User, bob: User, now: datetime) -> Scene:
    return Scene(project, alice, bob, now)


@pytest.fixture
def queue(amqp_url: str) -> Iterator[Queue]:
    """A queue that wants everything, at an exchange of our own: the broker is shared."""
    with queue_on(amqp_url, f"test-{uuid4()}", "#") as queue:
        yield queue
        queue.delete_exchange()


def _webhook_is_gone(at: Scene) -> None:
    """Ping an endpoint, and let it answer that there is none any more."""
    webhook, _ = create_webhook(**at.by, fields={"url": "https://example.org/hooks"})
    ping(**at.by, webhook_id=webhook.pk)
    deliver(webhook, at.now)
    [claimed] = claim(dict.fromkeys(with_work(now=at.now), 1), now=at.now)
    mark_failed(Sent(claim=claimed, at=at.now, status=410), now=at.now, chance=0.5)


def _filled(at: Scene) -> None:
    """Give a task all that a task can have, and take it away."""
    full = {
        "description": "Both\nof them",
        "priority": 4,
        "start_date": date(2026, 11, 1),
        "due_date": date(2026, 11, 30),
        "due_time": time(17, 30),
        "timezone": "Europe/Berlin",
        "assignee": at.bob.pk,
        "external_id": "JIRA-7",
        "metadata": {"colour": "red"},
    }
    task = at.task(title="Keys", **full)
    empty = {"due_time": None, "due_date": None, "start_date": None, "external_id": None}
    update_task(**at.by, task_id=task.pk, fields={**empty, "assignee": None, "metadata": {}})


def _reopened(at: Scene) -> None:
    for completed in (True, False):
        update_task(**at.by, task_id=at.root.pk, fields={"completed": completed})


ACTS: list[Callable[[Scene], object]] = [
    *(act for act, _ in CHANGES),
    *(_filled, _reopened, _webhook_is_gone),
]


def _publish_all(relay: Relay) -> dict[str, bytes]:
    """Publish what was recorded; return it as it was meant to be sent, by its id."""
    sequence_all()
    behind = cursors.position(cursors.RABBITMQ)
    while relay.step():
        pass
    events = Event.objects.filter(sequence__gt=behind)
    assert cursors.position(cursors.RABBITMQ) == behind + len(events)
    return {str(event.uid): cloud_event(event, source=SOURCE) for event in events}


def _publish_each(relay: Relay, scene: Scene) -> dict[str, bytes]:
    """Do one thing after the other, each in the same scene: what it changed is undone."""
    published = _publish_all(relay)
    for act in ACTS:
        with transaction.atomic():
            act(scene)
            published |= _publish_all(relay)
            transaction.set_rollback(True)
    return published


def _check(got: Got) -> tuple[str, bytes]:
    properties, body = got
    event = judge(body)
    assert properties.content_type == "application/cloudevents+json"
    assert properties.message_id == event["id"]
    assert properties.type == event["type"]
    assert (properties.delivery_mode, properties.app_id) == (2, "tasks")
    assert event["source"] == SOURCE
    assert event["data"]["object"] is not None
    return event["id"], body


@pytest.mark.django_db
def test_it_publishes_every_type_of_event_as_the_documents_say(
    amqp_url: str, queue: Queue, scene: Scene
) -> None:
    Cursor.objects.create(name=cursors.RABBITMQ)
    with closing(Publisher(amqp_url, exchange=queue.exchange)) as publisher:
        published = _publish_each(Relay(publisher, source=SOURCE), scene)

    taken = queue.take()

    assert dict(_check(got) for got in taken) == published
    assert {properties.type for properties, _ in taken} == TYPES.keys() - LATER


@pytest.mark.django_db
def test_it_routes_an_event_by_its_type(amqp_url: str, queue: Queue, scene: Scene) -> None:
    Cursor.objects.create(name=cursors.RABBITMQ)
    wanted = "label.created"
    with (
        queue_on(amqp_url, queue.exchange, wanted) as labels,
        closing(Publisher(amqp_url, exchange=queue.exchange)) as publisher,
    ):
        _publish_all(Relay(publisher, source=SOURCE))
        some = [properties.type for properties, _ in labels.take()]
    everything = [properties.type for properties, _ in queue.take()]
    assert some == [wanted] * everything.count(wanted) != []
    assert len(some) < len(everything)


@pytest.mark.django_db
def test_it_has_a_form_for_those_who_see_only_where_a_task_was(scene: Scene) -> None:
    move_task(**scene.by, task_id=scene.root.pk, to={"project": scene.other.pk})
    moved = Event.objects.filter(type="task.moved")
    for event in moved:
        judge(cloud_event(event, source=SOURCE, for_left=True))
    assert len(moved) == 2


# --- The document -----------------------------------------------------------------------------


@pytest.mark.once
def test_it_is_written_down_as_the_code_has_it() -> None:
    assert asyncapi() == document()


@pytest.mark.once
def test_it_has_a_message_of_each_type_and_a_schema_by_the_name_that_events_give() -> None:
    components = asyncapi()["components"]
    assert components["messages"].keys() == {*TYPES, "identity.user"} - LATER
    named = {schema["$id"] for schema in components["schemas"].values() if "$id" in schema}
    assert named == {f"urn:tasks:events:v1:{kind_of(name)}" for name in TYPES.keys() - LATER}
    for schema in components["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)
        jsonschema.Draft7Validator.check_schema(schema)
        assert b"$ref" not in orjson.dumps(schema)


@pytest.mark.once
@pytest.mark.parametrize("kind", sorted({kind_of(name) for name in TYPES.keys() - LATER}))
def test_it_would_find_a_message_that_is_wrong(kind: str) -> None:
    name = next(name for name in TYPES if kind_of(name) == kind)
    found = payload_of(name).iter_errors({"type": "task.lost", "dataschema": "", "data": {}})
    missing = {error.message for error in found}
    assert {"'object' is a required property", f"{name!r} was expected"} <= missing


@pytest.mark.once
@pytest.mark.parametrize(
    "changes",
    [
        *(
            {"type": f"{prefix}user.{verb}"}
            for prefix in ("", "identity.")
            for verb in ("deleted",)
        ),
        {"type": "user.updated", "data": {"id": str(uuid4()), "active": False, "more": 1}},
        {"data": {}, "subject": str(uuid4())},
        {"id": "x" * 255},
    ],
)
def test_it_describes_what_is_read_of_the_identity_service(changes: dict[str, object]) -> None:
    body = inbound_event(**changes)
    payload_of("identity.user").validate(orjson.loads(body))
    assert read_inbound(body) is not None


@pytest.mark.once
@pytest.mark.parametrize(
    "changes",
    [
        {"id": "x" * 256},
        {"source": ""},
        {"data": None},
        {"data": {}},
        {"data": {"id": "alice"}},
        {"specversion": "2.0"},
    ],
)
def test_it_describes_what_goes_to_the_dead_letters(changes: dict[str, object]) -> None:
    body = inbound_event(**changes)
    with pytest.raises(ValueError):  # noqa: PT011 - each has words of its own, tested elsewhere
        read_inbound(body)
    assert not payload_of("identity.user").is_valid(orjson.loads(body))
