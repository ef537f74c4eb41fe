"""One hostile request, the way it takes into the service, and what is wrong with an answer.

A request is right but for one thing, so there is one right answer to it, or a few that the family
it belongs to names. It goes through the application as gunicorn calls it, last resort included.
"""

import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote_to_bytes

import orjson

from config.wsgi import application
from tasks.api.problems import CATALOGUE, MEDIA_TYPE

type Outcome = tuple[int, str]  # the status, and the code of a problem
type Outcomes = frozenset[Outcome]

JSON: Final = "application/json"
# What no answer may tell of the inside; the payloads do not hold it.
_INSIDE: Final = re.compile(
    rb'Traceback|File "|psycopg|sqlite3|django\.|DataError|OperationalError|ProgrammingError|'
    rb"IntegrityError|tasks_task|SELECT |INSERT INTO|UPDATE \"|[a-z]\.py\b"
)
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._~-]{1,128}")
_MEMBERS: Final = {"type", "title", "status", "detail", "instance", "code", "request_id"}
_DEMANDED: Final = {401: "WWW-Authenticate", 405: "Allow", 429: "Retry-After"}


def refusal(*codes: str) -> Outcomes:
    """Return the outcomes of these problems."""
    return frozenset((CATALOGUE[code].status, code) for code in codes)


@dataclass(frozen=True)
class Shot:
    """One request.

    Attributes:
        path: as it stands in the request line, percent-encoded.
        headers: as they are sent; with `Content-Length` in place of the true one.
        content_type: None for none.
        expected: what is right.
        for_people: whether the answer may be a page.
    """

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    content_type: str | None = JSON
    expected: Outcomes = frozenset()
    for_people: bool = False

    def environ(self) -> dict[str, Any]:
        """Return what gunicorn makes of it (PEP 3333: texts of Latin-1 bytes)."""
        environ: dict[str, Any] = {
            "REQUEST_METHOD": self.method,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote_to_bytes(self.path).decode("latin-1"),
            "QUERY_STRING": _wire(self.query),
            "SERVER_NAME": "testserver",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            "CONTENT_LENGTH": str(len(self.body)),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(self.body),
        }
        if self.content_type is not None:
            environ["CONTENT_TYPE"] = _wire(self.content_type)
        for name, value in self.headers.items():
            key = name.upper().replace("-", "_")
            environ[key if key == "CONTENT_LENGTH" else f"HTTP_{key}"] = _wire(value)
        return environ

    def __str__(self) -> str:
        body = repr(self.body[:600]) + ("…" if len(self.body) > 600 else "")
        shown = {name: value[:300] for name, value in self.headers.items()}
        shown["Authorization"] = shown.get("Authorization", "")[:40]
        target = f"{self.path[:600]}?{self.query[:600]}"
        return f"{self.method} {target} {self.content_type!r} {shown} {body}"


def _wire(text: str) -> str:
    return text.encode("utf-8", "surrogatepass").decode("latin-1")


@dataclass(frozen=True)
class Received:
    """An answer as it went out."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def is_problem(self) -> bool:
        return self.headers.get("Content-Type") == MEDIA_TYPE

    def outcome(self) -> Outcome:
        """Return the status and the code; an empty code for what is no problem."""
        if not self.is_problem:
            return self.status, ""
        found = orjson.loads(self.content)
        return self.status, str(found.get("code")) if isinstance(found, dict) else "?"


def send(shot: Shot) -> Received:
    """Ask the WSGI application."""
    started: list[Any] = []
    chunks = application(shot.environ(), lambda status, headers: started.extend([status, headers]))
    try:
        content = b"".join(chunks)
    finally:
        if close := getattr(chunks, "close", None):
            close()
    return Received(int(started[0].split()[0]), dict(started[1]), content)


def faults(shot: Shot, received: Received) -> Iterator[str]:
    """Yield everything that is wrong with an answer; nothing if it is right."""
    if received.status >= 500:
        yield f"a {received.status}"
    if _INSIDE.search(received.content):
        yield "it tells of the inside"
    if any("\r" in value or "\n" in value for value in received.headers.values()):
        yield "a header holds a line break"
    if received.status >= 400 and not (shot.for_people and not received.is_problem):
        yield from _faults_of_problem(received)
    elif received.content and received.headers.get("Content-Type") == JSON:
        orjson.loads(received.content)
    statuses = {status for status, _ in shot.expected}
    fits = received.outcome() in shot.expected
    if not fits and not (shot.for_people and received.status in statuses):
        yield f"{received.outcome()} is none of {sorted(shot.expected)}"


def _faults_of_problem(received: Received) -> Iterator[str]:
    if not received.is_problem:
        yield f"a {received.headers.get('Content-Type')}"
        return
    found = orjson.loads(received.content)
    kind = CATALOGUE.get(found.get("code"))
    if not found.keys() >= _MEMBERS or kind is None:
        yield "a problem that is not of the catalogue"
        return
    right = (kind.status, f"/api/problems/{kind.code}", kind.title)
    if (found["status"], found["type"], found["title"]) != right or found["status"] != (
        received.status
    ):
        yield "a problem that contradicts itself"
    if not found["detail"] or not _REQUEST_ID.fullmatch(found["request_id"]):
        yield "no detail, or no request id"
    if received.headers.get("X-Request-ID") != found["request_id"]:
        yield "another request id in the header"
    demanded = _DEMANDED.get(received.status)
    if demanded and demanded not in received.headers:
        yield f"no {demanded}"
