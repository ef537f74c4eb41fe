"""Redis that fails: the process counts for itself, says so, and finds its way back."""

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis

from tasks import metrics
from tasks.ratelimit import Budget, Decision, LocalStore, Store
from tasks.ratelimit_redis import IDLE, FallbackStore
from tests.unit.outages import Pauses, budget

pytestmark = pytest.mark.once


def passes(store: Store, spent: Budget) -> bool:
    return store.spend([spent])[0].allowed


def told(name: str) -> float:
    value = metrics.registry.get_sample_value(f"tasks_rate_limit_{name}")
    assert value is not None
    return value


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Recording:
    """A store that notes who asks it, and fails when it is told to."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.error: Exception | None = None
        self._inner = LocalStore()

    def spend(self, budgets: Sequence[Budget]) -> list[Decision]:
        self.asked.append([budget.name for budget in budgets])
        if self.error:
            raise self.error
        return self._inner.spend(budgets)


class Scene:
    """A shared store that has just failed, and the pauses between its tries."""

    def __init__(self) -> None:
        self.shared, self.pauses, self.clock = Recording(), Pauses(), Clock()
        self.store = FallbackStore(
            self.shared, LocalStore(), pause=5, clock=self.clock, wait=self.pauses
        )
        self.shared.error = redis.ConnectionError("refused")

    def try_again(self) -> None:
        """Let the thread try once, and wait until it pauses again or has ended."""
        tries = len(self.shared.asked)
        thread = self.store._thread
        assert thread is not None
        self.pauses.begin()
        self.pauses.end()
        if self.shared.error is None:
            thread.join(20)
            assert not thread.is_alive()
        else:
            self.pauses.begin()
            self.pauses._begun.release()
        assert self.shared.asked[tries:] == [["trial"]]


@pytest.fixture
def scene() -> Iterator[Scene]:
    made = Scene()
    yield made
    made.shared.error = None
    if thread := made.store._thread:
        made.pauses.end()
        thread.join(20)


@pytest.mark.parametrize(
    "error",
    [
        redis.ConnectionError("refused"),
        redis.TimeoutError("slow"),
        redis.ReadOnlyError("replica"),
        TimeoutError(),
        OSError("network"),
    ],
)
def test_it_counts_in_the_process_while_redis_fails(
    scene: Scene, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    failures, spent = told("store_failures_total"), budget(3, 3600)
    scene.shared.error = error
    assert [passes(scene.store, spent) for _ in range(5)] == [True, True, True, False, False]
    assert scene.shared.asked == [["user"]]
    assert told("store_failures_total") == failures + 1
    assert told("local_processes") == 1
    (record,) = caplog.records
    assert record.getMessage() == "rate_limit_store_unavailable"
    assert vars(record)["error"] == type(error).__name__


def test_it_lets_a_thread_try_redis_and_no_request(scene: Scene) -> None:
    failures, spent = told("store_failures_total"), budget(100, 3600)
    for _ in range(3):
        scene.store.spend([spent])
    scene.try_again()
    for _ in range(3):
        scene.store.spend([spent])
    scene.try_again()
    assert scene.shared.asked == [["user"], ["trial"], ["trial"]]
    assert scene.pauses.seconds == [5, 5, 5]
    assert told("store_failures_total") == failures + 3


def test_it_returns_to_redis_when_that_answers(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    spent = budget(100, 3600)
    scene.store.spend([spent])
    scene.shared.error = None
    assert scene.store.spend([spent])[0].remaining == 98  # The thread has not tried yet.
    scene.try_again()
    assert scene.store.spend([spent])[0].remaining == 99
    assert told("local_processes") == 0
    assert [record.getMessage() for record in caplog.records] == [
        "rate_limit_store_unavailable",
        "rate_limit_store_available",
    ]


def test_it_gives_no_fresh_budget_at_the_next_outage(scene: Scene) -> None:
    spent = budget(2, 3600)
    assert [passes(scene.store, spent) for _ in range(3)] == [True, True, False]
    scene.shared.error = None
    scene.try_again()
    assert passes(scene.store, spent)
    scene.shared.error = redis.ConnectionError("refused")
    assert not passes(scene.store, spent)


class FailingTogether:
    """A store whose first four requests are all there before any of them fails."""

    def __init__(self) -> None:
        self._all_there = threading.Barrier(4)

    def spend(self, budgets: Sequence[Budget]) -> list[Decision]:
        self._all_there.wait(20)
        raise redis.TimeoutError("slow")


def test_it_says_once_and_starts_one_thread_when_several_fail_at_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    failures, pauses = told("store_failures_total"), Pauses()
    store = FallbackStore(FailingTogether(), LocalStore(), wait=pauses)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: store.spend([budget()]), range(4)))
    pauses.begin()
    assert len(pauses.seconds) == 1
    assert told("store_failures_total") == failures + 4
    assert [record.getMessage() for record in caplog.records] == ["rate_limit_store_unavailable"]


def test_it_tries_no_more_when_nobody_asks_and_again_when_somebody_does(scene: Scene) -> None:
    scene.store.spend([budget()])
    first = scene.store._thread
    assert first is not None
    scene.clock.now += IDLE
    scene.pauses.begin()
    scene.pauses.end()
    first.join(20)
    assert not first.is_alive()
    assert scene.shared.asked == [["user"], ["trial"]]
    scene.store.spend([budget()])
    scene.try_again()
    assert scene.shared.asked == [["user"], ["trial"], ["trial"]]
