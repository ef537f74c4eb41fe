"""/api/v1/tasks/{task_id}/comments and /api/v1/comments/{id}"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tasks.ids import uuid7
from tasks.models import Comment, Project, Task, User
from tests.cast import Answer, Api

pytestmark = pytest.mark.django_db

type Count = Callable[[int], Any]


@pytest.fixture
def task(as_alice: Api, project: Project) -> str:
    return str(as_alice.post("/tasks", {"title": "a", "project": str(project.pk)}).body["id"])


@pytest.fixture
def path(task: str) -> str:
    return f"/tasks/{task}/comments"


def texts(answer: Answer) -> list[str]:
    assert answer.status == 200, answer
    return [row["body"] for row in answer.body["results"]]


def test_it_writes_a_comment_as_it_is_sent(as_bob: Api, bob: User, path: str, task: str) -> None:
    answer = as_bob.post(path, {"body": " At **nine**.\r\n\n"})
    moment = answer.body["created_at"]
    assert answer.status == 201
    assert answer.body == {
        "id": str(Comment.objects.get().pk),
        "task": task,
        "body": " At **nine**.\r\n\n",
        "created_by": str(bob.pk),
        "version": 1,
        "created_at": moment,
        "updated_at": moment,
    }
    assert as_bob.get(path).body["results"] == [answer.body]


def test_it_takes_a_body_of_64_kib_and_an_id_once(as_alice: Api, path: str) -> None:
    body = {"body": "x" * 65_536, "id": str(uuid7())}
    assert as_alice.post(path, body).body["id"] == body["id"]
    answer = as_alice.post(path, body)
    assert (answer.status, answer.code) == (409, "id_taken")
    assert as_alice.post(path, {"body": "ä" * 32_769}).error("#/body") == "invalid"


def test_it_lets_its_author_change_it(as_alice: Api, as_bob: Api, path: str) -> None:
    made = as_bob.post(path, {"body": "At nine."}).body
    place = f"/comments/{made['id']}"
    answer = as_bob.patch(place, {"body": "At ten."})
    assert answer.status == 200
    changed = {"body": "At ten.", "version": 2, "updated_at": answer.body["updated_at"]}
    assert answer.body == made | changed
    for body in ({"body": "At ten."}, {}):
        assert as_bob.patch(place, body).body == answer.body
    refused = as_alice.patch(place, {"body": "At eleven."})
    assert (refused.status, refused.code) == (403, "permission_denied")


def test_it_lets_its_author_and_an_admin_delete_it(as_alice: Api, as_bob: Api, path: str) -> None:
    for author, deleting in ((as_bob, as_bob), (as_bob, as_alice), (as_alice, as_alice)):
        place = f"/comments/{author.post(path, {'body': 'a'}).body['id']}"
        answer = deleting.delete(place)
        assert (answer.status, answer.response.content) == (204, b"")
        assert deleting.delete(place).status == 404
    by_admin = as_alice.post(path, {"body": "a"}).body["id"]
    assert as_bob.delete(f"/comments/{by_admin}").status == 403
    assert Comment.objects.count() == 1


def test_it_lets_a_viewer_read_and_say_nothing(
    as_alice: Api, as_charlie: Api, project: Project, path: str
) -> None:
    members = f"/projects/{project.pk}/members"
    assert as_alice.post(members, {"user": "charlie", "role": "viewer"}).status == 201
    assert as_alice.post(path, {"body": "a"}).status == 201
    assert texts(as_charlie.get(path)) == ["a"]
    answer = as_charlie.post(path, {"body": "b"})
    assert (answer.status, answer.code) == (403, "permission_denied")


def test_it_is_nothing_to_a_stranger(as_alice: Api, as_charlie: Api, path: str) -> None:
    made = as_alice.post(path, {"body": "a"}).body["id"]
    for method, place, body in (
        ("GET", path, None),
        ("POST", path, {"body": "b"}),
        ("PATCH", f"/comments/{made}", {"body": "b"}),
        ("DELETE", f"/comments/{made}", None),
    ):
        answer = as_charlie(method, place, body)
        assert (answer.status, answer.code) == (404, "not_found")


def test_it_can_be_read_in_the_trash_and_not_be_changed(
    as_alice: Api, path: str, task: str
) -> None:
    made = as_alice.post(path, {"body": "a"}).body["id"]
    assert as_alice.delete(f"/tasks/{task}").status == 204
    assert texts(as_alice.get(path)) == ["a"]
    for method, place, body in (
        ("POST", path, {"body": "b"}),
        ("PATCH", f"/comments/{made}", {"body": "b"}),
        ("DELETE", f"/comments/{made}", None),
    ):
        answer = as_alice(method, place, body)
        assert (answer.status, answer.code) == (409, "in_trash")


def many_comments(task: str, count: int) -> None:
    first = datetime(2027, 3, 1, tzinfo=UTC)
    Comment.objects.bulk_create(
        Comment(
            task=Task.objects.get(pk=task),
            body=f"{number}",
            created_at=first + timedelta(minutes=number),
            updated_at=first,
        )
        for number in range(count)
    )


def test_it_lists_them_in_the_order_of_their_writing(as_alice: Api, path: str, task: str) -> None:
    many_comments(task, 3)
    assert texts(as_alice.get(path)) == ["0", "1", "2"]
    assert texts(as_alice.get(f"{path}?ordering=created")) == ["0", "1", "2"]
    assert texts(as_alice.get(f"{path}?ordering=-created")) == ["2", "1", "0"]


@pytest.mark.parametrize("count", [10, 200])
def test_it_costs_the_same_queries_each_time(
    as_alice: Api, path: str, task: str, django_assert_num_queries: Count, count: int
) -> None:
    # None yet: whether the task is there has to be asked.
    with django_assert_num_queries(2):
        assert texts(as_alice.get(path)) == []
    many_comments(task, count)
    with django_assert_num_queries(1):
        assert len(texts(as_alice.get(f"{path}?limit=200"))) == count
    # Savepoint, the task, insert, release.
    with django_assert_num_queries(5):
        made = as_alice.post(path, {"body": "a"}).body["id"]
    # Savepoint, the comment with its task, update, release.
    with django_assert_num_queries(5):
        assert as_alice.patch(f"/comments/{made}", {"body": "b"}).status == 200
    with django_assert_num_queries(5):
        assert as_alice.delete(f"/comments/{made}").status == 204
