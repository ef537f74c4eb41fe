"""Hostile queries: parameters, their values, cursors."""

import base64
import re
from collections.abc import Mapping
from random import Random
from typing import Any, Final
from urllib.parse import quote

from tasks.api.problems import CATALOGUE
from tests.contract import document
from tests.contract.hostile import Shot, refusal
from tests.contract.hostile_families import family
from tests.contract.hostile_targets import Target, kinds, takes_text
from tests.contract.hostile_values import DAYS, TEXTS, ZONES, respelled

LOOKUPS: Final = (
    *("owner__password", "_connector", "_negated", "id__in", "title__regex", "pk", "created_by_id"),
    *("project__memberships__user__password__startswith", "format", "page", "offset", "fields"),
    *("__class__", "constructor", "__proto__", "$where", "a[]", "a[$ne]", "q'", "\u202e", "limit "),
    *(
        " limit",
        "LIMIT",
        "limit\n",
        "\uff4cimit",
        "limit\0",
        "select",
        "order_by",
        "raw",
        "a" * 3000,
    ),
    *(
        "{{7*7}}",
        "' or 1=1 --",
        "*)(uid=*",
        "\ufeffq",
        "\x01",
        "%",
        "\ud7ff",
        "self",
        "request",
        "q[]",
    ),
)
# Escapes that decode to no character: those in UTF-8 replace them (RFC 3987 §3.2 allows either).
UNDECODABLE: Final = (
    "%ff",
    "%c0%af",
    "%ed%a0%80",
    "%f4%90%80%80",
    "%e2%82",
    "%80",
    "%",
    "%zz",
    "%u0041",
)
# What no parameter but a free text takes.
NEVER: Final = (
    *("%00", "%0A", "a%00b", "%1F", "%7F", "a" * 4001, "%D9%A3", "%EF%BC%91", "-1", "%2B1", "1e3"),
    *(
        "0x1",
        "1.0",
        "NaN",
        "9" * 1000,
        "{}",
        "urn:uuid:x",
        "null",
        "None",
        "*",
        "TRUE",
        "yes",
        "id",
    ),
    *(
        "position,title",
        "--title",
        "owner__password",
        "..%2F..",
        "'",
        "%22",
        "-",
        "%20",
        "1%20",
        "_",
    ),
    *(
        "2027-01-01T00:00:00",
        "0001-01-01T00:00:00%2B23:59",
        "9999-12-31T23:59:59-23:59",
        "%F0%9F%98%80",
    ),
)
NOT_READ: Final = frozenset(
    (400, code)
    for code, kind in CATALOGUE.items()
    if kind.status == 400 and code != "malformed_request"
)


def with_query(target: Target) -> bool:
    return bool(target.operation.parameters("query"))


def parameter(random: Random, target: Target) -> tuple[str, dict[str, Any]]:
    name, schema = random.choice(list(target.operation.parameters("query").items()))
    return name, document.resolve(schema)


def is_free_text(schema: Mapping[str, Any]) -> bool:
    """Tell whether a parameter takes texts of no particular form."""
    inner = document.resolve(schema.get("items", schema))
    limits = inner.keys() & {"enum", "format", "anyOf", "oneOf"}
    return kinds(inner) == {"string"} and not limits


# --- The query ------------------------------------------------------------------------------------


@family("a parameter that is none")
def unknown(random: Random, target: Target) -> Shot:
    known = target.operation.parameters("query")
    name = quote(random.choice(LOOKUPS), safe="")
    if random.random() < 0.3:
        name = random.choice(UNDECODABLE[:6]) + name
    value = quote(random.choice(TEXTS), safe="") if random.random() < 0.5 else "1"
    beside = "limit=5&" if "limit" in known and random.random() < 0.3 else ""
    return target.refused("validation_failed", query=f"{beside}{name}={value}")


@family("garbage in a parameter", with_query)
def garbage(random: Random, target: Target) -> Shot:
    name, schema = parameter(random, target)
    if name == "cursor":
        return cursor(random, target)
    if is_free_text(schema):
        return _text(random, target, name, schema)
    texts = [*NEVER, *DAYS[:9], *DAYS[14:18], *ZONES, *UNDECODABLE[:6], *respelled("0" * 8)]
    texts += [quote(each, safe="") for each in random.sample(TEXTS, 5)]
    texts = [each for each in texts if each not in {"null", "true", "me", "", "1", "0"}]
    return target.refused("validation_failed", query=f"{name}={random.choice(texts)}")


def _text(random: Random, target: Target, name: str, schema: Mapping[str, Any]) -> Shot:
    """Harmless where the schema takes it: a filter finds nothing, whatever it says."""
    inner = document.resolve(schema.get("items", schema))
    value = random.choice([*TEXTS, "x" * 300, "a" * 5000, "\0", "a\0b", ' "" ', ":*", "a & b | !c"])
    query = f"{name}={quote(value, safe='')}"
    if "pattern" not in inner:
        return target.but(target.documented() | NOT_READ, query=query)
    if takes_text(inner, value):
        return target.harmless(query=query)
    return target.refused("validation_failed", query=query)


@family("bytes that are no text in a parameter", with_query)
def undecodable(random: Random, target: Target) -> Shot:
    name, schema = parameter(random, target)
    query = f"{name}={random.choice(UNDECODABLE)}"
    if name == "cursor":
        return target.refused("invalid_cursor", query=query)
    if not is_free_text(schema):
        return target.refused("validation_failed", query=query)
    if "pattern" in document.resolve(schema.get("items", schema)):
        return target.harmless(query=query)
    return target.but(target.documented() | NOT_READ, query=query)


@family("an empty parameter", with_query)
def empty(random: Random, target: Target) -> Shot:
    name, _ = parameter(random, target)
    query = random.choice([f"{name}=", name, f"{name}&", f"&{name}=&", f"{name}=&{name}="])
    return target.refused("validation_failed", query=query)


@family("a parameter too often", with_query)
def too_often(random: Random, target: Target) -> Shot:
    name, schema = parameter(random, target)
    most = schema.get("maxItems", 1)
    value = random.choice(["1", "2027-01-01", "a", "true", "none", "UTC", "%00", "me"])
    query = "&".join([f"{name}={value}"] * random.choice([most + 1, most + 50]))
    return target.refused("validation_failed", query=query)


@family("hundreds of parameters")
def many(random: Random, target: Target) -> Shot:
    count = random.choice([1001, 1200, 1500])
    name = random.choice(["a", "limit", "q", "", "label", "%00"])
    query = "&".join(
        f"{name}{number if random.random() < 0.5 else ''}=1" for number in range(count)
    )
    return target.but(refusal("malformed_request"), query=query)


@family("separators")
def separators(random: Random, target: Target) -> Shot:
    """Harmless: between two `&` there is nothing (WHATWG URL §5.1)."""
    return target.harmless(query=random.choice(["&", "&&&&", "&" * 900]))


@family(
    "the edges of the calendar in a query",
    lambda target: "tz" in target.operation.parameters("query"),
)
def edges(random: Random, target: Target) -> Shot:
    """Harmless: days that another zone would put before the first or after the last one."""
    filters = [
        name
        for name in target.operation.parameters("query")
        if re.search("_(before|after|on)$", name)
    ]
    day = random.choice(
        ["0001-01-01", "9999-12-31", "9999-12-30", "2011-12-30", "1582-10-10", "2027-03-28"]
    )
    zone = random.choice(
        ["Etc/GMT%2B12", "Etc/GMT-14", "Pacific/Apia", "Europe/Berlin", "Asia/Manila"]
    )
    chosen = random.sample(filters, random.choice([1, 2]))
    query = "&".join([f"tz={zone}", *(f"{name}={day}" for name in chosen)])
    return target.harmless(query=query)


# --- Cursors --------------------------------------------------------------------------------------


def _is_paged(target: Target) -> bool:
    return "cursor" in target.operation.parameters("query")


@family("a cursor that nobody gave", _is_paged)
def cursor(random: Random, target: Target) -> Shot:
    good = random.choice(target.world.cursors)
    place = random.randrange(len(good))
    raw = base64.urlsafe_b64decode(good + "=" * (-len(good) % 4))
    payloads = [
        b"[]",
        b"null",
        b"{}",
        b'["a","b",1,2]',
        raw[16:],
        b"\x80\x04.",
        b"[" * 500,
        b"",
        b"\xff",
    ]
    forged = random.choice([raw[:16], b"\0" * 16, b""]) + random.choice(payloads[:4] + payloads[5:])
    text = random.choice([
        good[:place] + ("A" if good[place] != "A" else "B") + good[place + 1 :], good[:place],
        good + "A",
        good[place:] + good[:place] if place else "A", good[::-1], good + good, good.swapcase(),
        "AAAA",
        good + "!", good[:place] + "%20" + good[place:], good[:place] + "." + good[place:],
        good + "%3D",
        base64.urlsafe_b64encode(forged).rstrip(b"=").decode() or "A", "A" * 4000, "%F0%9F%98%80",
        "=",
        "%C3%A4" * 20, "..", "null", "0", "%2B%2F", "-_", "' or 1=1 --".replace(" ", "+"),
        "=" * 100,
    ])  # fmt: skip
    return target.refused("invalid_cursor", query=f"cursor={text or 'A'}")


@family("a cursor of another list", _is_paged)
def elsewhere(random: Random, target: Target) -> Shot:
    """Good ones, of another list or another user; or with another filter or order."""
    own = {"tasks_list": 0, "projects_list": 1}.get(target.operation.name)
    others = [each for place, each in enumerate(target.world.cursors) if place != own]
    if own is not None and random.random() < 0.5:
        more = random.choice(["ordering=-created", "trashed=true", "ordering=created"])
        return target.refused("invalid_cursor", query=f"cursor={target.world.cursors[own]}&{more}")
    return target.refused("invalid_cursor", query=f"cursor={random.choice(others)}")


@family("a cursor beyond all bounds", _is_paged)
def endless(random: Random, target: Target) -> Shot:
    text = random.choice(["A", "=", "%00A", "a%0A"]) * random.choice([4001, 6000])
    return target.refused("validation_failed", query=f"cursor={text}")
