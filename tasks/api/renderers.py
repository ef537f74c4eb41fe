"""Writing answers: JSON by orjson, and DRF's browsable pages for people."""

from collections.abc import Mapping
from typing import Any, Final

import orjson
from rest_framework import renderers, status
from rest_framework.exceptions import APIException
from rest_framework.serializers import Serializer

from tasks.api.examples import SENT

# DRF's errors of lists have integer keys; instants in UTC end in Z.
OPTIONS: Final = orjson.OPT_NON_STR_KEYS | orjson.OPT_UTC_Z


class JSONRenderer(renderers.BaseRenderer):
    """`application/json`; ids, dates and instants as RFC 9562 and RFC 3339 have them."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        """Return the document; nothing for an answer without a body."""
        return b"" if data is None else orjson.dumps(data, default=str, option=OPTIONS)


class BrowsableRenderer(renderers.BrowsableAPIRenderer):
    """The pages a browser gets. Their forms send JSON, the only type that is read."""

    template = "tasks/api.html"

    def get_default_renderer(self, view: Any) -> JSONRenderer:
        return _IndentedRenderer()

    def get_breadcrumbs(self, request: Any) -> list[tuple[str, str]]:
        """Call each step by its part of the path: a list and its items share their view's name."""
        return [(url.rpartition("/")[2], url) for _, url in super().get_breadcrumbs(request)]

    def get_rendered_html_form(self, data: Any, view: Any, method: str, request: Any) -> Any:
        """DELETE and OPTIONS keep their buttons; the form-encoded forms could not be read."""
        if method in {"DELETE", "OPTIONS"}:
            return super().get_rendered_html_form(data, view, method, request)
        return None

    def get_raw_data_form(self, data: Any, view: Any, method: str, request: Any) -> Any:
        """Return the form for JSON with something to begin with."""
        form = super().get_raw_data_form(data, view, method, request)
        if form:
            begun = self._begun(data, view, method, request)
            form.fields["_content"].initial = _IndentedRenderer().render(begun).decode()
        return form

    def _begun(self, data: Any, view: Any, method: str, request: Any) -> Any:
        """Return what was sent, if it was refused; what is there to change; or an example."""
        action = getattr(view, "action_map", {}).get(method.lower(), method.lower())
        body = view.takes.get(action)
        if body is None:
            return {}
        refused = status.is_client_error(view.response.status_code)
        if refused and request.method == method and (sent := _sent(request)) is not None:
            return sent
        if method != "POST" and not refused and isinstance(data, Mapping):
            return {name: data[name] for name in _changeable(body) if name in data}
        return next(iter(SENT[type(body).__name__].values()))


def _sent(request: Any) -> dict[str, Any] | None:
    """Return the body that was refused; None if it was no object, or cannot be shown again.

    A type that is not read is refused again by each look at it, and a number beyond 64 bits is
    JSON that orjson does not write.
    """
    try:
        orjson.dumps(request.data)
    except (APIException, orjson.JSONEncodeError):
        return None
    return request.data if isinstance(request.data, dict) else None


def _changeable(body: Serializer[Any]) -> list[str]:
    """Name what may be sent. Without `completed`: to change only `status` would contradict it."""
    return [
        name for name, field in body.fields.items() if not field.read_only and name != "completed"
    ]


class _IndentedRenderer(JSONRenderer):
    """For eyes: what is JSON already, and would stand in one line, is written anew."""

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None
    ) -> bytes:
        compact = super().render(data, accepted_media_type, renderer_context)
        return orjson.dumps(orjson.loads(compact), option=orjson.OPT_INDENT_2) if compact else b""
