"""Hostile bodies: what is no JSON, what is too much of it, and what no field takes."""

import json
from random import Random
from typing import Any, Final

import orjson

from tests.contract.hostile import Outcomes, Shot, refusal
from tests.contract.hostile_families import family
from tests.contract.hostile_targets import FREE_TEXT, Target, kinds, takes_text
from tests.contract.hostile_values import (
    DAYS,
    EDGES,
    NUMBERS,
    OF_TYPE,
    TEXTS,
    TIMES,
    WILD_NUMBERS,
    ZONES,
    respelled,
)

type Field = tuple[str, dict[str, Any]]


def with_body(target: Target) -> bool:
    return target.takes_body


def fields_of(target: Target, *types: str) -> list[Field]:
    """Return the fields that take one of these JSON types, or any."""
    return [
        (name, schema)
        for name, schema in target.fields.items()
        if not types or kinds(schema) & {*types}
    ]


def with_member(target: Target, name: str, text: str) -> bytes:
    """Return the plain body with one member set to a JSON text, well-formed or not."""
    others = {key: value for key, value in target.body().items() if key != name}
    start = orjson.dumps(others).removesuffix(b"}") + (b"," if others else b"")
    return start + json.dumps(name).encode() + b": " + text.encode() + b"}"


def any_field(random: Random, target: Target) -> str:
    return random.choice([*target.fields, "nothing"])


def spelled(random: Random, value: Any) -> str:
    """Return JSON, its other characters escaped or as they are."""
    return json.dumps(value, ensure_ascii=random.random() < 0.5)


# --- What is no JSON ------------------------------------------------------------------------------


@family("a truncated document", with_body)
def truncated(random: Random, target: Target) -> Shot:
    body = target.plain.body
    return target.refused("malformed_request", body=body[: random.randrange(1, len(body))])


@family("no document", with_body)
def nothing(random: Random, target: Target) -> Shot:
    shot = target.refused("malformed_request", body=random.choice([b"", b" ", b"\r\n\t", b"\n"]))
    return (
        target.but(shot.expected | target.documented(), body=b"") if target.may_be_empty else shot
    )


@family("what only looks like JSON", with_body)
def lookalike(random: Random, target: Target) -> Shot:
    body = target.plain.body
    return target.refused(
        "malformed_request",
        body=random.choice([
            body + body, body + b"//", b"/**/" + body, body[:-1] + b",}", b"[" + body, body + b"\0",
            body.replace(b'"', b"'") if b'"' in body else b"'", b"title=a", b"<a/>", b"{,}",
            b"{a:1}",
            b'{"a":01}', b'{"a":+1}', b'{"a":.5}', b'{"a":0x1}', b'{"a":1_0}', b"tru", b"\0",
            b")]}'",
            b'{"a":"\t"}', b'{"a":"\\x41"}', b'{"a":"\\u12"}', b'{"a" "b"}', b'{1:"a"}',
            b"{null:1}",
        ]),
    )  # fmt: skip


@family("a key twice", with_body)
def twice(random: Random, target: Target) -> Shot:
    name = any_field(random, target)
    pair = f'{{"{name}": 1, "{name}": 2}}'
    deep = f'{{"nothing": [{{"a": {pair}}}]}}'
    escaped = f'{{"{name}": 1, "\\u{ord(name[0]):04x}{name[1:]}": 1}}'
    body = random.choice([pair, deep, escaped]).encode()
    return target.refused("malformed_request", body=body)


@family("a number that is none", with_body)
def no_number(random: Random, target: Target) -> Shot:
    text = random.choice([*NUMBERS.values(), "NaN", "Infinity", "-Infinity", "[[NaN]]"])
    body = with_member(target, any_field(random, target), text)
    return target.refused("malformed_request", body=body)


@family("a NUL or half a character", with_body)
def unstorable(random: Random, target: Target) -> Shot:
    bad = random.choice(["\\u0000", "\\ud800", "\\udfff", "\\udc00\\ud800", "a\\ud83dz", "\\uD800"])
    inner = random.choice(
        [f'"{bad}"', f'["a", "{bad}"]', f'{{"{bad}": "a"}}', f'{{"a": "x{bad}"}}']
    )
    body = with_member(target, any_field(random, target), inner)
    as_key = b'{"' + bad.encode() + b'": 1}'
    return target.refused("malformed_request", body=random.choice([body, body, as_key]))


@family("too deep", with_body)
def too_deep(random: Random, target: Target) -> Shot:
    levels = random.choice([33, 34, 100, 1000, 20_000])
    open_, close = random.choice([("[", "]"), ('{"a":', "}")])
    shut = random.random() < 0.7
    inner = open_ * levels + ("1" + close * levels if shut else "")
    return target.refused(
        "malformed_request", body=with_member(target, any_field(random, target), inner)
    )


@family("not in UTF-8", with_body)
def encoded(random: Random, target: Target) -> Shot:
    body = target.plain.body
    text = body.decode()
    spoiled = (
        *(
            b"\xff",
            b"\xc0\xaf",
            b"\xed\xa0\x80",
            b"\xf4\x90\x80\x80",
            b"\xe4",
            b"\x80",
            b"\xf8\x88",
        ),
    )
    return target.refused(
        "malformed_request",
        body=random.choice([
            b"\xef\xbb\xbf" + body, text.encode("utf-16"), text.encode("utf-32"),
            text.encode("utf-16-be"), body.replace(b":", b":\xa0", 1) if body != b"{}" else b"\xa0",
            b'{"title": "' + random.choice(spoiled) + b'"}', b"+AHsAfQ-", body[:-1] + b"\xff}",
            *([text.encode("cp037")]),
        ]),
    )  # fmt: skip


# --- What is JSON and no body ---------------------------------------------------------------------


@family("not an object", with_body)
def no_object(random: Random, target: Target) -> Shot:
    whole = [b"null", b"true", b"5", b"-0.5", b'"title"', b"[]", b"[" + target.plain.body + b"]"]
    return target.refused("validation_failed", body=random.choice(whole))


@family("a name that is no field", with_body)
def unknown_field(random: Random, target: Target) -> Shot:
    names = [
        *(
            "__proto__",
            "constructor",
            "__class__",
            "owner__password",
            "pk",
            "is_staff",
            "created_by",
        ),
        *(
            "",
            "a/b~c",
            "$where",
            "a\u202eb",
            "Title",
            "title ",
            "titlе",
            "id__in",
            "created_at",
            "_",
        ),
        *(
            "x" * 5000,
            "project_id",
            "user_id",
            "deleted_at",
            "is_superuser",
            "version_",
            "a.b",
            "0",
        ),
    ]
    name = random.choice([name for name in names if name not in target.fields])
    value = random.choice(["1", "null", '"a"', "{}", "[" * 20 + "]" * 20])
    return target.refused("validation_failed", body=with_member(target, name, value))


@family("a field of another type", lambda target: bool(fields_of(target)))
def other_type(random: Random, target: Target) -> Shot:
    name, schema = random.choice(fields_of(target))
    taken = kinds(schema) | ({"integer"} if "number" in kinds(schema) else set())
    others = [kind for kind in OF_TYPE if kind not in taken]
    if not taken or not others:
        return target.refused("validation_failed", body=b"[]")
    value = random.choice(OF_TYPE[random.choice(others)])
    return target.refused("validation_failed", body=with_member(target, name, json.dumps(value)))


@family("a number out of all bounds", lambda target: bool(fields_of(target)))
def wild_number(random: Random, target: Target) -> Shot:
    name, schema = random.choice(fields_of(target, "integer", "number") or fields_of(target))
    bounded = "maximum" in schema or not kinds(schema) & {"integer", "number"}
    right = refusal("validation_failed") if bounded else target.documented()
    body = with_member(target, name, random.choice(WILD_NUMBERS))
    return target.but(right | target.refused("validation_failed").expected, body=body)


@family("a text that is too long", lambda target: bool(_limited(target)))
def too_long(random: Random, target: Target) -> Shot:
    name, most = random.choice(_limited(target))
    text = random.choice(["x", "ü", "\U0001f600", " ", "\ufdfa"]) * (most + 1)
    return target.refused(
        "validation_failed", body=with_member(target, name, spelled(random, text))
    )


def _limited(target: Target) -> list[tuple[str, int]]:
    """Return the fields of text with the length that is the longest for them, or could be."""
    return [
        (name, min(schema.get("maxLength", 70_000), 70_000))
        for name, schema in fields_of(target, "string")
        if schema.keys() & {"maxLength", "enum", "format"}
    ]


@family("a text to break something", lambda target: bool(fields_of(target, "string")))
def text(random: Random, target: Target) -> Shot:
    name, schema = random.choice(fields_of(target, "string"))
    value = random.choice(TEXTS) * random.choice([1, 1, 1, 3])
    body = with_member(target, name, spelled(random, value))
    if not takes_text(schema, value):
        return target.refused("validation_failed", body=body)
    return target.but(_after(target, name), body=body)


# What becomes of a text that a field takes, where that is not what becomes of the plain one.
_AFTER: Final = {
    ("auth_token", "username"): refusal("invalid_credentials"),
    ("auth_token", "password"): refusal("invalid_credentials"),
    ("auth_refresh", "refresh"): refusal("invalid_token"),
}


def _after(target: Target, name: str) -> Outcomes:
    known = _AFTER.get((target.operation.name, name))
    if known is not None:
        return known
    if name in FREE_TEXT or target.operation.name == "auth_revoke":
        return target.plain.expected
    return target.documented()


@family("no such day, time or zone", lambda target: bool(_dates(target)))
def no_day(random: Random, target: Target) -> Shot:
    name, texts = random.choice(_dates(target))
    body = with_member(target, name, spelled(random, random.choice(texts)))
    return target.refused("validation_failed", body=body)


def _dates(target: Target) -> list[tuple[str, tuple[str, ...]]]:
    found = {"date": DAYS, "iana-time-zone": ZONES}
    texts = [
        (name, TIMES if name.endswith("_time") else found.get(schema.get("format", ""), ()))
        for name, schema in fields_of(target, "string")
    ]
    return [(name, several) for name, several in texts if several]


@family("the edges of the calendar", lambda target: "due_time" in target.fields)
def edges(random: Random, target: Target) -> Shot:
    """Harmless: the moment is moved to the edge of what can be stored, and reads back."""
    body = orjson.dumps({**target.body(), **random.choice(EDGES)})
    return target.harmless(body=body)


@family("an id in another spelling", lambda target: bool(_ids(target)))
def other_id(random: Random, target: Target) -> Shot:
    name = random.choice(_ids(target))
    known = random.choice(list(target.world.ids.values()))
    body = with_member(target, name, spelled(random, random.choice(respelled(known))))
    return target.refused("validation_failed", body=body)


def _ids(target: Target) -> list[str]:
    return [name for name, schema in fields_of(target, "string") if schema.get("format") == "uuid"]


# --- Lists and objects inside ---------------------------------------------------------------------


@family("a list of names", lambda target: "labels" in target.fields)
def names(random: Random, target: Target) -> Shot:
    schema = target.fields["labels"]["items"]
    chosen = [random.choice(TEXTS) for _ in range(random.choice([1, 2, 5]))]
    if random.random() < 0.2:
        chosen = random.choice(
            [["a" * 51], [f"n{number}" for number in range(21)], [""], ["a", ""]]
        )
    right = len(chosen) <= 20 and all(takes_text(schema, name) for name in chosen)
    body = with_member(target, "labels", spelled(random, chosen))
    if right:
        return target.harmless(body=body)
    return target.refused("validation_failed", body=body)


@family("an object of texts", lambda target: "metadata" in target.fields)
def words(random: Random, target: Target) -> Shot:
    """Harmless as long as all values are texts: keys and texts may be what they like."""
    taken: list[dict[str, Any]] = [
        {random.choice(TEXTS): random.choice(TEXTS)}, {"": ""}, {"$ne": "a", "__proto__": "b"}, {},
        {str(number): "" for number in range(300)},
    ]  # fmt: skip
    refused: list[Any] = [
        {"a": 1}, {"a": None}, {"a": ["b"]}, {"a": {"b": "c"}}, {"a": "x" * 4096}, {"x" * 4096: ""},
        {"a": "\U0001f600" * 1100}, {str(number): "aaaa" for number in range(500)}, [["a", "b"]],
    ]  # fmt: skip
    fits = random.random() < 0.5
    body = with_member(
        target, "metadata", spelled(random, random.choice(taken if fits else refused))
    )
    return target.harmless(body=body) if fits else target.refused("validation_failed", body=body)


@family("garbage inside what is inside", lambda target: bool(_inner(target)))
def inner(random: Random, target: Target) -> Shot:
    """For lists of objects, as in a batch: the document may allow more than one answer."""
    name = random.choice(_inner(target))
    member = random.choice(TEXTS)
    items: list[Any] = [
        [{member: member}], [{}] * 500, [[]], [None], [{"op": member}], [{"op": "create"}],
        [{"op": "update", "id": member, "data": {}}], [{"op": "create", "data": member}],
        [{"op": "delete", "id": target.world.ids["task_id"], "version": 1 << 70}],
        [{"op": "create", "data": {"title": member, "due_date": random.choice(DAYS)}}],
        [{"op": "update", "id": str(target.world.ids["task_id"]), "version": -1}],
    ]  # fmt: skip
    body = with_member(target, name, spelled(random, random.choice(items)))
    return target.but(target.documented(), body=body)


def _inner(target: Target) -> list[str]:
    flat = {"labels", "metadata"}
    return [name for name, _ in fields_of(target, "array", "object") if name not in flat]
