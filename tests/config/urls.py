"""A URLconf for the tests of the wiring: one view for each thing that can happen to a request."""

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path

from tasks import context

handler400 = "tasks.api.outside.bad_request"
handler403 = "tasks.api.outside.permission_denied"
handler404 = "tasks.api.outside.not_found"
handler500 = "tasks.api.outside.server_error"


class Caller:
    pk = "0197c9a2-7f3e-7c5e-9d0a-1f2e3d4c5b6a"


def echo(request: HttpRequest) -> HttpResponse:
    """Answer with the request id that code below the middleware sees."""
    return JsonResponse({"request_id": context.request_id.get()})


def known(request: HttpRequest) -> HttpResponse:
    request.user = Caller()  # type: ignore[assignment]
    return HttpResponse()


def query(request: HttpRequest) -> HttpResponse:
    return JsonResponse(dict(request.GET))


def form(request: HttpRequest) -> HttpResponse:
    return JsonResponse(dict(request.POST))


def forbidden(request: HttpRequest) -> HttpResponse:
    raise PermissionDenied


def crash(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("hunter2")


urlpatterns = [
    path("echo", echo),
    path("items/<int:number>", lambda request, number: echo(request)),
    path("known", known),
    path("query", query),
    path("form", form),
    path("forbidden", forbidden),
    path("crash", crash),
    path("health/live", echo),
    path("admin/forbidden", forbidden),
    path("admin/form", form),
    path("admin/crash", crash),
]
