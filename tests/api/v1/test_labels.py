"""/api/v1/labels"""

from collections.abc import Callable
from typing import Any

import pytest

from tasks.ids import uuid7
from tasks.models import Label, Project
from tests.cast import Answer, Api

pytestmark = pytest.mark.django_db

type Count = Callable[[int], Any]


def names(answer: Answer) -> list[str]:
    assert answer.status == 200, answer
    return [row["name"] for row in answer.body["results"]]


def labelled(api: Api, project: Project | None, *labels: str) -> dict[str, Any]:
    """Make a task that carries these labels."""
    place = {"project": str(project.pk)} if project else {}
    body: dict[str, Any] = api.post("/tasks", {"title": "a", "labels": labels, **place}).body
    return body


def only_label(api: Api) -> dict[str, Any]:
    [label] = api.get("/labels").body["results"]
    return dict(label)


def test_it_lists_a_label_made_by_its_first_use(as_alice: Api, project: Project) -> None:
    task = labelled(as_alice, project, "Home")
    assert only_label(as_alice) == {
        "id": str(Label.objects.get().pk),
        "project": str(project.pk),
        "name": "Home",
        "version": 1,
        "created_at": task["created_at"],
        "updated_at": task["created_at"],
    }


def test_it_orders_them_by_name_whatever_the_case(as_alice: Api, project: Project) -> None:
    for name in ("beta", "Alpha", "ÄRGER", "alpine", "Zeta"):
        labelled(as_alice, project, name)
    by_name = ["Alpha", "alpine", "beta", "Zeta", "ÄRGER"]
    made = ["beta", "Alpha", "ÄRGER", "alpine", "Zeta"]
    assert names(as_alice.get("/labels")) == by_name
    assert names(as_alice.get("/labels?ordering=name")) == by_name
    assert names(as_alice.get("/labels?ordering=-name")) == by_name[::-1]
    assert names(as_alice.get("/labels?ordering=created")) == made
    assert names(as_alice.get("/labels?ordering=-created")) == made[::-1]


def test_it_lists_those_of_a_project(
    as_alice: Api, as_bob: Api, as_charlie: Api, project: Project
) -> None:
    labelled(as_alice, project, "shared")
    labelled(as_alice, None, "mine")
    inbox = as_alice.get("/me").body["inbox"]
    assert names(as_alice.get("/labels")) == ["mine", "shared"]
    assert names(as_alice.get(f"/labels?project={project.pk}")) == ["shared"]
    assert names(as_alice.get(f"/labels?project={project.pk}&project={inbox}")) == [
        "mine", "shared",
    ]  # fmt: skip
    assert names(as_bob.get("/labels")) == ["shared"]
    assert names(as_charlie.get("/labels")) == []
    for api, other in ((as_bob, inbox), (as_charlie, project.pk), (as_charlie, uuid7())):
        answer = api.get(f"/labels?project={other}")
        assert (answer.status, answer.error("project")) == (404, "not_found")
    assert as_bob.get(f"/labels?project={project.pk}&project={inbox}").status == 404


def test_it_renames_a_label_on_all_its_tasks(as_bob: Api, project: Project) -> None:
    first, second = labelled(as_bob, project, "home"), labelled(as_bob, project, "HOME")
    bare = labelled(as_bob, project)
    label = only_label(as_bob)
    answer = as_bob.patch(f"/labels/{label['id']}", {"name": " House "})
    assert answer.status == 200
    changed = {"name": "House", "version": 2, "updated_at": answer.body["updated_at"]}
    assert answer.body == label | changed
    for task in (first, second):
        now = as_bob.get(f"/tasks/{task['id']}").body
        assert (now["labels"], now["version"]) == (["House"], 2)
        assert now["updated_at"] == answer.body["updated_at"]
    assert as_bob.get(f"/tasks/{bare['id']}").body == bare
    for body in ({"name": "House"}, {}):
        assert as_bob.patch(f"/labels/{label['id']}", body).body == answer.body


def test_it_renames_a_label_to_another_case_of_itself(as_bob: Api, project: Project) -> None:
    labelled(as_bob, project, "home")
    path = f"/labels/{only_label(as_bob)['id']}"
    assert as_bob.patch(path, {"name": "HOME"}).body["name"] == "HOME"


def test_it_refuses_the_name_of_another_label(as_bob: Api, project: Project) -> None:
    task = labelled(as_bob, project, "home", "work")
    label = as_bob.get("/labels").body["results"][0]
    answer = as_bob.patch(f"/labels/{label['id']}", {"name": "ＷＯＲＫ"})  # the same
    assert (answer.status, answer.code) == (409, "label_taken")
    assert as_bob.get(f"/tasks/{task['id']}").body == task


def test_it_deletes_a_label_and_takes_it_off_its_tasks(as_bob: Api, project: Project) -> None:
    task = labelled(as_bob, project, "home", "work")
    label = as_bob.get("/labels").body["results"][0]
    answer = as_bob.delete(f"/labels/{label['id']}")
    assert (answer.status, answer.response.content) == (204, b"")
    now = as_bob.get(f"/tasks/{task['id']}").body
    assert (now["labels"], now["version"]) == (["work"], 2)
    assert as_bob.delete(f"/labels/{label['id']}").status == 404


def test_it_is_for_editors(as_alice: Api, as_charlie: Api, project: Project) -> None:
    labelled(as_alice, project, "home")
    path = f"/labels/{only_label(as_alice)['id']}"
    assert as_charlie.patch(path, {"name": "a"}).status == 404
    members = f"/projects/{project.pk}/members"
    assert as_alice.post(members, {"user": "charlie", "role": "viewer"}).status == 201
    for method, body in (("PATCH", {"name": "a"}), ("DELETE", None)):
        answer = as_charlie(method, path, body)
        assert (answer.status, answer.code) == (403, "permission_denied")


@pytest.mark.parametrize("count", [10, 200])
def test_it_costs_the_same_queries_each_time(
    as_alice: Api, project: Project, django_assert_num_queries: Count, count: int
) -> None:
    for start in range(0, count, 20):
        labelled(as_alice, project, *(f"n{n:03}" for n in range(start, min(start + 20, count))))
    with django_assert_num_queries(1):
        assert len(names(as_alice.get("/labels?limit=200"))) == count
    with django_assert_num_queries(1):
        assert len(names(as_alice.get(f"/labels?limit=200&project={project.pk}"))) == count
    path = f"/labels/{as_alice.get('/labels').body['results'][0]['id']}"
    # Savepoint, the project's lock, the label, update, its tasks, release.
    with django_assert_num_queries(11):
        assert as_alice.patch(path, {"name": "another"}).status == 200
    # The tasks first, then what ties them to the label, then the label.
    with django_assert_num_queries(12):
        assert as_alice.delete(path).status == 204
