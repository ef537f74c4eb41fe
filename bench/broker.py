"""`make bench ARGS=broker`: does anybody notice when RabbitMQ is in trouble, and is anything lost?

    make bench ARGS="broker --seconds 8"

A RabbitMQ node, a PostgreSQL, a web server and a worker of our own. While clients write fifty times
a second, the broker is frozen, killed, out of memory, without a binding, and locked; each for some
seconds. For each: what the API answered, how far the events fell behind, how soon they caught up.
"""

import argparse
import os
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pika

from bench import crashes, fleet
from bench.clients import Client
from bench.fleet import QUEUE, Inbox
from bench.servers import postgresql
from bench.service import wait_until_ready
from tests.events import nodes
from tests.events.nodes import Node
from tests.listening import closed_port

RATE, CLIENTS = 50, 5  # writes a second, and by how many
_PASSWORD = "guest"  # noqa: S105 - of a broker that listens on the loopback for a minute


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=8, help="that each fault lasts")
    options = parser.parse_args(arguments)
    inbox, stop = Inbox(), threading.Event()
    with nodes.started() as node, postgresql() as database, _counters() as counters:
        crashes.prepare(database)
        project = crashes.scene(closed_port())
        fleet.bind(node.url)
        fleet.consume(node.url, inbox, stop)
        port = closed_port()
        with fleet.fleet(AMQP_URL=node.url) as processes:
            processes.web("web", port)
            processes.worker("worker", PROMETHEUS_MULTIPROC_DIR=counters)
            wait_until_ready(port)
            for fault in _faults(node):
                _suffer(fault, _Writers(port, project), inbox, options.seconds)
            _judge(inbox, counters)
        stop.set()


class Fault(NamedTuple):
    name: str
    begin: Callable[[], object]
    end: Callable[[], object]


def _faults(node: Node) -> list[Fault]:
    def lock_out() -> None:
        node.control("change_password", "guest", "another")
        node.control("close_all_connections", "changed")

    return [
        Fault("none", lambda: None, lambda: None),
        Fault("frozen", node.freeze, node.thaw),
        Fault("killed", node.kill, node.start),
        Fault("memory alarm", lambda: _memory(node, "0.00001"), lambda: _memory(node, "0.4")),
        Fault("unbound", lambda: _binding(node, "unbind"), lambda: _binding(node, "bind")),
        Fault("locked", lock_out, lambda: node.control("change_password", "guest", _PASSWORD)),
    ]


def _memory(node: Node, share: str) -> None:
    node.control("set_vm_memory_high_watermark", share)


def _binding(node: Node, what: str) -> None:
    connection = pika.BlockingConnection(pika.URLParameters(node.url))
    getattr(connection.channel(), f"queue_{what}")(QUEUE, "tasks.events", "#")
    connection.close()


def _suffer(fault: Fault, writers: "_Writers", inbox: Inbox, seconds: float) -> None:
    from tasks.events.heartbeat import oldest_unsent_age

    writers.start()
    time.sleep(2)
    fault.begin()
    time.sleep(seconds)
    late = oldest_unsent_age(["rabbitmq"]).total_seconds()
    fault.end()
    back = time.monotonic()
    writers.end()
    caught_up = _until_passed(60)
    print(
        f"{fault.name}: {writers}; the oldest event was {late:.1f} s late; "
        f"caught up {caught_up - back:.1f} s after the end; {len(inbox.events)} in the queue",
        flush=True,
    )


class _Writers:
    """Clients that create tasks, together so many a second, and what they were answered."""

    def __init__(self, port: int, project: str) -> None:
        self._port, self._project = port, project
        self._answers, self._slowest = Counter[str](), 0.0
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._write, args=(number,)) for number in range(CLIENTS)
        ]

    def __str__(self) -> str:
        return f"answers {dict(self._answers)}, slowest {self._slowest * 1000:.0f} ms"

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _write(self, number: int) -> None:
        client, never = Client([self._port], crashes.USER, crashes.PASSWORD), threading.Event()
        body = {"title": f"{number}", "project": self._project}
        client.write("POST", "/api/v1/tasks", body, never)
        client.answers.clear()  # with its signing in
        turn, began = 0, time.monotonic()
        while not self._stop.is_set():
            turn += 1
            time.sleep(max(0, began + turn * CLIENTS / RATE - time.monotonic()))
            sent = time.monotonic()
            client.write("POST", "/api/v1/tasks", body, never)
            self._slowest = max(self._slowest, time.monotonic() - sent)
        self._answers += client.answers


def _until_passed(seconds: float) -> float:
    """Wait until the relay has passed all events; return when that was."""
    from tasks.events import cursors
    from tasks.models import Event

    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        last = Event.objects.order_by("-number").values_list("sequence", flat=True).first()
        if last is not None and cursors.position(cursors.RABBITMQ) >= last:
            return time.monotonic()
        time.sleep(0.05)
    return float("nan")


def _judge(inbox: Inbox, counters: str) -> None:
    from tasks.models import Event, ParkedEvent

    expected = {str(uid) for uid in Event.objects.values_list("uid", flat=True)}
    counted = _counted(counters)
    unroutable = counted.get("unroutable", 0)
    inbox.wait_until(lambda got: len(expected - set(got.ids())) <= unroutable, 20)
    missing = expected - set(inbox.ids())
    twice = len(inbox.ids()) - len(set(inbox.ids()))
    print(f"{len(expected)} events; not in the queue {len(missing)}, twice {twice}")
    print(f"counted: {counted}; parked: {ParkedEvent.objects.count()}")
    print(f"lost without being counted: {max(0, len(missing) - int(unroutable))}")


def _counted(directory: str) -> dict[str, float]:
    from prometheus_client import CollectorRegistry
    from prometheus_client.multiprocess import MultiProcessCollector

    registry = CollectorRegistry()
    MultiProcessCollector(registry, directory)  # type: ignore[no-untyped-call]
    found: dict[str, Any] = {}
    for family in registry.collect():
        if family.name == "tasks_events_published":
            found |= {sample.labels["outcome"]: sample.value for sample in family.samples}
    return {name: value for name, value in found.items() if value}


@contextmanager
def _counters() -> Iterator[str]:
    """Yield a directory in which the worker counts, to be read from outside."""
    with tempfile.TemporaryDirectory(prefix="tasks-bench-") as directory:
        os.environ.pop("PROMETHEUS_MULTIPROC_DIR", None)
        yield str(Path(directory))
