"""Redis that is down, frozen or wrong: the process counts for itself, in time and visibly."""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
import redis

from tasks.ratelimit import Budget, Decision, FallbackStore, LocalStore, RedisStore, Store
from tests.health.servers import RedisServer, redis_server

pytestmark = pytest.mark.once


def budget(limit: int = 20, period: int = 600) -> Budget:
    return Budget("user", f"user:{uuid4()}", limit, period)


def passes(store: Store, spent: Budget) -> bool:
    return store.spend([spent])[0].allowed


@pytest.fixture
def own_redis() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Recording:
    """A store that counts how often it is asked, and fails when it is told to."""

    def __init__(self) -> None:
        self.asked = 0
        self.error: Exception | None = None
        self._inner = LocalStore()

    def spend(self, budgets: Sequence[Budget]) -> list[Decision]:
        self.asked += 1
        if self.error:
            raise self.error
        return self._inner.spend(budgets)


@pytest.mark.parametrize(
    "error",
    [
        redis.ConnectionError("refused"),
        redis.TimeoutError("slow"),
        redis.ReadOnlyError("replica"),
        OSError("network"),
    ],
)
def test_it_counts_in_the_process_while_redis_fails(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    shared, clock, spent = Recording(), Clock(), budget(3, 3600)
    store = FallbackStore(shared, LocalStore(), pause=5, clock=clock)
    shared.error = error
    assert [passes(store, spent) for _ in range(5)] == [True, True, True, False, False]
    assert (shared.asked, store.failures) == (1, 1)
    (record,) = caplog.records
    assert record.getMessage() == "rate_limit_store_unavailable"
    assert vars(record)["error"] == type(error).__name__


def test_it_tries_redis_once_per_pause_and_returns_to_it() -> None:
    shared, clock, spent = Recording(), Clock(), budget(100, 3600)
    store = FallbackStore(shared, LocalStore(), pause=5, clock=clock)
    shared.error = redis.ConnectionError("refused")
    for seconds, asked in [(0, 1), (4.9, 1), (0.2, 2), (4.9, 2), (0.2, 3)]:
        clock.now += seconds
        for _ in range(3):
            store.spend([spent])
        assert shared.asked == asked
    shared.error = None
    clock.now += 5.1
    assert store.spend([spent])[0].remaining == 99
    assert store.spend([spent])[0].remaining == 98
    assert (shared.asked, store.failures) == (5, 3)


def test_it_gives_no_fresh_budget_at_the_next_outage() -> None:
    shared, clock, spent = Recording(), Clock(), budget(2, 3600)
    store = FallbackStore(shared, LocalStore(), pause=5, clock=clock)
    shared.error = redis.ConnectionError("refused")
    assert [passes(store, spent) for _ in range(3)] == [True, True, False]
    shared.error, clock.now = None, clock.now + 6
    assert passes(store, spent)
    shared.error = redis.ConnectionError("refused")
    assert not passes(store, spent)


def test_it_lets_one_request_alone_try_a_redis_that_failed() -> None:
    shared, clock = Recording(), Clock()
    store = FallbackStore(shared, LocalStore(), pause=5, clock=clock)
    shared.error = redis.TimeoutError("slow")
    store.spend([budget()])
    clock.now += 6
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: store.spend([budget()]), range(80)))
    assert shared.asked == 2


def test_it_answers_in_time_while_redis_is_frozen(own_redis: RedisServer) -> None:
    clock, spent = Clock(), budget(100, 3600)
    store = FallbackStore(RedisStore(own_redis.url), LocalStore(), clock=clock)
    assert store.spend([spent])[0].remaining == 99
    own_redis.freeze()
    begun = time.monotonic()
    assert store.spend([spent])[0].remaining == 99  # The process counts anew.
    assert 0.2 < time.monotonic() - begun < 0.6
    begun = time.monotonic()
    assert [store.spend([spent])[0].remaining for _ in range(50)] == [*range(98, 48, -1)]
    assert time.monotonic() - begun < 0.2
    own_redis.thaw()
    clock.now += 6
    # What was sent into the frozen server was carried out when it woke up.
    assert store.spend([spent])[0].remaining in (97, 98)
    assert store.failures == 1


def test_it_answers_in_time_while_redis_is_gone(own_redis: RedisServer) -> None:
    store, spent = FallbackStore(RedisStore(own_redis.url), LocalStore()), budget(100, 3600)
    assert store.spend([spent])[0].remaining == 99
    own_redis.kill()
    begun = time.monotonic()
    assert [store.spend([spent])[0].remaining for _ in range(50)] == [*range(99, 49, -1)]
    assert time.monotonic() - begun < 0.5
    assert store.failures == 1
