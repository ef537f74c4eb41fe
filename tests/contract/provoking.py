"""How a problem is provoked: a case for each code of the catalogue, and what came back."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import pytest

from tests.cast import Answer, Api
from tests.config.processes import Gunicorn


@dataclass
class Problem:
    """What came back, and what only this case can know of it."""

    status: int
    headers: Mapping[str, str]
    body: dict[str, Any]
    instance: str = "/api/v1/tasks"
    detail: str = ""
    errors: list[dict[str, str]] = field(default_factory=list)


type Provoke = Callable[[pytest.FixtureRequest], Problem]
CASES: Final[dict[str, Provoke]] = {}


def case(code: str) -> Callable[[Provoke], Provoke]:
    def register(provoke: Provoke) -> Provoke:
        CASES[code] = provoke
        return provoke

    return register


def of(answer: Answer, instance: str = "/api/v1/tasks", **known: Any) -> Problem:
    """Return the problem in an answer of the test client."""
    return Problem(answer.status, answer.headers, answer.body, instance, **known)


def from_socket(server: Gunicorn, request: bytes, instance: str = "", **known: Any) -> Problem:
    """Send bytes to gunicorn; what never reached the application knows no path."""
    status, headers, content = server.send(request)
    titled = {name.title(): value for name, value in headers.items()}
    return Problem(
        status, {**titled, "X-Request-ID": headers["x-request-id"]}, json.loads(content), instance,
        **known,
    )  # fmt: skip


def as_user(request: pytest.FixtureRequest, name: str) -> Api:
    api: Api = request.getfixturevalue(f"as_{name}")
    return api


def made(api: Api, path: str, body: object) -> str:
    """Create something and return its id."""
    answer = api.post(path, body)
    assert answer.status == 201, answer
    return str(answer.body["id"])
