"""What outlives its time, and who deletes it: for `manage.py prune` and for the worker."""

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Final, Protocol

from django.utils import timezone

from tasks.events.heartbeat import prune_workers
from tasks.events.pruning import prune_events
from tasks.identity import families
from tasks.operations import upkeep

logger: Final = logging.getLogger(__name__)

EVERY: Final = 600.0  # seconds between two rounds of the worker


class Job(Protocol):
    def __call__(self, *, now: datetime) -> int: ...


def jobs(readers: Sequence[str]) -> dict[str, Job]:
    """Return the jobs by what they delete; each returns how many.

    Args:
        readers: of the event log, whose unread events stay.
    """
    return {
        "tasks and projects from the trash": upkeep.prune_trash,
        "idempotency keys": upkeep.prune_keys,
        "sign-ins": families.prune,
        "events": partial(prune_events, readers=readers),
        "deliveries to webhooks": upkeep.prune_deliveries,
        "notes of events received": upkeep.prune_received_events,
        "workers that were killed": prune_workers,
    }


class Rounds:
    """All jobs in turn, one a step.

    A job is taken off the list before it is done: one that fails is tried again in the next round,
    and holds up no other.

    Args:
        todo: the jobs by what they delete.
    """

    def __init__(
        self, todo: Mapping[str, Job], clock: Callable[[], datetime] = timezone.now
    ) -> None:
        self._jobs = todo
        self._clock = clock
        self._left: list[str] = []

    def step(self) -> bool:
        """Do the next job; return whether there are more in this round."""
        if not self._left:
            self._left = list(self._jobs)[::-1]
        what = self._left.pop()
        if count := self._jobs[what](now=self._clock()):
            logger.info("pruned", extra={"what": what, "count": count})
        return bool(self._left)
