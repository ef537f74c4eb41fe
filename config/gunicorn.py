"""How gunicorn serves the application; each option that is not obvious says why."""

import ssl
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from config import metrics
from config.database import close_pools
from health.shutdown import drain_on_sigterm

# Read here in the parent process, and again by each worker and at each reload (SIGHUP), which then
# pick up secrets that were changed in their files. So no module may be left to find: also not as
# an attribute of its package, which is where `from config import settings` looks first.
settings = import_module("config.settings")
del sys.modules["config.settings"]

wsgi_app = "config.wsgi"
proc_name = "tasks"
bind = (
    f"[{settings.HOST}]:{settings.PORT}"
    if ":" in settings.HOST
    else f"{settings.HOST}:{settings.PORT}"
)

# Threads and not asyncio: Django's own ASGI handler costs three times the CPU per request, and
# a thread waits for the database just as well.
worker_class = "config.worker.ProblemWorker"
workers = settings.WEB_CONCURRENCY
threads = settings.WEB_THREADS

# A worker whose main loop has been silent for this long is replaced. It does not limit a request:
# the limits of the database do.
timeout = 30
# After SIGTERM the service says that it is not ready, and answers on until the load balancers have
# heard it; then running requests may finish. Together below the 30 s after which Kubernetes kills.
# On somebody's own machine there is no load balancer to wait for.
DRAIN_SECONDS = 5 if settings.PRODUCTION else 0
graceful_timeout = 20
# Longer than the usual 60 s of a gateway: whoever closes an idle connection first risks a request
# that is on its way already, and a gateway can retry where a client cannot.
keepalive = 75
# The heartbeat file on a disk can block the worker for as long as the disk does.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108
# It would open a socket under $HOME, which a read-only container does not have.
control_socket_disable = True

# The largest that gunicorn can be told for the line; filters make long URLs.
limit_request_line = 8190
limit_request_fields = 100
limit_request_field_size = 8190

# X-Forwarded-Proto counts from these peers only. gunicorn would also trust the loopback.
forwarded_allow_ips = ",".join(str(network) for network in settings.TRUSTED_PROXIES)

# The middleware writes the access line, with the route and the user, which gunicorn cannot know.
accesslog = None
logger_class = "config.worker.QuietLogger"
logconfig_dict = settings.LOGGING

if settings.TLS_CERT_FILE:
    certfile = settings.TLS_CERT_FILE
    keyfile = settings.TLS_KEY_FILE
if settings.TLS_CLIENT_CA_FILE:
    # Mutual TLS: a client without a certificate of this authority does not get past the handshake.
    ca_certs = settings.TLS_CLIENT_CA_FILE
    cert_reqs = ssl.CERT_REQUIRED


def on_starting(server: Any) -> None:
    """Let the workers count together; not again at a reload, in the middle of counting."""
    metrics.share(settings.METRICS_DIR)


def post_worker_init(worker: Any) -> None:
    """Connect to Redis before the first requests, which come all at once."""
    from tasks.api import throttling  # needs the application, which only workers load

    throttling.connect()


def child_exit(server: Any, worker: Any) -> None:
    metrics.process_ended(worker.pid)


def on_exit(server: Any) -> None:
    metrics.tidy()


def when_ready(server: Any) -> None:
    """Put the drain before gunicorn's own handling of SIGTERM, in the parent process."""
    if DRAIN_SECONDS:
        drain_on_sigterm(DRAIN_SECONDS)


def worker_exit(server: Any, worker: Any) -> None:
    """Let the pool's threads go; otherwise the interpreter waits for them, 20 s in all."""
    close_pools()


def ssl_context(config: Any, default: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
    """Refuse TLS before 1.2 (RFC 8996), whatever the system's OpenSSL would allow."""
    context = default()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
