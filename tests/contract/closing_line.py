"""What schemathesis did, for the closing lines of a run.

A plugin of the whole suite and not a conftest: the process that starts the workers of xdist, which
is the one that knows the results of all, loads the conftest of the top only.
"""

import os
from pathlib import Path

import pytest


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Add a closing line: operations, cases and failures of schemathesis."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        return
    reports = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
    ran = [(report, cases_of(report)) for report in reports]
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


def cases_of(report: pytest.TestReport) -> list[object]:
    """Return the operation of each case that a test has tried."""
    return [operation for name, operation in report.user_properties if name == "case"]
