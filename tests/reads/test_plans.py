"""PostgreSQL finds every page by an index: what it reads does not grow with the table.

The plans themselves, as they were when this was written, are in docs/queries.md.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from django.db import connection

from tasks.api.query import Asking
from tasks.api.v1.filters import TASK_FILTERS, TASK_ORDERS
from tasks.models import Project, Task, User
from tasks.operations.access import Actor
from tasks.operations.projects import create_project
from tasks.reads import Anchor, Condition, Order, one, page
from tasks.rows import TASK
from tests import factories
from tests.reads.plans import Plan, plans
from tests.reads.walking import live

LIMIT = 50
PER_PROJECT = 5000


def rows() -> Iterator[dict[str, Any]]:
    """Nearly all tasks have the same priority; the rest is spread as it is in life."""
    for index in range(PER_PROJECT):
        moment = factories.LONG_AGO + timedelta(minutes=index * 7919 % PER_PROJECT)
        yield {
            "title": f"Box {index * 31 % 997}",
            "description": f"{'lorem ipsum dolor ' * 10}{'zebra' if index % 1000 == 7 else ''}",
            "priority": 0 if index % 50 else 3,
            "due_date": date(2026, 4, 1) + timedelta(days=index % 30) if index % 3 else None,
            "status": "done" if index % 4 == 0 else "todo",
            "completed_at": moment if index % 4 == 0 else None,
            "created_at": moment,
            "updated_at": moment,
            "external_id": str(index),
        }


class Lists:
    """Alice's four projects, and the plans of the lists that she asks for."""

    def __init__(self, user: User, project: Project) -> None:
        self.user, self.project = user, project

    def plan(
        self,
        order: Order = TASK_ORDERS["position"],
        anchor: Anchor | None = None,
        **filters: Any,
    ) -> Plan:
        """Return the plan of the first statement that the list runs."""
        conditions = [live(), *self._conditions(filters)]
        return plans(
            lambda: page(
                TASK, conditions, order, user=self.user.pk, limit=LIMIT, anchor=anchor
            )
        )[0]

    def _conditions(self, filters: Mapping[str, Any]) -> Iterator[Condition]:
        asking = SimpleNamespace(
            user=self.user.pk, now=datetime(2026, 7, 1, tzinfo=UTC), zone="UTC"
        )
        for name, value in filters.items():
            means = TASK_FILTERS[name].means
            assert means is not None
            found = means([value], cast("Asking", asking))
            assert isinstance(found, Condition)
            yield found


@pytest.fixture
def lists(alice: User, bob: User, vendor: str, now: datetime) -> Lists:
    if vendor != "postgresql":
        pytest.skip("SQLite explains its plans in another way")
    for index in range(4):
        project = create_project(
            actor=Actor(alice.pk), now=now, fields={"name": f"Project {index}"}
        )
        made = factories.make_tasks(project, rows())
        for size in (2, 100, 2500):
            label = factories.make_label(project, f"every {size}")
            factories.put_label(label, made[::size])
        for index_of_noise in range(30):
            label = factories.make_label(project, f"noise {index_of_noise}")
            factories.put_label(label, made[index_of_noise::40])
    Task.objects.filter(pk__in=[task.pk for task in made[::400]]).update(assignee=bob)
    Task.objects.filter(pk__in=[task.pk for task in made[1:20]]).update(parent=made[0], depth=1)
    factories.analyze()
    return Lists(alice, project)


def middle(lists: Lists, order: Order) -> Anchor:
    """An anchor in the middle of the project's list, or of the values if half are NULL."""
    tasks = Task.objects.filter(project=lists.project, **{f"{order.column}__isnull": False})
    ordered = tasks.order_by(order.column, "pk")
    value, key = ordered.values_list(order.column, "pk")[ordered.count() // 2]
    return Anchor(value, key)


def test_it_reads_a_page_by_an_index_in_every_order(
    lists: Lists, subtests: pytest.Subtests
) -> None:
    for name, order in TASK_ORDERS.items():
        for descending in (False, True):
            wanted = replace(order, descending=descending)
            for anchor in (None, middle(lists, wanted), Anchor(None, lists.project.pk)):
                if anchor and anchor.value is None and not order.nullable:
                    continue
                for inside in ({"project": lists.project.pk}, {}):
                    with subtests.test(
                        order=name, descending=descending, anchor=anchor, inside=bool(inside)
                    ):
                        plan = lists.plan(wanted, anchor, **inside)
                        print("####", name, descending, anchor, bool(inside), plan.read("tasks_task"), plan.indexes, plan.scans("tasks_task"))


def test_it_finds(lists):
  for inside in ({"project": lists.project.pk}, {}):
    for f in ({"q":"zebra"},{"q":"lorem"},{"q":"nonsense"},{"label":"every 2"},{"label":"every 100"},{"label":"every 2500"},{"label_not":"every 2"},{"assignee":"me"},{"assignee":User.objects.get(username="bob").pk},{"parent":Task.objects.filter(parent__isnull=False).first().parent_id},{"parent":"none"},{"external_id":"77"},{"status":"done"},{"priority":3},{"overdue":True},{"created_by":"me"}):
        plan=lists.plan(**f, **inside)
        print("####", f, bool(inside), plan.read("tasks_task"), plan.indexes, plan.scans("tasks_task"), plan.nodes[0]["Actual Total Time"])
  plan = plans(lambda: one(TASK, user=lists.user.pk, key=Task.objects.first().pk))
  print(plan)
