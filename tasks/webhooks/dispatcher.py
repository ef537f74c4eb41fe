"""Sending: claim, let go, act, mark.

One thread speaks to the database: it claims what is due and marks what has been sent. Many threads
post, and never have a connection. So a worker needs one connection, however long its receivers
take; the price is that claiming and marking go one after the other. That is why successes are
marked together, and why a thread is given a turn of several deliveries to one endpoint, so that
it has something to do meanwhile. Where one worker is not enough, more of them share the work.

At least once: one that dies between a request and its mark leaves a lease that runs out, and the
event is sent again, with the same `webhook-id`.
"""

import logging
import queue
import threading
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from random import random
from typing import Final
from uuid import UUID

from django.utils import timezone

from tasks.models import Webhook
from tasks.webhooks import fairness
from tasks.webhooks.addresses import Network
from tasks.webhooks.claims import LEASE, Claim, claim, release, with_work
from tasks.webhooks.marking import mark_delivered, mark_failed
from tasks.webhooks.sending import Sender, Sent
from tasks.webhooks.transport import Connection

logger: Final = logging.getLogger(__name__)

THREADS: Final = 32
TURN: Final = 8  # deliveries at most to one endpoint, one after the other by one thread
TURN_ENDS_AFTER: Final = 1.0  # seconds: then nothing more is sent in it, for others wait


@dataclass(slots=True, eq=False)
class Turn:
    """What one thread is to send to one endpoint, one after the other, until something fails.

    Attributes:
        claims: at least one, all for the same endpoint.
        tried: how many have been sent, or have failed; the rest is given back.
    """

    claims: Sequence[Claim]
    tried: int = 0

    @property
    def webhook(self) -> Webhook:
        return self.claims[0].webhook


class Dispatcher:
    """The step of a worker's loop, and the threads that post; its methods are for one thread.

    Args:
        source, allowed: see `Sender`.
        wake: set when an attempt or a turn has ended; it wakes the loop.
        clock: says what is due, and when the breakers let through. Leases go by the database's.
        threads: how many requests may be on the way at once.
        turn: how many deliveries a thread is given at most, for an endpoint that has not failed.
        chance: returns the jitter, from 0 up to 1.
    """

    def __init__(
        self,
        *,
        source: str,
        allowed: Sequence[Network],
        wake: threading.Event,
        clock: Callable[[], datetime] = timezone.now,
        threads: int = THREADS,
        turn: int = TURN,
        chance: Callable[[], float] = random,
    ) -> None:
        self._sender = Sender(source=source, allowed=allowed, clock=clock)
        self._wake, self._clock, self._chance = wake, clock, chance
        self._threads, self._turn = threads, turn
        self._running: set[Turn] = set()
        # Since when. Of one delivery there are two if the lease of the first has run out meanwhile.
        self._on_the_way: dict[Claim, float] = {}
        self._to_send: queue.SimpleQueue[Turn | None] = queue.SimpleQueue()
        self._ended: queue.SimpleQueue[Sent | Turn] = queue.SimpleQueue()
        self._to_mark: deque[Sent] = deque()
        self._to_release: list[Claim] = []
        self._started = 0
        self._last: UUID | None = None  # the endpoint that was served last
        self._stopped = False

    def step(self) -> bool:
        """Mark what has been sent, claim what is due; return whether there may be more."""
        self._mark_ended()
        return not self._stopped and self._claim()

    def settle(self, seconds: float) -> bool:
        """Wait for what is on the way and mark it; return whether all of it has ended in time.

        Then no thread is busy either: a turn ends a moment after its last delivery.
        """
        deadline = time.monotonic() + seconds
        self._mark_ended()
        while (self._on_the_way or self._running) and time.monotonic() < deadline:
            self._await_one(deadline)
            self._mark_ended()
        return not (self._on_the_way or self._running)

    def stop(self, seconds: float) -> None:
        """Claim nothing more, let what is on the way end, and give back what has not in time."""
        self._stopped = True
        self.settle(seconds)
        release(self._on_the_way)
        for _ in range(self._started):
            self._to_send.put(None)

    def _claim(self) -> bool:
        if len(self._running) >= self._threads:
            return False  # The end of one wakes the loop.
        now = self._clock()
        endpoints = fairness.after(with_work(now=now), self._last)
        threads = fairness.shares(endpoints, self._busy(), self._suspects(), self._threads)
        if not threads:
            return False
        self._last = list(threads)[-1].id
        counts = {
            each: count if each.failures else count * self._turn for each, count in threads.items()
        }
        claims = claim(counts, now=now)
        by_endpoint: dict[UUID, list[Claim]] = defaultdict(list)
        for kept in claims:
            by_endpoint[kept.webhook.pk].append(kept)
        for each, count in threads.items():
            self._deal(by_endpoint[each.id], count)
        return bool(claims)

    def _busy(self) -> Counter[UUID]:
        return Counter(turn.webhook.pk for turn in self._running)

    def _suspects(self) -> int:
        return sum(turn.webhook.failures > 0 for turn in self._running)

    def _deal(self, claims: Sequence[Claim], threads: int) -> None:
        """Give the deliveries to as many threads as there may be, each the same number."""
        for first in range(min(threads, len(claims))):
            self._send(Turn(claims[first::threads]))

    def _send(self, turn: Turn) -> None:
        self._running.add(turn)
        self._on_the_way |= dict.fromkeys(turn.claims, time.monotonic())
        if self._started < min(len(self._running), self._threads):
            self._started += 1
            # A daemon: a receiver that takes its time must not keep the process from ending.
            threading.Thread(target=self._work, name="webhooks-post", daemon=True).start()
        self._to_send.put(turn)

    def _work(self) -> None:
        """Run in each of the threads that post. A turn has a connection, which ends with it."""
        while (turn := self._to_send.get()) is not None:
            with self._sender.connection() as connection:
                self._send_over(connection, turn)
            self._ended.put(turn)
            self._wake.set()

    def _send_over(self, connection: Connection, turn: Turn) -> None:
        until = time.monotonic() + TURN_ENDS_AFTER
        for claimed in turn.claims:
            sent = self._sender.send(claimed, connection, last=claimed is turn.claims[-1])
            turn.tried += 1
            self._ended.put(sent)
            self._wake.set()
            if self._stopped or not sent.delivered or time.monotonic() > until:
                break

    def _await_one(self, deadline: float) -> None:
        with suppress(queue.Empty):
            self._take(self._ended.get(timeout=max(deadline - time.monotonic(), 0)))

    def _take(self, ended: Sent | Turn) -> None:
        if isinstance(ended, Sent):
            self._to_mark.append(ended)
        else:
            self._running.remove(ended)
            self._to_release += ended.claims[ended.tried :]

    def _mark_ended(self) -> None:
        """Mark all that has ended; what cannot be marked now is tried again while its lease lasts.

        A failure goes to the end of the line first, so that it holds up nothing else for ever.
        """
        while not self._ended.empty():
            self._take(self._ended.get())
        self._done([sent for sent in self._to_mark if not self._in_time(sent)])
        delivered = [sent for sent in self._to_mark if sent.delivered]
        if delivered:
            mark_delivered(delivered, now=self._clock())
            self._done(delivered)
        while self._to_mark:
            self._to_mark.rotate(-1)
            mark_failed(self._to_mark[-1], now=self._clock(), chance=self._chance())
            self._done([self._to_mark[-1]])
        if self._to_release:
            release(self._to_release)
            self._forget(self._to_release)
            self._to_release = []

    def _done(self, marked: Collection[Sent]) -> None:
        gone = {id(sent) for sent in marked}
        self._to_mark = deque(sent for sent in self._to_mark if id(sent) not in gone)
        self._forget(sent.claim for sent in marked)

    def _forget(self, claims: Iterable[Claim]) -> None:
        for kept in claims:
            del self._on_the_way[kept]

    def _in_time(self, sent: Sent) -> bool:
        if time.monotonic() - self._on_the_way[sent.claim] < LEASE.total_seconds():
            return True
        logger.error("webhook_mark_given_up", extra={"delivery": str(sent.claim.delivery.pk)})
        return False
