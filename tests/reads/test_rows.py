"""What a write shows and what a read shows afterwards are the same document."""

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.api.renderers import OPTIONS
from tasks.lifecycle import Status
from tasks.models import Label, Project, User
from tasks.operations.access import Actor
from tasks.operations.comments import create_comment, update_comment
from tasks.operations.labels import rename_label
from tasks.operations.members import add_member, change_role
from tasks.operations.projects import (
    create_project,
    delete_project,
    inbox,
    restore_project,
    update_project,
)
from tasks.operations.tasks import create_task, update_task
from tasks.operations.trash import delete_task, restore_task
from tasks.policies import Role
from tasks.reads import one
from tasks.rows import COMMENT, LABEL, MEMBER, PROJECT, TASK
from tasks.schedule import zone_names
from tests import factories

LINES = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=50
).filter(lambda text: bool(text.strip()))
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=80)
DAYS = st.dates(date(2026, 1, 1), date(2027, 1, 1)) | st.sampled_from([date.min, date.max])

FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "title": LINES,
    "description": TEXTS,
    "priority": st.integers(0, 4),
    "timezone": st.sampled_from(sorted(zone_names())),
    "external_id": st.none() | LINES,
    "metadata": st.dictionaries(TEXTS, TEXTS, max_size=4),
    "labels": st.lists(LINES, max_size=4),
}


@st.composite
def bodies(draw: st.DrawFn, *, whole: bool) -> dict[str, Any]:
    """Draw what a client may send: all fields, or some of them."""
    optional = {name: made for name, made in FIELDS.items() if not (whole and name == "title")}
    body: dict[str, Any] = draw(
        st.fixed_dictionaries({"title": LINES} if whole else {}, optional=optional)
    )
    if draw(st.booleans()):
        body["status"] = draw(st.sampled_from(list(Status)))
    if draw(st.booleans()):
        start, due = sorted([draw(DAYS), draw(DAYS)])
        clock = st.none() | st.times().map(lambda wall: wall.replace(microsecond=0))
        body |= {"start_date": start, "due_date": due, "due_time": draw(clock)}
    return body


def document(shown: Any) -> Any:
    """Return what a client reads: the JSON that is sent, read again."""
    assert shown is not None
    return orjson.loads(orjson.dumps(shown, option=OPTIONS))


@settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(first=bodies(whole=True), second=bodies(whole=False), assigned=st.booleans())
def test_it_shows_a_written_task_as_it_is_read(
    first: dict[str, Any],
    second: dict[str, Any],
    assigned: bool,
    alice: User,
    bob: User,
    now: datetime,
) -> None:
    actor = Actor(alice.pk)
    # A project of its own: the external ids of other examples are taken in theirs.
    place = create_project(actor=actor, now=now, fields={"name": "Garden"}).pk
    add_member(actor=actor, now=now, project_id=place, user=bob.pk, role=Role.VIEWER)
    assignee = bob.pk if assigned else None

    made = create_task(
        actor=actor, now=now, fields={**first, "project": place, "assignee": assignee}
    )
    assert document(TASK.show(made)) == document(one(TASK, user=alice.pk, key=made.pk))

    later = now + timedelta(microseconds=1)
    changed = update_task(actor=actor, now=later, task_id=made.pk, fields=second)
    assert document(TASK.show(changed)) == document(one(TASK, user=bob.pk, key=made.pk))


def test_it_shows_every_field_of_a_task(
    project: Project, alice: User, bob: User, now: datetime
) -> None:
    fields: dict[str, Any] = {
        "project": project.pk,
        "title": "Wrap the glasses",
        "description": "In *paper*\n",
        "status": Status.DONE,
        "priority": 4,
        "start_date": date(2026, 7, 1),
        "due_date": date(2026, 7, 2),
        "due_time": time(18, 30),
        "timezone": "Europe/Berlin",
        "assignee": bob.pk,
        "labels": ["heavy", "Fragile"],
        "external_id": "box-7",
        "metadata": {"room": "kitchen"},
    }
    task = create_task(actor=Actor(alice.pk), now=now, fields=fields)
    instant = now.isoformat().replace("+00:00", "Z")

    assert document(one(TASK, user=bob.pk, key=task.pk)) == {
        "id": str(task.pk),
        "project": str(project.pk),
        "parent": None,
        "title": "Wrap the glasses",
        "description": "In *paper*\n",
        "status": "done",
        "completed": True,
        "priority": 4,
        "start_date": "2026-07-01",
        "due_date": "2026-07-02",
        "due_time": "18:30:00",
        "timezone": "Europe/Berlin",
        "due_at": "2026-07-02T16:30:00Z",
        "completed_at": instant,
        "assignee": str(bob.pk),
        "labels": ["Fragile", "heavy"],
        "external_id": "box-7",
        "metadata": {"room": "kitchen"},
        "position": task.position,
        "version": 1,
        "created_by": str(alice.pk),
        "created_at": instant,
        "updated_at": instant,
        "deleted_at": None,
    }


def test_it_shows_a_task_in_the_trash_and_back(
    project: Project, alice: User, now: datetime
) -> None:
    actor = Actor(alice.pk)
    task = create_task(actor=actor, now=now, fields={"title": "Pack", "project": project.pk})
    before = document(one(TASK, user=alice.pk, key=task.pk))
    later = now + timedelta(seconds=1)

    delete_task(actor=actor, now=later, task_id=task.pk)
    gone = document(one(TASK, user=alice.pk, key=task.pk))
    restore_task(actor=actor, now=later, task_id=task.pk)
    back = document(one(TASK, user=alice.pk, key=task.pk))

    instant = later.isoformat().replace("+00:00", "Z")
    assert gone == {**before, "version": 2, "updated_at": instant, "deleted_at": instant}
    assert back == {**before, "version": 3, "updated_at": instant}


Write = Callable[[Actor, datetime, Project], Any]
PROJECT_WRITES: dict[str, Write] = {
    "create": lambda actor, now, _: create_project(actor=actor, now=now, fields={"name": "New"}),
    "inbox": lambda actor, now, _: inbox(actor=actor, now=now),
    "update": lambda actor, now, project: update_project(
        actor=actor, now=now, project_id=project.pk, fields={"name": "New", "description": "d"}
    ),
    "update nothing": lambda actor, now, project: update_project(
        actor=actor, now=now, project_id=project.pk, fields={}
    ),
}


@pytest.mark.parametrize("name", PROJECT_WRITES)
def test_it_shows_a_written_project_as_it_is_read(
    name: str, project: Project, alice: User, now: datetime
) -> None:
    written = PROJECT_WRITES[name](Actor(alice.pk), now, project)

    assert document(PROJECT.show(written)) == document(one(PROJECT, user=alice.pk, key=written.pk))


def test_it_shows_a_restored_project_as_it_is_read(
    project: Project, alice: User, now: datetime
) -> None:
    actor = Actor(alice.pk)
    delete_project(actor=actor, now=now, project_id=project.pk)
    written = restore_project(actor=actor, now=now, project_id=project.pk)

    assert document(PROJECT.show(written)) == document(one(PROJECT, user=alice.pk, key=project.pk))


def test_it_shows_a_written_member_as_it_is_read(
    project: Project, alice: User, charlie: User, now: datetime
) -> None:
    place: dict[str, Any] = {"actor": Actor(alice.pk), "now": now, "project_id": project.pk}
    added = add_member(**place, user="charlie", role=Role.VIEWER)
    assert document(MEMBER.show(added)) == document(one(MEMBER, user=alice.pk, key=charlie.pk))

    changed = change_role(**place, user_id=charlie.pk, role=Role.EDITOR)
    assert document(MEMBER.show(changed)) == document(one(MEMBER, user=alice.pk, key=charlie.pk))


def test_it_shows_a_written_label_as_it_is_read(
    project: Project, alice: User, now: datetime
) -> None:
    label = factories.make_label(project, "heavy")
    written = rename_label(actor=Actor(alice.pk), now=now, label_id=label.pk, name="Soft")

    assert document(LABEL.show(written)) == document(one(LABEL, user=alice.pk, key=label.pk))
    assert Label.objects.get().name == "Soft"


def test_it_shows_a_written_comment_as_it_is_read(
    project: Project, alice: User, now: datetime
) -> None:
    actor, task = Actor(alice.pk), factories.make_task(project)
    made = create_comment(actor=actor, now=now, task_id=task.pk, fields={"body": "?"})
    assert document(COMMENT.show(made)) == document(one(COMMENT, user=alice.pk, key=made.pk))

    fields = {"body": "!"}
    changed = update_comment(actor=actor, now=now, comment_id=made.pk, fields=fields)
    assert document(COMMENT.show(changed)) == document(one(COMMENT, user=alice.pk, key=made.pk))
