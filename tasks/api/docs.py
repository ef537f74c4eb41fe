"""The documentation that people look at, from local assets, under the strict security policy."""

from collections.abc import Iterable
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.templatetags.static import static
from drf_spectacular.views import (
    SpectacularAPIView,
    SpectacularRedocView,
    SpectacularSwaggerSplitView,
)

from tasks.api.problems import CATALOGUE, ProblemType, problem_response

schema = SpectacularAPIView.as_view()
swagger = SpectacularSwaggerSplitView.as_view(url_name="schema", template_name="tasks/swagger.html")
redoc = SpectacularRedocView.as_view(url_name="schema", template_name="tasks/redoc.html")


def favicon(request: HttpRequest) -> HttpResponse:
    """Lead browsers, which ask for it unbidden, to the icon."""
    return redirect(static("tasks/icon.svg"))


def problems(request: HttpRequest) -> HttpResponse:
    """The catalogue of problems, as a page."""
    return _page(request, CATALOGUE.values())


def problem_type(request: HttpRequest, code: str) -> HttpResponse:
    """What the `type` of a problem leads to."""
    if code not in CATALOGUE:
        raise Http404
    return _page(request, [CATALOGUE[code]], one=True)


def _page(request: HttpRequest, kinds: Iterable[ProblemType], **context: Any) -> HttpResponse:
    if request.method not in {"GET", "HEAD"}:
        allowed = {"Allow": "GET, HEAD"}
        return problem_response("method_not_allowed", instance=request.path, headers=allowed)
    # In a remedy every second piece between backticks is code.
    context["kinds"] = [(kind, kind.remedy.split("`")) for kind in kinds]
    return render(request, "tasks/problems.html", context)
