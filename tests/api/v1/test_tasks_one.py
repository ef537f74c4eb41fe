"""GET, PUT, PATCH and DELETE /api/v1/tasks/{id}"""

from collections.abc import Callable
from typing import Any, Final

import pytest

from tasks.models import Project, Task, User
from tests.cast import Api
from tests.contract.document import operations

pytestmark = pytest.mark.django_db

type Count = Callable[[int], Any]
type Body = dict[str, Any]


@pytest.fixture
def full(as_alice: Api, project: Project, bob: User) -> Body:
    """A task that has something in every field."""
    parent = as_alice.post("/tasks", {"title": "Move", "project": str(project.pk)}).body["id"]
    body = {
        "project": str(project.pk),
        "parent": parent,
        "title": "Pack the books",
        "description": "Not **mine**.",
        "status": "in_progress",
        "priority": 2,
        "start_date": "2027-03-01",
        "due_date": "2027-03-31",
        "due_time": "17:30:00",
        "timezone": "Europe/Berlin",
        "assignee": str(bob.pk),
        "labels": ["Books", "home"],
        "external_id": "crm-4711",
        "metadata": {"color": "red"},
    }
    made: Body = as_alice.post("/tasks", body).body
    return made


# For each field that can be changed: another value, and what else follows from it.
CHANGES: Final[dict[str, tuple[Any, Body]]] = {
    "parent": (None, {}),
    "title": ("Give the books away", {}),
    "description": ("", {}),
    "status": ("todo", {}),
    "completed": (True, {"status": "done"}),
    "priority": (0, {}),
    "start_date": (None, {}),
    "due_date": ("2027-04-01", {"due_at": "2027-04-01T15:30:00Z"}),
    "due_time": (None, {"due_at": "2027-03-31T22:00:00Z"}),
    "timezone": ("Asia/Tokyo", {"due_at": "2027-03-31T08:30:00Z"}),
    "assignee": (None, {}),
    "labels": (["attic"], {}),
    "external_id": (None, {}),
    "metadata": ({}, {}),
}


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
@pytest.mark.parametrize("name", CHANGES)
def test_it_changes_one_field_and_keeps_the_others(
    as_alice: Api, full: Body, method: str, name: str
) -> None:
    value, follows = CHANGES[name]
    answer = as_alice(method, f"/tasks/{full['id']}", {name: value})
    assert answer.status == 200
    changed = {name: value, **follows, "version": 2, "updated_at": answer.body["updated_at"]}
    if name == "completed":
        changed["completed_at"] = answer.body["updated_at"]
    assert answer.body == full | changed
    assert answer.body["updated_at"] > full["updated_at"]
    assert as_alice.get(f"/tasks/{full['id']}").body == answer.body


def test_it_has_a_change_for_every_field() -> None:
    for name in ("tasks_put", "tasks_patch"):
        assert CHANGES.keys() == (operations()[name].body() or {})["properties"].keys()


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_it_changes_nothing_where_nothing_differs(as_alice: Api, full: Body, method: str) -> None:
    same = {name: full[name] for name in CHANGES}
    for body in ({}, same, {"labels": ["HOME", "books"]}, {"title": f" {full['title']} "}):
        answer = as_alice(method, f"/tasks/{full['id']}", body)
        assert (answer.status, answer.body) == (200, full)


def test_it_completes_and_reopens(as_alice: Api, full: Body) -> None:
    path = f"/tasks/{full['id']}"
    done = as_alice.put(path, {"completed": True}).body
    assert (done["status"], done["completed"]) == ("done", True)
    assert done["completed_at"] == done["updated_at"]
    cancelled = as_alice.patch(path, {"status": "cancelled"}).body
    assert (cancelled["completed"], cancelled["completed_at"]) == (False, done["completed_at"])
    reopened = as_alice.put(path, {"status": "todo", "completed": False}).body
    assert (reopened["status"], reopened["completed_at"]) == ("todo", None)
    assert reopened["version"] == 4


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({"project": "01938f70-1e40-7c33-9d44-1a2b3c4d5e6f"}, "#/project", "read_only"),
        ({"id": "01938f70-1e40-7c33-9d44-1a2b3c4d5e6f"}, "#/id", "read_only"),
        ({"version": 1}, "#/version", "read_only"),
        ({"due_date": None}, "#/due_time", "needs_date"),
        ({"start_date": "2027-04-01"}, "#/start_date", "after_due_date"),
        ({"status": "done", "completed": False}, "#/completed", "contradicts_status"),
        ({"title": None}, "#/title", "null"),
        ({"labels": None}, "#/labels", "null"),
    ],
)
def test_it_refuses_a_change_and_makes_none(
    as_alice: Api, full: Body, method: str, body: Body, pointer: str, code: str
) -> None:
    answer = as_alice(method, f"/tasks/{full['id']}", {"priority": 4, **body})
    assert (answer.status, answer.error(pointer)) == (400, code)
    assert as_alice.get(f"/tasks/{full['id']}").body == full


def test_it_refuses_a_parent_below_itself_or_elsewhere(as_alice: Api, full: Body) -> None:
    stranger = as_alice.post("/tasks", {"title": "elsewhere"}).body["id"]
    for task, parent, code in (
        (full["id"], full["id"], "cycle"),
        (full["parent"], full["id"], "cycle"),
        (full["id"], stranger, "other_project"),
    ):
        answer = as_alice.patch(f"/tasks/{task}", {"parent": parent})
        assert (answer.status, answer.error("#/parent")) == (400, code)


def test_it_shows_one_to_its_members_only(
    as_alice: Api, as_bob: Api, as_charlie: Api, full: Body
) -> None:
    path = f"/tasks/{full['id']}"
    answer = as_alice.get(path)
    assert (answer.status, answer.body) == (200, full)
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert as_bob.get(path).body == full
    assert as_charlie.get(path).status == 404


def test_it_deletes_into_the_trash_with_what_lies_below(as_alice: Api, full: Body) -> None:
    answer = as_alice.delete(f"/tasks/{full['parent']}")
    assert (answer.status, answer.response.content) == (204, b"")
    assert "Content-Type" not in answer.headers
    for task in (full["parent"], full["id"]):
        trashed = as_alice.get(f"/tasks/{task}").body
        assert trashed["deleted_at"] == trashed["updated_at"]
        assert trashed["version"] == 2
    assert as_alice.get("/tasks").body["results"] == []
    refused = as_alice.put(f"/tasks/{full['id']}", {"title": "b"})
    assert (refused.status, refused.code) == (409, "in_trash")


def test_it_deletes_twice_as_well_as_once(as_alice: Api, full: Body) -> None:
    path = f"/tasks/{full['id']}"
    assert as_alice.delete(path).status == 204
    trashed = as_alice.get(path).body
    assert as_alice.delete(path).status == 204
    assert as_alice.get(path).body == trashed


def test_it_costs_the_same_queries_each_time(
    as_alice: Api, full: Body, django_assert_num_queries: Count
) -> None:
    path = f"/tasks/{full['id']}"
    with django_assert_num_queries(1):
        assert as_alice.get(path).status == 200
    with django_assert_num_queries(1):
        assert as_alice.get(f"/tasks/{full['project']}").status == 404
    # Savepoint, the task, update, release.
    with django_assert_num_queries(5):
        assert as_alice.put(path, {"completed": True}).status == 200
    with django_assert_num_queries(3):
        assert as_alice.put(path, {"completed": True}).status == 200
    before = Task.objects.count()
    # Savepoint, the project's lock, the task, two levels, one update, release.
    with django_assert_num_queries(10):
        assert as_alice.delete(f"/tasks/{full['parent']}").status == 204
    assert Task.objects.count() == before
