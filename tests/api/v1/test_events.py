"""/api/v1/events"""

from datetime import datetime
from typing import Any

import pytest

from tasks.events import cursors
from tasks.ids import uuid7
from tasks.models import Cursor, Event, Project
from tests.cast import Answer, Api
from tests.events.catching_up import catch_up

pytestmark = pytest.mark.django_db


def types(answer: Answer) -> list[str]:
    assert answer.status == 200, answer
    return [event["type"] for event in answer.body["results"]]


def made(api: Api, project: Project | None = None, **fields: Any) -> dict[str, Any]:
    """Make a task, and let the log catch up."""
    place = {"project": str(project.pk)} if project else {}
    answer = api.post("/tasks", {"title": "Pack", **place, **fields})
    assert answer.status == 201, answer
    catch_up()
    return dict(answer.body)


def test_it_shows_what_happened_to_whoever_may_see_it(
    as_alice: Api, as_bob: Api, as_charlie: Api, project: Project, bob: Any
) -> None:
    task = made(as_alice, project)

    answer = as_bob.get("/events")

    assert types(answer) == ["project.created", "member.added", "member.added", "task.created"]
    assert as_alice.get("/events").body["results"] == answer.body["results"]
    assert as_charlie.get("/events").body["results"] == []
    event = answer.body["results"][-1]
    assert event["data"] == {
        "object": task,
        "changes": {},
        "actor": task["created_by"],
        "request_id": event["data"]["request_id"],
        "project": str(project.pk),
    }
    assert (event["subject"], event["sequence"]) == (task["id"], "00000000000000000004")
    assert event["id"] == str(Event.objects.get(type="task.created").uid)


def test_it_is_followed_by_its_links(as_alice: Api, project: Project) -> None:
    for _ in range(3):
        made(as_alice, project)

    pages = [as_alice.get(f"/events?limit=2&type=task.*&project={project.pk}")]
    while pages[-1].body["more"]:
        pages.append(as_alice.get(pages[-1].body["next"]))

    assert [types(page) for page in pages] == [["task.created"] * 2, ["task.created"]]
    assert pages[0].body["next"] == (
        f"http://testserver/api/v1/events?limit=2&type=task.%2A&project={project.pk}&after=5"
    )
    later = pages[-1].body["next"]
    empty = as_alice.get(later)
    assert (empty.status, empty.body) == (200, {"results": [], "next": later, "more": False})
    made(as_alice, project)
    assert types(as_alice.get(later)) == ["task.created"]


def test_it_goes_on_behind_the_sequence_of_an_event(as_alice: Api, project: Project) -> None:
    made(as_alice, project)
    first = as_alice.get("/events?limit=1").body["results"][0]["sequence"]

    assert first == "00000000000000000001"
    for after in (first, "1", "01"):
        assert types(as_alice.get(f"/events?after={after}"))[0] == "member.added"
    assert types(as_alice.get("/events?after=0")) == types(as_alice.get("/events"))


@pytest.mark.parametrize("after", ["-1", "1.0", "x", "9" * 19, "0" * 21, "%D9%A1", "1%0A"])
def test_it_refuses_what_is_no_place(as_alice: Api, after: str) -> None:
    answer = as_alice.get(f"/events?after={after}")
    assert (answer.status, answer.code, answer.error("after")) == (
        400,
        "validation_failed",
        "invalid",
    )


def test_it_finds_types_and_kinds(as_alice: Api, project: Project) -> None:
    task = made(as_alice, project, labels=["home"])
    assert as_alice.put(f"/tasks/{task['id']}", {"completed": True}).status == 200
    catch_up()

    assert types(as_alice.get("/events?type=task.completed")) == ["task.completed"]
    assert types(as_alice.get("/events?type=task.*&type=label.created")) == [
        "label.created",
        "task.created",
        "task.completed",
    ]
    assert types(as_alice.get("/events?type=comment.*")) == []
    for unknown in ("task", "*", "task.", "task.burnt", "TASK.*"):
        assert as_alice.get(f"/events?type={unknown}").error("type") == "invalid"


def test_it_finds_projects_and_no_foreign_ones(
    as_alice: Api, as_charlie: Api, project: Project
) -> None:
    made(as_alice, project)
    made(as_charlie)

    assert len(types(as_alice.get(f"/events?project={project.pk}"))) == 4
    for api, foreign in ((as_charlie, project.pk), (as_alice, uuid7())):
        answer = api.get(f"/events?project={foreign}")
        assert (answer.status, answer.code) == (404, "not_found")
        assert answer.error("project") == "not_found"


def test_it_says_that_a_task_went_and_not_where(
    as_alice: Api, as_bob: Api, project: Project
) -> None:
    task = made(as_alice, project)
    inbox = as_alice.get("/me").body["inbox"]
    moved = as_alice.post(f"/tasks/{task['id']}/move", {"project": inbox})
    assert moved.status == 200
    catch_up()

    [left] = as_bob.get("/events?type=task.moved").body["results"]
    [whole] = as_alice.get("/events?type=task.moved").body["results"]

    assert left["id"] == whole["id"]
    assert left["data"]["object"] is None
    assert left["data"]["changes"] == {"project": [str(project.pk), None]}
    assert whole["data"]["object"] == moved.body
    assert whole["data"]["changes"]["project"] == [str(project.pk), inbox]
    assert inbox not in str(left)


def test_it_tells_the_one_who_is_removed(
    as_alice: Api, as_bob: Api, project: Project, bob: Any
) -> None:
    catch_up()
    assert as_alice.delete(f"/projects/{project.pk}/members/{bob.pk}").status == 204
    made(as_alice, project)

    # That bob came is about bob, too.
    assert types(as_bob.get("/events")) == ["member.added", "member.removed"]


def test_it_shows_nothing_that_has_no_place_yet(as_alice: Api, project: Project) -> None:
    assert as_alice.get("/events").body == {
        "results": [],
        "next": "http://testserver/api/v1/events?after=0",
        "more": False,
    }


def test_it_is_not_sent_again_when_nothing_is_new(as_alice: Api, project: Project) -> None:
    made(as_alice, project)
    tag = as_alice.get("/events").headers["ETag"]

    assert as_alice.get("/events", headers={"If-None-Match": tag}).status == 304


def test_it_is_gone_where_the_log_begins_later(
    as_alice: Api, project: Project, now: datetime
) -> None:
    made(as_alice, project)
    Event.objects.filter(sequence__lte=2).delete()
    Cursor.objects.create(name=cursors.PRUNED, position=2)

    answer = as_alice.get("/events?after=1")
    assert (answer.status, answer.code) == (410, "events_expired")
    for place in ("/events?after=2", "/events"):
        assert types(as_alice.get(place)) == ["member.added", "task.created"]
