"""Changing a task: what is sent, what follows, one version for each change and none without."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.errors import ExternalIdTaken, InTrash, Invalid, NotVisible
from tasks.ids import uuid7
from tasks.lifecycle import Status
from tasks.models import Project, Task, User
from tasks.operations.access import Actor
from tasks.operations.projects import create_project
from tasks.operations.tasks import create_task, update_task
from tasks.operations.trash import delete_task
from tests.operations.watching import kinds, nothing_written, refused, statements

Create = Callable[..., Task]
Update = Callable[..., Task]


@pytest.fixture
def update(editor: Actor, later: datetime) -> Update:
    """Change a task as bob, and return it as it is stored."""

    def change(task: Task, **fields: object) -> Task:
        update_task(actor=editor, now=later, task_id=task.pk, fields=fields)
        return Task.objects.get(pk=task.pk)

    return change


# By field: its value before and after.
CHANGES: dict[str, tuple[object, object]] = {
    "title": ("Pack", "Unpack"),
    "description": ("", "With *care*"),
    "priority": (0, 3),
    "start_date": (None, date(2026, 7, 1)),
    "due_date": (None, date(2026, 7, 1)),
    "timezone": ("UTC", "Asia/Tokyo"),
    "external_id": (None, "42"),
    "metadata": ({}, {"room": "kitchen"}),
}


@pytest.mark.parametrize("field", CHANGES)
def test_it_changes_one_field_and_keeps_the_others(
    field: str, task: Task, update: Update, later: datetime
) -> None:
    before, after = CHANGES[field]
    old = {one.name: getattr(task, one.attname) for one in Task._meta.concrete_fields}
    assert old[field] == before

    changed = update(task, **{field: after})

    new = {one.name: getattr(changed, one.attname) for one in Task._meta.concrete_fields}
    differing = {name for name in new if new[name] != old[name]}
    assert differing - {"due_at"} == {field, "version", "updated_at"}
    assert (new[field], new["version"], new["updated_at"]) == (after, 2, later)


@pytest.mark.parametrize("field", CHANGES)
def test_it_changes_it_back(field: str, task: Task, update: Update) -> None:
    before, after = CHANGES[field]
    update(task, **{field: after})

    changed = update(task, **{field: before})

    assert (getattr(changed, field), changed.version) == (before, 3)


def test_it_writes_only_the_columns_that_differ(task: Task, editor: Actor, later: datetime) -> None:
    with statements() as ran:
        update_task(
            actor=editor, now=later, task_id=task.pk, fields={"title": "Unpack", "priority": 0}
        )

    assert kinds(ran) == ["SELECT", "UPDATE", "INSERT"]
    written = ran[1].partition(" SET ")[2].partition(" WHERE ")[0]
    quoted = connection.ops.quote_name
    assert [quoted(name) in written for name in ("title", "version", "updated_at")] == [True] * 3
    assert quoted("priority") not in written


def test_it_writes_nothing_when_nothing_changes(
    new_task: Create, editor: Actor, bob: User, later: datetime
) -> None:
    parent = new_task(title="Kitchen")
    fields: dict[str, Any] = {
        "parent": parent.pk,
        "title": "Pack",
        "description": "Boxes",
        "status": Status.DONE,
        "completed": True,
        "priority": 2,
        "start_date": date(2026, 7, 1),
        "due_date": date(2026, 7, 2),
        "due_time": time(9),
        "timezone": "Europe/Berlin",
        "assignee": bob.pk,
        "labels": ["Fragile", "heavy"],
        "external_id": "42",
        "metadata": {"room": "kitchen"},
    }
    task = new_task(**fields)

    for sent in ({}, fields, *({name: value} for name, value in fields.items())):
        with nothing_written():
            same = update_task(actor=editor, now=later, task_id=task.pk, fields=sent)
        assert (same.version, same.updated_at) == (1, task.updated_at)
    with nothing_written():
        update_task(
            actor=editor, now=later, task_id=task.pk, fields={"labels": ["HEAVY", "fragile"]}
        )


class TestStatus:
    def test_it_completes(self, task: Task, update: Update, later: datetime) -> None:
        done = update(task, completed=True)

        assert (done.status, done.completed_at, done.title) == ("done", later, "Pack")

    @pytest.mark.parametrize("fields", [{"completed": False}, {"status": Status.IN_PROGRESS}])
    def test_it_reopens(self, fields: dict[str, Any], new_task: Create, update: Update) -> None:
        task = update(new_task(completed=True), **fields)

        assert task.status == fields.get("status", "todo")
        assert task.completed_at is None

    def test_it_keeps_the_first_instant_of_closing(
        self, new_task: Create, update: Update, now: datetime, later: datetime
    ) -> None:
        task = update(new_task(completed=True), status=Status.CANCELLED)

        assert (task.status, task.completed_at, task.updated_at) == ("cancelled", now, later)

    def test_it_is_refused_if_the_two_contradict(self, task: Task, update: Update) -> None:
        with refused(Invalid, "completed:contradicts_status"):
            update(task, completed=True, status=Status.TODO)

    def test_it_leaves_the_subtasks_of_a_closed_task(
        self, task: Task, new_task: Create, update: Update
    ) -> None:
        child = new_task(parent=task.pk)
        update(task, completed=True)

        child.refresh_from_db()
        assert (child.status, child.version) == ("todo", 1)


class TestDates:
    def test_it_computes_the_instant_anew(self, task: Task, update: Update) -> None:
        day = update(task, due_date=date(2026, 7, 1))
        moved = update(task, timezone="Asia/Tokyo")
        timed = update(task, due_time=time(9))
        none = update(task, due_date=None, due_time=None)

        assert day.due_at == datetime(2026, 7, 2, tzinfo=UTC)
        assert moved.due_at == datetime(2026, 7, 1, 15, tzinfo=UTC)
        assert timed.due_at == datetime(2026, 7, 1, tzinfo=UTC)
        assert none.due_at is None

    def test_it_holds_a_new_field_against_those_that_stay(
        self, new_task: Create, update: Update
    ) -> None:
        task = new_task(due_date=date(2026, 7, 2), due_time=time(9), start_date=date(2026, 7, 1))

        with refused(Invalid, "due_time:needs_date"):
            update(task, due_date=None)
        with refused(Invalid, "start_date:after_due_date"):
            update(task, due_date=date(2026, 6, 30))
        with refused(Invalid, "start_date:after_due_date"):
            update(task, start_date=date(2026, 7, 3))

    def test_it_leaves_the_instant_alone_when_only_the_rules_of_a_zone_changed(
        self, new_task: Create, update: Update
    ) -> None:
        task = new_task(due_date=date(2026, 7, 1), timezone="Europe/Berlin")
        other = datetime(2026, 7, 1, 23, tzinfo=UTC)
        Task.objects.filter(pk=task.pk).update(due_at=other)

        assert update(task, due_date=date(2026, 7, 1)).version == 1
        assert update(task, title="Unpack").due_at == other


class TestParents:
    def test_it_moves_a_subtree_up_and_down(self, new_task: Create, update: Update) -> None:
        root, room = new_task(title="House"), new_task(title="Kitchen")
        box = new_task(title="Box", parent=room.pk)
        glass = new_task(title="Glass", parent=box.pk)

        def depths() -> list[int]:
            return [Task.objects.get(pk=one.pk).depth for one in (room, box, glass)]

        update(room, parent=root.pk)
        assert depths() == [1, 2, 3]
        update(room, parent=None)
        assert depths() == [0, 1, 2]
        box.refresh_from_db()
        assert box.version == 1  # nothing of it that can be seen is another one

    def test_it_may_reach_the_fourth_level_and_no_further(
        self, new_task: Create, update: Update
    ) -> None:
        chain = [new_task()]
        for _ in range(3):
            chain.append(new_task(parent=chain[-1].pk))
        pair = new_task()
        new_task(parent=pair.pk)

        assert update(pair, parent=chain[2].pk).depth == 3
        with refused(Invalid, "parent:too_deep"):
            update(pair, parent=chain[3].pk)

    def test_it_counts_what_is_in_the_trash(
        self, new_task: Create, update: Update, editor: Actor, now: datetime
    ) -> None:
        """It may come back, and must have room then."""
        chain = [new_task()]
        for _ in range(4):
            chain.append(new_task(parent=chain[-1].pk))
        moved = new_task()
        child = new_task(parent=moved.pk)
        delete_task(actor=editor, now=now, task_id=child.pk)

        with refused(Invalid, "parent:too_deep"):
            update(moved, parent=chain[3].pk)
        update(moved, parent=chain[2].pk)
        child.refresh_from_db()
        assert child.depth == 4

    @pytest.mark.parametrize("below", [0, 1, 2])
    def test_it_cannot_be_below_itself(self, below: int, new_task: Create, update: Update) -> None:
        chain = [new_task()]
        for _ in range(2):
            chain.append(new_task(parent=chain[-1].pk))

        with refused(Invalid, "parent:cycle"):
            update(chain[0], parent=chain[below].pk)

    def test_it_stays_in_its_project(
        self, task: Task, update: Update, editor: Actor, now: datetime
    ) -> None:
        garden = create_project(actor=editor, now=now, fields={"name": "Garden"})
        other = create_task(actor=editor, now=now, fields={"title": "Dig", "project": garden.pk})

        with refused(Invalid, "parent:other_project"):
            update(task, parent=other.pk)

    def test_it_is_refused_under_what_is_in_the_trash(
        self, task: Task, new_task: Create, update: Update, editor: Actor, now: datetime
    ) -> None:
        gone = new_task()
        delete_task(actor=editor, now=now, task_id=gone.pk)

        with refused(Invalid, "parent:in_trash"):
            update(task, parent=gone.pk)

    def test_it_finds_a_foreign_parent_no_more_than_none(
        self, task: Task, update: Update, stranger: Actor, now: datetime
    ) -> None:
        hidden = create_task(actor=stranger, now=now, fields={"title": "Hide"})

        for parent in (hidden.pk, uuid7()):
            with refused(NotVisible, "parent:not_found"):
                update(task, parent=parent)


class TestAssignee:
    def test_it_is_assigned_and_unassigned(self, task: Task, update: Update, bob: User) -> None:
        assert update(task, assignee=bob.pk).assignee_id == bob.pk
        assert update(task, assignee=None).assignee_id is None

    def test_it_is_assigned_to_members_only(
        self, task: Task, update: Update, charlie: User
    ) -> None:
        with refused(Invalid, "assignee:not_a_member"):
            update(task, assignee=charlie.pk)

    def test_it_keeps_an_assignee_without_asking_again(
        self, new_task: Create, update: Update, bob: User, editor: Actor, later: datetime
    ) -> None:
        task = new_task(assignee=bob.pk)

        with statements() as ran:
            update(task, assignee=bob.pk, title="Unpack")
        assert not any("tasks_membership" in sql for sql in ran[1:])


@pytest.mark.parametrize("trashed", [False, True])
def test_it_is_refused_an_external_id_of_the_project(
    trashed: bool, task: Task, new_task: Create, update: Update, editor: Actor, now: datetime
) -> None:
    other = new_task(external_id="42")
    if trashed:
        delete_task(actor=editor, now=now, task_id=other.pk)

    with refused(ExternalIdTaken):
        update(task, external_id="42", title="Unpack", labels=["new"])


def test_it_is_refused_in_the_trash(
    task: Task, update: Update, editor: Actor, now: datetime
) -> None:
    delete_task(actor=editor, now=now, task_id=task.pk)

    with refused(InTrash):
        update(task, title="Unpack")


def test_it_changes_all_or_nothing(task: Task, new_task: Create, update: Update) -> None:
    """The rule that is broken is found last, after subtasks have been moved along."""
    root, child = new_task(), new_task(parent=task.pk)

    with refused(Invalid, "start_date:after_due_date"):
        update(task, parent=root.pk, start_date=date(2026, 7, 2), due_date=date(2026, 7, 1))
    child.refresh_from_db()
    assert child.depth == 1


BODIES = st.fixed_dictionaries(
    {},
    optional={
        "title": st.sampled_from(["Pack", "Unpack"]),
        "priority": st.integers(0, 2),
        "status": st.sampled_from(list(Status)),
        "due_date": st.sampled_from([None, date(2026, 7, 1), date(2026, 7, 2)]),
        "timezone": st.sampled_from(["UTC", "Asia/Tokyo"]),
        "labels": st.lists(st.sampled_from(["a", "B", "b", "c"]), max_size=3),
        "metadata": st.sampled_from([{}, {"a": "1"}]),
    },
)


@settings(
    deadline=None,
    max_examples=30,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(bodies=st.lists(BODIES, min_size=1, max_size=6))
def test_it_counts_a_version_exactly_when_something_changed(
    bodies: list[dict[str, Any]], new_task: Create, update: Update, project: Project
) -> None:
    def seen(task: Task) -> dict[str, Any]:
        columns = {one.name: getattr(task, one.attname) for one in Task._meta.concrete_fields}
        labels = {label.name for label in task.labels.all()}
        return {**columns, "labels": labels, "version": None, "updated_at": None}

    task = Task.objects.get(pk=new_task().pk)
    for body in bodies:
        before, version = seen(task), task.version
        task = update(task, **body)
        assert task.version == version + (seen(task) != before)
