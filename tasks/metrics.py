"""What this process counts about itself; `/metrics` shows it (config/metrics.py).

With PROMETHEUS_MULTIPROC_DIR each value lies in a file that all web processes can read, so that
whichever of them is asked answers with the sums of all. To count costs a few microseconds, and
nothing is counted on the way of a request that passes. No label holds an id: each combination of
labels is a series that the monitoring keeps.
"""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, disable_created_metrics

# Not the library's own, which would show the memory of one process among many.
registry: Final = CollectorRegistry()
disable_created_metrics()  # type: ignore[no-untyped-call]  # A series more for each, told nowhere.

RATE_LIMIT_STORE_FAILURES: Final = Counter(
    "tasks_rate_limit_store_failures",
    "Tries of the shared store of the rate limits (Redis) that failed.",
    registry=registry,
)
RATE_LIMIT_LOCAL: Final = Gauge(
    "tasks_rate_limit_local_processes",
    "Processes that count requests for themselves because the shared store does not answer.",
    registry=registry,
    multiprocess_mode="livesum",  # A process that has ended counts for nobody.
)
RATE_LIMIT_REFUSALS: Final = Counter(
    "tasks_rate_limit_refusals",
    "Requests that a spent budget refused.",
    ["budget"],
    registry=registry,
)
for _name in ("anonymous", "user", "sustained", "write", "login-account", "login-address"):
    RATE_LIMIT_REFUSALS.labels(_name)  # There from the start: what appears later has no increase.
