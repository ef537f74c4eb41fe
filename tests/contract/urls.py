"""The service's URLs, and one view that crashes."""

from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response

from config.urls import handler400, handler403, handler404, handler500, urlpatterns
from tasks.api.views import ApiView

__all__ = ["handler400", "handler403", "handler404", "handler500", "urlpatterns"]


class Crash(ApiView):
    authentication_classes = ()
    permission_classes = ()

    def get(self, request: Request) -> Response:
        raise RuntimeError("hunter2")


urlpatterns = [*urlpatterns, path("api/v1/crash", Crash.as_view())]
