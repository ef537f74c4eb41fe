"""The schemas of the AsyncAPI document, from what the OpenAPI document says of the same things.

The schema of each kind of data has as `$id` what its events name as `dataschema`, and refers to
nothing: whoever wants it can cut it out. A reference inside would be resolved against the `$id` by
some tools and against the document by others.
"""

from collections.abc import Mapping
from typing import Any, Final

from drf_spectacular.generators import SchemaGenerator

from tasks.events.identity_event import TYPES as INBOUND_TYPES

type Schema = dict[str, Any]

# The kinds that there are objects of by now, by the name of their schema in the OpenAPI document.
OBJECTS: Final[Mapping[str, str]] = {
    kind: kind.capitalize() for kind in ("task", "comment", "project", "member", "label", "webhook")
}
# What events do not show, since it differs by who looks (tasks/operations/recording.py), or is no
# affair of those who read the broker (tasks/webhooks/rows.py).
_UNSHOWN: Final[Mapping[str, frozenset[str]]] = {
    "project": frozenset({"role"}),
    "webhook": frozenset({"url"}),
}
# What is never among the changes.
_FIXED: Final = frozenset({"id", "version", "created_by", "created_at", "updated_at"})
# Keywords that say something to OpenAPI alone, or of a single value in place of a list.
_FOREIGN: Final = frozenset({"readOnly", "x-spec-enum-id", "example"})
_NULL: Final[Schema] = {"type": "null"}


def schemas() -> dict[str, Schema]:
    """Return the schemas, by their name in the document."""
    components = SchemaGenerator().get_schema(request=None, public=True)["components"]
    shapes: dict[str, Schema] = _plain(components["schemas"])
    data = {f"{kind}Data": _data(kind, shapes) for kind in OBJECTS}
    return {"event": _envelope(shapes["Event"]), **data, "identityEvent": _IDENTITY}


def payload(kind: str, name: str) -> Schema:
    """Return the schema of the messages of one type."""
    return {
        "allOf": [{"$ref": "#/components/schemas/event"}],
        "properties": {
            "type": {"const": name},
            "dataschema": {"const": _name_of(kind)},
            "data": {"$ref": f"#/components/schemas/{kind}Data"},
        },
    }


def _name_of(kind: str) -> str:
    return f"urn:tasks:events:v1:{kind}"


def _envelope(event: Schema) -> Schema:
    """Return what all events have in common, with what CloudEvents demands of it."""
    properties = {name: shape for name, shape in event["properties"].items() if name != "data"}
    for name in ("source", "dataschema"):
        properties[name] = {**properties[name], "format": "uri-reference", "minLength": 1}
    return {**event, "properties": properties, "propertyNames": {"pattern": "^[a-z0-9]{1,20}$"}}


def _data(kind: str, shapes: Mapping[str, Schema]) -> Schema:
    whole, shown = shapes["EventData"], shapes[OBJECTS[kind]]
    fields = {
        name: shape
        for name, shape in shown["properties"].items()
        if name not in _UNSHOWN.get(kind, ())
    }
    last = {**shown, "properties": fields, "required": sorted(fields)}
    told = whole["properties"]
    # Somebody who sees only the project that a task has left is not told where it is.
    unseen = kind == "task"
    own = {
        "object": {"anyOf": [last, _NULL]} if unseen else last,
        "changes": {**told["changes"], "properties": _pairs(fields, unseen=unseen)},
    }
    described = {"$id": _name_of(kind), "description": f"What an event of a {kind} tells."}
    return {**described, "type": "object", "properties": told | own, "required": whole["required"]}


def _pairs(fields: Mapping[str, Schema], *, unseen: bool) -> Schema:
    """Return the schemas of old and new value, by field."""
    return {
        name: {
            "type": "array",
            "items": {"anyOf": [shape, _NULL]} if unseen and name == "project" else shape,
            "minItems": 2,
            "maxItems": 2,
        }
        for name, shape in sorted(_undescribed(fields).items())
        if name not in _FIXED
    }


def _undescribed(fields: Mapping[str, Schema]) -> dict[str, Schema]:
    return {
        name: {key: value for key, value in shape.items() if key != "description"}
        for name, shape in fields.items()
    }


def _plain(schema: Any) -> Any:
    """Return a schema, and all within, in the words of JSON Schema."""
    if isinstance(schema, list):
        return [_plain(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {name: _plain(value) for name, value in schema.items() if name not in _FOREIGN}
    if isinstance(words := plain.get("description"), str):
        # Behind them stands a list of the words of an enum, which the enum says already.
        words = words.partition("* `")[0].strip()
        plain = {name: value for name, value in plain.items() if name != "description"}
        plain |= {"description": words} if words else {}
    return plain


_TEXT: Final[Schema] = {"type": "string", "minLength": 1, "maxLength": 255}
_USER: Final[Schema] = {"type": "string", "format": "uuid"}
# tasks/events/identity_event.py reads it; a test holds the two together.
_IDENTITY: Final[Schema] = {
    "type": "object",
    "description": (
        "An event of the identity service. The user is named by `subject`, by `data.id` or by both."
    ),
    "properties": {
        "specversion": {"type": "string", "pattern": r"^1\."},
        "id": {**_TEXT, "description": "With `source`, the event: it is handled once."},
        "source": _TEXT,
        "type": {
            "enum": sorted(
                f"{prefix}{name}" for name in INBOUND_TYPES for prefix in ("identity.", "")
            ),
        },
        "subject": {**_USER, "description": "The user."},
        "data": {
            "type": "object",
            "properties": {
                "id": {**_USER, "description": "The user."},
                "username": {"type": "string", "maxLength": 150, "description": "The new one."},
                "email": {"type": "string", "maxLength": 254, "description": "The new one."},
                "active": {"type": "boolean", "description": "Whether they may sign in."},
            },
        },
    },
    "required": ["id", "source", "type", "data"],
    "anyOf": [
        {"required": ["subject"]},
        {"properties": {"data": {"required": ["id"]}}},
    ],
}
