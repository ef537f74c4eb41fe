"""The limits and their metrics in real processes: four at once, and one whose Redis is frozen."""

import json
import os
import re
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tasks.ratelimit_redis import TIMEOUT
from tests.config.processes import CHECKOUT, Gunicorn, environment, gunicorn
from tests.health.servers import RedisServer, redis_server

pytestmark = [pytest.mark.once, pytest.mark.xdist_group("gunicorn")]

LIMIT, REQUESTS = 37, 200
PASSWORD = "a password for the limits"
# Nothing is earned back: that takes 7.5 hours for each.
LIMITS = f"anonymous={LIMIT}/1000000,user={LIMIT}/1000000,login=3/1000000"

type Answer = tuple[int, dict[str, str], bytes]


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    """The Redis of `four`, and of nobody else: all here come from one address."""
    with redis_server() as server:
        yield server


@pytest.fixture
def own_redis() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


@pytest.fixture(scope="module")
def var(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the database of a service that dora may sign in to."""
    var = tmp_path_factory.mktemp("limits")
    account = {"DJANGO_SUPERUSER_USERNAME": "dora", "DJANGO_SUPERUSER_PASSWORD": PASSWORD}
    for arguments in (["migrate"], ["createsuperuser", "--noinput"]):
        subprocess.run(
            [sys.executable, "manage.py", *arguments, "--verbosity=0"],
            cwd=CHECKOUT,
            env=environment(var, LOCAL_RUN="true", **account),
            timeout=120,
            check=True,
        )
    return var


@pytest.fixture(scope="module")
def four(redis: RedisServer, var: Path) -> Iterator[Gunicorn]:
    given = {"RATE_LIMITS": LIMITS, "REDIS_URL": redis.url, "WEB_CONCURRENCY": "4"}
    shared = {"PROMETHEUS_MULTIPROC_DIR": str(var / "metrics")}
    with gunicorn(var, LOCAL_RUN="true", LOG_FORMAT="json", **given, **shared) as running:
        yield running


def request(path: str, *headers: str, body: object = None) -> bytes:
    content = b"" if body is None else json.dumps(body).encode()
    method = "GET" if body is None else "POST"
    lines = [
        f"{method} {path} HTTP/1.1",
        "Host: localhost",
        "Connection: close",
        "Content-Type: application/json",
        f"Content-Length: {len(content)}",
        *headers,
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


def all_at_once(server: Gunicorn, sent: bytes) -> list[Answer]:
    start = threading.Barrier(REQUESTS)

    def ask(_: int) -> Answer:
        start.wait()
        return server.send(sent)

    with ThreadPoolExecutor(REQUESTS) as pool:
        return list(pool.map(ask, range(REQUESTS)))


def metrics(server: Gunicorn) -> dict[str, float]:
    """Return what /metrics tells, without the prefix that all have here."""
    status, headers, body = server.send(request("/metrics"))
    assert (status, headers["content-type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    lines = re.findall(r"^tasks_rate_limit_(\S+) (\S+)$", body.decode(), flags=re.MULTILINE)
    return {name: float(value) for name, value in lines}


def timed(server: Gunicorn, sent: bytes) -> tuple[int, float]:
    begun = time.monotonic()
    status, _, _ = server.send(sent)
    return status, time.monotonic() - begun


def test_it_lets_exactly_the_limit_through_four_processes(four: Gunicorn) -> None:
    answers = all_at_once(four, request("/api/v1/tasks"))
    assert Counter(status for status, _, _ in answers) == {401: LIMIT, 429: REQUESTS - LIMIT}
    for status, headers, body in answers:
        assert headers["ratelimit-policy"] == f'"anonymous";q={LIMIT};w=1000000'
        if status == 429:
            assert headers["ratelimit"].startswith('"anonymous";r=0;t=')
            assert 27_000 < int(headers["retry-after"]) <= 27_028
            assert json.loads(body)["code"] == "rate_limited"
    left = {headers["ratelimit"].split(";")[1] for status, headers, _ in answers if status == 401}
    assert left == {f"r={number}" for number in range(LIMIT)}


def test_it_lets_exactly_the_limit_of_a_user_through(four: Gunicorn) -> None:
    credentials = {"username": "dora", "password": PASSWORD}
    _, _, body = four.send(request("/api/v1/auth/token", body=credentials))
    bearer = f"Authorization: Bearer {json.loads(body)['access']}"
    before = metrics(four)
    answers = all_at_once(four, request("/api/v1/me", bearer))
    assert Counter(status for status, _, _ in answers) == {200: LIMIT, 429: REQUESTS - LIMIT}
    assert all("retry-after" in headers for status, headers, _ in answers if status == 429)
    after = metrics(four)
    refused = 'refusals_total{budget="user"}'
    assert after[refused] - before[refused] == REQUESTS - LIMIT
    assert (after["local_processes"], after["store_failures_total"]) == (0, 0)


def test_it_counts_metrics_by_process_and_tells_them_once(four: Gunicorn, var: Path) -> None:
    deadline = time.monotonic() + 60
    while len(list((var / "metrics").glob("counter_*.db"))) < 4:  # They start one after another.
        assert time.monotonic() < deadline
    assert set(metrics(four)) == {
        *(
            f'refusals_total{{budget="{name}"}}'
            for name in ("anonymous", "user", "sustained", "write", "login-account")
        ),
        'refusals_total{budget="login-address"}',
        "local_processes",
        "store_failures_total",
    }
    assert {str(metrics(four)) for _ in range(20)} == {str(metrics(four))}


def test_it_enforces_the_limits_while_redis_is_frozen(own_redis: RedisServer, var: Path) -> None:
    limits = "anonymous=4/1000000,login=3/1000000"
    given = {"RATE_LIMITS": limits, "REDIS_URL": own_redis.url, "WEB_CONCURRENCY": "1"}
    wrong = request("/api/v1/auth/token", body={"username": "erin", "password": "no"})
    with gunicorn(var, LOCAL_RUN="true", LOG_FORMAT="json", **given) as running:
        running.send(request("/health/live"))
        own_redis.freeze()
        try:
            anonymous = [timed(running, request("/api/v1/tasks")) for _ in range(6)]
            sign_ins = [running.send(wrong)[0] for _ in range(5)]
            told = metrics(running)
        finally:
            own_redis.thaw()
        assert [status for status, _ in anonymous] == [401] * 4 + [429] * 2
        assert sign_ins == [401] * 3 + [429] * 2
        # The first waited for Redis, and it alone.
        assert statistics.median(seconds for _, seconds in anonymous[1:]) < TIMEOUT
        assert told["local_processes"] == 1
        assert told["store_failures_total"] >= 1
        assert told['refusals_total{budget="login-account"}'] == 2
        deadline = time.monotonic() + 20
        while metrics(running)["local_processes"]:
            assert time.monotonic() < deadline
        events = [json.loads(line)["event"] for line in running.log()]
    assert [event for event in events if event.startswith("rate_limit_store")] == [
        "rate_limit_store_unavailable",
        "rate_limit_store_available",
    ]


def test_it_forgets_the_state_of_a_process_that_died_and_keeps_its_counts(
    own_redis: RedisServer, var: Path, tmp_path: Path
) -> None:
    given = {"RATE_LIMITS": LIMITS, "REDIS_URL": own_redis.url, "WEB_CONCURRENCY": "1"}
    shared = {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "metrics")}
    with gunicorn(var, LOCAL_RUN="true", **given, **shared) as running:
        running.send(request("/health/live"))
        own_redis.freeze()
        try:
            running.send(request("/api/v1/tasks"))
            assert metrics(running)["local_processes"] == 1
            [state] = (tmp_path / "metrics").glob("gauge_livesum_*.db")
            os.kill(int(state.stem.rpartition("_")[2]), signal.SIGKILL)
            deadline = time.monotonic() + 60
            while state.exists():
                assert time.monotonic() < deadline
            told = metrics(running)  # It waits for the next process.
        finally:
            own_redis.thaw()
    assert told["local_processes"] == 0
    assert told["store_failures_total"] >= 1


def test_it_keeps_its_files_in_memory_and_takes_them_away(
    own_redis: RedisServer, var: Path
) -> None:
    def left() -> set[Path]:
        return {
            path
            for place in ("/dev/shm", "/tmp")
            for path in Path(place).glob(f"tasks-metrics-{running.process.pid}-*")
        }

    given = {"RATE_LIMITS": LIMITS, "REDIS_URL": own_redis.url, "WEB_CONCURRENCY": "2"}
    with gunicorn(var, LOCAL_RUN="true", **given) as running:
        metrics(running)
        assert len(left()) == 1
    assert left() == set()
