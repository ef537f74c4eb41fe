"""Requests that are right but for one thing, and how a refusal looks."""

from typing import Any, Final

from tests.cast import Answer
from tests.contract.document import Operation
from tests.contract.world import Ids

REQUIRED: Final[dict[str, dict[str, Any]]] = {
    "tasks_create": {"title": "a"},
    "tasks_move": {"before": None},
    "projects_create": {"name": "a"},
    "projects_members_create": {"user": "charlie", "role": "viewer"},
    "tasks_comments_create": {"body": "a"},
    "webhooks_create": {"url": "https://example.org/hooks"},
    "auth_token": {"username": "alice", "password": "a"},
    "auth_refresh": {"refresh": "a"},
    "auth_revoke": {"token": "a"},
}


def path_of(operation: Operation, ids: Ids) -> str:
    return operation.named_path.format(**ids)


def is_refused(answer: Answer, place: str = "") -> bool:
    """Tell whether the answer is a 4xx problem; with a place, one that names it."""
    assert 400 <= answer.status < 500, answer
    body = answer.body
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert (body["status"], body["type"]) == (answer.status, f"/api/problems/{body['code']}")
    assert body["detail"]
    if not place or body["code"] == "malformed_request":  # its detail says what cannot be read
        return True
    named = {error.get("pointer") or error.get("parameter"): error for error in body["errors"]}
    return any(name == place or name.startswith(f"{place}/") for name in named)
