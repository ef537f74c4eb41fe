"""Endpoints that a test programs, and what a worker needs to send to them.

They are one HTTP server on the loopback, told apart by the path of the request.
"""

import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from time import monotonic
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from tasks.events import cursors
from tasks.events.log import record_event
from tasks.events.sequencer import sequence
from tasks.ids import uuid7
from tasks.models import Event, User, Webhook
from tasks.webhooks.dispatcher import TURN, Dispatcher
from tasks.webhooks.secrets import new_secret, seal

LOOPBACK: Final = [ip_network("127.0.0.0/8")]
SOURCE: Final = "urn:tasks:test"
PATIENCE: Final = 20.0  # seconds; a test that goes wrong ends


@dataclass(frozen=True)
class Request:
    """What an endpoint was sent."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    at: float = field(default_factory=monotonic)

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]


@dataclass(frozen=True)
class Reply:
    """What an endpoint answers: after `gate` is open, if there is one."""

    status: int = 204
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    gate: threading.Event | None = None


class Endpoints:
    """The replies of each path, one after the other and then the last one again; 204 for others."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.requests: list[Request] = []
        self.arrived = threading.Condition()
        self.connections = self.hung_up = 0
        self._replies: dict[str, deque[Reply]] = defaultdict(lambda: deque([Reply()]))

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def reply(self, path: str, *replies: Reply) -> None:
        self._replies[path] = deque(replies)

    def sent_to(self, path: str) -> list[Request]:
        return [each for each in self.requests if each.path == path]

    def await_requests(self, count: int, *, but: str = "") -> None:
        """Wait until so many requests have come; those to the path `but` are not counted."""
        with self.arrived:
            assert self.arrived.wait_for(
                lambda: sum(each.path != but for each in self.requests) >= count, PATIENCE
            ), f"{len(self.requests)} requests came, in place of {count}"

    def await_hang_ups(self, count: int) -> None:
        """Wait until so many connections have ended."""
        with self.arrived:
            assert self.arrived.wait_for(lambda: self.hung_up == count, PATIENCE), self.hung_up

    @contextmanager
    def connected(self) -> Iterator[None]:
        with self.arrived:
            self.connections += 1
        try:
            yield
        finally:
            with self.arrived:
                self.hung_up += 1
                self.arrived.notify_all()

    def note(self, request: Request) -> Reply:
        with self.arrived:
            self.requests.append(request)
            replies = self._replies[request.path]
            self.arrived.notify_all()
            return replies.popleft() if len(replies) > 1 else replies[0]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    endpoints: Endpoints

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection, in its thread."""
        with self.endpoints.connected():
            super().finish_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has gone is nothing to print."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"  # Which keeps connections.

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        reply = self.server.endpoints.note(Request(self.path, headers, body))
        if reply.gate:
            reply.gate.wait(PATIENCE)
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
        """Say nothing."""


@contextmanager
def serving() -> Iterator[Endpoints]:
    server = _Server(("127.0.0.1", 0), _Handler)
    server.endpoints = Endpoints(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server.endpoints
    finally:
        server.shutdown()
        server.server_close()


class Clock:
    """A clock that a test moves on."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def move(self, by: timedelta) -> None:
        self.now += by


def dispatcher(
    clock: Callable[[], datetime] = timezone.now,
    *,
    chance: float = 0.5,
    threads: int = 8,
    turn: int = TURN,
) -> Dispatcher:
    """Make a dispatcher that may post to the loopback; its jitter is as given (0.5: none)."""
    return Dispatcher(
        source=SOURCE,
        allowed=LOOPBACK,
        wake=threading.Event(),
        clock=clock,
        threads=threads,
        turn=turn,
        chance=lambda: chance,
    )


def run_all(*dispatchers: Dispatcher) -> None:
    """Send all that is due."""
    while sum(each.step() for each in dispatchers):
        for each in dispatchers:
            assert each.settle(PATIENCE)


def make_webhook(owner: User, url: str, *, secret: str = "", **fields: Any) -> Webhook:
    now = timezone.now()
    return Webhook.objects.create(
        owner=owner,
        url=url,
        secret=seal(secret or new_secret()),
        created_at=now,
        updated_at=now,
        **fields,
    )


def make_event(
    type: str = "task.created",  # noqa: A002 - the attribute's name in CloudEvents
    *,
    project: UUID | None,
    subject: UUID | None = None,
    **fields: Any,
) -> Event:
    """Record an event and give it its place."""
    with transaction.atomic():
        event = record_event(
            type,
            subject=subject or uuid7(),
            project=project,
            shown={"title": "Pack"},
            actor=None,
            now=timezone.now(),
            **fields,
        )
    _sequence_all()
    return Event.objects.get(uid=event.uid)


def forget_events() -> None:
    """Delete what the making of the cast has recorded; the fan-out's cursor is made, too."""
    _sequence_all()
    with cursors.locked(cursors.WEBHOOKS):
        pass
    Event.objects.all().delete()


def _sequence_all() -> None:
    while Event.objects.filter(sequence=None).exists():
        sequence()
