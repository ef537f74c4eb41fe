"""POST /api/v1/tasks"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

import pytest

from tasks.ids import uuid7
from tasks.models import Label, Project, Task, User
from tests.cast import Api

pytestmark = pytest.mark.django_db

type Count = Callable[[int], Any]


def test_it_creates_a_task_from_a_title_alone(as_alice: Api, alice: User) -> None:
    answer = as_alice.post("/tasks", {"title": "Learn Flask"})
    task = Task.objects.get()
    inbox = Project.objects.get(inbox_of=alice)
    assert answer.status == 201
    assert answer.body == {
        "id": str(task.pk),
        "project": str(inbox.pk),
        "parent": None,
        "title": "Learn Flask",
        "description": "",
        "status": "todo",
        "completed": False,
        "priority": 0,
        "start_date": None,
        "due_date": None,
        "due_time": None,
        "timezone": "UTC",
        "due_at": None,
        "completed_at": None,
        "assignee": None,
        "labels": [],
        "external_id": None,
        "metadata": {},
        "position": task.position,
        "version": 1,
        "created_by": str(alice.pk),
        "created_at": instant(task.created_at),
        "updated_at": instant(task.created_at),
        "deleted_at": None,
    }


def instant(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def test_it_says_where_the_task_is(as_alice: Api) -> None:
    answer = as_alice.post("/tasks", {"title": "a"})
    assert answer.headers["Location"] == f"/api/v1/tasks/{answer.body['id']}"
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert as_alice.get(answer.headers["Location"]).body == answer.body


def test_it_creates_a_task_with_every_field(as_alice: Api, project: Project, bob: User) -> None:
    parent = as_alice.post("/tasks", {"title": "Move", "project": str(project.pk)}).body["id"]
    sent = {
        "id": str(uuid7()),
        "project": str(project.pk),
        "parent": parent,
        "title": "  Pack the books ",
        "description": "Not **mine**.\n\n* heavy\n",
        "status": "done",
        "completed": True,
        "priority": 4,
        "start_date": "2027-03-01",
        "due_date": "2027-03-28",
        "due_time": "02:30",
        "timezone": "Europe/Berlin",
        "assignee": str(bob.pk),
        "labels": ["home", "Books", "HOME"],
        "external_id": "crm/4711 ä",
        "metadata": {"color": "red", "ü": '"\\'},
    }
    answer = as_alice.post("/tasks", sent)
    assert answer.status == 201
    kept = sent | {"title": "Pack the books", "due_time": "02:30:00", "labels": ["Books", "home"]}
    assert {name: answer.body[name] for name in sent} == kept
    # The clocks go forward at 02:00 that night: 02:30 is what it would have been before.
    assert answer.body["due_at"] == "2027-03-28T01:30:00Z"
    assert answer.body["completed_at"] == answer.body["created_at"]
    assert as_alice.get(f"/tasks/{sent['id']}").body == answer.body


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("title", "x" * 500, "x" * 500),
        ("title", "🙂" * 500, "🙂" * 500),
        ("description", "x" * 65_536, "x" * 65_536),
        ("description", "\r\n\ttabs and\u2028separators", "\r\n\ttabs and\u2028separators"),
        ("external_id", "x" * 255, "x" * 255),
        ("labels", [f"n{number:02}" for number in range(20)], [f"n{n:02}" for n in range(20)]),
        ("labels", ["ﷺ" * 50], ["ﷺ" * 50]),
        ("labels", [], []),
        ("metadata", {"a": "x" * 4088}, {"a": "x" * 4088}),
        ("metadata", {"": "", "b": "\n"}, {"": "", "b": "\n"}),
        ("priority", 4.0, 4),
        ("due_date", "0001-01-01", "0001-01-01"),
        ("due_date", "9999-12-31", "9999-12-31"),
        ("due_date", None, None),
        ("parent", None, None),
        ("assignee", None, None),
        ("timezone", "America/Argentina/ComodRivadavia", "America/Argentina/ComodRivadavia"),
    ],
)
def test_it_takes_a_field_to_its_limits(
    as_alice: Api, name: str, value: object, shown: object
) -> None:
    answer = as_alice.post("/tasks", {"title": "a", name: value})
    assert (answer.status, answer.body.get(name)) == (201, shown)
    assert as_alice.get(f"/tasks/{answer.body['id']}").body == answer.body


def test_it_reuses_a_label_whatever_its_case(as_alice: Api, project: Project) -> None:
    for names in (["Straße"], ["STRASSE", "new"]):
        body = {"title": "a", "project": str(project.pk), "labels": names}
        assert as_alice.post("/tasks", body).status == 201
    assert sorted(Label.objects.values_list("name", flat=True)) == ["Straße", "new"]


def test_it_refuses_an_id_that_is_taken(as_alice: Api, as_charlie: Api) -> None:
    taken = as_charlie.post("/tasks", {"title": "his"}).body["id"]
    answer = as_alice.post("/tasks", {"title": "mine", "id": taken})
    assert (answer.status, answer.code) == (409, "id_taken")
    assert Task.objects.get().title == "his"


def test_it_names_the_project_or_parent_that_is_not_there(as_alice: Api) -> None:
    for name in ("project", "parent"):
        answer = as_alice.post("/tasks", {"title": "a", name: str(uuid7())})
        assert (answer.status, answer.error(f"#/{name}")) == (404, "not_found")
    assert not Task.objects.exists()


def test_it_refuses_an_assignee_who_is_no_member(as_alice: Api, charlie: User) -> None:
    answer = as_alice.post("/tasks", {"title": "a", "assignee": str(charlie.pk)})
    assert (answer.status, answer.error("#/assignee")) == (400, "not_a_member")


def test_it_names_every_mistake_at_once(as_alice: Api) -> None:
    body = {"titel": "a", "priority": "high", "labels": ["ok", " ", 5], "version": 3}
    answer = as_alice.post("/tasks", body)
    assert answer.status == 400
    assert sorted((error["pointer"], error["code"]) for error in answer.body["errors"]) == [
        ("#/labels/1", "blank"),
        ("#/labels/2", "invalid"),
        ("#/priority", "invalid"),
        ("#/titel", "unknown"),
        ("#/title", "required"),
        ("#/version", "read_only"),
    ]


CHEAP: Final = {"title": "a"}


def test_it_costs_the_same_queries_each_time(
    as_alice: Api, project: Project, django_assert_num_queries: Count
) -> None:
    place = {"project": str(project.pk)}
    parent = as_alice.post("/tasks", {**CHEAP, **place, "labels": ["a"]}).body["id"]
    # Savepoint, project, insert, its event, release.
    with django_assert_num_queries(5):
        assert as_alice.post("/tasks", {**CHEAP, **place}).status == 201
    # And the parent.
    with django_assert_num_queries(6):
        assert as_alice.post("/tasks", {**CHEAP, **place, "parent": parent}).status == 201
    # And the labels, however many: read, put on, shown; new ones made, and their events.
    for cost, names in ((8, ["a"]), (10, [f"n{number}" for number in range(20)])):
        with django_assert_num_queries(cost):
            assert as_alice.post("/tasks", {**CHEAP, **place, "labels": names}).status == 201
