"""Creating a task: everything it may be given, what follows from it, and what is refused."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time
from typing import Any
from uuid import UUID

import pytest

from tasks.errors import ExternalIdTaken, IdTaken, InTrash, Invalid, NotAllowed, NotVisible
from tasks.ids import uuid7
from tasks.lifecycle import Status
from tasks.models import Label, Project, Task, User
from tasks.operations.access import Actor
from tasks.operations.projects import create_project, delete_project
from tasks.operations.tasks import create_task
from tasks.operations.trash import delete_task
from tests.operations.watching import kinds, refused, said, statements

Create = Callable[..., Task]


def test_it_needs_a_title_only(admin: Actor, alice: User, now: datetime) -> None:
    task = create_task(actor=admin, now=now, fields={"title": "Learn Flask"})
    task.refresh_from_db()

    assert task.project.inbox_of == alice
    assert {
        field.name: getattr(task, field.attname)
        for field in Task._meta.concrete_fields
        if field.name not in {"id", "project", "position"}
    } == {
        "parent": None,
        "depth": 0,
        "title": "Learn Flask",
        "description": "",
        "status": "todo",
        "priority": 0,
        "start_date": None,
        "due_date": None,
        "due_time": None,
        "timezone": "UTC",
        "due_at": None,
        "assignee": None,
        "external_id": None,
        "metadata": {},
        "version": 1,
        "created_by": alice.pk,
        "created_at": now,
        "updated_at": now,
        "completed_at": None,
        "deleted_at": None,
        "trashed_with": None,
    }
    assert task.id.version == 7


def test_it_takes_every_field(
    project: Project, admin: Actor, bob: User, new_task: Create, now: datetime
) -> None:
    parent, chosen = new_task(title="Kitchen"), uuid7()
    fields: dict[str, Any] = {
        "id": chosen,
        "project": project.pk,
        "parent": parent.pk,
        "title": "Wrap the glasses",
        "description": "In *paper*\n",
        "status": Status.DONE,
        "priority": 4,
        "start_date": date(2026, 7, 1),
        "due_date": date(2026, 7, 2),
        "due_time": time(18, 30),
        "timezone": "Europe/Berlin",
        "assignee": bob.pk,
        "labels": ["Fragile"],
        "external_id": "box-7",
        "metadata": {"room": "kitchen"},
    }

    create_task(actor=admin, now=now, fields=fields)

    task = Task.objects.get(pk=chosen)
    plain = fields.keys() - {"project", "parent", "assignee", "labels"}
    assert {name: getattr(task, name) for name in plain} == {name: fields[name] for name in plain}
    assert (task.project_id, task.parent_id, task.depth) == (project.pk, parent.pk, 1)
    assert task.assignee_id == bob.pk
    assert task.due_at == datetime(2026, 7, 2, 16, 30, tzinfo=UTC)
    assert task.completed_at == now
    assert list(task.labels.values_list("name", flat=True)) == ["Fragile"]


def test_it_goes_to_the_end_of_its_project(new_task: Create) -> None:
    made = [new_task(title=str(index)) for index in range(5)]

    assert [task.pk for task in Task.objects.order_by("position")] == [task.pk for task in made]


@pytest.mark.parametrize(
    ("fields", "status", "closed"),
    [
        ({"completed": True}, "done", True),
        ({"completed": False}, "todo", False),
        ({"status": Status.IN_PROGRESS}, "in_progress", False),
        ({"status": Status.CANCELLED, "completed": False}, "cancelled", True),
        ({"status": Status.DONE, "completed": True}, "done", True),
    ],
)
def test_it_may_be_created_in_any_status(
    fields: dict[str, Any], status: str, closed: bool, new_task: Create, now: datetime
) -> None:
    task = new_task(**fields)

    assert task.status == status
    assert task.completed_at == (now if closed else None)


def test_it_writes_a_plain_task_in_three_statements(
    project: Project, admin: Actor, now: datetime
) -> None:
    """The project with the actor's role in it, the task, and its event."""
    with statements() as ran:
        create_task(actor=admin, now=now, fields={"title": "Pack", "project": project.pk})

    assert kinds(ran) == ["SELECT", "INSERT", "INSERT"]


class TestPlaces:
    """Project, parent, assignee: what the body names must be there for the actor."""

    def test_it_is_refused_for_a_viewer(
        self, project: Project, viewer: Actor, now: datetime
    ) -> None:
        with refused(NotAllowed):
            create_task(actor=viewer, now=now, fields={"title": "Pack", "project": project.pk})

    def test_it_is_refused_in_a_project_in_the_trash(
        self, project: Project, admin: Actor, now: datetime
    ) -> None:
        delete_project(actor=admin, now=now, project_id=project.pk)

        with refused(InTrash):
            create_task(actor=admin, now=now, fields={"title": "Pack", "project": project.pk})

    @pytest.mark.parametrize("field", ["project", "parent"])
    def test_it_finds_a_foreign_thing_no_more_than_one_that_is_not_there(
        self, field: str, project: Project, elsewhere: Project, admin: Actor, now: datetime
    ) -> None:
        hidden = create_task(
            actor=Actor(elsewhere.created_by_id or uuid7()),
            now=now,
            fields={"title": "Hide", "project": elsewhere.pk},
        )
        answers = set()
        for foreign in ({"project": elsewhere.pk, "parent": hidden.pk}[field], uuid7()):
            fields = {"title": "Pack", "project": project.pk, field: foreign}
            with refused(NotVisible, f"{field}:not_found") as caught:
                create_task(actor=admin, now=now, fields=fields)
            answers.add(said(caught))
        assert len(answers) == 1

    def test_it_is_refused_under_a_parent_of_another_project(
        self, new_task: Create, admin: Actor, now: datetime
    ) -> None:
        garden = create_project(actor=admin, now=now, fields={"name": "Garden"})
        parent = new_task(project=garden.pk)

        with refused(Invalid, "parent:other_project"):
            new_task(parent=parent.pk)

    def test_it_is_refused_under_a_parent_in_the_trash(
        self, new_task: Create, task: Task, admin: Actor, now: datetime
    ) -> None:
        delete_task(actor=admin, now=now, task_id=task.pk)

        with refused(Invalid, "parent:in_trash"):
            new_task(parent=task.pk)

    def test_it_cannot_be_its_own_parent(self, new_task: Create) -> None:
        chosen = uuid7()

        with refused(NotVisible, "parent:not_found"):
            new_task(id=chosen, parent=chosen)

    def test_it_goes_four_levels_below_a_root_and_no_further(self, new_task: Create) -> None:
        above: UUID | None = None
        depths = []
        for _ in range(5):
            made = new_task(parent=above)
            depths.append(made.depth)
            above = made.pk
        assert depths == [0, 1, 2, 3, 4]

        with refused(Invalid, "parent:too_deep"):
            new_task(parent=above)

    @pytest.mark.parametrize("known", [True, False])
    def test_it_is_assigned_to_members_only(
        self, known: bool, new_task: Create, charlie: User
    ) -> None:
        with refused(Invalid, "assignee:not_a_member"):
            new_task(assignee=charlie.pk if known else uuid7())


class TestUnique:
    """Ids and external ids."""

    def test_it_is_refused_with_an_id_that_is_taken(self, new_task: Create, task: Task) -> None:
        with refused(IdTaken):
            new_task(id=task.pk)

    def test_it_is_refused_with_the_id_of_what_the_actor_cannot_see(
        self, task: Task, stranger: Actor, now: datetime
    ) -> None:
        # The inbox is not made either: it belongs to the same transaction.
        with refused(IdTaken):
            create_task(actor=stranger, now=now, fields={"title": "Mine", "id": task.pk})

    def test_it_is_told_that_the_id_is_taken_where_it_sends_everything_again(
        self, new_task: Create
    ) -> None:
        """Its external id is taken, too, by the same task: what was sent has arrived."""
        sent = {"id": uuid7(), "title": "Pack", "external_id": "A-1"}
        new_task(**sent)
        with refused(IdTaken):
            new_task(**sent)

    @pytest.mark.parametrize("trashed", [False, True])
    def test_it_is_refused_with_an_external_id_of_the_project(
        self, trashed: bool, new_task: Create, admin: Actor, now: datetime
    ) -> None:
        first = new_task(external_id="42")
        if trashed:
            delete_task(actor=admin, now=now, task_id=first.pk)

        with refused(ExternalIdTaken):
            new_task(external_id="42")

    def test_it_may_share_an_external_id_with_another_project(
        self, new_task: Create, admin: Actor, now: datetime
    ) -> None:
        new_task(external_id="42")
        task = create_task(actor=admin, now=now, fields={"title": "Pack", "external_id": "42"})

        assert task.external_id == "42"

    def test_it_compares_external_ids_to_the_letter(self, new_task: Create) -> None:
        assert new_task(external_id="a").pk != new_task(external_id="A").pk

    def test_it_needs_no_external_id(self, new_task: Create) -> None:
        assert new_task().external_id is new_task(external_id=None).external_id is None


class TestRules:
    """Fields that contradict each other."""

    @pytest.mark.parametrize(
        ("fields", "place"),
        [
            ({"due_time": time(9)}, "due_time:needs_date"),
            (
                {"start_date": date(2026, 7, 2), "due_date": date(2026, 7, 1)},
                "start_date:after_due_date",
            ),
            ({"completed": True, "status": Status.TODO}, "completed:contradicts_status"),
            ({"completed": False, "status": Status.DONE}, "completed:contradicts_status"),
        ],
    )
    def test_it_is_refused(self, fields: dict[str, Any], place: str, new_task: Create) -> None:
        with refused(Invalid, place):
            new_task(**fields)

    def test_it_may_start_on_the_day_it_is_due(self, new_task: Create) -> None:
        day = date(2026, 7, 1)

        assert new_task(start_date=day, due_date=day).due_at == datetime(2026, 7, 2, tzinfo=UTC)

    def test_it_may_start_without_being_due(self, new_task: Create) -> None:
        assert new_task(start_date=date(2026, 7, 1)).due_at is None


def test_it_makes_labels_on_first_use(new_task: Create, project: Project, now: datetime) -> None:
    task = new_task(labels=["Fragile", "heavy"])

    assert set(task.label_names.split("\n")) == {"Fragile", "heavy"}  # type: ignore[attr-defined]
    assert list(
        Label.objects.order_by("name_key").values_list(
            "project", "name", "name_key", "version", "created_at", "updated_at"
        )
    ) == [
        (project.pk, "Fragile", "fragile", 1, now, now),
        (project.pk, "heavy", "heavy", 1, now, now),
    ]


def test_it_makes_nothing_when_it_is_refused(new_task: Create, now: datetime) -> None:
    new_task(external_id="42")

    with refused(ExternalIdTaken):
        new_task(external_id="42", labels=["new"])


def test_it_takes_staff_as_an_admin_of_every_project(
    project: Project, charlie: User, now: datetime
) -> None:
    helper = Actor(charlie.pk, is_staff=True)
    task = create_task(actor=helper, now=now, fields={"title": "Pack", "project": project.pk})

    assert (task.project_id, task.created_by_id) == (project.pk, charlie.pk)
