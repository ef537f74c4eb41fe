"""The threads of a worker: they go on whatever a step does, and end when they are told to."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tasks import metrics
from tasks.loops import Failures, Loop, stop_all

pytestmark = pytest.mark.once

LONG = 3600.0  # seconds; nobody waits for it
PATIENCE = 20.0


class Steps:
    """A step that does what it is told, one thing after the other, and counts."""

    def __init__(self, *acts: bool | Exception | Callable[[], bool]) -> None:
        self._acts = iter(acts)
        self._done = threading.Semaphore(0)

    def __call__(self) -> bool:
        act = next(self._acts, False)
        try:
            if isinstance(act, Exception):
                raise act
            return act() if callable(act) else act
        finally:
            self._done.release()

    def happen(self, times: int) -> bool:
        """Wait until there were so many more steps."""
        return all(self._done.acquire(timeout=PATIENCE) for _ in range(times))

    def no_more(self) -> bool:
        return not self._done.acquire(blocking=False)


@contextmanager
def running(loop: Loop) -> Iterator[Loop]:
    loop.start()
    try:
        yield loop
    finally:
        assert stop_all([loop], within=PATIENCE) == []


def sleeper(step: Callable[[], bool], *, warm: float = LONG, longest_pause: float = LONG) -> Loop:
    """Return a loop that looks for work when it is woken, and never by itself."""
    return Loop(
        "tests", step, idle=LONG, wake=threading.Event(), warm=warm, longest_pause=longest_pause
    )


def test_it_goes_on_while_there_is_more_to_do() -> None:
    steps = Steps(True, True, True)
    with running(sleeper(steps)):
        assert steps.happen(4)
    assert steps.no_more()


def test_it_is_woken_and_falls_asleep_again() -> None:
    steps = Steps()
    with running(sleeper(steps)) as loop:
        for _ in range(100):
            assert steps.happen(1)
            loop.wake.set()
        assert steps.happen(1)
    assert steps.no_more()


def test_it_misses_no_call_that_comes_while_it_works() -> None:
    def called() -> bool:
        loop.wake.set()
        return False

    steps = Steps(called)
    loop = sleeper(steps)
    with running(loop):
        assert steps.happen(2)


def test_it_looks_by_itself_now_and_then() -> None:
    steps = Steps()
    with running(Loop("tests", steps, idle=0.001, wake=threading.Event())):
        assert steps.happen(5)


@pytest.mark.parametrize("act", ["work", "a call"])
def test_it_stays_awake_for_a_while_after(act: str) -> None:
    steps = Steps(act == "work")
    with running(sleeper(steps, warm=0.001)) as loop:
        assert steps.happen(1)
        if act == "a call":
            loop.wake.set()
        assert steps.happen(5)


def test_it_survives_its_failures(caplog: pytest.LogCaptureFixture) -> None:
    counted = metrics.LOOP_FAILURES.labels("tests")._value
    before = counted.get()
    steps = Steps(ValueError("a"), ValueError("b"), KeyError("c"), True)
    with caplog.at_level(logging.INFO), running(sleeper(steps, longest_pause=0.001)):
        assert steps.happen(5)
    assert counted.get() == before + 3
    said = [(record.message, vars(record).get("error")) for record in caplog.records]
    assert said == [
        ("loop_failed", "ValueError"),
        ("loop_failed", "KeyError"),
        ("loop_recovered", None),
    ]
    assert vars(caplog.records[-1])["failures_in_a_row"] == 3


def test_it_waits_longer_after_each_failure_and_not_for_ever() -> None:
    failures, error = Failures("tests", 30), ValueError()
    pauses = [failures.pause_after(error) for _ in range(1_200)]
    assert pauses[:8] == [0.5, 1, 2, 4, 8, 16, 30, 30]
    assert set(pauses[8:]) == {30}
    failures.over()
    assert failures.pause_after(error) == 0.5


def test_it_tells_of_one_kind_of_failure_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    now = 1_000.0
    failures = Failures("tests", 30, clock=lambda: now)
    for now in (1_000.0, 1_059.9, 1_060.0, 1_061.0):  # noqa: B007 - the clock reads it
        failures.pause_after(ValueError("the database is away"))
        failures.over()
    said = [record for record in caplog.records if record.message == "loop_failed"]
    assert len(said) == 2
    assert said[0].exc_info is not None
    assert vars(said[0])["loop"] == "tests"


def test_it_ends_in_the_middle_of_a_pause() -> None:
    steps = Steps(*[OSError()] * 100)
    loop = sleeper(steps)
    loop.start()
    assert steps.happen(3)
    begun = time.monotonic()
    assert stop_all([loop], within=PATIENCE) == []
    assert time.monotonic() - begun < 1  # The third pause takes two seconds.


def test_it_names_those_that_do_not_end() -> None:
    going = threading.Event()

    def hang() -> bool:
        return going.wait(PATIENCE)

    hanging, well = Loop("hanging", hang, idle=LONG, wake=threading.Event()), sleeper(Steps())
    for loop in (hanging, well):
        loop.start()
    assert stop_all([hanging, well], within=0.1) == ["hanging"]
    assert well.join(0)
    going.set()
    assert hanging.join(PATIENCE)


def test_it_cleans_up_in_its_own_thread() -> None:
    closed_by: list[str] = []
    loop = Loop(
        "tests",
        Steps(),
        idle=LONG,
        wake=threading.Event(),
        close=lambda: closed_by.append(threading.current_thread().name),
    )
    with running(loop):
        assert closed_by == []
    assert closed_by == ["tests"]


def test_it_tells_a_step_that_waits_by_itself() -> None:
    stopping = threading.Event()

    def wait() -> bool:
        return stopping.wait(PATIENCE)

    loop = Loop("tests", wait, idle=LONG, wake=threading.Event(), stopping=stopping)
    begun = time.monotonic()
    with running(loop):
        pass
    assert time.monotonic() - begun < PATIENCE / 2
