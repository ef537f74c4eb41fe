"""Schemas without their indirections: each as a list of plain alternatives.

`$ref` is followed, `allOf` is merged, `anyOf` and `oneOf` are spread out. What remains is compared
keyword by keyword (`comparing`). Two simplifications, the same for both documents: `oneOf` counts
as `anyOf`, and `additionalProperties` counts for the merged properties and not for each part's own.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from tests.compatibility.findings import Json, as_json

type Plain = dict[str, Any]

TYPES: Final = frozenset({"null", "boolean", "integer", "number", "string", "array", "object"})
ANNOTATIONS: Final = frozenset(
    {"title", "description", "example", "examples", "externalDocs", "xml", "$comment", "default"}
    | {"deprecated", "readOnly", "writeOnly"}
)
LOWER: Final = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
UPPER: Final = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_OF_TYPE: Final = {
    "null": (),
    "boolean": (),
    "integer": ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum", "format"),
    "number": ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum", "format"),
    "string": ("minLength", "maxLength", "pattern", "format"),
    "array": ("minItems", "maxItems", "uniqueItems", "items"),
    "object": ("properties", "required", "additionalProperties", "minProperties", "maxProperties"),
}


class CannotRead(Exception):
    """The document is not one that this check reads."""


def resolve(document: Json, spec: Any) -> Any:
    """Follow references inside a document until there is none.

    Raises:
        CannotRead: one leads out of the document, nowhere or in a circle.
    """
    seen = set()
    while isinstance(spec, Mapping) and isinstance(spec.get("$ref"), str):
        reference = spec["$ref"]
        if not reference.startswith("#/") or reference in seen:
            raise CannotRead(f"{reference} leads out of the document or in a circle.")
        seen.add(reference)
        spec = document
        for part in reference.removeprefix("#/").split("/"):
            try:
                spec = spec[part.replace("~1", "/").replace("~0", "~")]
            except (KeyError, TypeError):
                raise CannotRead(f"{reference} leads nowhere.") from None
    return spec


def alternatives(document: Json, schema: Any, active: frozenset[str] = frozenset()) -> list[Plain]:
    """Return plain schemas of which a value has to fit one.

    Args:
        active: the references that led here; what refers to itself says nothing more.
    """
    if isinstance(schema, bool):
        return [_plain({} if schema else {"not": {}})]
    found = [_plain({key: value for key, value in schema.items() if key not in _INDIRECT})]
    reference = schema.get("$ref")
    if reference is not None and reference not in active:
        target = resolve(document, {"$ref": reference})
        found = _each(found, alternatives(document, target, active | {reference}))
    for part in schema.get("allOf", ()):
        found = _each(found, alternatives(document, part, active))
    for keyword in ("anyOf", "oneOf"):
        parts = [part for part in schema.get(keyword, ()) if not _leads_to(part, active)]
        spread = [each for part in parts for each in alternatives(document, part, active)]
        found = _each(found, spread) if spread else found
    return found


def _leads_to(part: Any, active: frozenset[str]) -> bool:
    return isinstance(part, Mapping) and part.get("$ref") in active


def by_type(plain: Plain) -> list[Plain]:
    """Return a plain schema as one for each of its types, with the keywords that concern it."""
    types = sorted(_without_integer_twice(plain["type"]))
    if len(types) == 1:
        return [plain]
    split = []
    for kind in types:
        others = {key for each, keys in _OF_TYPE.items() if each != kind for key in keys}
        kept = {key: value for key, value in plain.items() if key not in others - {*_OF_TYPE[kind]}}
        kept["type"] = _with_integer({kind})
        if "enum" in kept:
            kept["enum"] = [value for value in kept["enum"] if type_of(value) in kept["type"]]
        split.append(kept)
    return split


def type_of(value: Any) -> str:
    """Return the type of a JSON value."""
    kinds = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array"}
    return "null" if value is None else kinds.get(type(value), "object")


def key_of(value: Any) -> str:
    """Return a text by which JSON values can be compared: true is not 1."""
    return json.dumps(value, sort_keys=True, default=as_json)


_INDIRECT: Final = frozenset({"$ref", "allOf", "anyOf", "oneOf"})


def _plain(schema: Json) -> Plain:
    """Return the keywords of one schema in the form in which they are merged and compared."""
    plain = dict(schema)
    if "const" in plain:
        plain["enum"] = [plain.pop("const")]
    if isinstance(plain.get("not"), Mapping) and plain["not"].keys() == {"pattern"}:
        plain["pattern"] = [*_several(plain, "pattern"), f"not {plain.pop('not')['pattern']}"]
    for keyword in ("pattern", "format"):
        if keyword in plain:
            plain[keyword] = _several(plain, keyword)
    named = plain.get("type")
    if named is not None:
        plain["type"] = _with_integer({named} if isinstance(named, str) else set(named))
    elif "enum" in plain:
        plain["type"] = _with_integer({type_of(value) for value in plain["enum"]})
    else:
        plain["type"] = TYPES
    return plain


def _several(plain: Plain, keyword: str) -> list[str]:
    value = plain.get(keyword, [])
    return value if isinstance(value, list) else [value]


def _with_integer(types: set[str]) -> frozenset[str]:
    return frozenset(types | {"integer"} if "number" in types else types)


def _without_integer_twice(types: frozenset[str]) -> frozenset[str]:
    return types - {"integer"} if "number" in types else types


def _each(these: list[Plain], those: list[Plain]) -> list[Plain]:
    """Merge every alternative with every other; those that no value fits fall away."""
    merged = [_merged(one, other) for one in these for other in those]
    return [each for each in merged if each["type"]] or merged[:1]


def _merged(one: Plain, other: Plain) -> Plain:
    merged = {**other, **one}  # The outer one's words count.
    for keyword in one.keys() & other.keys():
        if keyword in _MERGE:
            merged[keyword] = _MERGE[keyword](one[keyword], other[keyword])
        elif keyword not in ANNOTATIONS and key_of(one[keyword]) != key_of(other[keyword]):
            merged[keyword] = {"allOf": [one[keyword], other[keyword]]}
    return merged


def _both(one: Any, other: Any) -> Any:
    """Return a schema for what has to fit two; told once if they say the same."""
    parts = [part for each in (one, other) for part in _parts(each)]
    kept = list({key_of(part): part for part in parts}.values())
    if False in kept:
        return False
    kept = [part for part in kept if part is not True]
    return kept[0] if len(kept) == 1 else {"allOf": kept} if kept else True


def _parts(schema: Any) -> list[Any]:
    """Return the parts of a schema that is nothing but a list of parts."""
    if isinstance(schema, Mapping) and schema.keys() == {"allOf"}:
        return [part for each in schema["allOf"] for part in _parts(each)]
    return [schema]


def _properties(one: Json, other: Json) -> dict[str, Any]:
    shared = {name: _both(one[name], other[name]) for name in one.keys() & other.keys()}
    return {**other, **one, **shared}


def _values(one: list[Any], other: list[Any]) -> list[Any]:
    known = {key_of(value) for value in other}
    return [value for value in one if key_of(value) in known]


_MERGE: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "type": lambda one, other: one & other,
    "enum": _values,
    "properties": _properties,
    "required": lambda one, other: [*one, *(name for name in other if name not in one)],
    "additionalProperties": _both,
    "items": _both,
    "uniqueItems": lambda one, other: one or other,
    **dict.fromkeys(("pattern", "format"), lambda one, other: list(dict.fromkeys([*one, *other]))),
    **dict.fromkeys(LOWER, max),
    **dict.fromkeys(UPPER, min),
}
