"""The circuit breaker: when it opens, for how long, and that it can never stay open."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tasks.webhooks.breaker import (
    LONGEST_OPEN,
    PROBE_TIME,
    THRESHOLD,
    Breaker,
    State,
    open_time,
    should_disable,
)

pytestmark = pytest.mark.once

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
LONGEST_ATTEMPT = 15 * SECOND


def failing(times: int) -> Breaker:
    """A breaker after so many failures, the last of them NOW, each behind the fifth a probe's."""
    breaker = Breaker()
    for number in range(times):
        at = NOW - (times - 1 - number) * SECOND
        breaker = breaker.failed(at, probe=number >= THRESHOLD)
    return breaker


def test_it_opens_with_the_fifth_failure_in_a_row() -> None:
    assert failing(4) == Breaker(4, NOW - 3 * SECOND, None)
    assert failing(4).state(NOW) is State.CLOSED
    assert failing(5) == Breaker(5, NOW - 4 * SECOND, NOW + 30 * SECOND)
    assert failing(5).state(NOW) is State.OPEN


@pytest.mark.parametrize("failures", [0, 4, 5, 500])
def test_it_closes_with_any_success(failures: int) -> None:
    assert failing(failures).succeeded() == Breaker(0, None, None)


def test_it_lets_a_probe_go_when_its_time_is_up() -> None:
    opened = failing(5)
    assert opened.state(NOW + 30 * SECOND - timedelta.resolution) is State.OPEN
    assert opened.state(NOW + 30 * SECOND) is State.HALF_OPEN

    probing = opened.probing(NOW + 40 * SECOND)
    assert probing == Breaker(5, opened.failing_since, NOW + 70 * SECOND)
    assert probing.state(NOW + 40 * SECOND) is State.OPEN  # for everybody else
    assert probing.state(NOW + 70 * SECOND) is State.HALF_OPEN  # nobody came back from the probe


def test_it_is_open_longer_after_each_failed_probe() -> None:
    opened = failing(5)
    assert opened.failed(NOW, probe=True) == Breaker(6, opened.failing_since, NOW + 60 * SECOND)
    seconds = [open_time(failures).total_seconds() for failures in (5, 6, 7, 8, 9, 10, 11, 10**9)]
    assert seconds == [30, 60, 120, 240, 480, 900, 900, 900]


def test_it_takes_no_notice_of_failures_that_began_before_it_opened() -> None:
    opened = failing(5)
    assert opened.failed(NOW + SECOND) is opened


def test_it_names_the_columns_of_an_endpoint() -> None:
    assert failing(1).columns() == {"failures": 1, "failing_since": NOW, "open_until": None}


@pytest.mark.parametrize(
    ("failing_since", "disables"),
    [
        (None, False),
        (NOW, False),
        (NOW - timedelta(days=5) + timedelta.resolution, False),
        (NOW - timedelta(days=5), True),
    ],
)
def test_it_gives_up_after_five_days(failing_since: datetime | None, *, disables: bool) -> None:
    assert should_disable(failing_since, NOW) is disables


@dataclass(frozen=True)
class Try:
    """A request under way."""

    began: datetime
    probe: bool


class Senders(RuleBasedStateMachine):
    """Several senders with one row between them; any may die with its request under way.

    The row changes as a conditional update changes it: whoever saw an older `open_until` does
    nothing. No request lasts longer than 15 seconds; the senders' clocks are one.
    """

    @initialize()
    def begin(self) -> None:
        self.now = NOW
        self.row = Breaker()
        self.under_way: list[Try] = []
        self.seen = self.row

    @rule(seconds=st.floats(0, 2000))
    def time_passes(self, seconds: float) -> None:
        """No further than to the end of the oldest request: its sender gives up then, or died."""
        ends = [each.began + LONGEST_ATTEMPT for each in self.under_way]
        self.now = min([self.now + timedelta(seconds=seconds), *ends])

    @rule()
    def look(self) -> None:
        """A sender reads the row; it may act on that later."""
        self.seen = self.row

    @rule()
    def send(self) -> None:
        state = self.seen.state(self.now)
        if state is State.OPEN or self.seen.open_until != self.row.open_until:
            return
        assert self.row.state(self.now) is not State.OPEN
        if state is State.HALF_OPEN:
            self.row = self.row.probing(self.now)
        self.under_way.append(Try(self.now, probe=state is State.HALF_OPEN))

    @precondition(lambda self: self.under_way)
    @rule(data=st.data(), ok=st.sampled_from([True, False, False, False]))
    def answer(self, data: st.DataObject, *, ok: bool) -> None:
        done = data.draw(st.sampled_from(self.under_way))
        self.under_way.remove(done)
        self.row = self.row.succeeded() if ok else self.row.failed(self.now, probe=done.probe)

    @precondition(lambda self: self.under_way)
    @rule(data=st.data())
    def die(self, data: st.DataObject) -> None:
        self.under_way.remove(data.draw(st.sampled_from(self.under_way)))

    @invariant()
    def at_most_one_probe_is_under_way_before_a_success(self) -> None:
        probes = [each for each in self.under_way if each.probe]
        assert self.row.open_until is None or len(probes) <= 1

    @invariant()
    def it_is_never_open_for_ever(self) -> None:
        longest = max(LONGEST_OPEN, PROBE_TIME)
        assert self.row.state(self.now + longest) is not State.OPEN

    @invariant()
    def it_can_be_stored(self) -> None:
        assert (self.row.failures == 0) is (self.row.failing_since is None)
        assert (self.row.failures >= THRESHOLD) is (self.row.open_until is not None)
        assert self.row.failing_since is None or self.row.failing_since <= self.now


TestSenders = Senders.TestCase
TestSenders.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)
