"""The service's URLs, and an endpoint of which nearly everything is deprecated."""

from datetime import date
from typing import Any, ClassVar, Final

from django.urls import path
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from config.urls import handler400, handler403, handler404, handler500, urlpatterns
from tasks.api.bodies import Body
from tasks.api.deprecation import Deprecation
from tasks.api.query import Parameter, a_flag
from tasks.api.v1.fields import Flag, Line
from tasks.api.views import ApiView
from tasks.errors import InTrash

__all__ = ["handler400", "handler403", "handler404", "handler500", "urlpatterns"]

OPERATION: Final = Deprecation(date(2027, 1, 1), "/docs/printing", date(2027, 7, 4))
PARAMETER: Final = Deprecation(date(2027, 2, 1), "/docs/loud", date(2027, 8, 4))
SENT: Final = Deprecation(date(2027, 3, 1), "https://example.org/colour?of=text#sent")
INNER: Final = Deprecation(date(2026, 12, 1), "/docs/margin", date(2027, 10, 1))
SHOWN: Final = Deprecation(date(2027, 5, 1), "/docs/pages", date(2027, 11, 1))


class EdgeBody(Body):
    """The edge of a page."""

    deprecated: ClassVar = {"margin": INNER}

    margin = Line(most=9, required=False)
    paper = Line(most=9, required=False)


class PrintBody(Body):
    """What to print."""

    deprecated: ClassVar = {"colour": SENT}

    text = Line(most=99)
    colour = Flag(required=False)
    edge = EdgeBody(required=False)
    edges = EdgeBody(required=False, many=True)


class JobShown(serializers.Serializer):
    """What is being printed."""

    id = serializers.IntegerField()


class PagedJobShown(JobShown):
    """The same, with the number of its pages."""

    deprecated: ClassVar = {"pages": SHOWN}

    pages = serializers.IntegerField()


class Print(ApiView):
    """Printing, of which the writing side goes away."""

    shown = JobShown
    takes: ClassVar = {"post": PrintBody(), "put": PrintBody()}
    deprecated: ClassVar = {"post": OPERATION, "delete": OPERATION}

    def parameters_of_action(self) -> dict[str, Parameter]:
        loud = Parameter("loud", "Noisily.", {"type": "boolean"}, a_flag, deprecated=PARAMETER)
        quick = Parameter("quick", "At once.", {"type": "boolean"}, a_flag)
        return {"loud": loud, "quick": quick} if self.request.method in {"GET", "HEAD"} else {}

    def get(self, request: Request) -> Response:
        """Look at what is being printed."""
        return Response({"id": 1})

    def post(self, request: Request) -> Response:
        """Print something."""
        self.body()
        return Response({"id": 1}, headers={"Link": '</jobs/1>; rel="next"'})

    def put(self, request: Request) -> Response:
        """Print something else."""
        self.body()
        return Response({"id": 1})

    def delete(self, request: Request) -> Response:
        """Stop."""
        raise InTrash


class Pages(ApiView):
    """What is shown with a field that goes away."""

    shown = PagedJobShown

    def get(self, request: Request) -> Response:
        """Count the pages."""
        return Response({"id": 1, "pages": 2})

    def delete(self, request: Request) -> Response:
        """Forget the pages."""
        return Response(status=204)


class Old(ApiView):
    """What is only there to go away."""

    shown = JobShown
    deprecated: ClassVar = {"get": OPERATION}

    def get(self, request: Request) -> Response:
        """Look back."""
        return Response({"id": 1})


class Misspelt(ApiView):
    """It announces a field that is not there."""

    class MisspeltShown(JobShown):
        """A field too few."""

        deprecated: ClassVar[dict[str, Any]] = {"pagse": SHOWN}

    shown = MisspeltShown

    def get(self, request: Request) -> Response:
        """Do nothing."""
        return Response({"id": 1})


here = [
    path("api/v1/print", Print.as_view(), name="print"),
    path("api/v1/pages", Pages.as_view(), name="pages"),
    path("api/v1/old", Old.as_view(), name="old"),
]
misspelt = [path("api/v1/misspelt", Misspelt.as_view())]
urlpatterns = [*urlpatterns, *here]
