"""`/metrics` in one process; what several tell together is in test_rate_limits.py."""

import os
from pathlib import Path

import pytest
from django.test import Client
from pytest_django import Settings

from config import metrics
from tests.cast import Api
from tests.config.conftest import Lines

pytestmark = pytest.mark.once

TYPE = "text/plain; version=0.0.4; charset=utf-8"


def test_it_tells_everybody(client: Client) -> None:
    response = client.get("/metrics")
    assert (response.status_code, response.headers["Content-Type"]) == (200, TYPE)
    assert "no-store" in response.headers["Cache-Control"]
    lines = response.content.decode().splitlines()
    assert "# TYPE tasks_rate_limit_refusals_total counter" in lines
    assert "# TYPE tasks_rate_limit_store_failures_total counter" in lines
    assert "# TYPE tasks_rate_limit_local_processes gauge" in lines
    assert not any("_created" in line for line in lines)


def test_it_is_not_counted(client: Client, settings: Settings) -> None:
    settings.RATE_LIMITS = dict.fromkeys(("anonymous", "user", "write", "login"), (1, 3600))
    answers = [client.get("/metrics") for _ in range(3)]
    assert [(answer.status_code, "RateLimit" in answer.headers) for answer in answers] == (
        [(200, False)] * 3
    )


def test_it_reads_only(client: Client) -> None:
    response = client.post("/metrics")
    assert (response.status_code, response.headers["Allow"]) == (405, "GET, HEAD")
    assert response.json()["code"] == "method_not_allowed"


def test_it_is_not_in_the_document(as_nobody: Api) -> None:
    assert b"/metrics" not in as_nobody.get("/api/schema").response.content


def test_it_leaves_no_line_when_it_is_asked(client: Client, log: Lines) -> None:
    client.get("/metrics")
    assert log() == []


@pytest.fixture
def variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(metrics.VARIABLE, "")


@pytest.mark.usefixtures("variable")
def test_it_starts_from_zero_in_a_directory_that_was_given(tmp_path: Path) -> None:
    for name in ("counter_1.db", "gauge_livesum_1.db", "notes.txt"):
        (tmp_path / name).write_text("")
    metrics.share(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
    metrics.tidy()
    assert tmp_path.exists()


@pytest.mark.usefixtures("variable")
def test_it_takes_over_no_directory_of_a_parent_that_takes_it_away(tmp_path: Path) -> None:
    inherited = tmp_path / "tasks-metrics-1-abc"
    inherited.mkdir()
    (inherited / "counter_1.db").write_text("")
    metrics.share(inherited)
    own = Path(os.environ[metrics.VARIABLE])
    assert own != inherited
    assert own.is_dir()
    metrics.tidy()
    assert not own.exists()
    assert (inherited / "counter_1.db").exists()
