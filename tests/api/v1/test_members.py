"""/api/v1/projects/{project_id}/members"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from tasks.models import Membership, Project, User
from tests.cast import Answer, Api

pytestmark = pytest.mark.django_db

type Count = Callable[[int], Any]

NOBODY: Final = "01938f70-1e40-7c33-9d44-1a2b3c4d5e6f"


@pytest.fixture
def path(project: Project) -> str:
    return f"/projects/{project.pk}/members"


def usernames(answer: Answer) -> list[str]:
    assert answer.status == 200, answer
    return [row["username"] for row in answer.body["results"]]


@pytest.mark.parametrize("by", ["pk", "username"])
def test_it_adds_a_member_by_id_or_name(
    as_alice: Api, as_charlie: Api, charlie: User, path: str, by: str
) -> None:
    answer = as_alice.post(path, {"user": str(getattr(charlie, by)), "role": "viewer"})
    assert answer.status == 201
    moment = answer.body["created_at"]
    assert answer.body == {
        "user": str(charlie.pk),
        "username": "charlie",
        "role": "viewer",
        "version": 1,
        "created_at": moment,
        "updated_at": moment,
    }
    assert answer.body in as_charlie.get(path).body["results"]


@pytest.mark.parametrize("user", ["nobody-at-all", "CHARLIE", NOBODY])
def test_it_adds_nobody_unknown(as_alice: Api, charlie: User, path: str, user: str) -> None:
    answer = as_alice.post(path, {"user": user, "role": "viewer"})
    assert (answer.status, answer.error("#/user")) == (404, "not_found")
    assert Membership.objects.count() == 2


def test_it_adds_nobody_who_is_not_active(as_alice: Api, charlie: User, path: str) -> None:
    charlie.is_active = False
    charlie.save()
    answer = as_alice.post(path, {"user": "charlie", "role": "viewer"})
    assert (answer.status, answer.error("#/user")) == (404, "not_found")


def test_it_adds_nobody_twice(as_alice: Api, path: str) -> None:
    answer = as_alice.post(path, {"user": "bob", "role": "admin"})
    assert (answer.status, answer.code) == (409, "already_member")


def test_it_lets_an_admin_only_manage_members(
    as_bob: Api, alice: User, charlie: User, path: str
) -> None:
    for method, place, body in (
        ("POST", path, {"user": "charlie", "role": "admin"}),
        ("PATCH", f"{path}/{as_bob.user.pk if as_bob.user else ''}", {"role": "admin"}),
        ("PATCH", f"{path}/{alice.pk}", {"role": "viewer"}),
        ("DELETE", f"{path}/{alice.pk}", None),
    ):
        answer = as_bob(method, place, body)
        assert (answer.status, answer.code) == (403, "permission_denied")


def test_it_changes_a_role_from_the_next_request_on(
    as_alice: Api, as_bob: Api, bob: User, project: Project, path: str
) -> None:
    task = {"title": "a", "project": str(project.pk)}
    assert as_bob.post("/tasks", task).status == 201
    answer = as_alice.patch(f"{path}/{bob.pk}", {"role": "viewer"})
    assert (answer.status, answer.body["role"], answer.body["version"]) == (200, "viewer", 2)
    assert as_bob.post("/tasks", task).status == 403
    for body in ({"role": "viewer"}, {}):
        assert as_alice.patch(f"{path}/{bob.pk}", body).body == answer.body


def test_it_removes_a_member_from_the_next_request_on(
    as_alice: Api, as_bob: Api, bob: User, project: Project, path: str
) -> None:
    body = {"title": "a", "project": str(project.pk), "assignee": str(bob.pk)}
    task = as_alice.post("/tasks", body).body
    assert as_bob.get(f"/tasks/{task['id']}").status == 200
    answer = as_alice.delete(f"{path}/{bob.pk}")
    assert (answer.status, answer.response.content) == (204, b"")
    assert as_bob.get(f"/tasks/{task['id']}").status == 404
    now = as_alice.get(f"/tasks/{task['id']}").body
    assert (now["assignee"], now["version"]) == (None, 2)
    assert as_alice.delete(f"{path}/{bob.pk}").status == 404


def test_it_lets_everybody_leave_but_the_last_admin(
    as_alice: Api, as_bob: Api, alice: User, bob: User, path: str
) -> None:
    for method, body in (("DELETE", None), ("PATCH", {"role": "viewer"})):
        answer = as_alice(method, f"{path}/{alice.pk}", body)
        assert (answer.status, answer.code) == (409, "last_admin")
    assert as_bob.delete(f"{path}/{bob.pk}").status == 204
    assert usernames(as_alice.get(path)) == ["alice"]


def test_it_keeps_the_owner_of_an_inbox(as_alice: Api, alice: User, bob: User) -> None:
    path = f"/projects/{as_alice.get('/me').body['inbox']}/members"
    assert as_alice.post(path, {"user": "bob", "role": "admin"}).status == 201
    for method, body in (("DELETE", None), ("PATCH", {"role": "viewer"})):
        answer = as_alice(method, f"{path}/{alice.pk}", body)
        assert (answer.status, answer.code) == (409, "inbox_stays")


def test_it_refuses_in_a_project_in_the_trash(
    as_alice: Api, bob: User, charlie: User, project: Project, path: str
) -> None:
    assert as_alice.delete(f"/projects/{project.pk}").status == 204
    for method, place, body in (
        ("GET", path, None),
        ("POST", path, {"user": "charlie", "role": "viewer"}),
        ("PATCH", f"{path}/{bob.pk}", {"role": "viewer"}),
        ("DELETE", f"{path}/{bob.pk}", None),
    ):
        answer = as_alice(method, place, body)
        assert (answer.status, answer.code) == (409, "in_trash")


def many_members(project: Project, count: int) -> None:
    users = User.objects.bulk_create(User(username=f"user-{number}") for number in range(count))
    Membership.objects.bulk_create(
        Membership(
            project=project,
            user=each,
            role="viewer",
            created_at=datetime(2020, 1, 1, tzinfo=UTC) - timedelta(days=number),
            updated_at=datetime(2020, 1, 1, tzinfo=UTC),
        )
        for number, each in enumerate(users)
    )


def test_it_lists_them_in_the_order_of_their_joining(
    as_bob: Api, alice: User, bob: User, project: Project, path: str
) -> None:
    many_members(project, 2)
    last = [user.username for user in sorted((alice, bob), key=lambda user: user.pk)]
    assert usernames(as_bob.get(path)) == ["user-1", "user-0", *last]  # equals follow their id
    assert usernames(as_bob.get(f"{path}?ordering=created")) == ["user-1", "user-0", *last]
    backwards = [*last[::-1], "user-0", "user-1"]
    assert usernames(as_bob.get(f"{path}?ordering=-created")) == backwards


@pytest.mark.parametrize("count", [8, 198])
def test_it_costs_the_same_queries_each_time(
    as_alice: Api,
    bob: User,
    charlie: User,
    project: Project,
    path: str,
    django_assert_num_queries: Count,
    count: int,
) -> None:
    many_members(project, count)
    as_alice.get("/me")  # from now on this process knows who calls
    # The project, so that a foreign one is a 404; the page.
    with django_assert_num_queries(2):
        assert len(usernames(as_alice.get(f"{path}?limit=200"))) == count + 2
    # Savepoint, the project, the user, the membership, release.
    with django_assert_num_queries(6):
        assert as_alice.post(path, {"user": "charlie", "role": "viewer"}).status == 201
    # Savepoint, the project, the membership, both updated, release.
    with django_assert_num_queries(8):
        assert as_alice.patch(f"{path}/{bob.pk}", {"role": "viewer"}).status == 200
    # Savepoint, the project, the membership, the tasks, delete, release.
    with django_assert_num_queries(8):
        assert as_alice.delete(f"{path}/{charlie.pk}").status == 204
