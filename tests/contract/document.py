"""The OpenAPI document as the code makes it now, and the operations in it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from drf_spectacular.generators import SchemaGenerator


@dataclass(frozen=True)
class Operation:
    """One method of one path.

    Attributes:
        path: the template, `/api/v1/tasks/{id}`.
        spec: its part of the document.
    """

    name: str
    method: str
    path: str
    spec: Mapping[str, Any]

    @property
    def named_path(self) -> str:
        """The template with `{id}` named after the collection that it follows: `{task_id}`."""
        collection = self.path.split("/")[3]
        kind = collection.removesuffix("ies") + "y" if collection.endswith("ies") else collection
        return self.path.replace("{id}", f"{{{kind.removesuffix('s')}_id}}")

    def parameters(self, place: str) -> dict[str, dict[str, Any]]:
        """Return the schemas of the parameters in `path` or `query`, by name."""
        found = self.spec.get("parameters", [])
        return {each["name"]: each["schema"] for each in found if each["in"] == place}

    def body(self) -> dict[str, Any] | None:
        """Return the schema of the body; None if it takes none."""
        if "requestBody" not in self.spec:
            return None
        return resolve(self.spec["requestBody"]["content"]["application/json"]["schema"])

    def __str__(self) -> str:
        return self.name


@cache
def document() -> dict[str, Any]:
    """Generate the document, once per process."""
    return dict(SchemaGenerator().get_schema(request=None, public=True))


@cache
def operations() -> dict[str, Operation]:
    """Return every operation of the document, by its `operationId`."""
    return {operation.name: operation for operation in _operations()}


def _operations() -> Iterator[Operation]:
    for path, methods in document()["paths"].items():
        for method, spec in methods.items():
            yield Operation(spec["operationId"], method.upper(), path, spec)


def resolve(schema: dict[str, Any]) -> dict[str, Any]:
    """Follow a reference into the components."""
    if "$ref" not in schema:
        return schema
    kind, name = schema["$ref"].split("/")[-2:]
    return dict(document()["components"][kind][name])


def takes_id(schema: Mapping[str, Any]) -> bool:
    """Tell whether a field or parameter names something that exists already."""
    inner = [schema, schema.get("items", {}), *schema.get("items", {}).get("anyOf", [])]
    return any(each.get("format") == "uuid" and "pattern" not in each for each in inner)
