"""The rounds of the worker: every job in turn, and one that fails holds up no other."""

import logging
from datetime import UTC, datetime

import pytest

from tasks.management.pruning import Rounds

pytestmark = pytest.mark.once

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_it_does_one_job_a_step_and_then_rests(caplog: pytest.LogCaptureFixture) -> None:
    done: list[tuple[str, datetime]] = []

    def trash(*, now: datetime) -> int:
        done.append(("trash", now))
        return 3

    def keys(*, now: datetime) -> int:
        done.append(("keys", now))
        return 0

    rounds = Rounds({"trash": trash, "keys": keys}, lambda: NOON)
    with caplog.at_level(logging.INFO):
        assert [rounds.step() for _ in range(4)] == [True, False, True, False]
    assert done == [("trash", NOON), ("keys", NOON)] * 2
    said = [
        (record.message, vars(record)["what"], vars(record)["count"]) for record in caplog.records
    ]
    assert said == [("pruned", "trash", 3)] * 2


def test_it_goes_on_with_the_next_job_after_one_that_failed() -> None:
    done: list[datetime] = []

    def fail(*, now: datetime) -> int:
        raise ValueError(now)

    def work(*, now: datetime) -> int:
        done.append(now)
        return 1

    rounds = Rounds({"a": fail, "b": work}, lambda: NOON)
    for _ in range(2):
        with pytest.raises(ValueError, match="2026"):
            rounds.step()
        assert rounds.step() is False
    assert done == [NOON, NOON]
