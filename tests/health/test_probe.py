"""One question at a time, and an answer in time."""

import asyncio
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from health.probe import Probe

pytestmark = pytest.mark.once


class Dependency:
    """Answers when it is let, and counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.error: Exception | None = None
        self.answering = threading.Event()
        self.answering.set()

    def __call__(self) -> None:
        self.asked += 1
        self.answering.wait()
        if self.error:
            raise self.error


@pytest.fixture
def dependency() -> Iterator[Dependency]:
    dependency = Dependency()
    yield dependency
    dependency.answering.set()


def fails(probe: Probe) -> bool:
    try:
        asyncio.run(probe.answer())
    except (TimeoutError, ConnectionError):
        return True
    return False


def test_it_gives_a_good_answer_again_while_it_is_fresh(dependency: Dependency) -> None:
    probe = Probe(dependency, patience=0.01, fresh=3600)
    assert not fails(probe)
    deadline = time.monotonic() + 0.05
    while time.monotonic() < deadline:  # Beyond the patience, which a good answer has not tried.
        assert not fails(probe)
    assert dependency.asked == 1
    probe.forget()
    assert not fails(probe)
    assert dependency.asked == 2


def test_it_asks_anew_when_the_answer_is_stale(dependency: Dependency) -> None:
    probe = Probe(dependency, fresh=0)
    assert [fails(probe) for _ in range(3)] == [False] * 3
    assert dependency.asked == 3


def test_it_asks_anew_after_a_failure(dependency: Dependency) -> None:
    probe = Probe(dependency, fresh=3600)
    dependency.error = ConnectionRefusedError()
    assert fails(probe)
    assert fails(probe)
    dependency.error = None
    assert not fails(probe)
    assert dependency.asked == 3


def test_it_asks_once_for_all_who_wait(dependency: Dependency) -> None:
    probe = Probe(dependency, patience=0.2, fresh=0)
    dependency.answering.clear()
    begun = time.monotonic()
    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(fails, [probe] * 16)) == [True] * 16
    assert 0.2 <= time.monotonic() - begun < 1
    assert fails(probe)
    assert dependency.asked == 1


def test_it_says_at_once_that_a_hanging_question_is_late(dependency: Dependency) -> None:
    probe = Probe(dependency, patience=0.2)
    dependency.answering.clear()
    assert fails(probe)
    begun = time.monotonic()
    assert [fails(probe) for _ in range(10)] == [True] * 10
    assert time.monotonic() - begun < 0.1


def test_it_recovers_when_the_hanging_question_is_answered(dependency: Dependency) -> None:
    probe = Probe(dependency, patience=0.05)
    dependency.answering.clear()
    assert fails(probe)
    dependency.answering.set()
    deadline = time.monotonic() + 5
    while fails(probe):
        assert time.monotonic() < deadline
