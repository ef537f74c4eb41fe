"""`make bench ARGS=events`: is the log complete, and how late is it?

    DATABASE_URL=postgres://…/an_empty_database AMQP_URL=amqp://…/an_empty_vhost \
        make bench ARGS="events order --workers 4"
    …   make bench ARGS="events latency --rate 100 --seconds 20"

`order`: sixteen writers change tasks 500 times each, in transactions that stay open for up to
50 ms, while one stays open for 30 s. Everything must arrive in feed and queue, and wait for nobody.
`latency`: events at a steady rate; from the commit to the queue, and to a webhook's receiver.
"""

import argparse
import os
import statistics
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any
from uuid import UUID

from bench import fleet
from bench.fleet import Inbox
from bench.service import set_up

WRITERS, EACH, TASKS = 16, 500, 5
SLOW = 30.0  # seconds


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=["order", "latency"])
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--rate", type=float, default=100)
    parser.add_argument("--seconds", type=float, default=20)
    options = parser.parse_args(arguments)
    # More threads write here than in any web process.
    set_up(connections=WRITERS + 4, WEBHOOK_ALLOWED_NETWORKS="127.0.0.0/8")
    url, inbox, stop = os.environ["AMQP_URL"], Inbox(), threading.Event()
    fleet.bind(url)
    fleet.consume(url, inbox, stop)
    with fleet.fleet() as processes:
        for number in range(options.workers):
            processes.worker(f"worker {number}")
        if options.what == "order":
            _order(inbox)
        else:
            _latency(inbox, options.rate, options.seconds)
    stop.set()


# --- order ------------------------------------------------------------------------------------


def _order(inbox: Inbox) -> None:
    actor, project = _scene()
    _settle(inbox)
    before = len(inbox.events)
    committed: dict[UUID, float] = {}  # by task and version
    slow = threading.Thread(target=_write_slowly, args=(actor, project))
    slow.start()
    began = time.monotonic()
    with ThreadPoolExecutor(WRITERS) as threads:
        jobs = [threads.submit(_write, number, actor, project) for number in range(WRITERS)]
        for job in jobs:
            committed |= job.result()
    took = time.monotonic() - began
    expected = WRITERS * EACH + 1
    slow.join()
    inbox.wait_until(lambda got: len(got.events) >= before + expected, 60)
    _judge(inbox.events[before:], committed, expected, took, actor.id)


def _write(number: int, actor: Any, project: UUID) -> dict[Any, float]:
    """Make five tasks and change them in turn; return when each version was committed."""
    from django.db import connection, transaction
    from django.utils import timezone

    from tasks.operations.tasks import create_task, update_task

    random, made, committed = Random(number), [], {}
    for turn in range(EACH):
        with transaction.atomic():
            fields: dict[str, Any] = {"title": f"{number} {turn}"}
            if turn < TASKS:
                fields["project"] = project
                task = create_task(actor=actor, now=timezone.now(), fields=fields)
                made.append(task.pk)
            else:
                key = made[turn % TASKS]
                task = update_task(actor=actor, now=timezone.now(), task_id=key, fields=fields)
            time.sleep(random.uniform(0, 0.05))
        committed[str(task.pk), task.version] = time.time()
    connection.close()
    return committed


def _write_slowly(actor: Any, project: UUID) -> None:
    from django.db import connection, transaction
    from django.utils import timezone

    from tasks.operations.tasks import create_task

    fields = {"title": "slow", "project": project}
    with transaction.atomic():
        create_task(actor=actor, now=timezone.now(), fields=fields)
        time.sleep(SLOW)
    connection.close()


def _judge(
    arrived: Sequence[tuple[float, dict[str, Any]]],
    committed: dict[Any, float],
    expected: int,
    took: float,
    user: UUID,
) -> None:
    from tasks.models import Event

    ids = [event["id"] for _, event in arrived]
    delays = [
        at - committed[event["subject"], event["data"]["object"]["version"]]
        for at, event in arrived
        if event["data"]["object"]["title"] != "slow"
    ]
    versions: dict[str, list[int]] = {}
    for _, event in arrived:
        versions.setdefault(event["subject"], []).append(event["data"]["object"]["version"])
    places = list(Event.objects.order_by("sequence").values_list("sequence", flat=True))
    feed = _feed(user)
    print(f"wrote for {took:.0f} s, one transaction open for {SLOW:.0f} s")
    print(f"queue: {len(set(ids))} of {expected} events, {len(ids) - len(set(ids))} twice")
    print(f"feed: {len(set(ids) & set(feed))} of {expected}, {len(feed) - len(set(feed))} twice")
    print(f"sequences gapless: {places == list(range(1, len(places) + 1))}")
    in_order = all(each == sorted(each) for each in versions.values())
    print(f"order of each task kept: {in_order} ({len(versions)} tasks)")
    print(f"commit to queue: {_percentiles(delays)}")


def _feed(user: UUID) -> list[str]:
    import orjson

    from tasks.events.feed import feed

    after, ids, more = 0, [], True
    while more:
        part = feed(user=user, source="/tasks", after=after, limit=200)
        ids += [orjson.loads(event)["id"] for event in part.events]
        after, more = part.position, part.more
    return ids


# --- latency ----------------------------------------------------------------------------------


def _latency(inbox: Inbox, rate: float, seconds: float) -> None:
    from django.utils import timezone

    from tasks.webhooks.operations import create_webhook

    actor, project = _scene()
    received = Inbox()
    with fleet.receiver(received) as port:
        hook = {"url": f"http://127.0.0.1:{port}/hook", "types": ["task.created"]}
        create_webhook(actor=actor, now=timezone.now(), fields=hook)
        _settle(inbox)
        committed = _write_steadily(actor, project, rate, seconds)
        for place in (inbox, received):
            place.wait_until(lambda got: committed.keys() <= {_key(e) for _, e in got.events}, 60)
        print(f"{len(committed)} events in {seconds:.0f} s, asked for {rate:.0f}/s")
        for name, place in (("queue", inbox), ("receiver", received)):
            delays = [at - committed[_key(e)] for at, e in place.events if _key(e) in committed]
            print(f"commit to {name}: {len(delays)} arrived; {_percentiles(delays)}")


def _key(event: dict[str, Any]) -> str:
    subject: str = event["subject"]
    return subject


def _write_steadily(actor: Any, project: UUID, rate: float, seconds: float) -> dict[str, float]:
    """Create tasks at a steady rate, from eight threads; return when each was committed."""
    committed: dict[str, float] = {}
    began, count = time.monotonic(), int(rate * seconds)

    def write(first: int) -> None:
        from django.db import connection
        from django.utils import timezone

        from tasks.operations.tasks import create_task

        for number in range(first, count, 8):
            time.sleep(max(0, began + number / rate - time.monotonic()))
            fields = {"title": f"{number}", "project": project}
            task = create_task(actor=actor, now=timezone.now(), fields=fields)
            committed[str(task.pk)] = time.time()
        connection.close()

    with ThreadPoolExecutor(8) as threads:
        for job in [threads.submit(write, first) for first in range(8)]:
            job.result()
    print(f"wrote for {time.monotonic() - began:.1f} s")
    return committed


def _scene() -> tuple[Any, UUID]:
    from django.utils import timezone

    from tasks.models import User
    from tasks.operations.access import Actor
    from tasks.operations.projects import create_project

    user = User.objects.create(username=f"bench-{time.time_ns()}")
    actor = Actor(user.pk)
    return actor, create_project(actor=actor, now=timezone.now(), fields={"name": "Bench"}).pk


def _settle(inbox: Inbox) -> None:
    """Wait until the workers run: what made the scene has arrived."""
    if not inbox.wait_until(lambda got: len(got.events) >= 2, 60):
        raise SystemExit("make bench: nothing arrived in the queue.")


def _percentiles(delays: Sequence[float]) -> str:
    ranks = statistics.quantiles(delays, n=100)
    return (
        f"p50 {ranks[49] * 1000:.0f} ms, p99 {ranks[98] * 1000:.0f} ms, "
        f"worst {max(delays) * 1000:.0f} ms"
    )
