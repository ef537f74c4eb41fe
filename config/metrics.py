"""`/metrics`, and the files through which the web processes count together.

A request for `/metrics` reaches one process of several, and must be answered for all. So each
counts in a file of its own (`PROMETHEUS_MULTIPROC_DIR`), and whoever is asked adds them up. A
process that has ended leaves its counters behind, because a sum must not shrink.
"""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache

VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"
_PREFIX: Final = "tasks-metrics-"
_METHODS: Final = ("GET", "HEAD")
# In memory where there is such a place: a slow disk must not hold up who counts.
_PLACE: Final = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108


def share(given: Path | None) -> None:
    """Let the processes that this one will fork count together, from zero.

    To be called once, before anything is counted: it decides how `tasks.metrics` counts.

    Args:
        given: where the operator wants the files; those of an earlier run are deleted. None for a
            directory of our own. One that a parent of ours has made for itself is not taken over:
            it goes when that parent ends (SIGUSR2).
    """
    if given is None or given.name.startswith(_PREFIX):
        given = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=_PLACE))
    for file in given.glob("*.db"):
        file.unlink()
    os.environ[VARIABLE] = str(given)


def process_ended(process: int) -> None:
    """Take a process out of what tells the present: it is no longer in any state."""
    from prometheus_client.multiprocess import mark_process_dead  # `share` comes first

    mark_process_dead(process)  # type: ignore[no-untyped-call]


def tidy() -> None:
    """Delete the directory, if this process has made it."""
    directory = Path(os.environ.get(VARIABLE, ""))
    if directory.name.startswith(f"{_PREFIX}{os.getpid()}-"):
        shutil.rmtree(directory, ignore_errors=True)


@never_cache
def view(request: HttpRequest) -> HttpResponse:
    """Answer in the text format of Prometheus, without sign-in: a gateway keeps others out."""
    from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

    from tasks.api.problems import problem_response

    if request.method not in _METHODS:
        allowed = {"Allow": ", ".join(_METHODS)}
        return problem_response("method_not_allowed", instance=request.path, headers=allowed)
    return HttpResponse(_text(), content_type=CONTENT_TYPE_PLAIN_0_0_4)


def _text() -> bytes:
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.multiprocess import MultiProcessCollector

    from tasks import metrics

    if VARIABLE not in os.environ:
        return generate_latest(metrics.registry)
    everybody = CollectorRegistry()
    MultiProcessCollector(everybody)  # type: ignore[no-untyped-call]
    return generate_latest(everybody)
