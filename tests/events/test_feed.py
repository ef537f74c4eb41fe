"""The log as its readers pull it: who sees what, and what it costs however long the log is."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

import orjson
import pytest
from django.db import connection

from tasks.errors import EventsExpired
from tasks.events import changes, cursors, feed
from tasks.ids import uuid7
from tasks.models import Cursor, Event, Membership, Project, User
from tests.factories import LONG_AGO
from tests.reads.plans import Plan, plans

SOURCE = "urn:tests"


class Log:
    """Writes events as they lie in the log when they have their place, by hand."""

    def __init__(self) -> None:
        self.last = 0

    def __call__(self, kind: str = "task.updated", **scope: Any) -> int:
        """Append an event and return its sequence."""
        self.last += 1
        data = {"object": {"id": self.last}, "changes": {}, "project": scope.get("project")}
        Event.objects.create(
            sequence=self.last,
            type=kind,
            subject=uuid7(),
            occurred_at=LONG_AGO,
            data=orjson.dumps(data).decode(),
            **scope,
        )
        self.end()
        return self.last

    def end(self) -> None:
        """Let the sequencer's cursor stand behind the last one."""
        Cursor.objects.update_or_create(name=cursors.SEQUENCER, defaults={"position": self.last})


@pytest.fixture
def log(db: None) -> Log:
    return Log()


def read(user: User, after: int = 0, limit: int = 50, **wanted: Any) -> feed.Stretch:
    return feed.feed(user=user.pk, source=SOURCE, after=after, limit=limit, **wanted)


def sequences(stretch: feed.Stretch) -> list[int]:
    return [int(orjson.loads(event)["sequence"]) for event in stretch.events]


@pytest.fixture
def elsewhere(charlie: User, now: datetime) -> Project:
    """A project that only charlie sees."""
    made = Project.objects.create(name="Secret", created_at=now, updated_at=now)
    Membership.objects.create(
        project=made, user=charlie, role="admin", created_at=now, updated_at=now
    )
    return made


@pytest.fixture(autouse=True)
def nothing_recorded(project: Project, elsewhere: Project) -> None:
    """The logs here are written by hand."""
    Event.objects.all().delete()


def test_it_shows_members_what_happens_in_their_project(
    log: Log, project: Project, elsewhere: Project, alice: User, bob: User, charlie: User
) -> None:
    ours, theirs = log(project=project.pk), log(project=elsewhere.pk)
    also_ours = log("project.updated", project=project.pk)

    assert sequences(read(alice)) == sequences(read(bob)) == [ours, also_ours]
    assert sequences(read(charlie)) == [theirs]


def test_it_shows_the_events_as_they_are_published(log: Log, project: Project, alice: User) -> None:
    log(project=project.pk, traceparent="00-" + "1" * 32 + "-" + "2" * 16 + "-00")
    event = Event.objects.get()

    (found,) = read(alice).events

    assert orjson.loads(found) == {
        "specversion": "1.0",
        "id": str(event.uid),
        "source": SOURCE,
        "type": "task.updated",
        "subject": str(event.subject),
        "time": "2026-03-01T12:00:00Z",
        "datacontenttype": "application/json",
        "dataschema": "urn:tasks:events:v1:task",
        "sequence": "00000000000000000001",
        "traceparent": event.traceparent,
        "data": {"object": {"id": 1}, "changes": {}, "project": str(project.pk)},
    }


def test_it_shows_what_is_about_the_user_wherever_it_happened(
    log: Log, elsewhere: Project, alice: User, bob: User
) -> None:
    about = log("member.removed", project=elsewhere.pk, user=alice.pk)
    own = log("webhook.disabled", user=alice.pk)

    assert sequences(read(alice)) == [about, own]
    assert sequences(read(bob)) == []


def test_it_shows_what_happens_in_the_trash(
    log: Log, project: Project, alice: User, now: datetime
) -> None:
    Project.objects.filter(pk=project.pk).update(deleted_at=now)

    assert sequences(read(alice)) == []
    assert sequences(read(alice, log("project.trashed", project=project.pk) - 1)) == [1]


def test_it_tells_of_a_task_that_went_where_the_user_does_not_see_it(
    log: Log, project: Project, elsewhere: Project, alice: User, charlie: User
) -> None:
    log("task.moved", project=elsewhere.pk, left_project=project.pk)

    (seen,), (whole,) = read(alice).events, read(charlie).events

    assert orjson.loads(seen)["data"] == {
        "object": None,
        "changes": {"project": [str(project.pk), None]},
        "project": str(project.pk),
    }
    assert str(elsewhere.pk).encode() not in seen
    assert orjson.loads(whole)["data"]["object"] == {"id": 1}
    assert orjson.loads(seen)["id"] == orjson.loads(whole)["id"]


def test_it_shows_an_event_once_whose_two_projects_are_the_users(
    log: Log, project: Project, elsewhere: Project, alice: User, now: datetime
) -> None:
    Membership.objects.create(
        project=elsewhere, user=alice, role="viewer", created_at=now, updated_at=now
    )
    log("task.moved", project=elsewhere.pk, left_project=project.pk, user=alice.pk)

    assert [orjson.loads(event)["data"]["object"] for event in read(alice).events] == [{"id": 1}]


def test_it_goes_by_who_is_a_member_now(log: Log, project: Project, alice: User, bob: User) -> None:
    log(project=project.pk)
    Membership.objects.filter(user=bob).delete()

    assert (sequences(read(alice)), sequences(read(bob))) == ([1], [])


def test_it_waits_for_the_place_in_the_log(log: Log, project: Project, alice: User) -> None:
    log(project=project.pk)
    Event.objects.create(
        type="task.updated", subject=uuid7(), project=project.pk, occurred_at=LONG_AGO, data="{}"
    )

    assert sequences(read(alice)) == [1]


def test_it_is_read_part_by_part_and_goes_on_later(
    log: Log, project: Project, elsewhere: Project, alice: User
) -> None:
    for _ in range(5):
        log(project=project.pk)
        log(project=elsewhere.pk)

    parts: list[feed.Stretch] = []
    after = 0
    while not parts or parts[-1].more:
        parts.append(read(alice, after, limit=2))
        after = parts[-1].position

    assert [sequences(part) for part in parts] == [[1, 3], [5, 7], [9]]
    assert [(part.position, part.more) for part in parts] == [(3, True), (7, True), (10, False)]
    assert sequences(read(alice, after)) == []
    assert sequences(read(alice, 0, limit=5)) == [1, 3, 5, 7, 9]
    assert not read(alice, 0, limit=5).more
    log(project=project.pk)
    assert sequences(read(alice, after)) == [11]


def test_it_does_not_wait_for_a_log_that_was_put_back_to_come_so_far_again(
    log: Log, project: Project, alice: User
) -> None:
    last = log(project=project.pk)

    assert read(alice, last).position == last
    with pytest.raises(EventsExpired):
        read(alice, last + 1)


def test_it_finds_what_happened_in_one_project(
    log: Log, project: Project, alice: User, charlie: User, elsewhere: Project, now: datetime
) -> None:
    Membership.objects.create(
        project=elsewhere, user=alice, role="viewer", created_at=now, updated_at=now
    )
    here, there = log(project=project.pk), log(project=elsewhere.pk)
    left = log("task.moved", project=elsewhere.pk, left_project=project.pk)
    log("webhook.disabled", user=alice.pk)

    assert sequences(read(alice, projects=[project.pk])) == [here, left]
    assert sequences(read(alice, projects=[elsewhere.pk])) == [there, left]
    assert sequences(read(alice, projects=[project.pk, elsewhere.pk])) == [here, there, left]
    assert sequences(read(charlie, projects=[project.pk])) == []


def test_it_finds_types_in_a_window_at_a_time(
    log: Log, project: Project, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "_WINDOW", 3)
    for kind in ("task.created", "task.updated", "label.created", "task.updated", "task.created"):
        log(kind, project=project.pk)

    first = read(alice, types=["task.created"])
    assert (sequences(first), first.position, first.more) == ([1], 3, True)
    second = read(alice, first.position, types=["task.created"])
    assert (sequences(second), second.position, second.more) == ([5], 5, False)
    both = read(alice, types=["task.created", "task.updated"], limit=1)
    assert (sequences(both), both.position, both.more) == ([1], 1, True)


def test_it_says_when_what_comes_next_is_deleted(log: Log, project: Project, alice: User) -> None:
    for _ in range(4):
        log(project=project.pk)
    Event.objects.filter(sequence__lte=2).delete()
    Cursor.objects.create(name=cursors.PRUNED, position=2)

    with pytest.raises(EventsExpired):
        read(alice, 1)
    assert sequences(read(alice, 2)) == [3, 4]
    assert sequences(read(alice, 0)) == [3, 4]  # from the oldest that is kept


def test_it_keeps_a_reader_in_the_log_who_sees_nothing_of_it(
    log: Log, project: Project, charlie: User
) -> None:
    """Who goes on from `next` is never behind what was deleted, however little they may see."""
    for _ in range(3):
        log(project=project.pk)
    seen_nothing = read(charlie, 0)
    Event.objects.all().delete()
    Cursor.objects.create(name=cursors.PRUNED, position=3)

    assert read(charlie, seen_nothing.position).events == []


# --- What it costs ------------------------------------------------------------------------------

PROJECTS, EVENTS = 300, 100_000
PAGE = 51  # one more than is shown, to know whether there are more
# By the server, in a second; as objects they take half a minute.
WRITE_LOG = """
INSERT INTO tasks_event
    (uid, sequence, type, subject, project, task, occurred_at, traceparent, data)
SELECT gen_random_uuid(), index + 1, 'task.updated', gen_random_uuid(),
    (CASE WHEN mod(index, 100) = 0 THEN %(quiet)s ELSE %(loud)s END::uuid[])
        [mod(index / 100, cardinality(%(quiet)s)) + 1],
    CASE WHEN mod(index, 1000) = 0 THEN %(task)s::uuid END,
    '2026-01-01T00:00Z', '', '{"object": {}, "changes": {}, "project": null}'
FROM generate_series(0, %(events)s - 1) AS index
"""


@pytest.fixture
def long_log(log: Log, alice: User, charlie: User, vendor: str, now: datetime) -> UUID:
    """100,000 events in 600 projects: alice is in the half where one in a hundred happens."""
    if vendor != "postgresql":
        pytest.skip("SQLite explains its plans in other words")
    made = Project.objects.bulk_create(
        Project(name=f"{index}", created_at=now, updated_at=now) for index in range(2 * PROJECTS)
    )
    Membership.objects.bulk_create(
        Membership(project=each, user=user, role="admin", created_at=now, updated_at=now)
        for user, own in ((alice, made[:PROJECTS]), (charlie, made[PROJECTS:]))
        for each in own
    )
    task = uuid7()
    quiet, loud = ([each.pk for each in half] for half in (made[:PROJECTS], made[PROJECTS:]))
    with connection.cursor() as cursor:
        cursor.execute(WRITE_LOG, {"quiet": quiet, "loud": loud, "task": task, "events": EVENTS})
    log.last = EVENTS
    log.end()
    with connection.cursor() as cursor:
        for model in (Event, Membership, Project):
            cursor.execute(f"ANALYZE {model._meta.db_table}")
    return task


def test_it_costs_the_same_however_long_the_log_is(
    long_log: UUID, alice: User, charlie: User, subtests: pytest.Subtests
) -> None:
    mine = Membership.objects.filter(user=alice).values_list("project", flat=True)
    own, quiet = mine.count(), Project.objects.get(name="1").pk
    cases: dict[str, tuple[User, dict[str, Any], int]] = {
        # By the index the first ones of each project, and of all of these a page themselves.
        "few of them are mine": (alice, {}, 4 * own + PAGE),
        "from the middle": (alice, {"after": EVENTS // 2}, 2 * own + PAGE),
        "from the end": (alice, {"after": EVENTS - 5}, 5 * own),
        "nearly all are mine": (charlie, {}, PAGE * own + PAGE),
        "one project": (alice, {"projects": [quiet]}, 4 + 4),
        "a type that never happens": (alice, {"types": ["project.purged"]}, 4 * own + 1000),
    }
    for name, (user, wanted, most) in cases.items():
        with subtests.test(name):
            plan = plan_of(partial(read, user, **wanted))
            assert plan.scans("tasks_event") <= INDEXED, plan
            assert plan.read("tasks_event") <= most, plan
    with subtests.test("changes"):
        plan = plan_of(partial(changes.changes, user=alice.pk, after=1, limit=50))
        assert plan.scans("tasks_event") <= INDEXED, plan
        assert plan.read("tasks_event") <= 4 * own + changes.SCANNED, plan
    with subtests.test("history"):
        wanted = {"user": alice.pk, "source": SOURCE, "task": long_log}
        plan = plan_of(partial(feed.history, **wanted, after=9, limit=50))
        assert "event_by_task" in plan.indexes
        assert plan.read("tasks_event") == PAGE


INDEXED = {"Index Scan", "Index Only Scan", "Bitmap Heap Scan"}


def plan_of(act: Callable[[], object]) -> Plan:
    """Return the plan of the one statement that looks into the log."""
    (plan,) = [plan for plan in plans(act) if plan.on("tasks_event")]
    return plan
