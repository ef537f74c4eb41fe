"""`make bench`: what get, list, create and update cost the server.

    DATABASE_URL=postgres://…/an_empty_database REDIS_URL=redis://… make bench

Fills the database with 200,000 tasks on its first run, starts one gunicorn worker, and prints the
least and the median of some rounds. ARGS="--tasks N --rounds N --seconds S" changes the numbers.
ARGS=pages measures the lists in large tables; ARGS=events, crashes and broker put the event log to
the test, ARGS=webhooks the sending of webhooks: see the modules of these names.
"""

import argparse
import os
import statistics
import subprocess
import sys
from importlib import import_module

from bench.service import set_up, wait_until_ready
from tests.listening import closed_port

OTHERS = ("pages", "events", "crashes", "broker", "webhooks")
SETTINGS = {
    "DJANGO_SETTINGS_MODULE": "config.settings",
    "LOCAL_RUN": "true",
    "LOG_FORMAT": "json",
    "WEB_CONCURRENCY": "1",
    # Counted, but never refused: the client is one user.
    "RATE_LIMITS": "user=1000000/1,write=1000000/1",
}


def main() -> None:
    if sys.argv[1:2] and sys.argv[1] in OTHERS:
        os.environ.update(SETTINGS)
        import_module(f"bench.{sys.argv[1]}").main(sys.argv[2:])
        return
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tasks", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4)
    options = parser.parse_args()
    if not os.environ.get("DATABASE_URL", "").startswith("postgres"):
        sys.exit("make bench: give an empty PostgreSQL database in DATABASE_URL.")
    os.environ.update(SETTINGS, PORT=str(closed_port()))
    set_up()
    server = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "-c", "config/gunicorn.py", "config.wsgi"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until_ready(int(os.environ["PORT"]))
        _measure_all(server.pid, options)
    finally:
        server.terminate()
        server.wait()


def _measure_all(pid: int, options: argparse.Namespace) -> None:
    from bench import seed
    from bench.load import Request, measure

    tasks, project = seed.scene(options.tasks).tasks, seed.scene(options.tasks).project
    requests = {
        "get": Request("GET", lambda number: f"/api/v1/tasks/{tasks[number % len(tasks)]}"),
        "list of 50": Request("GET", lambda number: "/api/v1/tasks?limit=50"),
        "list of 50, one project": Request(
            "GET", lambda number: f"/api/v1/tasks?limit=50&project={project}"
        ),
        "create": Request(
            "POST",
            lambda number: "/api/v1/tasks",
            lambda number: (
                b'{"title": "task %d", "project": "%s"}' % (number, str(project).encode())
            ),
        ),
        "update": Request(
            "PATCH",
            lambda number: f"/api/v1/tasks/{tasks[number % len(tasks)]}",
            lambda number: b'{"title": "renamed %d"}' % number,
        ),
    }
    print(f"{'server CPU, us per request':26}  least  median  requests/s  statuses")
    for name, request in requests.items():
        token = seed.scene(options.tasks).token
        rounds = [
            measure(
                request,
                port=int(os.environ["PORT"]),
                token=token,
                pid=pid,
                seconds=options.seconds,
            )
            for _ in range(options.rounds + 1)
        ][1:]  # the first one warms up
        costs = [each.cost for each in rounds]
        rate = statistics.median(each.per_second for each in rounds)
        statuses = dict(sum((each.statuses for each in rounds[1:]), rounds[0].statuses))
        median = statistics.median(costs)
        print(f"{name:26}  {min(costs):5.0f}  {median:6.0f}  {rate:10.0f}  {statuses}")


if __name__ == "__main__":
    main()
