"""/api/v1/changes"""

from typing import Any

import pytest

from tasks.events import cursors
from tasks.models import Cursor, Event, Project, User
from tests.cast import Answer, Api
from tests.events.catching_up import catch_up

pytestmark = pytest.mark.django_db


class Follower:
    """Somebody who asks for changes, from the moment they begin."""

    def __init__(self, api: Api) -> None:
        catch_up()
        self.api, self.token = api, api.get("/changes").body["next"]

    def answer(self, query: str = "") -> Answer:
        catch_up()
        return self.api.get(f"/changes?since={self.token}{query}")

    def news(self) -> list[dict[str, Any]]:
        """Return the changes of one answer, and go on behind it."""
        answer = self.answer()
        assert (answer.status, answer.body["more"]) == (200, False), answer
        self.token = answer.body["next"]
        return list(answer.body["changes"])

    def brief(self) -> list[tuple[str, str, str]]:
        return [(each["op"], each["type"], each["id"]) for each in self.news()]


@pytest.fixture
def place(project: Project) -> str:
    return str(project.pk)


@pytest.fixture
def task(as_alice: Api, place: str) -> dict[str, Any]:
    return dict(as_alice.post("/tasks", {"title": "Pack", "project": place}).body)


@pytest.fixture
def bobs(as_bob: Api, task: dict[str, Any]) -> Follower:
    return Follower(as_bob)


def test_it_begins_with_a_token_and_no_changes(as_bob: Api, task: dict[str, Any]) -> None:
    catch_up()
    answer = as_bob.get("/changes")

    assert answer.body == {"changes": [], "next": answer.body["next"], "more": False}
    again = as_bob.get(f"/changes?since={answer.body['next']}")
    assert again.body == answer.body


def test_it_shows_an_object_once_and_as_it_is_now(
    as_alice: Api, bobs: Follower, task: dict[str, Any]
) -> None:
    path = f"/tasks/{task['id']}"
    for title in ("a", "b", "c"):
        assert as_alice.patch(path, {"title": title}).status == 200

    assert bobs.news() == [
        {
            "op": "upsert",
            "type": "task",
            "id": task["id"],
            "project": task["project"],
            "data": as_alice.get(path).body,
        }
    ]
    assert bobs.news() == []


def test_it_lists_objects_in_the_order_of_their_last_events(
    as_alice: Api, bobs: Follower, task: dict[str, Any]
) -> None:
    path = f"/tasks/{task['id']}"
    comment = as_alice.post(f"{path}/comments", {"body": "Soon."}).body
    assert as_alice.patch(path, {"labels": ["home"]}).status == 200
    label = as_alice.get("/labels").body["results"][0]

    news = bobs.news()

    assert [(each["type"], each["data"]) for each in news] == [
        ("comment", comment),
        ("label", label),
        ("task", as_alice.get(path).body),
    ]
    assert {each["project"] for each in news} == {task["project"]}


def test_it_shows_the_trash_and_deletes_what_is_purged(
    as_alice: Api, bobs: Follower, task: dict[str, Any]
) -> None:
    path = f"/tasks/{task['id']}"
    assert as_alice.delete(path).status == 204

    [trashed] = bobs.news()
    assert (trashed["op"], trashed["data"]) == ("upsert", as_alice.get(path).body)
    assert trashed["data"]["deleted_at"]

    assert as_alice.delete(f"{path}?purge=true").status == 204
    [purged] = bobs.news()
    assert purged == {
        "op": "delete",
        "type": "task",
        "id": task["id"],
        "project": task["project"],
        "data": None,
    }


def test_it_deletes_what_goes_out_of_sight_and_says_not_where(
    as_alice: Api, as_charlie: Api, bobs: Follower, task: dict[str, Any], charlie: User
) -> None:
    """And loads it anew, with the comments that came along, where it comes into sight."""
    other = as_alice.post("/projects", {"name": "Garden"}).body["id"]
    as_alice.post(f"/projects/{other}/members", {"user": "charlie", "role": "viewer"})
    charlies, path = Follower(as_charlie), f"/tasks/{task['id']}"
    assert as_alice.post(f"{path}/comments", {"body": "Soon."}).status == 201
    assert as_alice.post(f"{path}/move", {"project": other}).status == 200

    assert bobs.news() == [
        {
            "op": "delete",
            "type": "task",
            "id": task["id"],
            "project": task["project"],
            "data": None,
        }
    ]
    [come] = charlies.news()
    assert (come["op"], come["project"]) == ("reset", other)
    assert come["data"] == as_charlie.get(path).body


def test_it_loads_a_project_that_one_joins_and_drops_one_that_one_leaves(
    as_alice: Api, as_charlie: Api, place: str, task: dict[str, Any], charlie: User
) -> None:
    charlies = Follower(as_charlie)
    member = {"user": "charlie", "role": "viewer"}
    assert as_alice.post(f"/projects/{place}/members", member).status == 201
    assert as_alice.patch(f"/tasks/{task['id']}", {"title": "a"}).status == 200

    [joined] = charlies.news()
    assert (joined["op"], joined["type"], joined["id"]) == ("reset", "project", place)
    assert joined["data"] == as_charlie.get(f"/projects/{place}").body

    assert as_alice.patch(f"/tasks/{task['id']}", {"title": "b"}).status == 200
    assert as_alice.delete(f"/projects/{place}/members/{charlie.pk}").status == 204
    assert charlies.news() == [
        {"op": "drop", "type": "project", "id": place, "project": place, "data": None}
    ]


def test_it_loads_a_project_that_one_left_and_joined_again(
    as_alice: Api, bobs: Follower, place: str, bob: User
) -> None:
    assert as_alice.delete(f"/projects/{place}/members/{bob.pk}").status == 204
    member = {"user": "bob", "role": "viewer"}
    assert as_alice.post(f"/projects/{place}/members", member).status == 201

    assert bobs.brief() == [("reset", "project", place)]


def test_it_shows_members_and_ones_own_role(
    as_alice: Api, bobs: Follower, place: str, bob: User, charlie: User
) -> None:
    members = f"/projects/{place}/members"
    assert as_alice.post(members, {"user": "charlie", "role": "viewer"}).status == 201
    assert as_alice.patch(f"{members}/{bob.pk}", {"role": "admin"}).status == 200

    news = bobs.news()

    assert [(each["op"], each["type"], each["id"]) for each in news] == [
        ("upsert", "member", str(charlie.pk)),
        ("upsert", "member", str(bob.pk)),
        ("upsert", "project", place),
    ]
    assert news[0]["data"] == as_alice.get(members).body["results"][-1]
    assert (news[1]["data"]["role"], news[2]["data"]["role"]) == ("admin", "admin")
    assert as_alice.delete(f"{members}/{charlie.pk}").status == 204
    assert bobs.brief() == [("delete", "member", str(charlie.pk))]


def test_it_hides_a_project_in_the_trash_and_loads_it_when_it_comes_back(
    as_alice: Api, bobs: Follower, place: str, task: dict[str, Any]
) -> None:
    assert as_alice.patch(f"/tasks/{task['id']}", {"title": "a"}).status == 200
    assert as_alice.delete(f"/projects/{place}").status == 204

    [hidden] = bobs.news()
    assert (hidden["op"], hidden["type"], hidden["id"]) == ("upsert", "project", place)
    assert hidden["data"]["deleted_at"]

    assert as_alice.post(f"/projects/{place}/restore").status == 200
    assert bobs.brief() == [("reset", "project", place)]


def test_it_comes_in_parts_of_any_size(as_alice: Api, bobs: Follower, place: str) -> None:
    made = [as_alice.post("/tasks", {"title": "a", "project": place}).body for _ in range(5)]

    told, more = [], True
    while more:
        answer = bobs.answer("&limit=2")
        told.append([each["id"] for each in answer.body["changes"]])
        bobs.token, more = answer.body["next"], answer.body["more"]

    ids = [task["id"] for task in made]
    assert told == [ids[:2], ids[2:4], ids[4:]]


def test_it_looks_at_a_part_of_the_log_at_a_time(
    as_alice: Api, bobs: Follower, task: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.events.changes.SCANNED", 3)
    for title in "abcde":
        assert as_alice.patch(f"/tasks/{task['id']}", {"title": title}).status == 200

    first = bobs.answer()
    assert ([each["id"] for each in first.body["changes"]], first.body["more"]) == (
        [task["id"]],
        True,
    )
    bobs.token = first.body["next"]
    assert bobs.brief() == [("upsert", "task", task["id"])]


def test_it_takes_no_token_but_its_own(as_alice: Api, as_bob: Api, task: dict[str, Any]) -> None:
    catch_up()
    token = as_alice.get("/changes").body["next"]
    position, _, signature = token.partition(".")
    for api, wrong in (
        (as_bob, token),
        (as_alice, f"{int(position) + 1}.{signature}"),
        (as_alice, f"0{token}"),
        (as_alice, f"{position}.{signature[::-1]}"),
    ):
        answer = api.get(f"/changes?since={wrong}")
        assert (answer.status, answer.code) == (400, "invalid_cursor")
    for garbage in ("0", position, f"{token}A", f"{token}%0A", f"-{token}", "x" * 101):
        answer = as_alice.get(f"/changes?since={garbage}")
        assert (answer.status, answer.error("since")) == (400, "invalid")


def test_it_is_gone_when_the_events_are(as_alice: Api, bobs: Follower, place: str) -> None:
    for _ in range(2):
        assert as_alice.post("/tasks", {"title": "a", "project": place}).status == 201
    kept = Follower(bobs.api).token
    last = Cursor.objects.get(name=cursors.SEQUENCER).position
    Event.objects.all().delete()
    Cursor.objects.create(name=cursors.PRUNED, position=last)

    assert (bobs.answer().status, bobs.answer().code) == (410, "events_expired")
    bobs.token = kept
    assert bobs.brief() == []


def test_it_is_gone_also_from_the_very_beginning(as_alice: Api, place: str) -> None:
    """The token of an empty log: to begin there is not to begin with what is left."""
    Event.objects.all().delete()
    Cursor.objects.filter(name=cursors.SEQUENCER).update(position=0)
    early = Follower(as_alice)
    Cursor.objects.filter(name=cursors.SEQUENCER).update(position=2)
    Cursor.objects.create(name=cursors.PRUNED, position=1)

    assert (early.answer().status, early.answer().code) == (410, "events_expired")


def test_it_is_gone_when_the_log_was_put_back(bobs: Follower) -> None:
    """From a backup, say: what the numbers of the token stood for is not there any more."""
    Cursor.objects.filter(name=cursors.SEQUENCER).update(position=1)

    assert bobs.answer().code == "events_expired"
