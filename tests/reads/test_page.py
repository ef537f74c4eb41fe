"""Pages: every row once and in order, in every ordering, both ways, whatever the values."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from itertools import pairwise

import pytest
from django.db.models import QuerySet, Value
from django.db.models.functions import Concat

from tasks import positions, statements
from tasks.api.v1.filters import TASK_ORDERS
from tasks.ids import uuid7
from tasks.models import Project, Task, User
from tasks.operations.access import Actor
from tasks.operations.projects import create_project
from tasks.reads import Anchor, Order
from tests import factories
from tests.reads.walking import Walk, expected, keys, live, within

ORDERS = {
    f"{'-' if descending else ''}{name}": replace(order, descending=descending)
    for name, order in TASK_ORDERS.items()
    for descending in (False, True)
}
EACH_ORDER = pytest.mark.parametrize("name", ORDERS)


@pytest.fixture
def many(project: Project, alice: User, charlie: User, now: datetime) -> None:
    """2,500 tasks that alice sees, in two projects, and some that she must not see."""
    second = create_project(actor=Actor(alice.pk), now=now, fields={"name": "Garden"})
    hidden = create_project(actor=Actor(charlie.pk), now=now, fields={"name": "Secret"})
    rows = factories.uneven(2500)
    factories.make_tasks(project, rows[:2000])
    factories.make_tasks(second, rows[2000:])
    factories.make_tasks(project, [{**row, "deleted_at": now} for row in rows[2000:2050]])
    factories.make_tasks(hidden, rows[:50])
    factories.analyze()


def visible(user: User, order: Order) -> list[object]:
    seen = set(Task.objects.visible_to(user.pk).values_list("pk", flat=True))
    return [key for key in expected(order) if key in seen]


@pytest.mark.stricter
@pytest.mark.usefixtures("many")
def test_it_shows_each_of_2500_rows_once_in_every_order_and_back(
    alice: User, subtests: pytest.Subtests
) -> None:
    for name, order in ORDERS.items():
        right = visible(alice, order)
        assert len(right) == 2500
        for limit in (41, 200):
            with subtests.test(order=name, limit=limit):
                walk = Walk(alice.pk, order, limit)
                pages = list(walk.forward())
                assert keys(pages) == right
                assert [len(found.rows) for found in pages[:-1]] == [limit] * (len(pages) - 1)

                back = list(walk.backward(pages[-1]))
                assert keys(reversed(back)) == right[: -len(pages[-1].rows)]


@pytest.mark.usefixtures("many")
def test_it_goes_row_by_row(alice: User) -> None:
    order = ORDERS["-due"]
    walk = Walk(alice.pk, order, 1)

    assert keys(walk.forward()) == visible(alice, order)


@EACH_ORDER
def test_it_goes_row_by_row_in_every_order_and_back(
    name: str, project: Project, alice: User
) -> None:
    factories.make_tasks(project, factories.uneven(60))
    walk = Walk(alice.pk, ORDERS[name], 1)

    pages = list(walk.forward())
    assert keys(pages) == expected(ORDERS[name])
    assert keys(reversed(list(walk.backward(pages[-1])))) == expected(ORDERS[name])[:-1]


@EACH_ORDER
def test_it_leads_back_to_the_page_before(name: str, project: Project, alice: User) -> None:
    factories.make_tasks(project, factories.uneven(50))
    walk = Walk(alice.pk, ORDERS[name], 7)
    pages = list(walk.forward())

    assert pages[0].before is None
    assert pages[-1].after is None
    for earlier, later in pairwise(pages):
        assert later.before is not None
        back = walk.page(later.before)
        assert keys([back]) == keys([earlier])
        assert back.after is not None
        assert keys([walk.page(back.after)]) == keys([later])


@pytest.mark.parametrize("descending", [False, True])
def test_it_puts_nulls_last_and_ties_by_id(descending: bool, project: Project, alice: User) -> None:
    early, late = date(2026, 7, 1), date(2026, 7, 2)
    a, b, c, d, e = factories.make_tasks(
        project, [{"due_date": day} for day in (late, None, early, early, None)]
    )
    order = Order("due_at", descending, nullable=True)

    right = [a, d, c, e, b] if descending else [c, d, a, b, e]
    assert keys(Walk(alice.pk, order, 2).forward()) == [task.pk for task in right]


@pytest.mark.parametrize("dated", [0, 4, 7, 8, 14, 15])
def test_it_crosses_to_the_nulls_wherever_a_page_ends(
    dated: int, project: Project, alice: User
) -> None:
    day = date(2026, 7, 1)
    factories.make_tasks(
        project, [{"due_date": day if index < dated else None} for index in range(15)]
    )
    walk = Walk(alice.pk, ORDERS["due"], 7)

    pages = list(walk.forward())
    assert [len(found.rows) for found in pages] == [7, 7, 1]
    assert keys(pages) == expected(ORDERS["due"])


def test_it_is_empty_for_an_empty_list(alice: User) -> None:
    found = Walk(alice.pk, ORDERS["due"], 7).page()

    assert (found.rows, found.before, found.after) == ([], None, None)


@pytest.mark.parametrize("count", [1, 6, 7])
def test_it_has_no_neighbours_when_all_fit(count: int, project: Project, alice: User) -> None:
    factories.make_tasks(project, factories.uneven(count))
    found = Walk(alice.pk, ORDERS["due"], 7).page()

    assert (len(found.rows), found.before, found.after) == (count, None, None)


@EACH_ORDER
def test_it_keeps_to_its_project(name: str, project: Project, alice: User, now: datetime) -> None:
    second = create_project(actor=Actor(alice.pk), now=now, fields={"name": "Garden"})
    wanted = factories.make_tasks(second, factories.uneven(20))
    factories.make_tasks(project, factories.uneven(20))
    walk = Walk(alice.pk, ORDERS[name], 7, [live(), within(second)])

    found = keys(walk.forward())
    assert (len(found), set(found)) == (20, factories.ids(wanted))


class TestWrites:
    """Others write while a client walks: what stays is seen exactly once."""

    @pytest.fixture
    def stable(self, project: Project) -> list[Task]:
        return factories.make_tasks(
            project, [{**row, "description": "stable"} for row in factories.uneven(120)]
        )

    def storm(self, project: Project) -> Callable[[object], None]:
        """After each page: new rows all over the list, old ones gone, others elsewhere in it."""
        rows = factories.uneven(40)
        comings: list[QuerySet[Task, Task]] = []

        def between(_: object) -> None:
            if comings:
                comings.pop(0).delete()
            coming = [{**row, "position": row["position"] + positions.last()} for row in rows[:9]]
            made = factories.make_tasks(project, coming)
            rows.append(rows.pop(0))
            restless = Task.objects.filter(pk__in=factories.ids(made))
            comings.append(restless)
            ahead = Concat(Value("0"), "position")
            restless.filter(due_at=None).update(title="A", priority=0, position=ahead)

        return between

    @EACH_ORDER
    def test_it_shows_what_stays_once(
        self, name: str, project: Project, alice: User, stable: list[Task]
    ) -> None:
        walk = Walk(alice.pk, ORDERS[name], 7)
        right = [key for key in expected(ORDERS[name]) if key in factories.ids(stable)]

        pages = list(walk.forward(self.storm(project)))
        there = [key for key in keys(pages) if key in factories.ids(stable)]
        assert there == right

        end = walk.page(replace(pages[-1].before, inclusive=False)) if pages[-1].before else None
        assert end is not None
        back = [end, *walk.backward(end, self.storm(project))]
        missing = {row["id"] for row in pages[-1].rows}
        seen = [key for key in keys(reversed(back)) if key in factories.ids(stable)]
        assert seen == [key for key in right if key not in missing]

    @EACH_ORDER
    def test_it_goes_on_when_the_row_it_stood_at_is_gone(
        self, name: str, project: Project, alice: User, stable: list[Task]
    ) -> None:
        walk = Walk(alice.pk, ORDERS[name], 7)
        right = expected(ORDERS[name])

        def delete_last(found: object) -> None:
            rows = getattr(found, "rows", [])
            Task.objects.filter(pk=rows[-1]["id"]).delete()

        assert keys(walk.forward(delete_last)) == right

    @pytest.mark.parametrize("name", ["position", "due", "-due"])
    def test_it_finds_the_way_back_from_an_end_that_is_gone(
        self, name: str, alice: User, stable: list[Task]
    ) -> None:
        walk = Walk(alice.pk, ORDERS[name], 50)
        first = walk.page()
        assert first.after is not None
        Task.objects.exclude(pk__in=keys([first])).delete()

        beyond = walk.page(first.after)
        assert (beyond.rows, beyond.after) == ([], None)
        assert beyond.before is not None
        assert keys([walk.page(beyond.before)]) == keys([first])

    @pytest.mark.parametrize("name", ["position", "due", "-due"])
    def test_it_finds_the_way_forward_from_a_beginning_that_is_gone(
        self, name: str, alice: User, stable: list[Task]
    ) -> None:
        walk = Walk(alice.pk, ORDERS[name], 50)
        first, second, *_ = walk.forward()
        assert second.before is not None
        Task.objects.filter(pk__in=keys([first])).delete()

        beyond = walk.page(second.before)
        assert (beyond.rows, beyond.before) == ([], None)
        assert beyond.after is not None
        assert keys([walk.page(beyond.after)]) == keys([second])


def test_it_takes_an_anchor_that_never_was(project: Project, alice: User) -> None:
    """A cursor is signed, but what it names may be long gone."""
    factories.make_tasks(project, factories.uneven(10))
    walk = Walk(alice.pk, ORDERS["position"], 7)

    assert len(walk.page(Anchor("", uuid7())).rows) == 7
    assert walk.page(Anchor("z", uuid7())).rows == []


def test_it_compiles_a_walk_once(project: Project, alice: User) -> None:
    """However many rows the page has that passes from the values to the NULLs."""
    walk = Walk(alice.pk, ORDERS["due"], 7)
    factories.make_tasks(project, factories.uneven(30))
    list(walk.forward())
    before = len(statements._statements)

    for _ in range(7):
        factories.make_tasks(project, [{"due_date": date(2026, 7, 1)}])
        list(walk.forward())
    assert len(statements._statements) == before
