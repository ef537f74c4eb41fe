"""The OpenAPI document, made from the code that answers.

Query parameters come from the tables that read them, bodies from the serializers that check them,
problems from the catalogue. The result is committed as `docs/openapi-v1.yaml`; a check compares.
"""

import inspect
from typing import Any, Final

from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import append_meta, force_instance
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiRequest, OpenApiResponse
from rest_framework import serializers

from tasks.api import deprecation
from tasks.api.deprecation import Deprecation
from tasks.api.examples import SENT, SHOWN
from tasks.api.headers import CONDITIONAL, NOT_MODIFIED, headers_of
from tasks.api.problems import CATALOGUE, MEDIA_TYPE, problem
from tasks.api.views import ApiView
from tasks.identity import schema as sign_in_schemes  # noqa: F401  registers them

_WRITES: Final = {"POST", "PUT", "PATCH", "DELETE"}
_WRITE_PROBLEMS: Final = (
    "permission_denied",
    "csrf_failed",
    "conflict",
    "idempotency_key_in_use",
    "idempotency_key_reused",
)
_BODY_PROBLEMS: Final = ("length_required", "content_too_large", "unsupported_media_type")
_JSON: Final = "application/json"
_UUID: Final = {"type": "string", "format": "uuid"}
# Actions whose name is the last word of the path, or that are the only one there.
_IN_PATH: Final = ("get", "post", "move", "restore", "ping", "rotate_secret", "redeliver")
_SUCCESS: Final = {
    "create": (201, "Made."),
    "ping": (202, "Sent off."),
    "redeliver": (202, "As it is now."),
}
# Where the first word of the path is not the tag.
_TAGS: Final = {"comments": "comments", "deliveries": "webhooks"}
_PATH_WORDS: Final = {
    "id": "The id.",
    "project_id": "The id of the project.",
    "task_id": "The id of the task.",
    "webhook_id": "The id of the endpoint.",
    "user_id": "The id of the member.",
}


class TaskSchema(AutoSchema):
    """Describes the views of `tasks.api.views`, by what they declare."""

    view: ApiView  # type: ignore[override]  # the base class allows None before it is set

    def is_deprecated(self) -> bool:
        return any(self._deprecations)

    def get_extensions(self) -> dict[str, Any]:
        return deprecation.sunset_in_document(*self._deprecations)

    @property
    def _deprecations(self) -> tuple[Deprecation | None, Deprecation | None]:
        return self.view.deprecated.get(self._action), deprecation.of_version(self.path)

    def _map_basic_serializer(self, serializer: Any, direction: str) -> dict[str, Any]:
        schema: dict[str, Any] = super()._map_basic_serializer(  # type: ignore[no-untyped-call]
            serializer, direction
        )
        for name, announced in deprecation.of_fields(force_instance(serializer)).items():
            if name in schema.get("properties", {}):  # it may be in the other direction only
                marks = {"deprecated": True, **deprecation.sunset_in_document(announced)}
                schema["properties"][name] = append_meta(schema["properties"][name], marks)
        return schema

    def get_tags(self) -> list[str]:
        words = self._words()
        return [_TAGS.get(words[-1]) or _TAGS.get(words[0]) or words[0]]

    def get_operation_id(self) -> str:
        verbs = {"update": "put", "partial_update": "patch", "destroy": "delete"}
        verbs |= {"retrieve": "get", **dict.fromkeys(_IN_PATH, "")}
        words = [*self._words(), verbs.get(self._action, self._action)]
        return "_".join(filter(None, words)).replace("-", "_")

    def get_summary(self) -> str:
        return self._words_of_handler()[0].rstrip(".")

    def get_description(self) -> str:  # type: ignore[override]  # as drf-spectacular has it
        return "\n".join(self._words_of_handler()[1:]).strip() or type(self.view).__doc__ or ""

    def get_serializer_name(self, serializer: serializers.Serializer, direction: str) -> str:
        return _name(type(serializer))

    def _is_list_view(self, serializer: Any = None) -> bool:
        """Say no: our pages are described whole, not as a list to be wrapped."""
        return False

    def _words(self) -> list[str]:
        """The path below the version, without its ids."""
        return [part for part in self.path.split("/")[3:] if not part.startswith("{")]

    def _words_of_handler(self) -> list[str]:
        return (inspect.getdoc(getattr(self.view, self._action)) or "").splitlines()

    @property
    def _signed_in(self) -> bool:
        return bool(self.view.authentication_classes)

    @property
    def _volatile(self) -> bool:
        return self._action in self.view.volatile

    @property
    def _action(self) -> str:
        return getattr(self.view, "action", None) or self.method.lower()

    def get_override_parameters(self) -> list[Any]:
        in_path = [
            OpenApiParameter(name, _UUID, "path", required=True, description=_PATH_WORDS[name])
            for name in _PATH_WORDS
            if f"{{{name}}}" in self.path
        ]
        in_query = [
            OpenApiParameter(
                parameter.name,
                {"type": "array", "items": parameter.schema, "maxItems": parameter.most}
                if parameter.many
                else parameter.schema,
                "query",
                description=parameter.description,
                deprecated=parameter.deprecated is not None,
                extensions=deprecation.sunset_in_document(parameter.deprecated),
                explode=True if parameter.many else None,
                style="form" if parameter.many else None,
            )
            for parameter in self.view.parameters_of_action().values()
        ]
        headers = headers_of(
            self.method, self._action, signed_in=self._signed_in, volatile=self._volatile
        )
        return in_path + in_query + headers

    def get_request_serializer(self) -> Any:
        body = self.view.takes.get(self._action)
        if body is None:
            return None
        sent = SENT.get(type(body).__name__, {})
        examples = [OpenApiExample(title, value) for title, value in sent.items()]
        return OpenApiRequest(body, examples=examples)

    def get_response_serializers(self) -> Any:
        unchanged = {304: OpenApiResponse(description=NOT_MODIFIED)}
        tagged = self.method == "GET" and not self._volatile
        return {**self._success(), **(unchanged if tagged else {}), **self._problems()}

    def _success(self) -> dict[Any, Any]:
        shown = self.view.shows.get(self._action, self.view.shown)
        if self.method == "DELETE":
            return {204: OpenApiResponse(description="Done.")}
        if self._action == "list":
            self.resolve_serializer(shown, "response")
            return {(200, _JSON): OpenApiResponse(_page_of(shown), "One page.")}
        status, words = _SUCCESS.get(self._action, (200, "As it is now."))
        return {(status, _JSON): OpenApiResponse(shown, words, _examples(shown))}

    def _problems(self) -> dict[Any, Any]:
        by_status: dict[int, list[str]] = {}
        for code in self._codes():
            by_status.setdefault(CATALOGUE[code].status, []).append(code)
        return {
            (status, MEDIA_TYPE): OpenApiResponse(
                Problem,
                " / ".join(CATALOGUE[code].title for code in codes),
                [
                    OpenApiExample(
                        code,
                        problem(code, instance="/api/v1/…"),
                        media_type=MEDIA_TYPE,
                        status_codes=[str(status)],
                        response_only=True,
                    )
                    for code in codes
                ],
            )
            for status, codes in by_status.items()
        }

    def _codes(self) -> list[str]:
        """Return what may go wrong here: by the kind of operation, and what the view adds."""
        signed_in, writes = self._signed_in, self.method in _WRITES
        with_body = self._action in self.view.takes
        conditional = signed_in and self._action in CONDITIONAL
        return [
            "validation_failed",
            *(["invalid_cursor"] if self._action == "list" else []),
            *(["malformed_request"] if with_body or (signed_in and writes) else []),
            *(["not_authenticated", "invalid_token"] if signed_in else []),
            *(_WRITE_PROBLEMS if signed_in and writes else ()),
            *self.view.fails.get(self._action, ()),
            *(("precondition_failed", "precondition_required") if conditional else ()),
            "not_acceptable",
            *(_BODY_PROBLEMS if with_body else []),
            "rate_limited",
            "internal_error",
            "unavailable",
        ]


class StrictFieldExtension(OpenApiSerializerFieldExtension):
    """Lets the fields of `tasks.api.v1.fields` describe themselves."""

    target_class = "tasks.api.v1.fields.StrictField"
    match_subclasses = True

    def map_serializer_field(self, auto_schema: AutoSchema, direction: str) -> dict[str, Any]:
        return dict(self.target.schema)


class Error(serializers.Serializer):
    """One mistake of a request."""

    pointer = serializers.CharField(
        required=False, help_text="Where in the body, as a JSON pointer (RFC 6901)."
    )
    parameter = serializers.CharField(required=False, help_text="Which query parameter.")
    code = serializers.CharField(help_text="Stable, for machines.")
    detail = serializers.CharField(help_text="What is wrong and what is taken, for people.")


class Problem(serializers.Serializer):
    """An error, as RFC 9457 has it."""

    type = serializers.CharField(help_text="A page of this documentation, relative to the host.")
    title = serializers.CharField(help_text="The kind of problem.")
    status = serializers.IntegerField(help_text="The HTTP status.")
    detail = serializers.CharField(help_text="What happened, or what to do about it.")
    instance = serializers.CharField(help_text="The path of the request.")
    code = serializers.ChoiceField(sorted(CATALOGUE), help_text="Stable, for machines.")
    request_id = serializers.CharField(help_text="Name it when you ask for help.")
    errors = Error(many=True, required=False)  # type: ignore[assignment]  # a field, here


def share_problems(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Name each problem response once and refer to it: most operations may fail alike."""
    shared = result["components"].setdefault("responses", {})
    for operations in result["paths"].values():
        for operation in operations.values():
            responses = operation["responses"]
            for status, response in responses.items():
                if MEDIA_TYPE in response.get("content", {}):
                    name = "Or".join(response["content"][MEDIA_TYPE]["examples"])
                    shared[name] = response
                    responses[status] = {"$ref": f"#/components/responses/{name}"}
    return result


def demand_bodies(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Say of each body that it has to be there, and takes no other fields than those it names."""
    for operations in result["paths"].values():
        for operation in operations.values():
            if "requestBody" in operation:
                operation["requestBody"]["required"] = True
    for name, schema in result["components"]["schemas"].items():
        if name.endswith("Request"):
            schema["additionalProperties"] = False
    result["components"]["schemas"]["MoveRequest"]["minProperties"] = 1
    return result


def only_api(endpoints: list[tuple[str, str, str, Any]]) -> list[tuple[str, str, str, Any]]:
    """Keep what belongs to API v1: the pages around it document themselves."""
    return [endpoint for endpoint in endpoints if endpoint[0].startswith("/api/v1/")]


def _name(kind: type[serializers.Serializer]) -> str:
    return kind.__name__.removesuffix("Shown").removesuffix("Body")


def _page_of(shown: type[serializers.Serializer]) -> dict[str, Any]:
    link = {"type": ["string", "null"], "format": "uri"}
    return {
        "type": "object",
        "required": ["results", "next", "previous"],
        "properties": {
            "results": {"type": "array", "items": {"$ref": f"#/components/schemas/{_name(shown)}"}},
            "next": {**link, "description": "The next page; null at the end."},
            "previous": {**link, "description": "The page before; null at the beginning."},
        },
    }


def _examples(shown: type[serializers.Serializer]) -> list[OpenApiExample]:
    name = shown.__name__
    return [
        OpenApiExample(title, value, response_only=True)
        for title, value in SHOWN.get(name, {}).items()
    ]
