"""The answers to health checks.

django-health-check runs the checks and writes OpenMetrics. Its view needed corrections: it
answers 500 where load balancers expect 503, HTML to whoever does not say what they accept, and a
crash to an Accept header that it cannot read. What is wrong with a dependency goes to the log:
the answer needs no sign-in, so it holds fixed words only, no hosts, versions or errors.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Any, Final

import orjson
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from health_check.base import HealthCheckResult
from health_check.views import HealthCheckView

from health import checks, shutdown
from health.checks import LATE, PENDING, UNAVAILABLE, Check, EventsCheck
from tasks.api.problems import problem_response

OK: Final = "ok"
STOPPING: Final = "stopping"
RETRY_AFTER: Final = "5"  # seconds
METHODS: Final = ("GET", "HEAD")

_NAME: Final = "tasks_oldest_unsent_event_seconds"
_OPENMETRICS: Final = (
    f"# HELP {_NAME} Age of the oldest event that has not been sent\n# TYPE {_NAME} gauge\n"
)


class ChecksView(HealthCheckView):
    """Runs checks side by side and answers with a line for each: 200 if all are well, else 503."""

    http_method_names = ["get", "head"]

    def get_checks(self) -> Iterator[Check]:
        raise NotImplementedError

    async def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        results = await self.run_checks()
        return _lines({check.name: _word(result) for check, result in results})

    async def run_checks(self) -> list[tuple[Check, HealthCheckResult]]:
        chosen = list(self.get_checks())
        self.results = await asyncio.gather(*(check.get_result() for check in chosen))
        return list(zip(chosen, self.results, strict=True))

    async def http_method_not_allowed(
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        return _not_allowed(request)


class HealthView(ChecksView):
    """Everything, for people and monitoring. A failure of any one of them is a 503."""

    def get_checks(self) -> Iterator[Check]:
        yield from checks.of_everything()

    async def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        results = await self.run_checks()
        seconds = _unsent_seconds(check for check, _ in results)
        if request.GET.get("format") == "openmetrics":
            # 200 also if something failed: Prometheus reads the lines of no other answer.
            return _with_line(self.render_to_response_openmetrics(), seconds)
        words = {check.name: _word(result) for check, result in results}
        return _lines(words, {"oldest_unsent_event_seconds": seconds})


class ReadyView(ChecksView):
    """Whether this process should get requests, for load balancers."""

    def get_checks(self) -> Iterator[Check]:
        yield from checks.of_readiness()

    async def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if shutdown.begun():
            return _lines({"process": STOPPING})
        return await super().get(request, *args, **kwargs)


@never_cache
def live(request: HttpRequest) -> HttpResponse:
    """Answer that the process answers. It asks nobody: a restart mends no database."""
    return _lines({}) if request.method in METHODS else _not_allowed(request)


def _word(result: HealthCheckResult) -> str:
    """Return `ok`, or what is wrong: nothing but words of ours."""
    if result.error is None:
        return OK
    return result.error.message if result.error.message in (PENDING, LATE) else UNAVAILABLE


def _unsent_seconds(results: Iterable[Check]) -> float | None:
    """Return the age of the oldest event that has not been sent; None if nobody can tell."""
    ages = (check.waits for check in results if isinstance(check, EventsCheck))
    return next((round(age.total_seconds(), 1) for age in ages if age is not None), None)


def _with_line(response: HttpResponse, seconds: float | None) -> HttpResponse:
    """Add the age to what the library has written; without a sample if it is not known."""
    lines = response.content.decode().removesuffix("# EOF\n")
    described = _OPENMETRICS if seconds is None else f"{_OPENMETRICS}{_NAME} {seconds}\n"
    response.content = f"{lines}{described}# EOF\n"
    return response


def _lines(
    words: Mapping[str, str], more: Mapping[str, float | None] | None = None
) -> HttpResponse:
    """Return the answer; indented, so that each check has a line of its own in a terminal."""
    well = all(word == OK for word in words.values())
    body = {"status": OK if well else UNAVAILABLE, "checks": words, **(more or {})}
    response = HttpResponse(
        orjson.dumps(body, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE),
        status=HTTPStatus.OK if well else HTTPStatus.SERVICE_UNAVAILABLE,
        content_type="application/json",
        headers={} if well else {"Retry-After": RETRY_AFTER},
    )
    # Django writes an error for each 5xx. The checks have logged what is wrong, and a process that
    # is told to stop is no error.
    response._has_been_logged = True  # type: ignore[attr-defined]
    return response


def _not_allowed(request: HttpRequest) -> HttpResponse:
    return problem_response(
        "method_not_allowed", instance=request.path, headers={"Allow": ", ".join(METHODS)}
    )
