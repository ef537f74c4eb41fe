"""A page costs the same number of statements, however many rows it shows."""

from dataclasses import replace
from datetime import date

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tasks.api.v1.filters import TASK_ORDERS
from tasks.models import Comment, Project, User
from tasks.reads import Anchor, Order, page
from tasks.rows import COMMENT, LABEL, MEMBER, PROJECT, TASK, Resource
from tests import factories

ORDERS = {
    f"{'-' if descending else ''}{name}": replace(order, descending=descending)
    for name, order in TASK_ORDERS.items()
    for descending in (False, True)
}


def cost(
    resource: Resource, order: Order, user: User, limit: int, anchor: Anchor | None = None
) -> tuple[int, int]:
    """Return how many rows a page has and how many statements it took."""
    with CaptureQueriesContext(connection) as ran:
        found = page(resource, [], order, user=user.pk, limit=limit, anchor=anchor)
    return len(found.rows), len(ran)


@pytest.fixture
def labelled(project: Project) -> None:
    """250 tasks with three labels each, none due."""
    rows = [{**row, "due_date": None} for row in factories.uneven(250)]
    tasks = factories.make_tasks(project, rows)
    for name in ("red", "green", "blue"):
        factories.put_label(factories.make_label(project, name), tasks)


@pytest.mark.usefixtures("labelled")
@pytest.mark.parametrize("name", ORDERS)
def test_it_takes_one_statement_or_two_with_nulls(name: str, alice: User) -> None:
    order = ORDERS[name]
    few, some, many = (cost(TASK, order, alice, limit) for limit in (1, 10, 200))

    # None is due, and 84 are completed.
    expected = {"due": (2, 2, 2), "completed": (1, 1, 2)}.get(name.removeprefix("-"), (1, 1, 1))
    assert (few[0], some[0], many[0]) == (1, 10, 200)
    assert (few[1], some[1], many[1]) == expected


def test_it_takes_the_second_statement_only_to_fill_a_page(project: Project, alice: User) -> None:
    dated = [{"due_date": date(2026, 7, 1)}] * 20
    tasks = factories.make_tasks(project, dated + [{}] * 20)
    order = ORDERS["due"]
    last = Anchor(None, tasks[-10].pk)

    assert cost(TASK, order, alice, 10) == (10, 1)
    assert cost(TASK, order, alice, 30) == (30, 2)
    assert cost(TASK, order, alice, 5, last) == (5, 1)


@pytest.mark.parametrize(
    ("resource", "order"),
    [
        (PROJECT, Order("name")),
        (MEMBER, Order("user__username")),
        (LABEL, Order("name_key")),
        (COMMENT, Order("created_at")),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
@pytest.mark.usefixtures("labelled")
def test_it_takes_one_statement_for_everything_else(
    resource: Resource, order: Order, project: Project, alice: User
) -> None:
    task = factories.make_task(project)
    stamps = {"created_at": factories.LONG_AGO, "updated_at": factories.LONG_AGO}
    Comment.objects.bulk_create([Comment(task=task, body="?", **stamps) for _ in range(20)])

    rows, statements = cost(resource, order, alice, 10)
    assert rows == {"project": 1, "member": 2, "label": 3, "comment": 10}[resource.name]
    assert statements == 1
