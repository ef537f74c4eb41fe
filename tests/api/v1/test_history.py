"""/api/v1/tasks/{id}/events"""

from typing import Any

import pytest

from tasks.ids import uuid7
from tasks.models import Project, User
from tests.cast import Answer, Api
from tests.events.catching_up import catch_up

pytestmark = pytest.mark.django_db


@pytest.fixture
def task(as_alice: Api, project: Project) -> dict[str, Any]:
    body = {"title": "Pack", "project": str(project.pk)}
    return dict(as_alice.post("/tasks", body).body)


def types(answer: Answer) -> list[str]:
    assert answer.status == 200, answer
    return [event["type"] for event in answer.body["results"]]


def test_it_tells_the_history_of_a_task_and_its_comments(
    as_alice: Api, as_bob: Api, task: dict[str, Any]
) -> None:
    path = f"/tasks/{task['id']}"
    as_alice.post("/tasks", {"title": "Another", "project": task["project"]})
    assert as_bob.patch(path, {"title": "Pack it"}).status == 200
    assert as_bob.patch(path, {"title": "Pack it"}).status == 200  # which changes nothing
    assert as_bob.post(f"{path}/comments", {"body": "Done soon."}).status == 201
    assert as_bob.put(path, {"completed": True}).status == 200
    assert as_bob.delete(path).status == 204
    catch_up()

    answer = as_alice.get(f"{path}/events")

    assert types(answer) == [
        "task.created",
        "task.updated",
        "comment.created",
        "task.completed",
        "task.trashed",
    ]
    events = answer.body["results"]
    assert [event["sequence"] for event in events] == sorted(event["sequence"] for event in events)
    versions = [each["data"]["object"]["version"] for each in events if "task" in each["type"]]
    assert versions == [1, 2, 3, 4]
    assert events[1]["data"]["changes"] == {"title": ["Pack", "Pack it"]}
    assert as_bob.user is not None
    assert events[1]["data"]["actor"] == str(as_bob.user.pk)


def test_it_shows_each_event_as_the_feed_does(as_alice: Api, task: dict[str, Any]) -> None:
    catch_up()

    [event] = as_alice.get(f"/tasks/{task['id']}/events").body["results"]

    assert event == as_alice.get("/events?type=task.*").body["results"][0]


def test_it_comes_in_parts(as_alice: Api, task: dict[str, Any]) -> None:
    path = f"/tasks/{task['id']}"
    for title in ("a", "b", "c"):
        assert as_alice.patch(path, {"title": title}).status == 200
    catch_up()

    pages = [as_alice.get(f"{path}/events?limit=3")]
    while pages[-1].body["more"]:
        pages.append(as_alice.get(pages[-1].body["next"]))

    assert [len(types(page)) for page in pages] == [3, 1]
    assert as_alice.get(pages[-1].body["next"]).body["results"] == []


def test_it_ends_at_what_one_may_see(
    as_alice: Api, as_charlie: Api, charlie: User, task: dict[str, Any]
) -> None:
    """Whoever sees only where the task is now does not see where it was."""
    other = as_alice.post("/projects", {"name": "Garden"}).body["id"]
    member = {"user": str(charlie.pk), "role": "viewer"}
    assert as_alice.post(f"/projects/{other}/members", member).status == 201
    path = f"/tasks/{task['id']}"
    assert as_alice.post(f"{path}/move", {"project": other}).status == 200
    catch_up()

    assert types(as_charlie.get(f"{path}/events")) == ["task.moved"]
    assert types(as_alice.get(f"{path}/events")) == ["task.created", "task.moved"]


def test_it_is_not_there_for_strangers_and_for_what_is_purged(
    as_alice: Api, as_bob: Api, as_charlie: Api, task: dict[str, Any]
) -> None:
    path = f"/tasks/{task['id']}"
    catch_up()
    for answer in (
        as_charlie.get(f"{path}/events"),
        as_alice.get(f"/tasks/{uuid7()}/events"),
        as_alice.get("/tasks/nothing/events"),
    ):
        assert (answer.status, answer.code) == (404, "not_found")
    inbox = as_alice.get("/me").body["inbox"]
    assert as_alice.post(f"{path}/move", {"project": inbox}).status == 200
    assert as_bob.get(f"{path}/events").status == 404
    assert as_alice.delete(f"{path}?purge=true").status == 204
    assert as_alice.get(f"{path}/events").status == 404
