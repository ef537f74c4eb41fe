"""Which events an endpoint gets, and how much of each: pure, asked once when an event is spread and
once more before each try, since a membership can end in between.
"""

from collections.abc import Container, Iterable
from enum import Enum, auto
from typing import Final, Protocol
from uuid import UUID

PING: Final = "webhook.ping"
_ANY: Final = ".*"


class View(Enum):
    """How much of an event somebody sees."""

    WHOLE = auto()
    LEFT = auto()  # That a task has left, and no more (`cloud_event(for_left=True)`).


class Seen(Protocol):
    """What of an event decides who sees it."""

    type: str
    subject: UUID
    project: UUID | None
    left_project: UUID | None
    user: UUID | None


def view(
    event: Seen, *, webhook: UUID, owner: UUID, only: UUID | None, projects: Container[UUID | None]
) -> View | None:
    """Return how much an endpoint's owner may see of an event; None for nothing of it.

    Args:
        webhook: the endpoint: a ping is for one of them, whatever its filters.
        only: the endpoint's project; it gets no event of another one.
        projects: those that the owner is a member of.
    """
    if event.type == PING:
        return View.WHOLE if event.subject == webhook and event.user == owner else None
    if only not in {None, event.project, event.left_project}:
        return None
    if event.user == owner or event.project in projects:
        return View.WHOLE
    return View.LEFT if event.left_project in projects else None


def wants(types: Iterable[str], event: Seen) -> bool:
    """Tell whether an endpoint with these filters wants an event of this type.

    Args:
        types: like `task.completed` or `task.*`; none of them for everything.
    """
    filters = list(types)
    return not filters or event.type == PING or any(_matches(each, event.type) for each in filters)


def _matches(wanted: str, given: str) -> bool:
    return wanted == given or (wanted.endswith(_ANY) and given.startswith(wanted[:-1]))
