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
LOOP_FAILURES: Final = Counter(
    "tasks_worker_loop_failures",
    "Steps of a worker's loops that failed, and are tried again.",
    ["loop"],
    registry=registry,
)
WAKEUP_FAILURES: Final = Counter(
    "tasks_event_wakeup_failures",
    "Calls to the workers that failed; these find the events by themselves, a second later.",
    registry=registry,
)

EVENTS_PUBLISHED: Final = Counter(
    "tasks_events_published",
    "Tries to send an event to RabbitMQ, by what became of it.",
    ["outcome"],
    registry=registry,
)
for _name in ("confirmed", "unroutable", "refused", "poison", "unsent"):
    EVENTS_PUBLISHED.labels(_name)
EVENTS_RECEIVED: Final = Counter(
    "tasks_events_received",
    "Deliveries of other services' events, by what became of them.",
    ["outcome"],
    registry=registry,
)
for _name in ("handled", "repeated", "ignored", "refused", "dead", "database_away"):
    EVENTS_RECEIVED.labels(_name)
BROKER_CONNECTED: Final = Gauge(
    "tasks_broker_connected",
    "Connections to RabbitMQ that can be used.",
    ["link"],
    registry=registry,
    multiprocess_mode="livesum",
)
BROKER_CONNECTIONS: Final = Counter(
    "tasks_broker_connections",
    "Connections to RabbitMQ that were made; all but the first of a process are made again.",
    ["link"],
    registry=registry,
)
EVENTS_PARKED: Final = Counter(
    "tasks_events_parked",
    "Events that RabbitMQ refused five times for their own sake, and that wait for somebody.",
    registry=registry,
)

WEBHOOK_DELIVERIES: Final = Counter(
    "tasks_webhook_deliveries",
    "Deliveries of webhooks by what became of them; `failed` is a try that is followed by another.",
    ["outcome"],
    registry=registry,
)
for _name in ("delivered", "failed", "exhausted", "withheld", "lost"):
    WEBHOOK_DELIVERIES.labels(_name)
WEBHOOK_BREAKER_OPENINGS: Final = Counter(
    "tasks_webhook_breaker_openings",
    "Endpoints of webhooks that failed so often that they are left alone for a while.",
    registry=registry,
)
WEBHOOKS_DISABLED: Final = Counter(
    "tasks_webhooks_disabled",
    "Endpoints of webhooks that the service has given up.",
    ["reason"],
    registry=registry,
)
for _name in ("gone", "failing"):
    WEBHOOKS_DISABLED.labels(_name)
