"""The documentation that people look at, from local assets, under the strict security policy."""

from collections.abc import Iterable
from threading import Lock
from typing import Any, ClassVar

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.templatetags.static import static
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.views import (
    SpectacularAPIView,
    SpectacularRedocView,
    SpectacularSwaggerSplitView,
)

from tasks import context
from tasks.api.problems import CATALOGUE, ProblemType, problem_response


class OnceGenerator(SchemaGenerator):
    """Makes the document once in the life of a process, for everybody the same.

    Making it takes a quarter of a second, and it is not safe in threads: views and serializers are
    told about each other in attributes, and two requests at once were answered with 500.
    """

    _made: ClassVar[dict[str, Any] | None] = None
    _making: ClassVar[Lock] = Lock()

    def get_schema(self, request: Any = None, public: Any = None) -> dict[str, Any]:
        """Return the document; nobody may change it."""
        cls = OnceGenerator
        with cls._making:
            if cls._made is None:
                # The examples of problems show the id of the request; this one is nobody's.
                token = context.request_id.set("")
                try:
                    cls._made = super().get_schema(public=True)  # type: ignore[no-untyped-call]
                finally:
                    context.request_id.reset(token)
            return cls._made


schema = SpectacularAPIView.as_view(generator_class=OnceGenerator)
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


def _page(request: HttpRequest, kinds: Iterable[ProblemType], **words: Any) -> HttpResponse:
    if request.method not in {"GET", "HEAD"}:
        allowed = {"Allow": "GET, HEAD"}
        return problem_response("method_not_allowed", instance=request.path, headers=allowed)
    # In a remedy every second piece between backticks is code.
    words["kinds"] = [(kind, kind.remedy.split("`")) for kind in kinds]
    return render(request, "tasks/problems.html", words)
