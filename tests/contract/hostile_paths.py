"""Hostile paths and methods; and bodies where none is read."""

import re
from random import Random
from typing import Final
from urllib.parse import quote, unquote_to_bytes

from django.urls import Resolver404, resolve

from tests.contract.document import operations
from tests.contract.hostile import Outcomes, Shot, refusal
from tests.contract.hostile_families import family
from tests.contract.hostile_queries import UNDECODABLE
from tests.contract.hostile_targets import Target
from tests.contract.hostile_values import respelled

# --- The path -------------------------------------------------------------------------------------


def _leads_nowhere(path: str) -> Outcomes:
    """Return 404; or also 405, if the path happens to lead to something of other methods."""
    try:
        resolve(unquote_to_bytes(path).decode("utf-8", "replace"))
    except Resolver404:
        return refusal("not_found")
    return refusal("not_found", "method_not_allowed")


@family("a path that leads nowhere")
def nowhere(random: Random, target: Target) -> Shot:
    path = target.plain.path
    mangled = random.choice([
        path + "/", path + "//", path + "%2F", path.replace("/v1/", "//v1/"), f"/api/v1/..{path}",
        path.replace("/v1/", "/v1//"), path.replace("/v1/", "/v1/%2e/"), path + "%00", path + "%0A",
        path + "%20", path + ";a=1", path + ".json", path + "%C3%28", path.replace("/v1/", "/V1/"),
        path.replace("/v1/", "/v2/"), path.replace("/v1/", "/v%31%20/"), path + "%3F",
        path + "%23a",
        path.replace("/v1/", "/%ED%A0%80/"), path + "/..", path + "/" + "x" * 6000,
        path + "%0d%0aA:b",
        path.replace("/v1/", "/v\uff11/"), path + "\\", path.replace("/api/", "/api%00/"),
        path + "*",
        "/" + path, path.replace("/", "%5C"), path.replace("/api", "/API"), "/api/v1" + path,
    ])  # fmt: skip
    encoded = quote(mangled, safe="/%;*\\")
    return target.but(_leads_nowhere(encoded), path=encoded)


def _has_id(target: Target) -> bool:
    return "{" in target.operation.path


@family("an id in the path that is none", _has_id)
def no_id(random: Random, target: Target) -> Shot:
    ids = re.findall(r"[0-9a-f-]{36}", target.plain.path)
    given = random.choice(ids)
    others = [each for each in respelled(given) if each not in {"", given}]
    others += [
        *(
            "null",
            "-1",
            "1 or 1=1",
            "..",
            ".",
            "\0",
            "x" * 6000,
            "\u202e",
            "a\0b",
            given + "\0",
            "*",
        ),
        *("00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff", "%", "'"),
        *(
            "' or '1'='1",
            "{id}",
            "<id>",
            "\U0001f600",
            "9" * 300,
            "self",
            "undefined",
            "NaN",
            "\xff",
        ),
    ]
    path = target.plain.path.replace(given, quote(random.choice(others), safe=""))
    return target.but(_leads_nowhere(path) & refusal("not_found"), path=path)


@family("bytes in the path that are no text", _has_id)
def path_bytes(random: Random, target: Target) -> Shot:
    given = random.choice(re.findall(r"[0-9a-f-]{36}", target.plain.path))
    path = target.plain.path.replace(given, random.choice(UNDECODABLE[:6]) + given)
    return target.but(refusal("not_found"), path=path)


@family("a path in escapes")
def escaped(random: Random, target: Target) -> Shot:
    """Harmless: an escaped character is that character, a slash too: WSGI has decoded it."""
    path = target.plain.path
    place = random.randrange(1, len(path))
    shown = f"%{ord(path[place]):02{random.choice('xX')}}"
    return target.harmless(path=path[:place] + shown + path[place + 1 :])


# --- The method -----------------------------------------------------------------------------------

_METHODS: Final = (
    *("TRACE", "CONNECT", "PROPFIND", "LOCK", "MKCOL", "FOO", "M-SEARCH", "X" * 100, "PRI", "BREW"),
    *("DISPATCH", "INITIAL", "AS_VIEW", "USER_ID", "NOW", "ASKED", "BODY", "QUERYSET", "__CLASS__"),
    *(
        "GET",
        "POST",
        "PUT",
        "PATCH",
        "DELETE",
        "LIST",
        "CREATE",
        "PURGE",
        "COPY",
        "SEARCH",
        "TRACK",
    ),
    *("GET'", "GE T", "\u00c4", "OPTIONS2", "HEAD\0", "POST\r\n", "$", "*", "QUERY"),
)


@family("a method that is not offered")
def method(random: Random, target: Target) -> Shot:
    offered = {each.method for each in operations().values() if each.path == target.operation.path}
    chosen = random.choice([each for each in _METHODS if each not in offered])
    return target.but(refusal("method_not_allowed"), method=chosen)


@family("a body where none is read", lambda target: not target.takes_body)
def unread(random: Random, target: Target) -> Shot:
    """Harmless: a body of GET or DELETE has no meaning (RFC 9110 §9.3.1), so it is not read."""
    bodies = [
        b'{"title": "a"}',
        b"{",
        b"\xff\xfe",
        b"a=b&c=d",
        b"[" * 20_000,
        b"null",
        b"\0",
        b"x" * 9000,
    ]
    types = ["application/json", "text/plain", "multipart/form-data; boundary=b", None, ";;;"]
    types += ["application/x-www-form-urlencoded", "application/json; charset=utf-16"]
    body, content_type = random.choice(bodies), random.choice(types)
    return target.harmless(body=body, content_type=content_type)
