"""Moving tasks: in the order, in the tree, to another project."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest

from tasks import positions
from tasks.errors import (
    ExternalIdTaken,
    InTrash,
    Invalid,
    NotAllowed,
    NotVisible,
    VersionMismatch,
)
from tasks.ids import uuid7
from tasks.models import Label, Project, Task
from tasks.operations.access import Actor
from tasks.operations.members import add_member
from tasks.operations.moves import move_task
from tasks.operations.projects import create_project, delete_project
from tasks.operations.trash import delete_task
from tasks.policies import Role
from tasks.versions import Expected
from tests.operations.watching import nothing_written, refused

Create = Callable[..., Task]
Move = Callable[..., Task]


@pytest.fixture
def move(editor: Actor, later: datetime) -> Move:
    """Move a task as bob."""

    def act(task: Task, actor: Actor = editor, **to: Any) -> Task:
        return move_task(actor=actor, now=later, task_id=task.pk, to=to)

    return act


@pytest.fixture
def four(new_task: Create) -> list[Task]:
    return [new_task(title=title) for title in "abcd"]


@pytest.fixture
def garden(admin: Actor, editor: Actor, now: datetime) -> Project:
    """Another project of alice and bob; dave, who may look at the first, is no member."""
    made = create_project(actor=admin, now=now, fields={"name": "Garden"})
    add_member(actor=admin, now=now, project_id=made.pk, user=editor.id, role=Role.EDITOR)
    return made


def order(project_id: UUID) -> str:
    titles = Task.objects.filter(project=project_id).order_by("position").values_list("title")
    return "".join(title for (title,) in titles)


class TestOrder:
    @pytest.mark.parametrize(
        ("moved", "wish", "expected"),
        [
            (0, {"after": 2}, "bcad"),
            (0, {"before": 2}, "bacd"),
            (3, {"after": 0}, "adbc"),
            (3, {"before": 0}, "dabc"),
            (2, {"after": None}, "cabd"),
            (1, {"before": None}, "acdb"),
        ],
    )
    def test_it_comes_beside_its_neighbour(
        self,
        four: list[Task],
        project: Project,
        move: Move,
        later: datetime,
        moved: int,
        wish: dict[str, int | None],
        expected: str,
    ) -> None:
        to = {name: None if index is None else four[index].pk for name, index in wish.items()}
        task = move(four[moved], **to)

        assert order(project.pk) == expected
        assert (task.version, task.updated_at) == (2, later)
        others = Task.objects.exclude(pk=task.pk)
        assert set(others.values_list("version", flat=True)) == {1}
        assert Task.objects.get(pk=task.pk).position == task.position

    @pytest.mark.parametrize(
        "wish", [{"after": 0}, {"before": 2}, {}, {"parent": None}, {"project": "own"}]
    )
    def test_it_writes_nothing_where_it_is_already(
        self, four: list[Task], project: Project, move: Move, wish: dict[str, Any]
    ) -> None:
        to = {
            name: project.pk if value == "own" else value if value is None else four[value].pk
            for name, value in wish.items()
        }
        with nothing_written():
            assert move(four[1], **to).version == 1

    @pytest.mark.parametrize(("moved", "wish"), [(0, {"after": None}), (3, {"before": None})])
    def test_it_writes_nothing_at_the_ends_where_it_is_already(
        self, four: list[Task], move: Move, moved: int, wish: dict[str, None]
    ) -> None:
        with nothing_written():
            move(four[moved], **wish)

    def test_it_leaves_room_for_what_lies_in_the_trash(
        self, four: list[Task], project: Project, move: Move, editor: Actor, now: datetime
    ) -> None:
        delete_task(actor=editor, now=now, task_id=four[1].pk)
        move(four[3], after=four[0].pk)

        assert order(project.pk) == "adbc"

    @pytest.mark.parametrize("name", ["after", "before"])
    def test_it_is_refused_beside_what_does_not_fit(
        self,
        four: list[Task],
        garden: Project,
        elsewhere: Project,
        new_task: Create,
        move: Move,
        editor: Actor,
        now: datetime,
        name: str,
    ) -> None:
        delete_task(actor=editor, now=now, task_id=four[3].pk)
        for neighbour, code in (
            (four[0].pk, "itself"),
            (four[3].pk, "in_trash"),
            (new_task(project=garden.pk).pk, "other_project"),
        ):
            with refused(Invalid, f"{name}:{code}"):
                move(four[0], **{name: neighbour})
        for nobody in (uuid7(), elsewhere.pk):
            with refused(NotVisible, f"{name}:not_found"):
                move(four[0], **{name: nobody})


def fill_the_gap(move: Move, first: Task, one: Task, other: Task) -> tuple[Task, Task]:
    """Move two tasks in turns behind the first, until that makes its key change, too."""
    for _ in range(150):
        one, other = other, one
        move(one, after=first.pk)
        if Task.objects.get(pk=first.pk).version > 1:
            return one, other
    raise AssertionError("The keys were never dealt out anew.")


def is_room_behind(first: Task, second: Task) -> bool:
    lower, upper = (Task.objects.get(pk=task.pk).position for task in (first, second))
    return len(positions.between(lower, upper)) <= positions.LONGEST


class TestRoom:
    def test_it_deals_out_keys_anew_where_there_is_none(
        self, new_task: Create, project: Project, move: Move, later: datetime
    ) -> None:
        """Always into the same gap: each key would be longer than the one before."""
        first, last = new_task(title="a"), new_task(title="z")
        rest = [new_task(title=str(number)) for number in range(150)]
        far = new_task(title="far")
        versions = {task.pk: 1 for task in (first, last, *rest, far)}
        for task in rest:
            move(task, after=first.pk)

        found = list(Task.objects.order_by("position"))
        assert [task.title for task in found] == [
            "a",
            *(str(number) for number in reversed(range(150))),
            "z",
            "far",
        ]
        assert max(len(task.position) for task in found) <= positions.LONGEST
        assert sum(task.version - versions[task.pk] for task in found) > 150  # some were dealt out
        for task in found:
            assert (task.updated_at == later) is (task.version > 1)

    def test_it_leaves_the_end_to_new_tasks_where_all_keys_were_dealt_out(
        self, new_task: Create, project: Project, move: Move
    ) -> None:
        """A new task's key comes from the clock: none that is dealt out may lie beyond it."""
        first, one, other = (new_task(title=title) for title in "abc")
        one, other = fill_the_gap(move, first, one, other)

        new_task(title="d")
        new_task(title="e")
        assert order(project.pk) == f"a{one.title}{other.title}de"
        move(first, before=None)
        assert order(project.pk) == f"{one.title}{other.title}dea"

    def test_it_deals_out_no_key_that_the_moving_task_still_has(
        self, new_task: Create, project: Project, move: Move
    ) -> None:
        """As many keys, dealt out again in the same range, are the same keys."""
        first, one, other, last = (new_task(title=title) for title in "abcd")
        one, other = fill_the_gap(move, first, one, other)
        while is_room_behind(first, one):
            one, other = other, one
            move(one, after=first.pk)
        kept = Task.objects.get(pk=last.pk)
        assert (kept.title, kept.version) == ("d", 2)  # its key is one of those dealt out
        move(last, after=first.pk)
        assert order(project.pk) == f"ad{one.title}{other.title}"

    def test_it_deals_out_few_of_many(self, new_task: Create, move: Move) -> None:
        tasks = [new_task(title=str(number)) for number in range(200)]
        for task in tasks[100:160]:
            move(task, after=tasks[0].pk)

        untouched = Task.objects.filter(version=1)
        assert untouched.count() >= 70


class TestTree:
    def test_it_becomes_a_part_and_a_root_again(
        self, four: list[Task], new_task: Create, move: Move
    ) -> None:
        child = new_task(title="e", parent=four[1].pk)
        moved = move(four[1], parent=four[0].pk)

        assert (moved.parent_id, moved.depth, moved.version) == (four[0].pk, 1, 2)
        assert moved.position == four[1].position
        child.refresh_from_db()
        assert (child.depth, child.version) == (2, 1)

        back = move(four[1], parent=None, before=four[0].pk)
        assert (back.parent_id, back.depth, back.version) == (None, 0, 3)
        assert back.position < four[0].position

    def test_it_makes_no_circle(self, four: list[Task], new_task: Create, move: Move) -> None:
        child = new_task(title="e", parent=four[1].pk)
        for below in (child.pk, four[1].pk):
            with refused(Invalid, "parent:cycle"):
                move(four[1], parent=below)


class TestOtherProject:
    def test_it_takes_everything_along(
        self,
        new_task: Create,
        garden: Project,
        move: Move,
        editor: Actor,
        now: datetime,
        later: datetime,
    ) -> None:
        root = new_task(title="r", labels=["Home", "heavy"], external_id="7")
        first = new_task(title="1", parent=root.pk, labels=["home"])
        second = new_task(title="2", parent=root.pk)
        new_task(title="b", parent=first.pk)
        trashed = new_task(title="t", parent=root.pk)
        delete_task(actor=editor, now=now, task_id=trashed.pk)
        new_task(title="x", project=garden.pk, labels=["HEAVY"])
        move(second, before=first.pk)

        moved = move(root, project=garden.pk)

        assert order(garden.pk) == "xr21bt"
        rows = Task.objects.filter(project=garden.pk)
        assert {task.title: (task.parent_id, task.depth, task.version) for task in rows} == {
            "x": (None, 0, 1),
            "r": (None, 0, 2),
            "1": (root.pk, 1, 2),
            "2": (root.pk, 1, 3),
            "b": (first.pk, 2, 2),
            "t": (root.pk, 1, 3),
        }
        assert moved.external_id == "7"
        assert moved.updated_at == later
        names = {
            task.title: sorted(label.name for label in task.labels.all())
            for task in rows.prefetch_related("labels")
        }
        assert names == {
            "x": ["HEAVY"], "r": ["HEAVY", "Home"], "1": ["Home"], "2": [], "b": [], "t": [],
        }  # fmt: skip
        worn = moved.label_names.split("\n")  # type: ignore[attr-defined]
        assert sorted(worn) == names["r"]
        assert Label.objects.filter(project=garden.pk).count() == 2

    def test_it_comes_beside_a_neighbour_and_under_a_parent_there(
        self, four: list[Task], new_task: Create, garden: Project, move: Move
    ) -> None:
        new_task(title="e", parent=four[1].pk)
        xyz = [new_task(title=title, project=garden.pk) for title in "xyz"]

        moved = move(four[1], project=garden.pk, after=xyz[0].pk, parent=xyz[2].pk)

        assert order(garden.pk) == "xbeyz"
        assert (moved.parent_id, moved.depth) == (xyz[2].pk, 1)
        assert Task.objects.get(title="e").depth == 2

    def test_it_leaves_its_parent_behind(
        self, four: list[Task], new_task: Create, garden: Project, move: Move
    ) -> None:
        child = new_task(title="e", parent=four[0].pk)
        moved = move(child, project=garden.pk)

        assert (moved.parent_id, moved.depth) == (None, 0)

    def test_it_takes_off_who_is_no_member_there(
        self, new_task: Create, garden: Project, viewer: Actor, editor: Actor, move: Move
    ) -> None:
        root = new_task(assignee=viewer.id)
        child = new_task(parent=root.pk, assignee=editor.id)

        assert move(root, project=garden.pk).assignee_id is None
        child.refresh_from_db()
        assert child.assignee_id == editor.id

    def test_it_is_refused_where_the_external_id_is_taken(
        self, new_task: Create, garden: Project, move: Move
    ) -> None:
        new_task(project=garden.pk, external_id="7")
        root = new_task()
        new_task(parent=root.pk, external_id="7")
        with refused(ExternalIdTaken):
            move(root, project=garden.pk)

    def test_it_needs_a_role_in_both(
        self,
        task: Task,
        garden: Project,
        elsewhere: Project,
        admin: Actor,
        viewer: Actor,
        stranger: Actor,
        move: Move,
        now: datetime,
    ) -> None:
        with refused(NotVisible, "project:not_found"):
            move(task, project=elsewhere.pk)
        with refused(NotVisible):
            move(task, stranger, project=elsewhere.pk)
        with refused(NotAllowed):
            move(task, viewer, before=None)
        add_member(actor=admin, now=now, project_id=garden.pk, user=viewer.id, role=Role.EDITOR)
        with refused(NotAllowed):
            move(task, viewer, project=garden.pk)

    def test_it_is_refused_into_the_trash_and_out_of_it(
        self, task: Task, garden: Project, admin: Actor, move: Move, now: datetime
    ) -> None:
        delete_project(actor=admin, now=now, project_id=garden.pk)
        with refused(InTrash):
            move(task, project=garden.pk)
        delete_task(actor=admin, now=now, task_id=task.pk)
        with refused(InTrash):
            move(task, before=None)

    def test_it_is_refused_under_a_parent_of_another_project(
        self, four: list[Task], garden: Project, move: Move
    ) -> None:
        with refused(Invalid, "parent:other_project"):
            move(four[0], project=garden.pk, parent=four[1].pk)


def test_it_is_refused_for_another_version(task: Task, editor: Actor, now: datetime) -> None:
    with refused(VersionMismatch):
        move_task(
            actor=editor,
            now=now,
            task_id=task.pk,
            to={"after": None},
            expected=Expected.exactly(2),
        )
