"""`run_worker` as a supervisor meets it: real processes, real signals, and a database that goes."""

import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from tasks.events.heartbeat import KINDS
from tasks.management import working
from tasks.management.commands import run_worker
from tasks.models import User, Worker
from tests.commands.workers import (
    PATIENCE,
    all_have_their_place,
    record,
    sequences,
    url,
    worker,
)
from tests.config.processes import manage
from tests.health.servers import proxy_to
from tests.listening import closed_port
from tests.webhooks.endpoints import make_webhook, serving

committed = pytest.mark.django_db(transaction=True)  # For other processes to see.


@pytest.fixture
def _postgresql(vendor: str) -> None:
    if vendor != "postgresql":
        pytest.skip("SQLite is a file and cannot go away; the run on PostgreSQL has this test.")


@committed
def test_it_works_until_it_is_told_to_stop_and_leaves_the_rest_to_others(tmp_path: Path) -> None:
    with worker(tmp_path) as killed, worker(tmp_path, "--only", "events") as other:
        for _ in range(20):
            record()
        other.wait_for(all_have_their_place)
        other.wait_for(lambda: Worker.objects.count() == 2)
        killed.process.kill()
        killed.process.wait()
        for _ in range(20):
            record()
        other.wait_for(all_have_their_place)
        assert sequences() == list(range(1, 41))

        other.process.send_signal(signal.SIGTERM)
        begun = time.monotonic()
        assert other.process.wait(PATIENCE) == 0
        assert time.monotonic() - begun < 5
    assert other.said() == ["worker_started", "worker_stopped"]
    assert [line.get("kinds") for line in other.lines()] == ["events", None]
    assert other.lines()[-1]["left"] == ""
    assert Worker.objects.get().kinds == "events,webhooks,upkeep"  # Until it is forgotten.


@committed
def test_it_tells_prometheus_what_it_counts(tmp_path: Path) -> None:
    port = closed_port()
    with worker(tmp_path, "--only", "upkeep", WORKER_METRICS_PORT=str(port)):
        text = urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5).read().decode()

    assert 'tasks_events_published_total{outcome="unroutable"} 0.0' in text
    assert 'tasks_worker_loop_failures_total{loop="pruning"} 0.0' in text


@pytest.mark.once
def test_it_says_in_a_line_that_its_port_for_prometheus_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        run = manage(tmp_path, "run_worker", WORKER_METRICS_PORT=str(port))
    assert (run.returncode, run.stdout) == (1, "")
    assert run.stderr == (
        f"CommandError: Cannot listen on 127.0.0.1, port {port}; see HOST and WORKER_METRICS_PORT. "
        "Address already in use.\n"
    )


@committed
def test_it_brings_an_event_to_those_who_want_it(tmp_path: Path, alice: User) -> None:
    with serving() as endpoints, worker(tmp_path, WEBHOOK_ALLOWED_NETWORKS="127.0.0.0/8"):
        make_webhook(alice, endpoints.url("/hook"))
        event = record(user=alice.pk)
        endpoints.await_requests(1)
    assert [request.id for request in endpoints.sent_to("/hook")] == [str(event.uid)]


@contextmanager
def refused_to_all() -> Iterator[None]:
    """End every other connection to the database of the test, and let nobody connect."""
    name, server = connection.settings_dict["NAME"], url().rpartition("/")[0]
    with psycopg.connect(f"{server}/postgres", autocommit=True) as admin:
        admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        try:
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            yield
        finally:
            admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')


@committed
@pytest.mark.usefixtures("_postgresql")
def test_it_survives_a_database_that_is_away_and_ends_although_one_is_frozen(
    tmp_path: Path,
) -> None:
    target = connection.settings_dict
    server = target["HOST"] or "127.0.0.1", int(target["PORT"] or 5432)
    with proxy_to(*server) as proxy, worker(tmp_path, database=url(port=proxy.port)) as running:
        running.wait_for(Worker.objects.exists)
        with refused_to_all():
            record()
            running.wait_for(lambda: {"sequencer", "listener"} <= failed(running.lines()))
        running.wait_for(all_have_their_place)
        running.wait_for(lambda: "loop_recovered" in running.said())

        proxy.freeze()
        running.process.send_signal(signal.SIGINT)
        begun = time.monotonic()
        assert running.process.wait(PATIENCE) == 0
        assert time.monotonic() - begun < 10
    assert "worker_stopped" in running.said()


def failed(lines: list[dict[str, object]]) -> set[object]:
    return {line["loop"] for line in lines if line["event"] == "loop_failed"}


HANGS = """
import sys, threading, django
django.setup()
from django.core.management import execute_from_command_line
from tasks.management.commands import run_worker

def hang(loops, *, within):
    run_worker.logger.info("hangs")
    threading.Event().wait()

run_worker.AT_LAST = float(sys.argv.pop(1))
run_worker.loops.stop_all = hang
execute_from_command_line(sys.argv)
"""


def hangs_at_its_end(*, at_last: float) -> list[str]:
    """Return a program: `manage.py`, but its worker would wait for its loops for ever."""
    return ["-c", HANGS, str(at_last)]


@committed
@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_at_once_when_it_is_told_twice(tmp_path: Path, second: signal.Signals) -> None:
    program = hangs_at_its_end(at_last=10 * PATIENCE)
    with worker(tmp_path, "--only=upkeep", program=program) as running:
        running.process.send_signal(signal.SIGTERM)
        running.wait_for(lambda: "hangs" in running.said())
        running.process.send_signal(second)
        assert running.process.wait(PATIENCE) == -second
    assert running.said() == ["worker_started", "hangs"]


@committed
def test_it_ends_by_force_what_does_not_end_by_itself(tmp_path: Path) -> None:
    with worker(tmp_path, "--only=upkeep", program=hangs_at_its_end(at_last=0.5)) as running:
        running.process.send_signal(signal.SIGINT)
        assert running.process.wait(PATIENCE) == 0
    assert "worker_stopped" not in running.said()


@pytest.mark.once
def test_it_has_time_for_all_that_it_waits_for_within_ten_seconds() -> None:
    assert working._POSTS_END_WITHIN < run_worker.STOPS_WITHIN < run_worker.AT_LAST < 10


@pytest.mark.once
@pytest.mark.parametrize(
    ("only", "named"), [("events,mail", "mail"), ("", "nothing"), ("events,", "nothing")]
)
def test_it_says_which_work_there_is(only: str, named: str) -> None:
    with pytest.raises(CommandError) as refused:
        call_command("run_worker", f"--only={only}")
    assert str(refused.value) == f"--only takes events, webhooks, upkeep; not {named}."


@pytest.mark.once
def test_it_does_each_kind_of_work_once_however_it_is_asked() -> None:
    assert run_worker._kinds([]) == list(KINDS)
    assert run_worker._kinds([",".join(reversed(KINDS))]) == list(KINDS)
    assert run_worker._kinds(["webhooks, events", "webhooks"]) == ["events", "webhooks"]
