"""The cast: alice owns, bob is a member, charlie is a stranger; and how they speak to the API."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import orjson
import pytest
from django.test import Client
from django.test.client import ClientHandler
from django.utils import timezone

from tasks.identity import families, tokens
from tasks.models import Project, User
from tasks.operations.access import Actor
from tasks.operations.members import add_member
from tasks.operations.projects import create_project
from tasks.policies import Role

# One for all: each would load the middleware anew, and WhiteNoise then looks at every static file.
_HANDLER = ClientHandler(enforce_csrf_checks=False)


class Api:
    """One user's HTTP client: JSON in, JSON out, below `/api/v1`.

    Args:
        user: who speaks; None for nobody.
    """

    def __init__(self, user: User | None) -> None:
        self.user = user
        self.client = Client(raise_request_exception=False)
        self.client.handler = _HANDLER
        self.headers = {"Authorization": f"Bearer {access_token(user)}"} if user else {}

    def __call__(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        raw: bytes | None = None,
        content_type: str = "application/json",
        headers: Mapping[str, str] | None = None,
    ) -> "Answer":
        """Send a request; `path` begins behind `/api/v1` or is a whole link of an answer."""
        target = path.removeprefix("http://testserver")
        if not target.startswith("/api/"):
            target = f"/api/v1{target}"
        sent = raw if raw is not None else b"" if body is None else orjson.dumps(body)
        response = self.client.generic(
            method,
            target,
            sent,
            content_type=content_type,
            headers={**self.headers, **(headers or {})},
        )
        return Answer(response)

    def get(self, path: str, **options: Any) -> "Answer":
        return self("GET", path, **options)

    def post(self, path: str, body: object = None, **options: Any) -> "Answer":
        return self("POST", path, body, **options)

    def put(self, path: str, body: object = None, **options: Any) -> "Answer":
        return self("PUT", path, body, **options)

    def patch(self, path: str, body: object = None, **options: Any) -> "Answer":
        return self("PATCH", path, body, **options)

    def delete(self, path: str, **options: Any) -> "Answer":
        return self("DELETE", path, **options)


class Answer:
    """A response, its body read."""

    def __init__(self, response: Any) -> None:
        self.response = response
        self.status = response.status_code
        self.headers = response.headers

    @property
    def body(self) -> Any:
        return orjson.loads(self.response.content) if self.response.content else None

    @property
    def code(self) -> str:
        """The code of a problem; fails if the answer is none."""
        assert self.headers["Content-Type"] == "application/problem+json", self.response.content
        return str(self.body["code"])

    def error(self, place: str) -> str:
        """The code of the error at this pointer or parameter; empty if there is none."""
        for error in self.body.get("errors", []):
            if place in (error.get("pointer"), error.get("parameter")):
                return str(error["code"])
        return ""

    def __repr__(self) -> str:
        return f"{self.status} {self.response.content[:500]!r}"


def access_token(user: User) -> str:
    """Sign in without a password."""
    now = timezone.now()
    family = families.start(user=user, now=now)
    return tokens.pair(user_id=user.pk, sid=family.pk, jti=family.current_jti, now=now).access


@pytest.fixture
def now() -> datetime:
    """The instant of a test; whole seconds, so that it reads the same from everywhere."""
    return timezone.now().replace(microsecond=0)


@pytest.fixture
def make_user(db: None) -> Callable[[str], User]:
    """Make further users by name; none has a password."""
    return User.objects.create_user


@pytest.fixture
def alice(make_user: Callable[[str], User]) -> User:
    return make_user("alice")


@pytest.fixture
def bob(make_user: Callable[[str], User]) -> User:
    return make_user("bob")


@pytest.fixture
def charlie(make_user: Callable[[str], User]) -> User:
    return make_user("charlie")


@pytest.fixture
def project(alice: User, bob: User, now: datetime) -> Project:
    """Alice's project: she is its admin, bob an editor, charlie sees nothing of it."""
    owner = Actor(alice.pk)
    made = create_project(actor=owner, now=now, fields={"name": "Moving house"})
    add_member(actor=owner, now=now, project_id=made.pk, user=bob.pk, role=Role.EDITOR)
    return made


@pytest.fixture
def as_alice(alice: User) -> Api:
    return Api(alice)


@pytest.fixture
def as_bob(bob: User) -> Api:
    return Api(bob)


@pytest.fixture
def as_charlie(charlie: User) -> Api:
    return Api(charlie)


@pytest.fixture
def as_nobody(db: None) -> Api:
    return Api(None)
