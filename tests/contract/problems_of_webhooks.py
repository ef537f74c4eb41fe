"""The kinds of problem that endpoints have, provoked for test_problems."""

import pytest

from tests.contract.provoking import Problem, as_user, case, made, of


@case("too_many_webhooks")
def too_many_webhooks(request: pytest.FixtureRequest) -> Problem:
    alice, body = as_user(request, "alice"), {"url": "https://example.org/hooks"}
    for _ in range(20):
        made(alice, "/webhooks", body)
    words = "A user has at most 20 endpoints."
    return of(alice.post("/webhooks", body), "/api/v1/webhooks", detail=words)


@case("webhook_disabled")
def webhook_disabled(request: pytest.FixtureRequest) -> Problem:
    alice, body = as_user(request, "alice"), {"url": "https://example.org/", "enabled": False}
    path = f"/webhooks/{made(alice, '/webhooks', body)}/ping"
    words = "Nothing is sent to this endpoint until it is enabled again."
    return of(alice.post(path), f"/api/v1{path}", detail=words)
