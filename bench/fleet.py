"""The service's processes, started for a measurement and ended with it."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Any, Final, cast

import orjson
import pika
import pika.exceptions

QUEUE: Final = "bench"
_WEB: Final = ("-m", "gunicorn", "-c", "config/gunicorn.py", "config.wsgi")


class Fleet:
    """Processes by name; whatever still runs at the end is killed."""

    def __init__(self, **environment: str) -> None:
        self._environment = {**os.environ, **environment}
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def web(self, name: str, port: int) -> None:
        self._start(name, *_WEB, PORT=str(port))

    def worker(self, name: str, *arguments: str, **environment: str) -> None:
        self._start(name, "manage.py", "run_worker", *arguments, **environment)

    def kill(self, name: str) -> None:
        """Kill a process and its children in the way that leaves it no last word."""
        process = self._running.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def stop(self, name: str) -> float:
        """Ask a process to end; return the seconds that it took."""
        process, began = self._running.pop(name), time.monotonic()
        process.terminate()
        process.wait(timeout=30)
        return time.monotonic() - began

    def end(self) -> None:
        for name in list(self._running):
            self.kill(name)

    def _start(self, name: str, *arguments: str, **environment: str) -> None:
        with open(os.environ.get("BENCH_LOG", os.devnull), "ab") as log:  # noqa: PTH123
            self._running[name] = subprocess.Popen(
                [sys.executable, *arguments],
                env={**self._environment, **environment},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )


@contextmanager
def fleet(**environment: str) -> Iterator[Fleet]:
    started = Fleet(**environment)
    try:
        yield started
    finally:
        started.end()


class Inbox:
    """What arrived somewhere, when, and in which order; safe to fill from any thread."""

    def __init__(self) -> None:
        self.events: list[tuple[float, dict[str, Any]]] = []
        self._more = threading.Condition()

    def put(self, body: bytes, at: float) -> None:
        """Note an event; `at` is when it arrived, in seconds since 1970."""
        event = orjson.loads(body)
        with self._more:
            self.events.append((at, event))
            self._more.notify_all()

    def ids(self) -> list[str]:
        return [event["id"] for _, event in self.events]

    def wait_until(self, enough: Callable[["Inbox"], bool], seconds: float) -> bool:
        with self._more:
            return self._more.wait_for(lambda: enough(self), seconds)


def bind(url: str) -> None:
    """Have the broker keep all events in a queue, from now on."""
    connection = pika.BlockingConnection(pika.URLParameters(url))
    channel = connection.channel()
    channel.exchange_declare("tasks.events", "topic", durable=True)
    channel.queue_declare(QUEUE, durable=True)
    channel.queue_bind(QUEUE, "tasks.events", "#")
    connection.close()


def consume(url: str, inbox: Inbox, stop: threading.Event) -> threading.Thread:
    """Collect what comes into the queue until `stop`, across the broker's outages."""

    def run() -> None:
        while not stop.is_set():
            try:
                _consume(url, inbox, stop)
            except (pika.exceptions.AMQPError, OSError):
                stop.wait(0.2)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


def _consume(url: str, inbox: Inbox, stop: threading.Event) -> None:
    connection = pika.BlockingConnection(pika.URLParameters(url))
    channel = connection.channel()
    channel.basic_qos(prefetch_count=500)
    for method, _, body in channel.consume(QUEUE, inactivity_timeout=0.2):
        if method is not None and body is not None:
            inbox.put(body, time.time())
            channel.basic_ack(method.delivery_tag or 0)
        if stop.is_set():
            break
    connection.close()


@contextmanager
def receiver(inbox: Inbox) -> Iterator[int]:
    """Take webhooks on a free port of the loopback, which is yielded, in a process of its own."""
    command = [sys.executable, "-m", "bench.receiving"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    lines = cast(IO[bytes], process.stdout)

    def read() -> None:
        for line in lines:
            at, _, body = line.partition(b" ")
            inbox.put(body, float(at))

    port = int(lines.readline())
    reading = threading.Thread(target=read, daemon=True)
    reading.start()
    try:
        yield port
    finally:
        process.terminate()
        process.wait()
        reading.join()
