"""PostgreSQL finds every page by an index: what it reads does not grow with the table.

The plans themselves, as they were when this was written, are in docs/queries.md. These tests ask
how many rows of the table a statement looked at, which is what a page costs.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from django.db.models import Q

from tasks.api.query import Asking
from tasks.api.v1.filters import TASK_FILTERS, TASK_ORDERS
from tasks.models import Label, Project, Task, User
from tasks.operations.access import Actor
from tasks.operations.projects import create_project
from tasks.reads import Anchor, Condition, Order, one, page
from tasks.rows import TASK
from tests import factories
from tests.reads.plans import Plan, plans

LIMIT = 50
PROJECTS, PER_PROJECT = 4, 5000
PAGE = LIMIT + 1  # one more, to know whether there is a next page
INDEXES = {name: f"task_by_{name}" for name in TASK_ORDERS}


def rows() -> Iterator[dict[str, Any]]:
    """Nearly all tasks have the same priority and are done; the rest is spread as it is in life."""
    for index in range(PER_PROJECT):
        moment = factories.LONG_AGO + timedelta(minutes=index * 7919 % PER_PROJECT)
        yield {
            "title": f"Box {index * 31 % 997}",
            "description": f"{'lorem ipsum dolor ' * 10}{'zebra' if index % 1000 == 7 else ''}",
            "priority": 0 if index % 50 else 3,
            "due_date": date(2026, 4, 1) + timedelta(days=index % 30) if index % 3 else None,
            "status": "done" if index % 8 else "todo",
            "completed_at": moment if index % 8 else None,
            "created_at": moment,
            "updated_at": moment,
            "external_id": str(index),
        }


class Lists:
    """Alice's four projects of 5,000 tasks, and the plans of the lists that she asks for."""

    def __init__(self, user: User, project: Project, parent: Task, bob: User) -> None:
        self.user, self.project, self.parent, self.bob = user, project, parent, bob

    def plan(
        self,
        order: Order = TASK_ORDERS["position"],
        anchor: Anchor | None = None,
        *,
        trashed: bool = False,
        **filters: Any,
    ) -> Plan:
        """Return the plan of the first statement that the list runs."""
        kept = Condition(f"trashed:{trashed}", lambda: Q(deleted_at__isnull=not trashed))
        conditions = [kept, *self._conditions(filters)]
        ran = plans(
            lambda: page(TASK, conditions, order, user=self.user.pk, limit=LIMIT, anchor=anchor)
        )
        return ran[0]

    def _conditions(self, filters: Mapping[str, Any]) -> Iterator[Condition]:
        instant = datetime(2026, 7, 1, tzinfo=UTC)
        asking = SimpleNamespace(user=self.user.pk, now=instant, zone="UTC")
        for name, value in filters.items():
            means = TASK_FILTERS[name].means
            assert means is not None
            found = means([value], cast("Asking", asking))
            assert isinstance(found, Condition)
            yield found

    def middle(self, order: Order) -> Anchor:
        """An anchor in the middle of the values of the project's list."""
        there = {f"{order.column}__isnull": False}
        tasks = Task.objects.filter(project=self.project, **there).order_by(order.column, "pk")
        value, key = tasks.values_list(order.column, "pk")[tasks.count() // 2]
        return Anchor(value, key)

    def among_nulls(self, order: Order) -> Anchor:
        """An anchor in the middle of the NULLs."""
        tasks = Task.objects.filter(project=self.project, **{order.column: None}).order_by("pk")
        return Anchor(None, tasks.values_list("pk", flat=True)[tasks.count() // 2])


@pytest.fixture
def lists(alice: User, bob: User, vendor: str, now: datetime) -> Lists:
    if vendor != "postgresql":
        pytest.skip("SQLite explains its plans in other words")
    for index in range(PROJECTS):
        fields = {"name": f"Project {index}"}
        project = create_project(actor=Actor(alice.pk), now=now, fields=fields)
        made = factories.make_tasks(project, rows())
        for each in (2, 100, 2500):
            factories.put_label(factories.make_label(project, f"every {each}"), made[::each])
        for noise in range(12):
            label = factories.make_label(project, f"noise {noise}")
            factories.put_label(label, made[noise::40])
    Task.objects.filter(pk__in=[task.pk for task in made[::400]]).update(assignee=bob)
    Task.objects.filter(pk__in=[task.pk for task in made[1:20]]).update(parent=made[0], depth=1)
    Task.objects.filter(pk__in=[task.pk for task in made[5:12]]).update(created_by=bob)
    Task.objects.filter(pk__in=[task.pk for task in made[50:59]]).update(
        status="cancelled", completed_at=now
    )
    Task.objects.filter(pk__in=[task.pk for task in made[30:40]]).update(
        deleted_at=now, trashed_with=made[30].pk
    )
    factories.analyze()
    return Lists(alice, project, made[0], bob)


def test_it_reads_no_more_than_a_page_in_every_order(
    lists: Lists, subtests: pytest.Subtests
) -> None:
    for name, given in TASK_ORDERS.items():
        for order in (given, replace(given, descending=True)):
            anchors = [None, lists.middle(order)]
            anchors += [lists.among_nulls(order)] if order.nullable else []
            for anchor in anchors:
                with subtests.test("one project", order=order, anchor=anchor):
                    plan = lists.plan(order, anchor, project=lists.project.pk)
                    assert plan.scans("tasks_task") == {"Index Scan"}
                    assert INDEXES[name] in plan.indexes
                    assert plan.read("tasks_task") == PAGE
                    assert not plan.sorts
                with subtests.test("all projects", order=order, anchor=anchor):
                    plan = lists.plan(order, anchor)
                    assert plan.scans("tasks_task") <= {"Index Scan", "Index Only Scan"}
                    assert INDEXES[name] in plan.indexes
                    # The first of each project by the index alone; of these, a page is shown.
                    assert plan.read("tasks_task") <= (PROJECTS + 1) * PAGE


def test_it_finds_what_a_filter_leaves_by_its_index(
    lists: Lists, subtests: pytest.Subtests
) -> None:
    """By filter: an index that leads to the rows, and how many are read within one project."""
    expected: list[tuple[dict[str, Any], str, int]] = [
        ({"q": "zebra"}, "task_text", PROJECTS * 5),
        ({"q": "nonsense"}, "task_text", 0),
        ({"q": "lorem"}, "task_by_position", PAGE),  # all of them have the word
        ({"label": "every 2500"}, "task_label_once", 2),
        ({"label": "every 100"}, "task_label_once", 50),
        ({"label": "every 2"}, "task_label_once", PER_PROJECT // 2),
        ({"label_not": "every 2"}, "task_by_position", 3 * PAGE),
        ({"assignee": lists.bob.pk}, "task_by_assignee", 13),
        ({"created_by": lists.bob.pk}, "task_by_creator", 7),
        ({"assignee": "none"}, "task_by_position", 2 * PAGE),
        ({"parent": lists.parent.pk}, "tasks_task_parent", 19),
        ({"parent": "none"}, "task_by_position", 2 * PAGE),
        ({"external_id": "77"}, "task_external_id", 1),
        ({"status": "done"}, "task_by_position", 5 * PAGE),
        ({"status": "cancelled"}, "task_undone_by_", PER_PROJECT // 8 + 9),  # what is not done
        ({"open": True}, "task_undone_by_position", PAGE + 9),
        ({"completed": False}, "task_undone_by_position", PAGE),
        ({"overdue": True}, "task_undone_by_", 4 * PAGE),
        # Local dates, found by the instants around them: those of four days.
        ({"due_on": date(2026, 4, 7)}, "task_by_due", 4 * PER_PROJECT // 30),
        ({"due_before": date(2026, 3, 1)}, "task_by_due", 0),
        ({"due_after": date(2026, 6, 1)}, "task_by_due", 0),
        ({"trashed": True}, "task_trashed_with", 10),
    ]
    for filters, index, most in expected:
        with subtests.test("one project", filters=filters):
            plan = lists.plan(project=lists.project.pk, **filters)
            assert "Seq Scan" not in plan.scans("tasks_task")
            assert any(name.startswith(index) for name in plan.indexes)
            assert plan.read("tasks_task") <= most
        with subtests.test("all projects", filters=filters):
            plan = lists.plan(**filters)
            assert "Seq Scan" not in plan.scans("tasks_task")
            assert plan.read("tasks_task") <= 2 * PROJECTS * most
    with subtests.test("one task"):
        (plan,) = plans(lambda: one(TASK, user=lists.user.pk, key=lists.parent.pk))
        assert plan.read("tasks_task") == 1
    assert Label.objects.count() == PROJECTS * 15
