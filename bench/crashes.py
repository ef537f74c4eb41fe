"""`make bench ARGS=crashes`: what is lost, and what is doubled, when everything is killed?

    AMQP_URL=amqp://…/an_empty_vhost make bench ARGS="crashes --kills 100 --stops 10"

Two web servers and two workers over a PostgreSQL of our own. Clients write and repeat what was not
answered, with keys; meanwhile web processes and workers are killed (SIGKILL), and PostgreSQL is
stopped immediately, and started again. In the end it is sets: what was acknowledged, the rows, the
log, the queue, and what the receiver of a webhook has got.
"""

import argparse
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from random import Random
from typing import Any

from bench import fleet
from bench.clients import Client
from bench.fleet import Fleet, Inbox
from bench.servers import PostgreSQL, postgresql
from bench.service import set_up, wait_until_ready
from tests.listening import closed_port

CLIENTS = 6
USER, PASSWORD = "bench", "bench-signs-in-with-this"


class Story:
    """What the clients did and were told."""

    def __init__(self) -> None:
        self.created: dict[str, str] = {}  # the ids of tasks that were acknowledged, by title
        self.versions: Counter[str] = Counter()  # the highest acknowledged, by id
        self.answers: Counter[str] = Counter()
        self.lock = threading.Lock()


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--stops", type=int, default=10)
    parser.add_argument("--pace", type=float, default=1, help="times the pause between two kills")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    inbox, received, stop = Inbox(), Inbox(), threading.Event()
    with postgresql() as database, fleet.receiver(received) as port:
        prepare(database)
        project = scene(port)
        fleet.bind(os.environ["AMQP_URL"])
        fleet.consume(os.environ["AMQP_URL"], inbox, stop)
        story = Story()
        with _running() as (processes, ports):
            clients = [_Writing(number, story, ports, project) for number in range(CLIENTS)]
            _havoc(processes, ports, database, options)
            for each in clients:
                each.end()
            _judge(story, inbox, received)
        stop.set()


def prepare(database: PostgreSQL) -> None:
    set_up(DATABASE_URL=database.url, WEBHOOK_ALLOWED_NETWORKS="127.0.0.0/8", RATE_LIMITS="off")


def scene(port: int) -> str:
    from django.db import connection
    from django.utils import timezone

    from tasks.models import User
    from tasks.operations.access import Actor
    from tasks.operations.projects import create_project
    from tasks.webhooks.operations import create_webhook

    actor = Actor(User.objects.create_user(USER, password=PASSWORD).pk)
    now = timezone.now()
    project = create_project(actor=actor, now=now, fields={"name": "Bench"})
    hook = {"url": f"http://127.0.0.1:{port}/hook", "types": ["task.*"]}
    create_webhook(actor=actor, now=now, fields=hook)
    connection.close()
    return str(project.pk)


@contextmanager
def _running() -> Iterator[tuple[Fleet, list[int]]]:
    ports = [closed_port(), closed_port()]
    with fleet.fleet(WEB_CONCURRENCY="2") as processes:
        for index, port in enumerate(ports):
            processes.web(f"web {index}", port)
            processes.worker(f"worker {index}")
        for port in ports:
            wait_until_ready(port)
        yield processes, ports


class _Writing:
    """One client in a thread of its own."""

    def __init__(self, number: int, story: Story, ports: list[int], project: str) -> None:
        self._stop = threading.Event()
        self._client = Client(ports, USER, PASSWORD)
        self._story, self._number, self._project = story, number, project
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def end(self) -> None:
        self._stop.set()
        self._thread.join()
        with self._story.lock:
            self._story.answers += self._client.answers

    def _run(self) -> None:
        turn, never = 0, threading.Event()
        while not self._stop.is_set():
            turn += 1
            title = f"{self._number} {turn}"
            body: dict[str, Any] = {"title": title, "project": self._project}
            # What was begun is brought to an end, so that nothing is in doubt.
            task = self._client.write("POST", "/api/v1/tasks", body, never)
            for change in range(3):
                path = f"/api/v1/tasks/{task['id']}"
                task = self._client.write("PATCH", path, {"priority": change + 1}, never)
            with self._story.lock:
                self._story.created[title] = task["id"]
                self._story.versions[task["id"]] = task["version"]


def _havoc(
    processes: Fleet, ports: list[int], database: PostgreSQL, options: argparse.Namespace
) -> None:
    random, done = Random(options.seed), Counter[str]()
    every = max(options.kills // max(options.stops, 1), 1)
    for number in range(1, options.kills + 1):
        time.sleep(options.pace * random.uniform(0.3, 1.2))
        kind, index = random.choice(["web", "worker"]), random.choice([0, 1])
        name = f"{kind} {index}"
        processes.kill(name)
        done[kind] += 1
        if kind == "web":
            processes.web(name, ports[index])
        else:
            processes.worker(name)
        if number % every == 0 and done["stop"] < options.stops:
            database.stop_immediately()
            done["stop"] += 1
            time.sleep(random.uniform(0.2, 1.5))
            database.start()
    print(f"killed {done['web']} web servers, {done['worker']} workers; {done['stop']} stops")


def _judge(story: Story, inbox: Inbox, received: Inbox) -> None:
    from tasks.models import Event, Task

    rows = {str(pk): title for pk, title in Task.objects.values_list("pk", "title")}
    expected = {str(uid) for uid in Event.objects.values_list("uid", flat=True)}
    about_tasks = Event.objects.filter(type__startswith="task.")
    for_receiver = {str(uid) for uid in about_tasks.values_list("uid", flat=True)}
    drained = inbox.wait_until(lambda got: expected <= set(got.ids()), 60)
    delivered = received.wait_until(lambda got: for_receiver <= set(got.ids()), 150)
    told = Counter(str(pk) for pk in about_tasks.values_list("subject", flat=True))
    places = list(Event.objects.order_by("sequence").values_list("sequence", flat=True))
    wrong = {
        "acknowledged, no row": len(set(story.created.values()) - rows.keys()),
        "rows that nobody was told of": len(rows.keys() - set(story.created.values())),
        "titles twice": len(rows) - len(set(rows.values())),
        "versions without an event, or with two": sum(
            told[pk] != version for pk, version in story.versions.items()
        ),
        "not in the queue": len(expected - set(inbox.ids())),
        "in the queue, not in the log": len(set(inbox.ids()) - expected),
        "not at the receiver": len(for_receiver - set(received.ids())),
        "at the receiver, not in the log": len(set(received.ids()) - for_receiver),
        "gaps in the sequence": len(places) - (places[-1] or 0) if places else 0,
    }
    print(f"{len(rows)} tasks, {len(expected)} events; answers: {dict(story.answers)}")
    print(f"queue drained: {drained}; {len(inbox.ids()) - len(set(inbox.ids()))} came twice")
    print(f"delivered: {delivered}; {len(received.ids()) - len(set(received.ids()))} came twice")
    for what, count in wrong.items():
        print(f"{what}: {count}")
