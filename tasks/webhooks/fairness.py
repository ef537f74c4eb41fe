"""Whose deliveries are sent next: pure, so that it can be tried out without a network.

A dead endpoint keeps a thread for fifteen seconds with each request, and must not have all of them.
So endpoints take turns; none has more than one request on the way once half of the threads are
taken, and those that have failed lately share the other half, however many they are. The price: one
busy endpoint alone uses no more than half of the threads.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint that something is due for.

    Attributes:
        failures: since its last success.
        open_until: of its breaker; one that is not None has passed, so a probe may begin.
    """

    id: UUID
    failures: int = 0
    open_until: datetime | None = None


def after(endpoints: Sequence[Endpoint], last: UUID | None) -> list[Endpoint]:
    """Return the endpoints, given by id, such that those behind the last one served come first."""
    if last is None:
        return list(endpoints)
    behind = [each for each in endpoints if each.id > last]
    return behind + [each for each in endpoints if each.id <= last]


def shares(
    endpoints: Sequence[Endpoint], busy: Mapping[UUID, int], suspects: int, threads: int
) -> dict[Endpoint, int]:
    """Return how many deliveries to claim of each endpoint, one after the other in turns.

    Args:
        endpoints: in the order of their turns.
        busy: how many requests are on the way to each endpoint, also to such as are not given.
        suspects: how many of those are to endpoints that have failed lately.
        threads: how many requests may be on the way at once.
    """
    given: dict[Endpoint, int] = {}
    taken, turns = sum(busy.values()), list(endpoints)
    while turns and taken < threads:
        again = []
        for each in turns:
            count = busy.get(each.id, 0) + given.get(each, 0)
            if taken >= threads or count >= _most(each, taken, threads):
                continue
            if each.failures and suspects >= max(threads // 2, 1):
                continue
            given[each] = given.get(each, 0) + 1
            taken, suspects = taken + 1, suspects + bool(each.failures)
            again.append(each)
        turns = again
    return given


def _most(endpoint: Endpoint, taken: int, threads: int) -> int:
    """Return how many requests may be on the way to an endpoint."""
    return 1 if endpoint.failures or taken >= threads // 2 else max(threads // 2, 1)
