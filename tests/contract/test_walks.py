"""Every list, walked over HTTP: forwards by `next`, back by `previous`, each row exactly once.

2,500 rows with equal keys and missing values, so that pages begin and end inside runs of equals.
"""

import base64
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import pytest

from tasks.ids import uuid7
from tasks.models import (
    Comment,
    Delivery,
    Event,
    Label,
    Membership,
    Project,
    Task,
    User,
    Webhook,
)
from tests import factories
from tests.cast import Answer, Api
from tests.contract.document import operations

ROWS: Final = 2500
START: Final = datetime(2027, 1, 1, tzinfo=UTC)
ORDERS: Final = ("position", "due", "priority", "created", "updated", "completed", "title")


def moments() -> Iterator[datetime]:
    """Instants of which each comes ten times."""
    for number in range(ROWS):
        yield START + timedelta(minutes=number // 10)


def many_tasks(project: Project) -> None:
    """Tasks whose sort values repeat and, where they may, are missing in every third row."""
    Task.objects.bulk_create(
        Task(
            project=project,
            title=f"Title {number % 7}" if number % 11 else "🙂" * 500,
            priority=number % 5,
            position=f"1{number:05}",
            due_date=date(2027, 1, 1) if number % 3 else None,
            due_at=START + timedelta(days=number % 4) if number % 3 else None,
            status="todo" if number % 3 else "done",
            completed_at=None if number % 3 else START + timedelta(days=number % 4),
            created_at=moment,
            updated_at=moment,
        )
        for number, moment in enumerate(moments())
    )


def many_projects(owner: User) -> None:
    made = Project.objects.bulk_create(
        Project(name=f"Project {number % 9}", created_at=moment, updated_at=moment)
        for number, moment in enumerate(moments())
    )
    Membership.objects.bulk_create(
        Membership(project=project, user=owner, role="admin", created_at=START, updated_at=START)
        for project in made
    )


def many_labels(project: Project, owner: User) -> None:
    other = Project.objects.create(name="Garden", created_at=START, updated_at=START)
    Membership.objects.create(
        project=other, user=owner, role="viewer", created_at=START, updated_at=START
    )
    Label.objects.bulk_create(
        Label(
            project=project if number % 2 else other,
            name=f"Label {number // 2}",
            name_key=f"label {number // 2}",  # each name in both projects
            created_at=moment,
            updated_at=moment,
        )
        for number, moment in enumerate(moments())
    )


def many_comments(task: Task) -> None:
    Comment.objects.bulk_create(
        Comment(task=task, body=f"{number}", created_at=moment, updated_at=moment)
        for number, moment in enumerate(moments())
    )


def many_webhooks(owner: User, count: int) -> list[Webhook]:
    return Webhook.objects.bulk_create(
        Webhook(owner=owner, url=f"https://example.org/{number}", created_at=at, updated_at=at)
        for number, at in zip(range(count), moments(), strict=False)
    )


def many_deliveries(*webhooks: Webhook) -> None:
    """Deliveries of the same events to each endpoint, every other one at its end."""
    events = Event.objects.bulk_create(
        Event(type="task.created", subject=uuid7(), occurred_at=at, data="{}") for at in moments()
    )
    Delivery.objects.bulk_create(
        Delivery(
            webhook=webhook,
            event=event,
            created_at=event.occurred_at,
            **(
                {"next_try_at": START}
                if event.number % 2
                else {"state": "delivered", "ended_at": START}
            ),
        )
        for webhook in webhooks
        for event in events
    )


def many_members(project: Project) -> None:
    users = User.objects.bulk_create(User(username=f"user-{number}") for number in range(ROWS))
    Membership.objects.bulk_create(
        Membership(project=project, user=user, role="viewer", created_at=moment, updated_at=moment)
        for user, moment in zip(users, moments(), strict=True)
    )
    # What the planner knows otherwise is what tests before this one have left.
    factories.analyze()


def pages(api: Api, path: str, link: str) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Walk from a path along `next` or `previous`, and give the path and rows of each page."""
    ahead: str | None = path
    for _ in range(200):  # a walk that turns in a circle ends here, with too many rows
        if ahead is None:
            return
        page, ahead = ahead, None
        answer = api.get(page)
        assert answer.status == 200, answer
        yield page, answer.body["results"]
        ahead = answer.body[link]


def walk(api: Api, path: str, key: str = "id") -> tuple[list[str], list[list[str]]]:
    """Walk to the end and back; return what was seen, and the pages of the way back."""
    there = [(page, [row[key] for row in rows]) for page, rows in pages(api, path, "next")]
    seen = [each for _, rows in there for each in rows]
    last = there[-1][0]
    back = [[row[key] for row in rows] for _, rows in pages(api, last, "previous")]
    return seen, back


def sees_each_once(api: Api, path: str, count: int, key: str = "id") -> list[str]:
    """Assert that a walk sees `count` rows once each, forwards and back; return their order."""
    seen, back = walk(api, path, key)
    assert len(seen) == len(set(seen)) == count
    assert [each for page in reversed(back) for each in page] == seen
    return seen


@pytest.fixture
def inbox_of_many(as_alice: Api) -> Api:
    many_tasks(Project.objects.get(pk=as_alice.get("/me").body["inbox"]))
    return as_alice


def test_it_walks_the_tasks_in_every_order(inbox_of_many: Api) -> None:
    api = inbox_of_many
    for order in ORDERS:
        for sign in ("", "-"):
            path = f"/tasks?limit=190&ordering={sign}{order}"
            seen = sees_each_once(api, path, ROWS)
            assert sorted(seen) == sorted(map(str, Task.objects.values_list("pk", flat=True)))


def test_it_orders_missing_values_last_and_equals_by_id(inbox_of_many: Api) -> None:
    """The sort values of a whole walk, read back: no page may begin in the wrong run."""
    for order, column in (("due", "due_at"), ("completed", "completed_at")):
        for sign in ("", "-"):
            path = f"/tasks?limit=200&ordering={sign}{order}"
            rows = [row for _, page in pages(inbox_of_many, path, "next") for row in page]
            values = [row[column] for row in rows]
            present = [value for value in values if value is not None]
            assert values == present + [None] * (ROWS - len(present))
            assert present == sorted(present, reverse=sign == "-")
            keys = [(row[column], row["id"]) for row in rows if row[column] == present[0]]
            assert keys == sorted(keys, reverse=sign == "-")


def test_it_walks_a_filtered_list(inbox_of_many: Api) -> None:
    path = "/tasks?limit=100&ordering=-due&status=todo&priority=1&priority=2"
    kept = Task.objects.filter(status="todo", priority__in=[1, 2]).values_list("pk", flat=True)
    seen = sees_each_once(inbox_of_many, path, 667)
    assert sorted(seen) == sorted(map(str, kept))


def test_it_walks_the_projects_in_every_order(as_alice: Api, alice: User) -> None:
    many_projects(alice)
    for order in ("created", "-created", "updated", "-updated", "name", "-name"):
        sees_each_once(as_alice, f"/projects?limit=200&ordering={order}", ROWS)


def test_it_walks_the_labels_in_every_order(as_alice: Api, alice: User, project: Project) -> None:
    many_labels(project, alice)
    for order in ("name", "-name", "created", "-created"):
        sees_each_once(as_alice, f"/labels?limit=200&ordering={order}", ROWS)


def test_it_walks_the_comments_in_every_order(as_alice: Api, project: Project) -> None:
    task = as_alice.post("/tasks", {"title": "a", "project": str(project.pk)}).body["id"]
    many_comments(Task.objects.get(pk=task))
    for order in ("created", "-created"):
        sees_each_once(as_alice, f"/tasks/{task}/comments?limit=200&ordering={order}", ROWS)


def test_it_walks_the_members_in_every_order(as_alice: Api, project: Project) -> None:
    many_members(project)
    for order in ("created", "-created"):
        path = f"/projects/{project.pk}/members?limit=200&ordering={order}"
        sees_each_once(as_alice, path, ROWS + 2, key="user")


def test_it_walks_the_endpoints_in_every_order(as_alice: Api, alice: User) -> None:
    many_webhooks(alice, ROWS)
    for order in ("created", "-created", "updated", "-updated"):
        sees_each_once(as_alice, f"/webhooks?limit=200&ordering={order}", ROWS)


def test_it_walks_the_deliveries_in_every_order(as_alice: Api, alice: User) -> None:
    [webhook, other] = many_webhooks(alice, 2)
    many_deliveries(webhook, other)
    path = f"/webhooks/{webhook.pk}/deliveries?limit=200"
    newest_first = sees_each_once(as_alice, path, ROWS)
    assert newest_first == sees_each_once(as_alice, f"{path}&ordering=created", ROWS)[::-1]
    sees_each_once(as_alice, f"{path}&ordering=-created&state=pending", ROWS // 2)


def test_it_walks_every_list_there_is() -> None:
    lists = {name for name, each in operations().items() if "cursor" in each.parameters("query")}
    walked = (
        *("tasks", "projects", "labels", "tasks_comments", "projects_members"),
        *("webhooks", "webhooks_deliveries"),
    )
    assert lists == {f"{name}_list" for name in walked}
    assert tuple(operations()["tasks_list"].parameters("query")["ordering"]["enum"][::2]) == ORDERS


# --- One page -----------------------------------------------------------------------------------


@pytest.fixture
def five(as_alice: Api) -> Api:
    for title in ("one", "two", "three", "four", "five"):
        assert as_alice.post("/tasks", {"title": title}).status == 201
    return as_alice


def titles(answer: Answer) -> list[str]:
    assert answer.status == 200, answer
    return [row["title"] for row in answer.body["results"]]


def test_it_links_to_the_neighbours_with_the_filters_kept(five: Api) -> None:
    first = five.get("/tasks?ordering=position&limit=2&status=todo&open=true")
    assert titles(first) == ["one", "two"]
    assert first.body["previous"] is None
    following = first.body["next"]
    assert following.startswith("http://testserver/api/v1/tasks?")
    assert "ordering=position&limit=2&status=todo&open=true&cursor=" in following
    second = five.get(following)
    assert titles(second) == ["three", "four"]
    third = five.get(second.body["next"])
    assert (titles(third), third.body["next"]) == (["five"], None)
    assert titles(five.get(third.body["previous"])) == ["three", "four"]
    back = five.get(second.body["previous"])
    assert (titles(back), back.body["previous"]) == (["one", "two"], None)


@pytest.mark.parametrize(("limit", "count"), [("1", 1), ("5", 5), ("6", 5), ("200", 5)])
def test_it_answers_at_most_the_limit(five: Api, limit: str, count: int) -> None:
    answer = five.get(f"/tasks?limit={limit}")
    assert len(titles(answer)) == count
    assert (answer.body["next"] is None) is (count == 5)
    assert answer.body["previous"] is None


@pytest.mark.parametrize("limit", ["0", "201", "-1", "", "1.5", "%D9%A5", "1" * 30, "all"])
def test_it_refuses_another_limit(five: Api, limit: str) -> None:
    answer = five.get(f"/tasks?limit={limit}")
    assert (answer.status, answer.error("limit")) == (400, "invalid")


def test_it_gives_fifty_unasked(as_alice: Api, project: Project) -> None:
    many_tasks(project)
    assert len(as_alice.get("/tasks").body["results"]) == 50


def test_it_goes_on_where_rows_have_gone_and_come(five: Api) -> None:
    first = five.get("/tasks?limit=2")
    two = first.body["results"][1]["id"]
    assert five.delete(f"/tasks/{two}").status == 204
    second = five.get(first.body["next"])
    assert titles(second) == ["three", "four"]
    assert five.post("/tasks", {"title": "six"}).status == 201
    assert titles(five.get(second.body["next"])) == ["five", "six"]
    assert titles(five.get(second.body["previous"])) == ["one"]


def test_it_finds_the_way_back_from_an_end_that_is_gone(five: Api) -> None:
    last = five.get("/tasks?limit=4").body["next"]
    five_id = five.get(last).body["results"][0]["id"]
    assert five.delete(f"/tasks/{five_id}").status == 204
    empty = five.get(last)
    assert (titles(empty), empty.body["next"]) == ([], None)
    assert titles(five.get(empty.body["previous"])) == ["one", "two", "three", "four"]


# --- Cursors ------------------------------------------------------------------------------------


def cursor_in(link: str) -> str:
    return link.partition("cursor=")[2]


def is_refused(answer: Answer) -> bool:
    return (answer.status, answer.code) == (400, "invalid_cursor")


def test_it_takes_no_cursor_of_which_one_bit_differs(five: Api) -> None:
    """Signature, value, key, direction: every byte is covered."""
    good = cursor_in(five.get("/tasks?limit=2").body["next"])
    raw = base64.urlsafe_b64decode(good + "=" * (-len(good) % 4))
    for position in range(len(raw)):
        changed = bytearray(raw)
        changed[position] ^= 1
        cursor = base64.urlsafe_b64encode(changed).rstrip(b"=").decode()
        assert is_refused(five.get(f"/tasks?limit=2&cursor={cursor}")), position
    for cursor in (good[:-4], good[4:], good + "AAAA", good[:20], good[::-1]):
        assert is_refused(five.get(f"/tasks?limit=2&cursor={cursor}")), cursor
    assert titles(five.get(f"/tasks?limit=2&cursor={good}")) == ["three", "four"]


def elsewhere(api: Api, project: str) -> dict[str, Callable[[str], str]]:
    """Other lists that the same cursor might be tried on."""
    task = api.get("/tasks").body["results"][0]["id"]
    return {
        "another filter": lambda cursor: f"/tasks?status=todo&cursor={cursor}",
        "another order": lambda cursor: f"/tasks?ordering=-position&cursor={cursor}",
        "the default order, named": lambda cursor: f"/tasks?ordering=position&cursor={cursor}",
        "another zone": lambda cursor: f"/tasks?tz=Asia/Tokyo&cursor={cursor}",
        "another path": lambda cursor: f"/labels?cursor={cursor}",
        "projects": lambda cursor: f"/projects?cursor={cursor}",
        "comments": lambda cursor: f"/tasks/{task}/comments?cursor={cursor}",
        "members": lambda cursor: f"/projects/{project}/members?cursor={cursor}",
    }


def test_it_takes_a_cursor_for_its_own_list_only(five: Api, project: Project) -> None:
    cursor = cursor_in(five.get("/tasks?limit=2").body["next"])
    for name, path in elsewhere(five, str(project.pk)).items():
        assert is_refused(five.get(path(cursor))), name
    assert titles(five.get(f"/tasks?limit=3&cursor={cursor}")) == ["three", "four", "five"]


def test_it_takes_a_cursor_from_its_own_user_only(
    as_alice: Api, as_bob: Api, project: Project
) -> None:
    for _ in range(2):
        body = {"title": "a", "project": str(project.pk)}
        assert as_alice.post("/tasks", body).status == 201
    link = as_alice.get(f"/tasks?project={project.pk}&limit=1").body["next"]
    assert is_refused(as_bob.get(link))
    assert as_alice.get(link).status == 200


def test_it_takes_no_cursor_of_another_task(five: Api) -> None:
    one, two = (row["id"] for row in five.get("/tasks?limit=2").body["results"])
    for _ in range(2):
        assert five.post(f"/tasks/{one}/comments", {"body": "a"}).status == 201
    link = five.get(f"/tasks/{one}/comments?limit=1").body["next"]
    assert is_refused(five.get(link.replace(one, two)))
    assert is_refused(five.get(link.replace(one, str(uuid7()))))
