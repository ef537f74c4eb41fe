"""How to make small documents, and pairs of them: as they were and as they are."""

from dataclasses import dataclass
from typing import Any, Final

type Json = dict[str, Any]

STRING: Final[Json] = {"type": "string"}
NULLABLE: Final[Json] = {"type": ["string", "null"]}
NUMBER: Final[Json] = {"type": "integer"}


@dataclass(frozen=True)
class Pair:
    title: str
    was: Json
    now: Json
    found: tuple[str, ...] = ()


def document(operation: Json | None = None, **components: Any) -> Json:
    """A document of one operation, `GET /a`."""
    spec = {"operationId": "a", "responses": {}, **(operation or {})}
    return {"openapi": "3.1.1", "paths": {"/a": {"get": spec}}, "components": components}


def obj(*required: str, closed: bool = False, **properties: Any) -> Json:
    found: Json = {"type": "object", "properties": properties, "required": list(required)}
    return {**found, "additionalProperties": False} if closed else found


def body(schema: Json, *, required: bool = True, **components: Any) -> Json:
    content = {"application/json": {"schema": schema}}
    return document({"requestBody": {"required": required, "content": content}}, **components)


def answer(schema: Json, kind: str = "application/json", **components: Any) -> Json:
    return document({"responses": {"200": {"content": {kind: {"schema": schema}}}}}, **components)


def asking(*parameters: Json) -> Json:
    return document({"parameters": list(parameters)})


def parameter(schema: Json, name: str = "p", place: str = "query", **more: Any) -> Json:
    return {"name": name, "in": place, "schema": schema, **more}


def sent(title: str, was: Json, now: Json, *found: str) -> Pair:
    """A field `x` of a body."""
    return Pair(title, body(obj(x=was, closed=True)), body(obj(x=now, closed=True)), found)


def shown(title: str, was: Json, now: Json, *found: str) -> Pair:
    """A field `x` of an answer."""
    return Pair(title, answer(obj("x", x=was)), answer(obj("x", x=now)), found)


def asked(title: str, was: Json, now: Json, *found: str) -> Pair:
    """The query parameter `p`."""
    return Pair(title, asking(parameter(was)), asking(parameter(now)), found)


def enum(*values: Any) -> Json:
    return {"type": "string", "enum": list(values)}


def text(**limits: Any) -> Json:
    return {"type": "string", **limits}


def tree(leaf: Json) -> Json:
    """A schema that contains itself."""
    node = {"$ref": "#/components/schemas/Node"}
    return {"Node": obj("leaf", leaf=leaf, children={"type": "array", "items": node})}


NODE: Final[Json] = {"$ref": "#/components/schemas/Node"}
