"""Sending: claim, let go, act, mark.

One thread speaks to the database: it claims what is due and marks what has been sent. Many threads
post, and never have a connection. So a worker needs one connection, however long its receivers
take; the price is that claiming and marking go one after the other, which is why successes are
marked together. Where one worker is not enough, more of them share the work.

At least once: one that dies between a request and its mark leaves a lease that runs out, and the
event is sent again, with the same `webhook-id`.
"""

import logging
import queue
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from random import random
from typing import Final
from uuid import UUID

from django.utils import timezone

from tasks.webhooks import fairness
from tasks.webhooks.addresses import Network
from tasks.webhooks.claims import LEASE, Claim, claim, release, with_work
from tasks.webhooks.marking import mark_delivered, mark_failed
from tasks.webhooks.sending import Sender, Sent

logger: Final = logging.getLogger(__name__)

THREADS: Final = 32


class Dispatcher:
    """The step of a worker's loop, and the threads that post.

    Args:
        source, allowed: see `Sender`.
        wake: set when an attempt has ended; it wakes the loop.
        clock: says what is due, and when the breakers let through. Leases go by the database's.
        threads: how many requests may be on the way at once.
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
        chance: Callable[[], float] = random,
    ) -> None:
        self._sender = Sender(source=source, allowed=allowed, clock=clock)
        self._wake, self._clock, self._chance, self._threads = wake, clock, chance, threads
        self._lock = threading.Lock()  # of `step` against `stop`, which another thread calls
        self._on_the_way: dict[UUID, tuple[Claim, float]] = {}  # since when, by the delivery's id
        self._to_send: queue.SimpleQueue[Claim | None] = queue.SimpleQueue()
        self._ended: queue.SimpleQueue[Sent] = queue.SimpleQueue()
        self._to_mark: deque[Sent] = deque()
        self._started = 0
        self._last: UUID | None = None  # the endpoint that was served last
        self._stopped = False

    def step(self) -> bool:
        """Mark what has been sent, claim what is due; return whether there may be more."""
        with self._lock:
            self._mark_ended()
            return not self._stopped and self._claim()

    def settle(self, seconds: float) -> bool:
        """Wait for what is on the way and mark it; return whether all of it has ended in time."""
        deadline = time.monotonic() + seconds
        with self._lock:
            self._mark_ended()
            while self._on_the_way and time.monotonic() < deadline:
                self._await_one(deadline)
                self._mark_ended()
            return not self._on_the_way

    def stop(self, seconds: float) -> None:
        """Claim nothing more, let what is on the way end, and give back what has not in time."""
        self._stopped = True
        self.settle(seconds)
        with self._lock:
            release(kept for kept, _ in self._on_the_way.values())
            for _ in range(self._started):
                self._to_send.put(None)

    def _claim(self) -> bool:
        if len(self._on_the_way) >= self._threads:
            return False  # The end of one wakes the loop.
        now = self._clock()
        endpoints = fairness.after(with_work(now=now), self._last)
        shares = fairness.shares(endpoints, self._busy(), self._suspects(), self._threads)
        if not shares:
            return False
        self._last = list(shares)[-1].id
        claims = claim(shares, now=now)
        for each in claims:
            self._send(each)
        return bool(claims)

    def _busy(self) -> Counter[UUID]:
        return Counter(kept.webhook.pk for kept, _ in self._on_the_way.values())

    def _suspects(self) -> int:
        return sum(kept.webhook.failures > 0 for kept, _ in self._on_the_way.values())

    def _send(self, claimed: Claim) -> None:
        self._on_the_way[claimed.delivery.pk] = claimed, time.monotonic()
        if self._started < min(len(self._on_the_way), self._threads):
            self._started += 1
            # A daemon: a receiver that takes its time must not keep the process from ending.
            threading.Thread(target=self._work, name="webhooks-post", daemon=True).start()
        self._to_send.put(claimed)

    def _work(self) -> None:
        """Run in each of the threads that post."""
        while (claimed := self._to_send.get()) is not None:
            self._ended.put(self._sender.send(claimed))
            self._wake.set()

    def _await_one(self, deadline: float) -> None:
        try:
            left = max(deadline - time.monotonic(), 0)
            self._to_mark.append(self._ended.get(timeout=left))
        except queue.Empty:
            pass

    def _mark_ended(self) -> None:
        """Mark all that has ended; what cannot be marked now is tried again while its lease lasts.

        A failure goes to the end of the line first, so that it holds up nothing else for ever.
        """
        while not self._ended.empty():
            self._to_mark.append(self._ended.get())
        self._done(sent for sent in list(self._to_mark) if not self._in_time(sent))
        delivered = [sent for sent in self._to_mark if sent.delivered]
        if delivered:
            mark_delivered(delivered, now=self._clock())
            self._done(delivered)
        while self._to_mark:
            self._to_mark.rotate(-1)
            mark_failed(self._to_mark[-1], now=self._clock(), chance=self._chance())
            self._done([self._to_mark[-1]])

    def _done(self, marked: Iterable[Sent]) -> None:
        for sent in marked:
            self._to_mark.remove(sent)
            del self._on_the_way[sent.claim.delivery.pk]

    def _in_time(self, sent: Sent) -> bool:
        delivery = sent.claim.delivery.pk
        since = self._on_the_way[delivery][1]
        if time.monotonic() - since < LEASE.total_seconds():
            return True
        logger.error("webhook_mark_given_up", extra={"delivery": str(delivery)})
        return False
