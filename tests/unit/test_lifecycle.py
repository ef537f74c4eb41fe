"""The status machine, case by case."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from tasks.lifecycle import CLOSED, OPEN, Contradiction, Status, completed_at, wanted_status

TODO, IN_PROGRESS, DONE, CANCELLED = Status
CONTRADICTION = "contradiction"

# What is wanted, by (`status`, `completed`) of the body, for each current status in turn.
WANTED: dict[tuple[Status | None, bool | None], object] = {
    (None, None): (TODO, IN_PROGRESS, DONE, CANCELLED),
    (None, True): (DONE, DONE, DONE, DONE),
    (None, False): (TODO, IN_PROGRESS, TODO, CANCELLED),
    (TODO, None): (TODO, TODO, TODO, TODO),
    (TODO, True): CONTRADICTION,
    (TODO, False): (TODO, TODO, TODO, TODO),
    (IN_PROGRESS, None): (IN_PROGRESS, IN_PROGRESS, IN_PROGRESS, IN_PROGRESS),
    (IN_PROGRESS, True): CONTRADICTION,
    (IN_PROGRESS, False): (IN_PROGRESS, IN_PROGRESS, IN_PROGRESS, IN_PROGRESS),
    (DONE, None): (DONE, DONE, DONE, DONE),
    (DONE, True): (DONE, DONE, DONE, DONE),
    (DONE, False): CONTRADICTION,
    (CANCELLED, None): (CANCELLED, CANCELLED, CANCELLED, CANCELLED),
    (CANCELLED, True): CONTRADICTION,
    (CANCELLED, False): (CANCELLED, CANCELLED, CANCELLED, CANCELLED),
}

SINCE = datetime(2026, 5, 1, 9, tzinfo=UTC)
NOW = SINCE + timedelta(days=1)

# The instant of closing by (old, new), for a task that was closed SINCE if it was closed.
CLOSED_AT = {
    (TODO, TODO): None,
    (TODO, IN_PROGRESS): None,
    (TODO, DONE): NOW,
    (TODO, CANCELLED): NOW,
    (IN_PROGRESS, TODO): None,
    (IN_PROGRESS, IN_PROGRESS): None,
    (IN_PROGRESS, DONE): NOW,
    (IN_PROGRESS, CANCELLED): NOW,
    (DONE, TODO): None,
    (DONE, IN_PROGRESS): None,
    (DONE, DONE): SINCE,
    (DONE, CANCELLED): SINCE,
    (CANCELLED, TODO): None,
    (CANCELLED, IN_PROGRESS): None,
    (CANCELLED, DONE): SINCE,
    (CANCELLED, CANCELLED): SINCE,
}


def test_it_has_a_line_for_every_case() -> None:
    assert set(WANTED) == set(product([None, *Status], [None, True, False]))
    assert set(CLOSED_AT) == set(product(Status, Status))


@pytest.mark.parametrize(("status", "completed"), WANTED)
@pytest.mark.parametrize("index", range(4))
def test_it_knows_which_status_a_body_wants(
    status: Status | None, completed: bool | None, index: int
) -> None:
    expected, current = WANTED[status, completed], list(Status)[index]

    if isinstance(expected, tuple):
        assert wanted_status(current, status=status, completed=completed) is expected[index]
    else:
        with pytest.raises(Contradiction):
            wanted_status(current, status=status, completed=completed)


@pytest.mark.parametrize(("old", "new"), CLOSED_AT)
def test_it_stamps_closing_and_clears_on_reopening(old: Status, new: Status) -> None:
    since = SINCE if old in CLOSED else None

    assert completed_at(old, new, since, NOW) == CLOSED_AT[old, new]


def test_it_takes_every_status_for_either_open_or_closed() -> None:
    assert set(Status) == OPEN | CLOSED
    assert not OPEN & CLOSED


def test_it_writes_the_statuses_that_clients_read() -> None:
    assert [status.value for status in Status] == ["todo", "in_progress", "done", "cancelled"]
