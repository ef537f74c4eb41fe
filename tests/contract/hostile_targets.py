"""What the hostile requests are made of: for each operation of the document, a plain one.

A new operation is a target by itself: its path and body are made from its schema. What it answers
to the plain request is found out by asking, and is right for everything that must not matter.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from random import Random
from typing import Any, Final

import orjson

from tasks.api.problems import CATALOGUE
from tasks.identity import families, tokens
from tasks.ids import uuid7
from tasks.models import User
from tasks.operations.access import Actor
from tasks.operations.comments import create_comment
from tasks.operations.tasks import create_task
from tests.cast import Api
from tests.contract.document import Operation, operations, resolve
from tests.contract.hostile import Outcomes, Received, Shot, refusal, send
from tests.contract.world import Ids, furnish, ids_of

PASSWORD: Final = "correct horse battery"
# Fields that take any text; what another one makes of a text depends on the operation.
FREE_TEXT: Final = {"title", "description", "name", "body", "external_id"}
_HELD: Final = {
    "project": "project_id",
    "parent": "task_id",
    "assignee": "user_id",
    "after": "other_id",
    "before": "other_id",
}
_TEXTS: Final = {
    "date": "2027-03-31",
    "date-time": "2027-03-31T08:00:00Z",
    "iana-time-zone": "UTC",
    "uri": "https://example.org/",
}
_NO_DOMAIN: Final = {401, 406, 411, 413, 415, 429}


@dataclass(frozen=True)
class World:
    """What the requests are about.

    Attributes:
        ids: by the names that paths have for them.
        bodies: of the operations whose plain body is not what its schema says alone.
        cursors: one each of two lists, and one of somebody else.
        headers: with alice's token.
    """

    ids: Ids
    bodies: Mapping[str, dict[str, Any]]
    cursors: tuple[str, ...]
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Target:
    """An operation, its plain request and what that is answered."""

    operation: Operation
    plain: Shot
    world: World

    def but(self, expected: Outcomes, **changes: Any) -> Shot:
        """Return the plain request with one thing changed."""
        return replace(self.plain, expected=expected, **changes)

    def harmless(self, **changes: Any) -> Shot:
        """Return it with a change that must not matter."""
        return replace(self.plain, **changes)

    def refused(self, code: str, **changes: Any) -> Shot:
        """Return it with a change that is refused; a thing that is not there may come first."""
        gone = self.plain.expected & refusal("not_found")
        return self.but(refusal(code) | gone, **changes)

    def with_headers(self, **more: str) -> dict[str, str]:
        """Return the plain headers and others, whose names are written with `_`."""
        return {**self.plain.headers, **{key.replace("_", "-"): more[key] for key in more}}

    def body(self) -> dict[str, Any]:
        """Return the plain body, to be changed."""
        return dict(orjson.loads(self.plain.body)) if self.plain.body else {}

    @property
    def takes_body(self) -> bool:
        return self.operation.body() is not None

    @property
    def may_be_empty(self) -> bool:
        """Whether a body is offered and not demanded: that of an action, not of a change."""
        required = self.operation.spec.get("requestBody", {}).get("required")
        return self.operation.method == "POST" and not required

    @property
    def fields(self) -> dict[str, dict[str, Any]]:
        """The schemas of the fields of the body."""
        return {
            name: resolve(schema)
            for name, schema in (self.operation.body() or {}).get("properties", {}).items()
        }

    @property
    def signs_in(self) -> bool:
        return "/auth/" in self.operation.path

    @property
    def writes(self) -> bool:
        return self.operation.method != "GET"

    def documented(self) -> Outcomes:
        """Return what the domain may say, by the document, and what the plain request is told."""
        statuses = {int(status) for status in self.operation.spec["responses"]} - _NO_DOMAIN
        refusals = {
            (kind.status, code) for code, kind in CATALOGUE.items() if kind.status in statuses
        }
        return self.plain.expected | {outcome for outcome in refusals if outcome[0] < 500}


def kinds(schema: Mapping[str, Any]) -> set[str]:
    """Return the JSON types that a schema takes; empty if it does not say."""
    found = schema.get("type", [])
    own = {found} if isinstance(found, str) else set(found)
    for inner in (*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())):
        own |= kinds(resolve(inner))
    return own


def takes_text(schema: Mapping[str, Any], text: str) -> bool:
    """Tell whether a schema takes this text, which is no date, zone, id or address."""
    if "anyOf" in schema or "oneOf" in schema:
        return any(
            takes_text(resolve(each), text) for each in schema.get("anyOf", schema.get("oneOf"))
        )
    if "string" not in kinds(schema) or "format" in schema:
        return False
    if "enum" in schema:
        return text in schema["enum"]
    if not schema.get("minLength", 0) <= len(text) <= schema.get("maxLength", len(text)):
        return False
    banned = schema.get("not", {}).get("pattern")
    return _matches(schema.get("pattern", ""), text) and not (banned and _matches(banned, text))


def _matches(pattern: str, text: str) -> bool:
    # `$` of JSON Schema is the end; Python's also matches before a line break.
    return re.search(re.sub(r"\$$", r"\\Z", pattern), text) is not None


def targets(world: World, rolled_back: Callable[[Shot], Received]) -> Iterator[Target]:
    """Yield a target for every operation of the document.

    Args:
        rolled_back: sends a request and undoes what it did.
    """
    for operation in operations().values():
        shot = plain(operation, world)
        yield Target(
            operation,
            replace(shot, expected=frozenset({rolled_back(shot).outcome()})),
            world,
        )


def plain(operation: Operation, world: World) -> Shot:
    """Return a request that has nothing against it that the document could say."""
    path = operation.named_path
    for name in re.findall(r"\{(\w+)\}", path):
        path = path.replace(f"{{{name}}}", world.ids.get(name) or str(uuid7()))
    schema = operation.body()
    body = b"" if schema is None else orjson.dumps(_body(operation, schema, world))
    content_type = None if schema is None else "application/json"
    return Shot(operation.method, path, headers=world.headers, body=body, content_type=content_type)


def _body(operation: Operation, schema: Mapping[str, Any], world: World) -> Any:
    if operation.name in world.bodies:
        return world.bodies[operation.name]
    return _sample("", schema, world.ids)


def _sample(name: str, schema: Mapping[str, Any], ids: Ids) -> Any:
    """Return a value that a schema takes."""
    schema = resolve(dict(schema))
    for several in ("anyOf", "oneOf", "allOf"):
        if several in schema:
            return _sample(name, schema[several][0], ids)
    if "enum" in schema or "example" in schema:
        return schema.get("example", schema.get("enum", [None])[0])
    kind = next(iter(sorted(kinds(schema) - {"null"})), "string")
    if kind == "object":
        fields = schema.get("properties", {})
        texts = [name for name in fields if name in FREE_TEXT]
        wanted = schema.get("required") or texts[:1] or list(fields)[:1]
        return {key: _sample(key, fields[key], ids) for key in wanted}
    if kind == "array":
        return [_sample(name, schema.get("items", {}), ids)]
    if kind == "string":
        return _sample_text(name, schema, ids)
    return {"boolean": True, "integer": max(schema.get("minimum", 1), 1), "number": 1.5}[kind]


def _sample_text(name: str, schema: Mapping[str, Any], ids: Ids) -> str:
    if schema.get("format") == "uuid":
        return ids.get(_HELD.get(name, f"{name}_id"), str(uuid7()))
    return _TEXTS.get(schema.get("format", ""), "a")


def make_world(people: Mapping[str, User], now: datetime) -> World:
    """Furnish the database for the requests.

    Args:
        people: alice, who owns and asks; bob, an editor; charlie, a stranger; dora, who signs in.
    """
    alice, bob, dora = people["alice"], people["bob"], people["dora"]
    project = furnish(alice, bob, now)
    ids = {**ids_of(project), "user_id": str(bob.pk)}
    mine = {"body": "At nine."}
    actor, task = Actor(alice.pk), project.tasks.get()
    ids["comment_id"] = str(create_comment(actor=actor, now=now, task_id=task.pk, fields=mine).pk)
    for title in ("Boxes", "Tape"):
        fields = {"title": title, "project": project.pk}
        ids["other_id"] = str(create_task(actor=actor, now=now, fields=fields).pk)
    own, others = Api(alice).headers, Api(bob).headers
    for headers in (own, others):
        read("/me", "", headers)  # which makes the inbox
    lists = [("/tasks", own), ("/projects", own), ("/tasks", others)]
    nexts = [read(path, "limit=1", headers)["next"] for path, headers in lists]
    return World(
        ids=ids,
        bodies=_bodies(ids, dora, now),
        cursors=tuple(link.rpartition("cursor=")[2] for link in nexts),
        headers=own,
    )


def read(path: str, query: str, headers: Mapping[str, str]) -> dict[str, Any]:
    """Read something that is there."""
    received = send(Shot("GET", f"/api/v1{path}", query, headers, content_type=None))
    assert received.status == 200, received
    return dict(orjson.loads(received.content))


def _bodies(ids: Ids, dora: User, now: datetime) -> dict[str, dict[str, Any]]:
    family = families.start(user=dora, now=now)
    pair = tokens.pair(user_id=dora.pk, sid=family.pk, jti=family.current_jti, now=now)
    return {
        "auth_token": {"username": "dora", "password": PASSWORD},
        "auth_refresh": {"refresh": pair.refresh},
        "auth_revoke": {"token": pair.refresh},
        "projects_members_create": {"user": "charlie", "role": "viewer"},
        "tasks_create": {"title": "Boxes", "project": ids["project_id"]},
    }


def pick[T](random: Random, choices: Mapping[Any, T]) -> T:
    """Return one of the values of a table."""
    return random.choice(list(choices.values()))
