"""The trash over HTTP: delete, look, restore, purge."""

import pytest

from tasks.models import Project
from tests.cast import Api

pytestmark = pytest.mark.django_db


@pytest.fixture
def pair(as_alice: Api, project: Project) -> tuple[str, str]:
    """The paths of a task and of one below it."""
    top = as_alice.post("/tasks", {"title": "top", "project": str(project.pk)}).body["id"]
    body = {"title": "below", "project": str(project.pk), "parent": top}
    return f"/tasks/{top}", f"/tasks/{as_alice.post('/tasks', body).body['id']}"


def listed(api: Api, query: str = "") -> set[str]:
    return {task["title"] for task in api.get(f"/tasks{query}").body["results"]}


def test_it_restores_exactly_what_a_deletion_took(as_bob: Api, pair: tuple[str, str]) -> None:
    top, _ = pair
    before = [as_bob.get(path).body for path in pair]
    assert as_bob.delete(top).status == 204
    assert (listed(as_bob), listed(as_bob, "?trashed=true")) == (set(), {"top", "below"})

    answer = as_bob.post(f"{top}/restore")

    assert (answer.status, answer.headers["ETag"]) == (200, '"3"')
    assert answer.body == as_bob.get(top).body
    for path, was in zip(pair, before, strict=True):
        now = as_bob.get(path).body
        assert now == {**was, "version": 3, "updated_at": now["updated_at"]}
    assert (listed(as_bob), listed(as_bob, "?trashed=true")) == ({"top", "below"}, set())
    again = as_bob.post(f"{top}/restore")
    assert (again.status, again.body) == (200, answer.body)


def test_it_leaves_what_was_deleted_before(as_bob: Api, pair: tuple[str, str]) -> None:
    top, below = pair
    assert as_bob.delete(below).status == 204
    assert as_bob.delete(top).status == 204
    refused = as_bob.post(f"{below}/restore")
    assert (refused.status, refused.code) == (409, "in_trash")
    assert as_bob.post(f"{top}/restore").status == 200
    assert (listed(as_bob), listed(as_bob, "?trashed=true")) == ({"top"}, {"below"})
    assert as_bob.post(f"{below}/restore").status == 200


def test_it_restores_a_project_with_its_tasks(
    as_alice: Api, as_bob: Api, project: Project, pair: tuple[str, str]
) -> None:
    path, before = f"/projects/{project.pk}", as_bob.get(pair[0]).body
    assert as_alice.delete(path).status == 204
    assert as_bob.get(pair[0]).status == 404
    restored = as_alice.post(f"{path}/restore")
    assert (restored.status, restored.headers["ETag"]) == (200, '"3"')
    assert restored.body["deleted_at"] is None
    assert as_bob.get(pair[0]).body == before


class TestPurge:
    @pytest.mark.parametrize("trashed", [False, True])
    def test_it_deletes_for_good(self, as_alice: Api, pair: tuple[str, str], trashed: bool) -> None:
        top, below = pair
        if trashed:
            assert as_alice.delete(top).status == 204
        assert as_alice.delete(f"{top}?purge=true").status == 204
        for path in (top, below, f"{top}/restore"):
            method = "POST" if path.endswith("restore") else "GET"
            assert as_alice(method, path).status == 404
        assert listed(as_alice, "?trashed=true") == set()

    def test_it_is_for_admins(self, as_bob: Api, pair: tuple[str, str]) -> None:
        answer = as_bob.delete(f"{pair[0]}?purge=true")
        assert (answer.status, answer.code) == (403, "permission_denied")
        assert as_bob.delete(f"{pair[0]}?purge=false").status == 204
        assert as_bob.get(pair[0]).body["deleted_at"]

    @pytest.mark.parametrize(
        "query", ["purge=yes", "purge=", "purge=true&purge=true", "Purge=true"]
    )
    def test_it_deletes_nothing_where_it_is_misspelt(
        self, as_alice: Api, pair: tuple[str, str], query: str
    ) -> None:
        assert as_alice.delete(f"{pair[0]}?{query}").status == 400
        assert as_alice.get(pair[0]).body["deleted_at"] is None
