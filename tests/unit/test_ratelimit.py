"""GCRA by properties; both stores under threads and processes."""

import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import combinations
from subprocess import PIPE
from typing import Any
from uuid import uuid4

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st

from tasks.ratelimit import (
    MICROSECONDS,
    Budget,
    Decision,
    LocalStore,
    Store,
    admit,
    decide,
)
from tasks.ratelimit_redis import RedisStore
from tests.health.servers import RedisServer, redis_server

pytestmark = pytest.mark.once

SECOND = MICROSECONDS
PATIENCE = 20.0  # seconds: what is counted here must not depend on how busy the machine is
limits = st.integers(1, 50)
periods = st.integers(1, 3600)
instants = st.integers(0, 2**51)


def budget(limit: int = 20, period: int = 600, name: str = "user", key: str = "") -> Budget:
    return Budget(name, key or f"{name}:{uuid4()}", limit, period)


def passes(store: Store, *budgets: Budget) -> bool:
    return all(decision.allowed for decision in store.spend(budgets))


# --- The decision -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tat", "cost", "decision"),
    [
        # Of 4 per 60 s, one is earned back every 15 s; it is second 100.
        (0, 1, Decision(True, 3, 0.0, 15.0, 115 * SECOND)),
        (100 * SECOND, 1, Decision(True, 3, 0.0, 15.0, 115 * SECOND)),
        (110 * SECOND, 1, Decision(True, 2, 0.0, 25.0, 125 * SECOND)),
        (145 * SECOND, 1, Decision(True, 0, 0.0, 60.0, 160 * SECOND)),
        (146 * SECOND, 1, Decision(False, 0, 1.0, 46.0, 146 * SECOND)),
        (160 * SECOND, 1, Decision(False, 0, 15.0, 60.0, 160 * SECOND)),
        (130 * SECOND, 2, Decision(True, 0, 0.0, 60.0, 160 * SECOND)),
        (131 * SECOND, 2, Decision(False, 1, 1.0, 31.0, 131 * SECOND)),
        (131 * SECOND, 0, Decision(True, 1, 0.0, 31.0, 131 * SECOND)),
        # Written under another limit, or by a clock that has been set back since.
        (9_999 * SECOND, 1, Decision(False, 0, 15.0, 60.0, 160 * SECOND)),
    ],
)
def test_it_decides_by_the_theoretical_arrival_time(
    tat: int, cost: int, decision: Decision
) -> None:
    assert admit(tat, 100 * SECOND, 4, 60, cost) == decision


@given(limits, periods, instants)
def test_it_admits_the_limit_in_a_burst_and_never_more(limit: int, period: int, now: int) -> None:
    tat, admitted = 0, 0
    for _ in range(2 * limit):
        decision = admit(tat, now, limit, period)
        tat = decision.new_tat
        admitted += decision.allowed
        assert decision.remaining == limit - admitted
    assert admitted == limit


@given(st.integers(1, 8), st.integers(1, 60), instants, st.data())
def test_it_admits_no_more_in_any_window_than_was_saved_and_earned(
    limit: int, period: int, start: int, data: st.DataObject
) -> None:
    interval = budget(limit, period).interval
    gaps = data.draw(st.lists(st.integers(0, 2 * interval), max_size=40))
    tat, now, admitted = 0, start, []
    for gap in gaps:
        now += gap
        decision = admit(tat, now, limit, period)
        tat = decision.new_tat
        if decision.allowed:
            admitted.append(now)
    for (first, begin), (last, end) in combinations(enumerate(admitted), 2):
        assert last - first + 1 <= limit + (end - begin) / interval


@given(limits, periods, instants, st.integers(0, 2**40))
def test_it_admits_at_the_promised_instant_and_not_before(
    limit: int, period: int, now: int, ahead: int
) -> None:
    decision = admit(now + ahead, now, limit, period)
    if not decision.allowed:
        promised = now + round(decision.retry_after * SECOND)
        assert not admit(decision.new_tat, promised - 1, limit, period).allowed
        assert admit(decision.new_tat, promised, limit, period).allowed
    whole = now + round(decision.reset * SECOND)
    assert admit(decision.new_tat, whole, limit, period, cost=limit).allowed


@given(limits, periods, instants, st.integers(0, 2**40), st.integers(0, 60))
def test_it_spends_nothing_when_it_refuses(
    limit: int, period: int, now: int, ahead: int, cost: int
) -> None:
    before = admit(now + ahead, now, limit, period, cost=0)
    after = admit(now + ahead, now, limit, period, cost)
    if not after.allowed:
        assert after.new_tat == before.new_tat
        assert after.remaining == before.remaining < cost


@pytest.mark.parametrize(
    ("limit", "period", "interval"), [(60, 60, 1_000_000), (7, 60, 8_571_429), (1_000_000, 1, 1)]
)
def test_it_rounds_the_interval_up(limit: int, period: int, interval: int) -> None:
    assert budget(limit, period).interval == interval


def test_it_decides_about_all_budgets_or_spends_in_none() -> None:
    narrow, wide = budget(1, 60), budget(5, 60)
    assert [d.remaining for d in decide([narrow, wide], [0, 0], SECOND)] == [0, 4]
    spent, free = decide([narrow, wide], [61 * SECOND, 0], SECOND)
    assert (spent.allowed, spent.remaining, spent.retry_after) == (False, 0, 60.0)
    assert (free.allowed, free.remaining, free.new_tat) == (True, 5, SECOND)


# --- Both stores ------------------------------------------------------------------------------


@pytest.fixture(params=["local", "redis"])
def store(request: pytest.FixtureRequest) -> Store:
    if request.param == "local":
        return LocalStore()
    url = request.getfixturevalue("redis_url")
    return RedisStore(url, prefix=f"test:{uuid4()}:", timeout=PATIENCE)


def test_it_counts_a_request_in_each_budget(store: Store) -> None:
    user, write = budget(20, name="user"), budget(10, name="write")
    first = store.spend([user, write])
    second = store.spend([user])
    assert [d.allowed for d in (*first, *second)] == [True, True, True]
    assert [d.remaining for d in (*first, *second)] == [19, 9, 18]
    assert first[0].reset == 30.0
    assert 59.0 < second[0].reset <= 60.0


def test_it_spends_nothing_anywhere_when_one_budget_refuses(store: Store) -> None:
    user, write = budget(5, 3600), budget(2, 3600, name="write")
    assert [passes(store, user, write) for _ in range(4)] == [True, True, False, False]
    refused = store.spend([user, write])
    assert [(d.allowed, d.remaining) for d in refused] == [(True, 3), (False, 0)]
    assert 1799.0 < refused[1].retry_after <= 1800.0
    assert [passes(store, user) for _ in range(4)] == [True, True, True, False]


def test_it_keeps_keys_apart(store: Store) -> None:
    one, other = budget(1, 3600), budget(1, 3600)
    assert [passes(store, b) for b in (one, other, one, other)] == [True, True, False, False]


def test_it_earns_a_request_back(store: Store) -> None:
    quick = budget(1, 1)
    assert passes(store, quick)
    deadline = time.monotonic() + 5
    while not passes(store, quick):
        assert time.monotonic() < deadline


def test_it_lets_exactly_the_limit_through_from_many_threads(store: Store) -> None:
    shared = budget(20)
    with ThreadPoolExecutor(16) as pool:
        results = list(pool.map(lambda _: passes(store, shared), range(320)))
    assert results.count(True) == 20


# --- Memory of the process --------------------------------------------------------------------


def test_it_forgets_budgets_that_are_whole_again_first() -> None:
    now = 0
    store = LocalStore(most_keys=10, clock=lambda: now)
    spent = budget(1, 3600)
    assert passes(store, spent)
    for _ in range(9):
        store.spend([budget(1, 1)])
    now = 2 * SECOND
    store.spend([budget(1, 1)])
    assert len(store) == 2
    assert not passes(store, spent)


def test_it_keeps_a_bounded_number_of_keys() -> None:
    store = LocalStore(most_keys=100)
    spent = budget(1, 3600)
    assert passes(store, spent)
    for _ in range(1_000):
        store.spend([budget(10, 60)])
        assert len(store) <= 100
    assert not passes(store, spent)


# --- Redis ------------------------------------------------------------------------------------


# Starts when it is told to, so that all processes run at the same time.
_SPENDER = """
import sys
from concurrent.futures import ThreadPoolExecutor
from tasks.ratelimit import Budget
from tasks.ratelimit_redis import RedisStore
url, prefix = sys.argv[1:]
store, shared = RedisStore(url, prefix=prefix, timeout=20), Budget("user", "user:alice", 20, 60)
print("ready", flush=True)
sys.stdin.readline()
with ThreadPoolExecutor(8) as pool:
    print(sum(pool.map(lambda _: store.spend([shared])[0].allowed, range(80))))
"""


def test_it_lets_exactly_the_limit_through_from_many_processes(redis_url: str) -> None:
    command = [sys.executable, "-c", _SPENDER, redis_url, f"test:{uuid4()}:"]
    with ExitStack() as stack:
        spenders = [
            stack.enter_context(subprocess.Popen(command, stdin=PIPE, stdout=PIPE, text=True))
            for _ in range(4)
        ]
        for spender in spenders:
            assert spender.stdout is not None
            assert spender.stdout.readline() == "ready\n"
        for spender in spenders:
            assert spender.stdin is not None
            spender.stdin.write("go\n")
            spender.stdin.flush()
        counts = [int(spender.communicate(timeout=30)[0]) for spender in spenders]
    assert sum(counts) == 20


def test_it_lets_keys_expire_when_the_budget_is_whole(redis_url: str) -> None:
    prefix, spent = f"test:{uuid4()}:", budget(20, 600)
    RedisStore(redis_url, prefix=prefix, timeout=PATIENCE).spend([spent])
    with redis.Redis.from_url(redis_url) as client:
        milliseconds = client.pttl(prefix + spent.key)
    assert isinstance(milliseconds, int)
    assert 29_000 < milliseconds <= 30_000


@pytest.fixture
def own_redis() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


def test_it_makes_one_round_trip(own_redis: RedisServer) -> None:
    store = RedisStore(own_redis.url, timeout=PATIENCE)
    with own_redis.client() as client:
        store.spend([budget()])
        before: dict[str, Any] = client.info("commandstats")
        store.spend([budget(), budget(name="write")])
        after: dict[str, Any] = client.info("commandstats")
    calls = {
        name: after[name]["calls"] - before.get(name, {"calls": 0})["calls"]
        for name in after
        if name != "cmdstat_info"
    }
    assert {name: count for name, count in calls.items() if count} == {
        "cmdstat_evalsha": 1,
        # These three are the script's own.
        "cmdstat_time": 1,
        "cmdstat_mget": 1,
        "cmdstat_set": 2,
    }


def test_it_teaches_redis_the_script_again(own_redis: RedisServer) -> None:
    store, spent = RedisStore(own_redis.url, timeout=PATIENCE), budget(2, 3600)
    assert passes(store, spent)
    with own_redis.client() as client:
        client.script_flush()
    assert [passes(store, spent), passes(store, spent)] == [True, False]
