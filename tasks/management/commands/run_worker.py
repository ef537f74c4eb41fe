"""`manage.py run_worker`: what the service does without being asked, until it is told to stop.

SIGTERM or SIGINT: the steps that are running are finished, or what they had claimed is given back,
within ten seconds. A second signal ends the process at once, and so may SIGKILL: what a worker has
begun and not marked as done is done by another one.
"""

import logging
import os
import signal
import threading
from collections.abc import Iterable, Sequence
from typing import Any, Final

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.postgresql.base import DatabaseWrapper as PostgreSQL
from prometheus_client import start_http_server

from tasks import loops, metrics
from tasks.events.heartbeat import KINDS, Heartbeat
from tasks.management import working

logger: Final = logging.getLogger(__name__)

STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
STOPS_WITHIN: Final = 8.0  # seconds
AT_LAST: Final = 9.5  # seconds; the rest is for connections and threads that do not end


class Command(BaseCommand):
    help = "Publish events, send webhooks and keep house, until SIGTERM or Ctrl-C."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--only",
            action="append",
            default=[],
            metavar="|".join(KINDS),
            help="Only this kind of work; may be repeated, or several separated by commas.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        kinds = _kinds(options["only"])
        # Before any thread is there, which would inherit that it takes them.
        signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
        _show_metrics()
        beats = Heartbeat(kinds)
        threads = working.loops(kinds, beats)
        for thread in threads:
            thread.start()
        logger.info("worker_started", extra={"worker": str(beats.id), "kinds": ",".join(kinds)})
        signal.sigwait(STOP_SIGNALS)
        _end_at_the_next_signal()
        _end_after(AT_LAST)
        left = loops.stop_all(threads, within=STOPS_WITHIN)
        logger.info("worker_stopped", extra={"worker": str(beats.id), "left": ",".join(left)})
        _close_pool()


def _show_metrics() -> None:
    """Let Prometheus ask this process, if a port is set: it has no other way to be asked.

    Raises:
        CommandError: the port cannot be had.
    """
    if not settings.WORKER_METRICS_PORT:
        return
    try:
        start_http_server(settings.WORKER_METRICS_PORT, settings.HOST, metrics.registry)
    except OSError as error:
        raise CommandError(
            f"Cannot listen on {settings.HOST}, port {settings.WORKER_METRICS_PORT}; see HOST and "
            f"WORKER_METRICS_PORT. {error.strerror}."
        ) from None


def _kinds(given: Iterable[str]) -> Sequence[str]:
    """Return the kinds of work asked for, in order, each once; all if none is named.

    Raises:
        CommandError: there is no such kind.
    """
    named = {kind.strip() for each in given for kind in each.split(",")}
    if unknown := sorted(named - set(KINDS)):
        raise CommandError(f"--only takes {', '.join(KINDS)}; not {unknown[0] or 'nothing'}.")
    return [kind for kind in KINDS if kind in named or not named]


def _end_at_the_next_signal() -> None:
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)


def _end_after(seconds: float) -> None:
    """End the process by force then: Python would wait for a thread that hangs, in a query say."""
    timer = threading.Timer(seconds, os._exit, (0,))
    timer.daemon = True
    timer.start()


def _close_pool() -> None:
    """Let the pool's threads go, for which Python would wait at its end."""
    database = connections[DEFAULT_DB_ALIAS]
    if isinstance(database, PostgreSQL):
        database.close_pool()
