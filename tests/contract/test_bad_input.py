"""Whatever a client sends: a 4xx problem that names the place and the remedy, and nothing written.

The fields and parameters come from the document, so that a new one is tried as well; what each of
them is tried with comes from its JSON type.
"""

from collections.abc import Iterator
from typing import Any, Final

import orjson
import pytest

from tests.cast import Api
from tests.contract.bad_values import CONTRADICTIONS, NEVER, RAW, VERSION_4, WRONG, WRONG_TEXTS
from tests.contract.document import Operation, operations
from tests.contract.refusals import REQUIRED, is_refused, path_of
from tests.contract.snapshot import nothing_written
from tests.contract.world import Ids

pytestmark = pytest.mark.usefixtures("wsgi")


def type_of(schema: dict[str, Any]) -> tuple[str, bool]:
    """Return the JSON type of a field, and whether it may be null."""
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return next(kind for kind in kinds if kind != "null"), "null" in kinds


def tries_for(name: str, schema: dict[str, Any]) -> Iterator[tuple[str, str]]:
    kind, nullable = type_of(schema)
    yield from NEVER.items()
    yield from WRONG[kind].items()
    yield from WRONG_TEXTS.get(name, {}).items()
    if not nullable:
        yield "null", "null"
    if name == "id":
        yield "a UUID of version 4", VERSION_4


def bad_fields() -> Iterator[Any]:
    for operation in operations().values():
        for name, schema in (operation.body() or {}).get("properties", {}).items():
            yield pytest.param(operation, name, schema, id=f"{operation}-{name}")


@pytest.mark.parametrize(("operation", "name", "schema"), list(bad_fields()))
def test_it_refuses_a_bad_value_of_each_field(
    as_alice: Api, ids: Ids, operation: Operation, name: str, schema: dict[str, Any]
) -> None:
    others = {key: value for key, value in REQUIRED.get(operation.name, {}).items() if key != name}
    path = path_of(operation, ids)
    with nothing_written():
        for title, text in tries_for(name, schema):
            start = orjson.dumps(others).removesuffix(b"}")
            comma = b"," if others else b""
            raw = start + comma + f'"{name}": '.encode() + text.encode() + b"}"
            answer = as_alice(operation.method, path, raw=raw)
            assert is_refused(answer, f"#/{name}"), (title, answer)
            assert answer.status == 400, (title, answer)


def bodies() -> Iterator[Any]:
    for operation in operations().values():
        if operation.body() is not None:
            yield pytest.param(operation, id=str(operation))


READ_ONLY: Final = ("version", "created_at", "updated_at", "created_by", "position", "due_at")


@pytest.mark.parametrize("operation", list(bodies()))
def test_it_refuses_fields_that_are_unknown_or_its_own(
    as_alice: Api, ids: Ids, operation: Operation
) -> None:
    body, path = REQUIRED.get(operation.name, {}), path_of(operation, ids)
    shown = operation.spec["responses"].get("200", operation.spec["responses"].get("201"))
    assert shown is not None
    taken = (operation.body() or {})["properties"]
    with nothing_written():
        for name in ("nothing", "a/b~c", "", "owner", "__class__", *READ_ONLY):
            pointer = f"#/{name.replace('~', '~0').replace('/', '~1')}" if name else "#"
            answer = as_alice(operation.method, path, {**body, name: "x"})
            assert name not in taken
            assert answer.error(pointer) in {"unknown", "read_only"}, answer
            assert answer.status == 400
        for name in ("id", "project", "task", "deleted_at", "completed_at"):
            if name not in taken:
                answer = as_alice(operation.method, path, {**body, name: ids["task_id"]})
                assert answer.error(f"#/{name}") in {"unknown", "read_only"}, answer


@pytest.mark.parametrize("title", RAW)
def test_it_refuses_a_body_that_is_not_one_json_object(as_alice: Api, ids: Ids, title: str) -> None:
    raw, content_type, status, code = RAW[title]
    with nothing_written():
        for method, path in (("POST", "/tasks"), ("PATCH", f"/tasks/{ids['task_id']}")):
            answer = as_alice(method, path, raw=raw, content_type=content_type)
            assert is_refused(answer)
            assert (answer.status, answer.code) == (status, code), answer


def test_it_refuses_a_compressed_body(as_alice: Api) -> None:
    with nothing_written():
        answer = as_alice.post("/tasks", {"title": "a"}, headers={"Content-Encoding": "gzip"})
    assert (answer.status, answer.code) == (415, "unsupported_media_type")
    assert answer.body["detail"] == "Compressed bodies are not read."


def test_it_refuses_a_body_of_more_than_1_mib(as_alice: Api) -> None:
    """The parser's own limit: that of the server in front of it is tested in tests/config."""
    raw = b'{"title": "a", "description": "' + b"x" * 1024 * 1024 + b'"}'
    with nothing_written():
        answer = as_alice.post("/tasks", raw=raw)
    assert (answer.status, answer.code) == (413, "content_too_large")


@pytest.mark.parametrize("title", CONTRADICTIONS)
def test_it_refuses_what_contradicts_itself(as_alice: Api, ids: Ids, title: str) -> None:
    body, pointer, code = CONTRADICTIONS[title]
    with nothing_written():
        for method, path in (("POST", "/tasks"), ("PUT", f"/tasks/{ids['task_id']}")):
            answer = as_alice(method, path, {**body, "title": "a"})
            assert (answer.status, answer.error(pointer)) == (400, code), answer
