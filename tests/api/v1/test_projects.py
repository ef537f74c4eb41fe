"""/api/v1/projects"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from tasks.ids import uuid7
from tasks.models import Membership, Project, User
from tests.cast import Answer, Api

pytestmark = pytest.mark.django_db

type Count = Callable[[int], Any]


def names(answer: Answer) -> list[str]:
    assert answer.status == 200, answer
    return [row["name"] for row in answer.body["results"]]


def test_it_creates_a_project_of_which_the_creator_is_admin(as_alice: Api, alice: User) -> None:
    answer = as_alice.post("/projects", {"name": " Garden ", "description": "Behind\nthe house."})
    project = Project.objects.get()
    moment = project.created_at.isoformat().replace("+00:00", "Z")
    assert answer.status == 201
    assert answer.headers["Location"] == f"/api/v1/projects/{project.pk}"
    assert answer.body == {
        "id": str(project.pk),
        "name": "Garden",
        "description": "Behind\nthe house.",
        "inbox": False,
        "role": "admin",
        "version": 1,
        "created_by": str(alice.pk),
        "created_at": moment,
        "updated_at": moment,
        "deleted_at": None,
    }
    assert as_alice.get(answer.headers["Location"]).body == answer.body


def test_it_takes_an_id_once(as_alice: Api, as_charlie: Api) -> None:
    chosen = str(uuid7())
    assert as_alice.post("/projects", {"name": "a", "id": chosen}).body["id"] == chosen
    answer = as_charlie.post("/projects", {"name": "b", "id": chosen})
    assert (answer.status, answer.code) == (409, "id_taken")


def test_it_shows_each_member_their_own_role(
    as_alice: Api, as_bob: Api, as_charlie: Api, project: Project
) -> None:
    path = f"/projects/{project.pk}"
    assert as_alice.get(path).body["role"] == "admin"
    assert as_bob.get(path).body == as_alice.get(path).body | {"role": "editor"}
    assert as_charlie.get(path).status == 404


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
@pytest.mark.parametrize(("name", "value"), [("name", "Garden"), ("description", "Behind")])
def test_it_changes_one_field_and_keeps_the_other(
    as_alice: Api, project: Project, method: str, name: str, value: str
) -> None:
    path = f"/projects/{project.pk}"
    before = as_alice.get(path).body
    answer = as_alice(method, path, {name: value})
    assert answer.status == 200
    changed = {name: value, "version": 2, "updated_at": answer.body["updated_at"]}
    assert answer.body == before | changed
    assert as_alice.get(path).body == answer.body
    assert as_alice(method, path, {name: value}).body == answer.body
    assert as_alice(method, path, {}).body == answer.body


def test_it_lets_an_admin_only_change_or_delete_it(as_bob: Api, project: Project) -> None:
    path = f"/projects/{project.pk}"
    for method, body in (("PUT", {"name": "b"}), ("PATCH", {"name": "b"}), ("DELETE", None)):
        answer = as_bob(method, path, body)
        assert (answer.status, answer.code) == (403, "permission_denied")


def test_it_deletes_into_the_trash(as_alice: Api, project: Project) -> None:
    path = f"/projects/{project.pk}"
    task = as_alice.post("/tasks", {"title": "a", "project": str(project.pk)}).body["id"]
    answer = as_alice.delete(path)
    assert (answer.status, answer.response.content) == (204, b"")
    trashed = as_alice.get(path).body
    assert (trashed["deleted_at"], trashed["version"]) == (trashed["updated_at"], 2)
    assert as_alice.delete(path).status == 204
    assert as_alice.get(path).body == trashed
    assert as_alice.get(f"/tasks/{task}").status == 404
    assert names(as_alice.get("/projects")) == []
    assert names(as_alice.get("/projects?trashed=false")) == []
    assert names(as_alice.get("/projects?trashed=true")) == ["Moving house"]
    refused = as_alice.patch(path, {"name": "b"})
    assert (refused.status, refused.code) == (409, "in_trash")


def test_it_keeps_the_inbox(as_alice: Api) -> None:
    path = f"/projects/{as_alice.get('/me').body['inbox']}"
    assert as_alice.get(path).body["inbox"] is True
    answer = as_alice.delete(path)
    assert (answer.status, answer.code) == (409, "inbox_stays")
    assert as_alice.patch(path, {"name": "In"}).body["name"] == "In"


def many_projects(owner: User, count: int) -> None:
    """Projects a0, b1, …; the one made last was changed first."""
    moments = [datetime(2027, 3, 1, 12, number % 60, tzinfo=UTC) for number in range(count)]
    made = Project.objects.bulk_create(
        Project(
            name=f"{'bac'[number % 3]}{number}",
            created_by=owner,
            created_at=moment,
            updated_at=moments[-1 - number],
        )
        for number, moment in enumerate(moments)
    )
    Membership.objects.bulk_create(
        Membership(project=each, user=owner, role="admin", created_at=moment, updated_at=moment)
        for each, moment in zip(made, moments, strict=True)
    )


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("created", "b0 a1 c2 b3"),
        ("-created", "b3 c2 a1 b0"),
        ("updated", "b3 c2 a1 b0"),
        ("-updated", "b0 a1 c2 b3"),
        ("name", "a1 b0 b3 c2"),
        ("-name", "c2 b3 b0 a1"),
    ],
)
def test_it_orders_them(as_alice: Api, alice: User, order: str, expected: str) -> None:
    many_projects(alice, 4)
    assert names(as_alice.get(f"/projects?ordering={order}")) == expected.split()


def test_it_lists_the_members_projects_only(
    as_alice: Api, as_charlie: Api, project: Project
) -> None:
    [row] = as_alice.get("/projects").body["results"]
    assert row == as_alice.get(f"/projects/{project.pk}").body
    assert as_charlie.get("/projects").body == {"results": [], "next": None, "previous": None}


@pytest.mark.parametrize("count", [10, 200])
def test_it_costs_the_same_queries_each_time(
    as_alice: Api, alice: User, django_assert_num_queries: Count, count: int
) -> None:
    many_projects(alice, count)
    path = f"/projects/{Project.objects.order_by('pk')[0].pk}"
    as_alice.get(path)  # from now on this process knows who calls
    with django_assert_num_queries(1):
        assert len(names(as_alice.get("/projects?limit=200"))) == count
    with django_assert_num_queries(1):
        assert as_alice.get(path).status == 200
    # Savepoint, the project, its admin, release.
    with django_assert_num_queries(7):
        assert as_alice.post("/projects", {"name": "a"}).status == 201
    # Savepoint, the project, update, release.
    with django_assert_num_queries(5):
        assert as_alice.put(path, {"name": "another"}).status == 200
    with django_assert_num_queries(5):
        assert as_alice.delete(path).status == 204
