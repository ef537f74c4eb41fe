"""POST /api/v1/tasks/{id}/move"""

from typing import Any

import pytest

from tasks.models import Project
from tests.cast import Api

pytestmark = pytest.mark.django_db


@pytest.fixture
def made(as_alice: Api, project: Project) -> dict[str, dict[str, Any]]:
    """Three tasks in the order of their titles."""
    return {
        title: as_alice.post("/tasks", {"title": title, "project": str(project.pk)}).body
        for title in "abc"
    }


def titles(api: Api, project: str, ordering: str = "position") -> str:
    found = api.get(f"/tasks?project={project}&ordering={ordering}").body["results"]
    return "".join(task["title"] for task in found)


def test_it_puts_a_task_beside_another(
    as_alice: Api, as_bob: Api, project: Project, made: dict[str, dict[str, Any]]
) -> None:
    answer = as_bob.post(f"/tasks/{made['c']['id']}/move", {"before": made["b"]["id"]})

    assert (answer.status, answer.headers["ETag"]) == (200, '"2"')
    moved = answer.body
    assert made["a"]["position"] < moved["position"] < made["b"]["position"]
    assert moved == {
        **made["c"],
        "position": moved["position"],
        "version": 2,
        "updated_at": moved["updated_at"],
    }
    assert as_alice.get(f"/tasks/{made['c']['id']}").body == moved
    assert titles(as_alice, str(project.pk)) == "acb"
    assert titles(as_alice, str(project.pk), "-position") == "bca"


def test_it_takes_a_task_to_another_project_and_place(
    as_alice: Api, made: dict[str, dict[str, Any]]
) -> None:
    inbox = as_alice.get("/me").body["inbox"]
    top = as_alice.post("/tasks", {"title": "x", "labels": ["Home"]}).body
    as_alice.patch(f"/tasks/{made['b']['id']}", {"labels": ["home", "new"]})
    wish = {"project": inbox, "before": top["id"], "parent": top["id"]}

    moved = as_alice.post(f"/tasks/{made['b']['id']}/move", wish).body

    assert (moved["project"], moved["parent"]) == (inbox, top["id"])
    assert moved["labels"] == ["Home", "new"]
    assert moved["position"] < top["position"]
    assert as_alice.get(f"/tasks/{made['b']['id']}").body == moved


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({}, "#", "required"),
        ({"after": None, "before": None}, "#/before", "contradicts"),
        ({"position": "1"}, "#/position", "unknown"),
        ({"after": 1}, "#/after", "invalid"),
        ({"before": "top"}, "#/before", "invalid"),
        ({"project": None}, "#/project", "null"),
        ({"parent": "None"}, "#/parent", "invalid"),
    ],
)
def test_it_refuses_what_names_no_place(
    as_alice: Api, made: dict[str, dict[str, Any]], body: dict[str, Any], pointer: str, code: str
) -> None:
    answer = as_alice.post(f"/tasks/{made['a']['id']}/move", body)
    assert (answer.status, answer.error(pointer)) == (400, code)


def test_it_is_the_only_way_to_another_project(
    as_alice: Api, made: dict[str, dict[str, Any]]
) -> None:
    inbox = as_alice.get("/me").body["inbox"]
    answer = as_alice.patch(f"/tasks/{made['a']['id']}", {"project": inbox})
    assert (answer.status, answer.error("#/project")) == (400, "read_only")
