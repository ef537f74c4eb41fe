"""docs/events.md: its tables and figures are the service's, its messages valid, its code runs."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest

from tasks.events import identity_event, inbound, pruning, relay, topology
from tasks.events.broker import Message, Outcome, Publisher
from tasks.events.catalogue import TYPES
from tasks.events.identity_event import IdentityEvent, read
from tests.environment import CHECKOUT
from tests.events.brokers import Queue, outcomes, queue_on
from tests.events.identity_service import eventually
from tests.events.judging import judge, payload_of

pytestmark = pytest.mark.once
PAGE = (CHECKOUT / "docs" / "events.md").read_text()
EVENT, IDENTITY = re.findall(r"^```json\n(.*?)^```$", PAGE, re.M | re.S)


def test_it_lists_the_types_of_the_catalogue() -> None:
    lines = "".join(f"| `{name}` | {words} |\n" for name, words in TYPES.items())
    assert f"| type | |\n|---|---|\n{lines}\n" in PAGE


def test_it_shows_an_event_as_it_is_sent() -> None:
    event = judge(EVENT.encode())
    label = event["data"]["object"]
    assert label["name"] == event["data"]["changes"]["name"][1]
    assert (label["id"], label["project"]) == (event["subject"], event["data"]["project"])


def test_it_shows_an_event_of_the_identity_service_as_it_is_read() -> None:
    payload_of("identity.user").validate(json.loads(IDENTITY))
    assert isinstance(read(IDENTITY.encode()), IdentityEvent)
    for name in identity_event.TYPES:
        assert f"| `identity.{name}` |" in PAGE


def test_it_names_the_figures_and_the_names_of_the_service() -> None:
    names = topology.IDENTITY
    keys = " and ".join(f"`{key}`" for key in names.keys)
    assert (relay.MOST_TRIES, inbound.TRIES, identity_event.LARGEST) == (5, 5, 64 * 1024)
    for words in (
        f"Kept for {pruning.KEPT_FOR.days} days",
        f"exchange `{topology.EVENTS}`",
        f"`{names.queue}` is bound to the topic exchange `{names.exchange}` by {keys}",
        f"`{names.dead_queue}`, with the reason in the header `{inbound.REASON}`",
        "python manage.py parked_events",
    ):
        assert words in PAGE


@pytest.fixture
def queue(amqp_url: str) -> Iterator[Queue]:
    """A queue of our own for the page's: the broker is shared."""
    with queue_on(amqp_url, f"test-{uuid4()}", "nothing", **{"x-queue-type": "quorum"}) as queue:
        yield queue
        queue.delete_exchange()


def has_consumer(queue: Queue) -> bool:
    with queue.channel() as channel:
        found = channel.queue_declare(queue.name, passive=True)
    return int(found.method.consumer_count) > 0


def test_it_has_a_consumer_that_prints_each_event_of_a_task_once(
    amqp_url: str, queue: Queue, tmp_path: Path
) -> None:
    [code] = re.findall(r"^```python\n(.*?)^```$", PAGE, re.M | re.S)
    own = code.replace(topology.EVENTS, queue.exchange).replace("printer.tasks", queue.name)
    assert own.count(queue.exchange) == 2
    assert own.count(queue.name) == 3
    (tmp_path / "consumer.py").write_text(own)
    process = subprocess.Popen(
        [sys.executable, "consumer.py", amqp_url],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    task = {"sequence": "1", "type": "task.created", "data": {"object": {"title": "Pack"}}}
    body = json.dumps(task).encode()
    sent = [Message(name, "task.created", body) for name in ("a", "a", "b")]
    try:
        eventually(lambda: has_consumer(queue))
        with closing(Publisher(amqp_url, exchange=queue.exchange)) as publisher:
            results = publisher.publish([*sent, Message("c", "label.created", b"{}")], timeout=10)
        assert process.stdout is not None
        printed = [process.stdout.readline() for _ in range(2)]
        eventually(lambda: not queue_holds(queue))
    finally:
        process.terminate()
        rest, _ = process.communicate(timeout=20)
    assert outcomes(results) == [Outcome.CONFIRMED] * 3 + [Outcome.UNROUTABLE]
    assert (printed, rest) == (["1 task.created Pack\n"] * 2, "")


def queue_holds(queue: Queue) -> int:
    """Return how many messages nobody has taken yet."""
    with queue.channel() as channel:
        found = channel.queue_declare(queue.name, passive=True)
    return int(found.method.message_count)
