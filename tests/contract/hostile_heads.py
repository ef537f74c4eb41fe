"""Hostile header fields: those that are refused, and those that must not matter."""

import base64
import json
from random import Random
from typing import Final

from tests.contract.hostile import JSON, Shot, refusal
from tests.contract.hostile_bodies import with_body
from tests.contract.hostile_families import FAMILIES, family
from tests.contract.hostile_targets import Target

GARBAGE: Final = (
    *("", " ", ",", ";", "=", "*", "\x01", "ä", "\u202e", "\U0001f600", '"', "'", "\\", "a" * 7000),
    *("," * 4000, ";" * 4000, "(" * 4000, "a=b;c", "${jndi:ldap://127.0.0.1/a}", "%00", "\x7f"),
    *("' or 1=1 --", "{{7*7}}", "../../etc/passwd", "-1", "9" * 400, "NaN", "null", "\t", "²"),
)


# --- What the body is -----------------------------------------------------------------------------


@family("a type of body that is not read", with_body)
def content_type(random: Random, target: Target) -> Shot:
    read = target.operation.spec["requestBody"]["content"]
    types = [
        "application/json; charset=utf-7", "application/json; charset=idna", "text/plain", "",
        ";;;",
        "application/json; charset=unicode_escape", "application/json; charset=utf-16", "json", "/",
        "application/json;charset=utf-16-le", "application/json; charset=cp037", "text/json", "a/b",
        "application/json; charset=punycode", "application/json; charset=hex", "application/xml",
        "multipart/form-data; boundary=b", "multipart/form-data", "application/octet-stream", "ä/ö",
        "application/x-www-form-urlencoded", "application/merge-patch+json", "*/*", "text/html",
        "application/json-patch+json", "application/problem+json", "application/json/x", "x" * 3000,
        "application/jsonp", "application/ld+json", "application/json; charset=latin-1", None,
        "application/json; charset=nothing", 'application/json; charset="utf-32"', "image/svg+xml",
    ]  # fmt: skip
    types = [
        name for name in types if (name or "").partition(";")[0].strip() not in {*read} - {JSON}
    ]
    return target.refused("unsupported_media_type", content_type=random.choice(types))


@family("another spelling of JSON's type", with_body)
def spelled_type(random: Random, target: Target) -> Shot:
    """Harmless: types and their parameters' names have no case (RFC 9110 §8.3.1)."""
    types = [
        *(
            "APPLICATION/JSON",
            "application/json;charset=utf-8",
            'application/json; charset="UTF-8"',
        ),
        *("application/json; charset=UTF8", " application/json", "application/json; a=b"),
    ]
    return target.harmless(content_type=random.choice(types))


@family("a compressed body", with_body)
def compressed(random: Random, target: Target) -> Shot:
    coding = random.choice(
        ["gzip", "br", "deflate", "zstd", "gzip, identity", "x", "GZIP", "a" * 99]
    )
    return target.refused(
        "unsupported_media_type", headers=target.with_headers(Content_Encoding=coding)
    )


@family("a length that is none")
def length(random: Random, target: Target) -> Shot:
    bad = ["²", "-1", "+5", "1e3", "0x10", "5,5", "5 5", "1_0", "NaN", "5;", "१", "9" * 5000 + "x"]
    return target.but(
        refusal("malformed_request"), headers=target.with_headers(Content_Length=random.choice(bad))
    )


@family("a body beyond all bounds")
def too_large(random: Random, target: Target) -> Shot:
    size = random.choice(
        [str(1 << 20 | 1), "9" * 30, "9" * 5000, "0" * 20 + "9999999", str(1 << 64)]
    )
    return target.but(
        refusal("content_too_large"), headers=target.with_headers(Content_Length=size)
    )


@family("a body in chunks")
def chunked(random: Random, target: Target) -> Shot:
    coding = random.choice(
        ["chunked", "gzip, chunked", "identity", "x", "CHUNKED", "chunked, chunked"]
    )
    return target.but(
        refusal("length_required"), headers=target.with_headers(Transfer_Encoding=coding)
    )


# --- What is wanted back --------------------------------------------------------------------------


@family("a representation that is not offered")
def unacceptable(random: Random, target: Target) -> Shot:
    accept = random.choice([
        "application/xml", "image/png", "application/json;q=0", "*/*;q=0", "application/jsonp", "*",
        "application/problem+json", "a/b/c", ";;;", "," * 500, "/", "json", "ä/ö",
        "audio/*, */*;q=0",
        "*/*;q=0, application/json;q=0.000", "application/json; a=b;q=0", "x" * 7000, "multipart/*",
    ])  # fmt: skip
    return target.but(refusal("not_acceptable"), headers=target.with_headers(Accept=accept))


@family("a wish that JSON fulfils")
def acceptable(random: Random, target: Target) -> Shot:
    """Harmless: what cannot be read in a wish does not exclude JSON."""
    accept = random.choice([
        "", "*/*", "application/*", "application/json;q=0.001", "application/xml, */*;q=0.1",
        "APPLICATION/JSON", "application/json;q=abc", "application/json;charset=utf-7",
        "application/json;q=9", "*/*;q=0.1, image/png", "application/json" + ";a=b" * 1000,
    ])  # fmt: skip
    return target.harmless(headers=target.with_headers(Accept=accept))


@family("a request for a page", with_body)
def page(random: Random, target: Target) -> Shot:
    """A browser's Accept with another hostile request: the same status, as a page perhaps."""
    others = [each for each in FAMILIES if each.make is not page and each.applies(target)]
    shot = random.choice(others).make(random, target)
    if "Accept" in shot.headers:
        return shot
    headers = {**shot.headers, "Accept": "text/html, */*;q=0.1"}
    return target.but(
        shot.expected, method=shot.method, path=shot.path, query=shot.query, headers=headers,
        body=shot.body, content_type=shot.content_type, for_people=True,
    )  # fmt: skip


# --- Who asks -------------------------------------------------------------------------------------


def _segment(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def _forged(random: Random, target: Target) -> str:
    """Return a token that alice did not get: unsigned, badly signed, or of another kind."""
    good = target.world.headers["Authorization"].removeprefix("Bearer ")
    head, claims, signature = good.split(".")
    heads: list[object] = [
        {"alg": "none", "typ": "at+jwt"}, {"alg": "HS256", "typ": "at+jwt", "kid": ["a"]}, [], None,
        {"alg": "RS256", "typ": "at+jwt", "jwk": {"kty": "oct", "k": ""}}, {"alg": "nonE"}, "a", 5,
        {"alg": "HS256", "typ": "at+jwt", "kid": "../../dev/null"}, {"kid": {"a": "b"}},
    ]  # fmt: skip
    swapped = _segment(random.choice(heads))
    return random.choice([
        f"{swapped}.{claims}.", f"{swapped}.{claims}.{signature}", f"{head}.{claims}.", f"{head}.",
        f"{head}.{claims}.{signature[::-1]}", f"{head}.{_segment({'sub': 1})}.{signature}", "..",
        ".",
        f"{good}.a", f"{good[:-9]}", f"{claims}.{head}.{signature}", "a b", "null", "", "é",
        "\x01.a.b",
        "x" * 8000, f"{_segment([[]] * 1000)}.a.b", "." * 3000, f"{'W1tb' * 1500}.a.b",
        f"{head}.{_segment(None)}.{signature}", f"{good} {good}", f"{good},{good}", f"{good};a",
        str(target.world.bodies["auth_refresh"]["refresh"]), f"{head}.{'=' * 40}.{signature}",
    ])  # fmt: skip


@family("a token that is none")
def forged(random: Random, target: Target) -> Shot:
    scheme = random.choice(["Bearer", "bearer", "BEARER"])
    headers = target.with_headers(Authorization=f"{scheme} {_forged(random, target)}")
    if target.signs_in:  # what the body says proves who asks
        return target.harmless(headers=headers)
    return target.but(refusal("invalid_token"), headers=headers)


@family("another scheme, or a cookie")
def stranger(random: Random, target: Target) -> Shot:
    other = random.choice([
        "Basic YWxpY2U6YQ==", "Basic", "Basic ä", "Token abc", "Negotiate a", "Digest a=b", "", ",",
        "Bearer:a", "Bearer\ta", "BearerX", "\u202eBearer a", "JWT a.b.c", "AWS4-HMAC-SHA256 a",
        "Basic " + "x" * 7000, "null",
    ])  # fmt: skip
    cookie = random.choice(
        ["sessionid=a", "sessionid=\x01", "=;;=", "sessionid=" + "x" * 5000, "ä=ö"]
    )
    headers = target.with_headers(Authorization=other, Cookie=cookie)
    if target.signs_in:
        return target.harmless(headers=headers)
    return target.but(refusal("not_authenticated"), headers=headers)


# --- Conditions and keys --------------------------------------------------------------------------


def _documents(target: Target, header: str) -> bool:
    return header.lower() in {name.lower() for name in target.operation.parameters("header")}


BAD_TAGS: Final = (
    *(
        "1",
        '"1',
        '1"',
        "''",
        "W/1",
        'w/"1"',
        '"a"b"',
        '"1";"2"',
        '"1" "2"',
        "*, *",
        '*, "1"',
        "\x01",
    ),
    *('"\x7f"', '"a b"', "null", "\u202e", '"1"' * 500, "W/", '"\t"', "(" * 3000, '"1"x', "-1"),
)


@family("an If-Match that cannot be read", lambda target: _documents(target, "If-Match"))
def bad_match(random: Random, target: Target) -> Shot:
    headers = target.with_headers(If_Match=random.choice(BAD_TAGS))
    return target.refused("malformed_request", headers=headers)


@family("an If-Match that does not match", lambda target: _documents(target, "If-Match"))
def stale_match(random: Random, target: Target) -> Shot:
    tags = ['"999"', 'W/"1"', '"1a"', '"-1"', '"01"', '""', '"\xff"', ', "999" ,', '"9", W/"1"']
    tags += ['"' + "9" * 5000 + '"', ",".join(['"999"'] * 900), '"١"', '"1.0"', '"1e0"', '"None"']
    headers = target.with_headers(If_Match=random.choice(tags))
    return target.but(_stale(target), headers=headers)


def _stale(target: Target) -> frozenset[tuple[int, str]]:
    """Return 412; or what is wrong with the plain request anyway, if it is refused."""
    if any(status >= 400 for status, _ in target.plain.expected):
        return target.documented()
    return refusal("precondition_failed")


@family("an If-None-Match that names nothing", lambda target: not target.writes)
def none_match(random: Random, target: Target) -> Shot:
    """Harmless for a read: what cannot be read names no version, and the client gets it all."""
    tags = [*BAD_TAGS[:3], "W/1", '"-1"', '"\xff"', '"' + "9" * 5000 + '"', ",".join(['"x"'] * 900)]
    return target.harmless(headers=target.with_headers(If_None_Match=random.choice(tags)))


@family("a malformed Idempotency-Key", lambda target: target.writes)
def bad_key(random: Random, target: Target) -> Shot:
    key = random.choice(
        ["", " ", "a b", "x" * 256, "x" * 7000, "ä", "\x01", "a\tb", "\U0001f600", "a\x7f"]
    )
    headers = target.with_headers(Idempotency_Key=key)
    if target.signs_in or not _documents(target, "Idempotency-Key"):
        return target.harmless(headers=headers)
    return target.refused("malformed_request", headers=headers)


@family("a strange Idempotency-Key", lambda target: target.writes)
def odd_key(random: Random, target: Target) -> Shot:
    """Harmless: visible ASCII is a key, whatever it says."""
    key = random.choice(
        ["'", '"', "x" * 255, "' or 1=1 --".replace(" ", "+"), "%00", "\\", "null", "*"]
    )
    return target.harmless(headers=target.with_headers(Idempotency_Key=key))


# --- What must not matter -------------------------------------------------------------------------

_IGNORED: Final = (
    *(
        "X-HTTP-Method-Override",
        "X-Method-Override",
        "X-HTTP-Method",
        "Range",
        "If-Range",
        "Expect",
    ),
    *("X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port", "Forwarded"),
    *("X-Real-IP", "traceparent", "tracestate", "baggage", "X-Request-ID", "X-Original-URL"),
    *("X-Rewrite-URL", "Origin", "Referer", "User-Agent", "Accept-Language", "Accept-Encoding"),
    *("Accept-Charset", "Cookie", "Upgrade", "TE", "Via", "Max-Forwards", "From", "X-CSRFToken"),
    *(
        "If-Modified-Since",
        "If-Unmodified-Since",
        "Cache-Control",
        "Pragma",
        "Prefer",
        "Content-MD5",
    ),
    *("Content-Language", "Content-Disposition", "Content-Range", "X-Requested-With", "Priority"),
)
_MEANT: Final = (
    *("DELETE", "bytes=0-", "bytes=0-0,-1", "bytes=9999999-1", "100-continue", "200-ok", "1.2.3.4"),
    *(
        "::1, 127.0.0.1",
        "999.999.999.999",
        "fe80::1%eth0",
        "[::1]:80",
        "127.0.0.1" + ", ::1" * 1000,
    ),
    *("00-00000000000000000000000000000000-0000000000000000-00", "00-zz-zz-zz", "ff-0-0-0"),
    *("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x", "for=_a;proto=https;host=evil"),
    *("a\r\nX-Evil: 1", "evil\n", "req-\U0001f600", "https", "evil.example", "http://evil.example"),
    *("Thu, 99 Foo 2027 25:61:61 GMT", "Fri, 31 Dec 9999 23:59:59 GMT", "sessionid=a; csrftoken=b"),
    *("identity;q=0, *;q=0", "xx-" * 500, "()  { :;}; echo", "() { _; } >_[$($())] { id; }"),
)


@family("a header that must not matter")
def ignored(random: Random, target: Target) -> Shot:
    """Harmless: overrides, proxies nobody trusts, traces, ranges; well-formed or not."""
    chosen = random.sample(_IGNORED, random.choice([1, 1, 2, 6]))
    more = {name: random.choice([*GARBAGE, *_MEANT]) for name in chosen}
    return target.harmless(headers={**target.plain.headers, **more})


@family("a host that is not ours")
def host(random: Random, target: Target) -> Shot:
    hosts = [
        *(
            "evil.example",
            "testserver/x",
            "testserver@evil",
            "testserver:80:80",
            "[::1",
            "a b",
            "*",
        ),
        *("testserver:x", "ä", "testserver..", ".testserver", "x" * 5000, "localhost.evil", "\x01"),
        *("127.0.0.1.evil", "testserver#", "testserver?", "0", "test_server", "testserver,evil"),
    ]
    headers = target.with_headers(Host=random.choice(hosts))
    return target.but(refusal("malformed_request"), headers=headers)
