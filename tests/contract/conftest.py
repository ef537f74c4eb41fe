"""The database of one test, also for the real WSGI application; and what schemathesis did."""

import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from django.core.signals import request_finished, request_started
from django.db import close_old_connections

from tasks.models import User
from tests.contract.world import Ids, furnish, ids_of


@pytest.fixture
def wsgi(db: None) -> Iterator[None]:
    """Keep the connection, and the test's transaction on it, over requests to `config.wsgi`."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield
    for signal in signals:
        signal.connect(close_old_connections)


@pytest.fixture
def ids(alice: User, bob: User, now: datetime) -> Ids:
    """The ids in a project of alice's, of which bob is an editor and charlie sees nothing."""
    return {**ids_of(furnish(alice, bob, now)), "user_id": str(bob.pk)}


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Add a closing line: operations, cases and failures of schemathesis."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        return
    reports = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
    ran = [(report, [case for _, case in report.user_properties]) for report in reports]
    ran = [(report, cases) for report, cases in ran if cases]
    if not ran:
        return
    operations = len({cases[0] for _, cases in ran})
    cases = sum(len(each) for _, each in ran)
    failures = sum(report.failed for report, _ in ran)
    line = f"  schemathesis: {operations} operations, {cases} cases, {failures} failures\n"
    terminalreporter.write(line)
    if kept := os.environ.get("TEST_CLOSING_LINES"):
        with Path(kept).open("a") as file:
            file.write(line)
