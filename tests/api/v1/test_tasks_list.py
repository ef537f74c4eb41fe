"""GET /api/v1/tasks"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import pytest

from tasks.api.v1.filters import TASK_FILTERS, TASK_ORDERS
from tasks.ids import uuid7
from tasks.models import Label, Project, Task, User
from tasks.operations.access import Actor
from tasks.operations.tasks import create_task
from tests.cast import Answer, Api

pytestmark = pytest.mark.django_db

type Count = Callable[[int], Any]


@dataclass
class Shelf:
    """Tasks to be found, and the ids that queries name."""

    api: Api
    ids: dict[str, str]

    def titles(self, query: str) -> list[str]:
        for name, value in self.ids.items():
            query = query.replace(f"<{name}>", value)
        return titles(self.api.get(f"/tasks?{query}"))


def titles(answer: Answer) -> list[str]:
    assert answer.status == 200, answer
    return [row["title"] for row in answer.body["results"]]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# Each was created on its day of March 2027, at noon in UTC but for one.
TASKS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "Paint": ("2027-03-01T12:00", {"priority": 4, "labels": ["Home", "Colour"], "due": "03-10"}),
    "Plant": ("2027-03-02T12:00", {"priority": 1, "labels": ["garden"], "status": "in_progress"}),
    "Plaster": ("2027-03-03T12:00", {"labels": ["HOME"], "status": "done", "external_id": "b-1"}),
    "Polish": ("2027-03-04T23:30", {"status": "cancelled", "external_id": "b-2", "due": "03-12"}),
    "Pack": ("2027-03-05T12:00", {"start": "03-06", "due": "03-11", "time": "09:00"}),
}


@pytest.fixture
def shelf(as_alice: Api, alice: User, bob: User, project: Project) -> Shelf:
    ids = {"project": str(project.pk), "alice": str(alice.pk), "bob": str(bob.pk)}
    for title, (moment, given) in TASKS.items():
        fields: dict[str, Any] = {
            "project": project.pk,
            "title": title,
            "description": f"About {title.lower()}ing. Fifty-fifty, 100 %",
            "priority": given.get("priority", 0),
            "labels": given.get("labels", []),
            "external_id": given.get("external_id"),
            "status": given.get("status", "todo"),
            "timezone": "Europe/Berlin",
        }
        for name, key in (("start_date", "start"), ("due_date", "due")):
            fields[name] = at(f"2027-{given[key]}").date() if key in given else None
        if "time" in given:
            fields["due_time"] = at(f"2027-01-01T{given['time']}").time()
        if title in {"Pack", "Plant"}:
            fields["assignee"] = bob.pk
        if title == "Pack":
            fields["parent"] = ids["Plant"]
        by = bob if title == "Polish" else alice
        made = create_task(actor=Actor(by.pk), now=at(moment), fields=fields)
        ids[title] = str(made.pk)
    return Shelf(as_alice, ids)


ALL: Final = "Paint Plant Plaster Polish Pack"

FILTERS: Final = {
    "": ALL,
    "project=<project>": ALL,
    "status=todo": "Paint Pack",
    "status=todo&status=done": "Paint Plaster Pack",
    "priority=4": "Paint",
    "priority=0": "Plaster Polish Pack",
    "priority=1&priority=4": "Paint Plant",
    "assignee=<bob>": "Plant Pack",
    "assignee=me": "",
    "assignee=none": "Paint Plaster Polish",
    "assignee=none&assignee=<bob>": ALL,
    "created_by=me": "Paint Plant Plaster Pack",
    "created_by=<bob>": "Polish",
    "created_by=<bob>&created_by=me": ALL,
    "parent=none": "Paint Plant Plaster Polish",
    "parent=<Plant>": "Pack",
    "parent=<Plant>&parent=none": ALL,
    "parent=<Paint>": "",
    "external_id=b-1": "Plaster",
    "external_id=b-1&external_id=b-2&external_id=b-3": "Plaster Polish",
    "external_id=B-1": "",
    "label=home": "Paint Plaster",
    "label=HOME": "Paint Plaster",
    "label=home&label=colour": "Paint",
    "label=home&label=garden": "",
    "label_not=home": "Plant Polish Pack",
    "label_not=home&label_not=GARDEN": "Polish Pack",
    "label=home&label_not=colour": "Plaster",
    "label=nothing": "",
    "label_not=nothing": ALL,
    "completed=true": "Plaster",
    "completed=false": "Paint Plant Polish Pack",
    "open=true": "Paint Plant Pack",
    "open=false": "Plaster Polish",
    "trashed=false": ALL,
    "trashed=true": "",
    "q=plant": "Plant",
    "q=fifty": ALL,
    "q=100+%25": ALL,
    "q=nowhere": "",
    "completed=true&open=true": "",
    "status=todo&assignee=<bob>&priority=0": "Pack",
    # Dates are compared with dates: due on the day that is written, whatever the zone.
    "due_before=2027-03-11": "Paint",
    "due_after=2027-03-11": "Polish",
    "due_on=2027-03-11": "Pack",
    "due_on=2027-03-11&tz=Asia/Tokyo": "Pack",
    "due_after=2027-03-10&due_before=2027-03-12": "Pack",
    # Instants are compared with the moment at which it becomes overdue, in Berlin here.
    "due_before=2027-03-10T23:00:00Z": "",
    "due_before=2027-03-10T23:00:01Z": "Paint",
    "due_before=2027-03-11T00:00:01%2B01:00": "Paint",
    "due_after=2027-03-11T07:59:59Z": "Polish Pack",
    "due_after=2027-03-11T08:00:00Z": "Polish",
    "due_after=2027-03-11t08:00:00.000z": "Polish",
    "start_before=2027-03-06": "",
    "start_before=2027-03-07": "Pack",
    "start_after=2027-03-05": "Pack",
    "start_after=2027-03-06": "",
    "start_on=2027-03-06": "Pack",
    "start_on=2027-03-07": "",
    # A start has no time, so an instant counts as its day in the zone that is asked for.
    "start_before=2027-03-06T23:00:00Z": "",
    "start_before=2027-03-06T23:00:00Z&tz=Europe/Berlin": "Pack",
    "start_after=2027-03-06T04:00:00Z&tz=America/New_York": "Pack",
    # Instants of the server: a date is a day, in UTC or in the zone that is asked for.
    "created_before=2027-03-02": "Paint",
    "created_after=2027-03-03": "Polish Pack",
    "created_on=2027-03-04": "Polish",
    "created_on=2027-03-05": "Pack",
    "created_on=2027-03-05&tz=Europe/Berlin": "Polish Pack",
    "created_on=2027-03-04&tz=Europe/Berlin": "",
    "created_before=2027-03-05&tz=Europe/Berlin": "Paint Plant Plaster",
    "created_after=2027-03-04&tz=Europe/Berlin": "Polish Pack",
    "created_before=2027-03-02T12:00:00Z": "Paint",
    "created_before=2027-03-02T12:00:00.000001Z": "Paint Plant",
    "created_after=2027-03-04T23:30:00Z": "Pack",
    "created_after=2027-03-05T00:29:59%2B01:00": "Polish Pack",
    "updated_before=2027-03-02": "Paint",
    "updated_after=2027-03-04": "Pack",
    "updated_on=2027-03-04": "Polish",
    "updated_on=2027-03-05&tz=Europe/Berlin": "Polish Pack",
    "updated_after=2027-03-05T11:59:59Z": "Pack",
    "completed_before=2027-03-04": "Plaster",
    "completed_after=2027-03-03": "Polish",
    "completed_on=2027-03-03": "Plaster",
    "completed_on=2027-03-05&tz=Europe/Berlin": "Polish",
    "completed_after=2027-03-03T12:00:00Z": "Polish",
    # Both ends of the calendar.
    "due_after=0001-01-01": "Paint Polish Pack",
    "created_before=9999-12-31&tz=Pacific/Kiritimati": ALL,
    "start_before=0001-01-01T00:00:00Z&tz=America/New_York": "",
    "start_after=9999-12-31T23:59:59Z&tz=Pacific/Kiritimati": "",
}


@pytest.mark.parametrize("query", FILTERS)
def test_it_finds_what_the_query_asks_for(shelf: Shelf, query: str) -> None:
    assert shelf.titles(query) == FILTERS[query].split()


def test_it_has_a_query_for_every_filter() -> None:
    tried = {part.partition("=")[0] for query in FILTERS for part in query.split("&")}
    assert TASK_FILTERS.keys() - tried == {"overdue"}  # which depends on the clock: below


def test_it_finds_what_is_overdue(shelf: Shelf) -> None:
    """Now is long before these tasks are due, so two of them are moved into the past."""
    for title, day in (("Paint", "2020-01-01"), ("Polish", "2020-01-02")):
        path = f"/tasks/{shelf.ids[title]}"
        assert shelf.api.patch(path, {"start_date": None, "due_date": day}).status == 200
    assert shelf.titles("overdue=true") == ["Paint"]  # Polish is cancelled
    assert shelf.titles("overdue=false") == ["Plant", "Plaster", "Polish", "Pack"]


def test_it_lists_the_trash_only_if_asked(shelf: Shelf) -> None:
    assert shelf.api.delete(f"/tasks/{shelf.ids['Plant']}").status == 204
    assert shelf.titles("") == ["Paint", "Plaster", "Polish"]
    assert shelf.titles("trashed=true") == ["Plant", "Pack"]
    assert shelf.titles("trashed=true&parent=none") == ["Plant"]


ORDERS: Final = {
    "position": ALL,
    "due": "Paint Pack Polish Plant Plaster",
    "priority": "Plaster Polish Pack Plant Paint",
    "created": ALL,
    "updated": ALL,
    "completed": "Plaster Polish Paint Plant Pack",
    "title": "Pack Paint Plant Plaster Polish",
    "-position": "Pack Polish Plaster Plant Paint",
    "-due": "Polish Pack Paint Plaster Plant",
    "-priority": "Paint Plant Pack Polish Plaster",
    "-created": "Pack Polish Plaster Plant Paint",
    "-updated": "Pack Polish Plaster Plant Paint",
    "-completed": "Polish Plaster Pack Plant Paint",
    "-title": "Polish Plaster Plant Paint Pack",
}


@pytest.mark.parametrize("order", ORDERS)
def test_it_orders_them(shelf: Shelf, order: str) -> None:
    assert shelf.titles(f"ordering={order}") == ORDERS[order].split()


def test_it_has_every_order() -> None:
    assert [*ORDERS] == [*TASK_ORDERS, *(f"-{name}" for name in TASK_ORDERS)]


def test_it_shows_each_task_as_it_shows_one(shelf: Shelf) -> None:
    rows = shelf.api.get("/tasks").body["results"]
    assert rows == [shelf.api.get(f"/tasks/{row['id']}").body for row in rows]


def test_it_shows_only_what_the_user_sees(shelf: Shelf, as_bob: Api, as_charlie: Api) -> None:
    assert titles(as_bob.get("/tasks")) == ALL.split()
    assert titles(as_charlie.get("/tasks")) == []
    assert as_charlie.get("/tasks").body == {"results": [], "next": None, "previous": None}


def test_it_answers_unknown_projects_and_parents_as_foreign_ones(
    shelf: Shelf, as_charlie: Api
) -> None:
    for name in ("project", "parent"):
        foreign = shelf.ids["project" if name == "project" else "Plant"]
        answers = [as_charlie.get(f"/tasks?{name}={each}") for each in (foreign, uuid7())]
        assert [answer.status for answer in answers] == [404, 404]
        assert [answer.error(name) for answer in answers] == ["not_found", "not_found"]


def test_it_answers_with_headers_for_one_user_only(shelf: Shelf) -> None:
    answer = shelf.api.get("/tasks")
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert answer.headers["Vary"] == "Accept"
    assert "RateLimit" not in answer.headers  # off, in the tests


def many_tasks(project: Project, count: int) -> None:
    moment = at("2027-03-01T12:00")
    made = Task.objects.bulk_create(
        Task(
            project=project, title=f"{n}", position=f"1{n:03}", created_at=moment, updated_at=moment
        )
        for n in range(count)
    )
    label = Label.objects.create(
        project=project, name="a", name_key="a", created_at=moment, updated_at=moment
    )
    for task in made[::2]:
        task.labels.add(label)


@pytest.mark.parametrize("count", [10, 200])
def test_it_costs_one_query_however_long_the_page(
    as_alice: Api, project: Project, django_assert_num_queries: Count, count: int
) -> None:
    many_tasks(project, count)
    as_alice.get("/me")  # from now on this process knows who calls
    for query in ("", f"&project={project.pk}", "&label=a&q=1&due_after=2027-01-01"):
        with django_assert_num_queries(1):
            answer = as_alice.get(f"/tasks?limit=200{query}")
        assert answer.status == 200
    with django_assert_num_queries(2):  # the values, then the missing ones
        assert len(as_alice.get("/tasks?limit=200&ordering=due").body["results"]) == count
