"""The status machine of a task, as one table.

`completed` is the plain view of the status that simple clients use. The four statuses are RFC 5545
§3.8.1.11: NEEDS-ACTION, IN-PROCESS, COMPLETED, CANCELLED. Every status may follow every other; what
the table says is what a change does besides: closing stamps `completed_at`, reopening clears it.
"""

from datetime import datetime
from enum import StrEnum
from typing import Final


class Status(StrEnum):
    TODO = "todo"
    IN_PROGRESS = "in_progress"
    DONE = "done"
    CANCELLED = "cancelled"


OPEN: Final = frozenset({Status.TODO, Status.IN_PROGRESS})
CLOSED: Final = frozenset({Status.DONE, Status.CANCELLED})


class Contradiction(ValueError):
    """`completed` and `status` were sent together and disagree."""


def wanted_status(current: Status, *, status: Status | None, completed: bool | None) -> Status:
    """Return the status that a body asks for; what the body leaves out stays.

    Raises:
        Contradiction: `completed` is true and `status` is not done, or the other way round.
    """
    if status is not None and completed is not None and completed != (status is Status.DONE):
        raise Contradiction
    if status is not None:
        return status
    if completed is None or completed == (current is Status.DONE):
        return current
    return Status.DONE if completed else Status.TODO


def happened(old: Status, new: Status) -> str:
    """Return what a change is called: `completed`, `reopened`, or `updated` for all others."""
    if new is Status.DONE and old is not Status.DONE:
        return "completed"
    return "reopened" if old in CLOSED and new in OPEN else "updated"


def completed_at(
    old: Status, new: Status, since: datetime | None, now: datetime
) -> datetime | None:
    """Return the instant of closing after a change from `old` to `new`.

    Moving between the two closed statuses keeps the instant at which the task was first closed.
    """
    if new in OPEN:
        return None
    return since if old in CLOSED and since else now
