"""What a worker does: the one place that knows all of its loops and wires them together.

Each kind of work may have processes of its own (`run_worker --only`), and any number of processes
may do the same: who does what is decided by rows of the database, each time anew.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Final

from django.conf import settings
from django.db import Error, close_old_connections, connection, connections
from django.utils import timezone

from tasks.events import heartbeat, sequencer, wakeup
from tasks.events.broker import Publisher
from tasks.events.heartbeat import Heartbeat
from tasks.events.identity_event import IdentityEvent
from tasks.events.inbound import Consumer
from tasks.events.relay import Relay
from tasks.identity import directory
from tasks.loops import LONGEST_PAUSE, WARM, Loop
from tasks.management import pruning
from tasks.webhooks.addresses import Network
from tasks.webhooks.dispatcher import Dispatcher
from tasks.webhooks.fanout import FanOut

# Also how long an event waits at most if nobody could call the workers.
_IDLE: Final = 1.0  # seconds
_SQLITE: Final = 0.2  # seconds, idle or not: nobody can call them there
_LISTENER_PAUSE: Final = 5.0  # seconds at most between two tries
_POSTS_END_WITHIN: Final = 5.0  # seconds, of the ten in which a worker stops


def loops(kinds: Sequence[str], beats: Heartbeat) -> list[Loop]:
    """Return the loops that do this work; none has been started.

    Args:
        kinds: some of `tasks.events.heartbeat.KINDS`, each once.
        beats: says of this process that it is alive.
    """
    make = {"events": _events, "webhooks": _webhooks}
    woken = [loop for kind in kinds if kind in make for loop in make[kind]()]
    upkeep = _upkeep() if "upkeep" in kinds else ()
    return [*woken, *_listening(woken), *upkeep, _beating(beats)]


# --- Events: their order, and RabbitMQ --------------------------------------------------------


def _events() -> Iterator[Loop]:
    yield _quick("sequencer", lambda: sequencer.sequence() > 0)
    if settings.AMQP_URL:
        yield _relaying(settings.AMQP_URL, settings.EVENT_SOURCE)
        yield _consuming(settings.AMQP_URL)


def _relaying(url: str, source: str) -> Loop:
    """Return the loop that publishes the log; at its end another worker may go on at once."""
    publisher = Publisher(url)
    relay = Relay(publisher, source=source)

    def end() -> None:
        with suppress(Error):  # Then the lease ends by itself.
            relay.release()
        publisher.close()
        connections.close_all()

    return _quick("relay", relay.step, close=end)


def _consuming(url: str) -> Loop:
    """Return the loop that takes the events of the identity service; each step is a connection."""
    stopping = threading.Event()

    def follow(event: IdentityEvent) -> None:
        directory.follow(event, now=timezone.now())

    def step() -> bool:
        Consumer(url, follow).run(stopping)
        return True

    return Loop("inbound", step, idle=_IDLE, wake=threading.Event(), stopping=stopping)


# --- Webhooks ---------------------------------------------------------------------------------


def _webhooks() -> Iterator[Loop]:
    due = threading.Event()
    yield _quick("fan-out", FanOut(clock=timezone.now, wake=due).step)
    yield _sending(settings.EVENT_SOURCE, settings.WEBHOOK_ALLOWED_NETWORKS, due)


def _sending(source: str, allowed: Sequence[Network], due: threading.Event) -> Loop:
    """Return the loop that posts; what is on the way at its end may end, or is given back."""
    dispatcher = Dispatcher(source=source, allowed=allowed, wake=due)

    def end() -> None:
        with suppress(Error):  # Then the leases end by themselves.
            dispatcher.stop(_POSTS_END_WITHIN)
        connections.close_all()

    return _quick("webhooks", dispatcher.step, wake=due, close=end)


# --- Upkeep -----------------------------------------------------------------------------------


def _upkeep() -> Iterator[Loop]:
    rounds = pruning.Rounds(pruning.jobs(heartbeat.readers(settings.AMQP_URL)))
    yield _slow("pruning", rounds.step, every=pruning.EVERY)


# --- What every worker has --------------------------------------------------------------------


def _beating(beats: Heartbeat) -> Loop:
    """Return the loop of the heartbeat, which soon says so when the database is back."""

    def end() -> None:
        with suppress(Error):  # It is away. After a while nobody counts on this worker any more.
            beats.end()
        connections.close_all()

    every = heartbeat.EVERY
    return _slow("heartbeat", beats.beat, every=every, longest_pause=every, close=end)


def _listening(woken: Sequence[Loop]) -> Iterator[Loop]:
    """Yield the loop that wakes these, where the database has such a thing."""
    if woken and connection.vendor == "postgresql":
        listener = wakeup.Listener([loop.wake for loop in woken])
        yield Loop(
            "listener",
            listener.step,
            idle=_IDLE,
            wake=threading.Event(),
            longest_pause=_LISTENER_PAUSE,
            close=listener.close,
        )


def _quick(
    name: str,
    step: Callable[[], bool],
    *,
    wake: threading.Event | None = None,
    close: Callable[[], None] = connections.close_all,
) -> Loop:
    """Return a loop for what somebody waits for."""
    idle, warm = (_IDLE, WARM) if connection.vendor == "postgresql" else (_SQLITE, _SQLITE)
    return Loop(
        name,
        _giving_back(step),
        idle=idle,
        warm=warm,
        wake=wake or threading.Event(),
        close=close,
    )


def _slow(
    name: str,
    step: Callable[[], bool],
    *,
    every: float,
    longest_pause: float = LONGEST_PAUSE,
    close: Callable[[], None] = connections.close_all,
) -> Loop:
    """Return a loop for what is done now and then."""
    return Loop(
        name,
        _giving_back(step),
        idle=every,
        warm=every,
        wake=threading.Event(),
        longest_pause=longest_pause,
        close=close,
    )


def _giving_back(step: Callable[[], bool]) -> Callable[[], bool]:
    """Let the step give its connection back to the pool, so that one who waits holds none."""

    def stepped() -> bool:
        try:
            return step()
        finally:
            close_old_connections()

    return stepped
