"""`make bench ARGS=webhooks`: does a dead endpoint delay the others?

    DATABASE_URL=postgres://…/an_empty_database make bench ARGS="webhooks --endpoints 100"

One of the endpoints takes every request and answers none. Events come at a steady rate; what is
shown is how long after the commit of an event the healthy ones had it, and for comparison the same
with an endpoint more that is healthy in its place.
"""

import argparse
import threading
import time
from collections.abc import Sequence
from uuid import UUID

from bench.service import set_up


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--endpoints", type=int, default=100)
    parser.add_argument("--every", type=float, default=2.0, help="seconds between two events")
    parser.add_argument("--seconds", type=float, default=40.0)
    options = parser.parse_args(arguments)
    set_up(LOG_LEVEL="WARNING")
    for dead in (0, 1):
        delays, lost = _run(options.endpoints, dead, options.every, options.seconds)
        p50, p99 = (delays[int(len(delays) * share)] for share in (0.5, 0.99))
        print(
            f"{options.endpoints} endpoints, {dead} dead: {len(delays)} deliveries, {lost} missing;"
            f" p50 {p50:.2f} s, p99 {p99:.2f} s, most {delays[-1]:.2f} s"
        )


def _run(endpoints: int, dead: int, every: float, seconds: float) -> tuple[list[float], int]:
    """Return the delays of the healthy endpoints' deliveries, sorted, and how many never came."""
    from tests.webhooks.endpoints import Reply, serving

    never = threading.Event()
    with serving() as receivers:
        receivers.reply("/dead", Reply(gate=never))
        paths = [*["/dead"] * dead, *(f"/{number}" for number in range(endpoints - dead))]
        project = _scene([receivers.url(path) for path in paths])
        committed = _send(project, every, seconds)
        never.set()
        came = [each for each in receivers.requests if each.path != "/dead"]
    delays = sorted(each.at - committed[each.id] for each in came)
    return delays, (endpoints - dead) * len(committed) - len(delays)


def _scene(urls: Sequence[str]) -> UUID:
    """Make a user with a project and these endpoints, in place of those of a run before."""
    from django.utils import timezone

    from tasks.models import User, Webhook
    from tasks.operations.access import Actor
    from tasks.operations.projects import create_project
    from tests.webhooks.endpoints import forget_events, make_webhook

    Webhook.objects.all().delete()
    owner, _ = User.objects.get_or_create(username="bench")
    project = create_project(
        actor=Actor(owner.pk), now=timezone.now(), fields={"name": "Moving house"}
    )
    forget_events()
    for url in urls:
        make_webhook(owner, url)
    return project.pk


def _send(project: UUID, every: float, seconds: float) -> dict[str, float]:
    """Record events for so long, while a worker sends them; return when each was committed."""
    from django.db import connections
    from django.utils import timezone

    from tasks.loops import Loop
    from tasks.webhooks.dispatcher import Dispatcher
    from tasks.webhooks.fanout import FanOut
    from tests.webhooks.endpoints import LOOPBACK, SOURCE, make_event

    wake = threading.Event()
    sender = Dispatcher(source=SOURCE, allowed=LOOPBACK, wake=wake)
    fanning = Loop(
        "fan-out",
        FanOut(clock=timezone.now, wake=wake).step,
        idle=0.05,
        wake=threading.Event(),
        close=connections.close_all,
    )
    sending = Loop("webhooks", sender.step, idle=1, wake=wake, close=connections.close_all)
    fanning.start()
    sending.start()
    committed = {}
    for _ in range(round(seconds / every)):
        made = make_event(project=project)
        committed[str(made.uid)] = time.monotonic()
        time.sleep(every)
    time.sleep(5)
    for loop in (fanning, sending):
        loop.stop()
        loop.join(20)
    sender.stop(0)
    return committed
