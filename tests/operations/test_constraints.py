"""The database keeps the rules by itself: every named constraint refuses a row.

Past the operations, as a mistake in a later operation would do it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, models, transaction

from tasks.ids import uuid7
from tasks.models import (
    Comment,
    Cursor,
    Delivery,
    Event,
    IdempotencyKey,
    Label,
    Membership,
    ParkedEvent,
    Project,
    ReceivedEvent,
    Task,
    TaskLabel,
    User,
    Webhook,
)
from tests import factories

NOW = datetime(2026, 7, 1, tzinfo=UTC)
DAY = date(2026, 7, 1)
STAMPS = {"created_at": NOW, "updated_at": NOW}


@dataclass(frozen=True)
class Rows:
    """A row of each kind to break the rules with."""

    user: User
    project: Project
    task: Task
    label: Label
    comment: Comment
    delivery: Delivery
    parked: ParkedEvent


@pytest.fixture
def rows(project: Project, alice: User) -> Rows:
    task = factories.make_task(project, external_id="42")
    label = factories.make_label(project, "heavy")
    factories.put_label(label, [task])
    comment = Comment.objects.create(task=task, body="?", **STAMPS)
    webhook = Webhook.objects.create(owner=alice, url="https://example.org/", **STAMPS)
    event = Event.objects.create(type="webhook.ping", subject=webhook.pk, occurred_at=NOW)
    delivery = Delivery.objects.create(
        webhook=webhook, event=event, next_try_at=NOW, created_at=NOW
    )
    cursor = Cursor.objects.create(name="rabbitmq")
    parked = ParkedEvent.objects.create(cursor=cursor, event=event, tries=5, parked_at=NOW)
    return Rows(alice, project, task, label, comment, delivery, parked)


def changed(model: type[models.Model], **columns: Any) -> Callable[[Rows], object]:
    """Write columns of every row of a table."""
    return lambda rows: model._default_manager.update(**columns)


def made(model: type[models.Model], build: Callable[[Rows], dict[str, Any]]) -> Any:
    """Insert a row."""
    return lambda rows: model._default_manager.bulk_create([model(**build(rows))])


# By constraint: what it must refuse.
BREACHES: dict[str, list[Callable[[Rows], object]]] = {
    "project_name_not_blank": [changed(Project, name="")],
    "project_version_counts": [changed(Project, version=0)],
    "project_inbox_stays": [
        lambda rows: Project.objects.update(inbox_of=rows.user, deleted_at=NOW)
    ],
    "membership_once": [
        made(
            Membership,
            lambda rows: {"project": rows.project, "user": rows.user, "role": "viewer", **STAMPS},
        )
    ],
    "membership_role_known": [changed(Membership, role="owner"), changed(Membership, role="")],
    "membership_version_counts": [changed(Membership, version=0)],
    "label_once": [
        made(
            Label,
            lambda rows: {
                "project": rows.project,
                "name": "HEAVY",
                "name_key": "heavy",
                **STAMPS,
            },
        )
    ],
    "label_name_not_blank": [changed(Label, name="")],
    "label_version_counts": [changed(Label, version=0)],
    "task_external_id": [
        lambda rows: Task.objects.bulk_create([factories.task(rows.project, external_id="42")])
    ],
    "task_position_once": [
        lambda rows: Task.objects.bulk_create(
            [factories.task(rows.project, position=rows.task.position)]
        )
    ],
    "task_title_not_blank": [changed(Task, title="")],
    "task_status_known": [
        changed(Task, status="open", completed_at=NOW),
        changed(Task, status="", completed_at=NOW),
    ],
    "task_priority_range": [changed(Task, priority=5)],
    "task_depth_range": [changed(Task, depth=5)],
    "task_starts_before_due": [
        changed(Task, start_date=date(2026, 7, 2), due_date=DAY, due_at=NOW)
    ],
    "task_time_needs_date": [changed(Task, due_time=time(9))],
    "task_due_at_follows_date": [changed(Task, due_date=DAY), changed(Task, due_at=NOW)],
    "task_closed_has_instant": [
        changed(Task, status="done"),
        changed(Task, status="cancelled"),
        changed(Task, completed_at=NOW),
    ],
    "task_trash_knows_root": [changed(Task, deleted_at=NOW), changed(Task, trashed_with=uuid7())],
    "task_version_counts": [changed(Task, version=0)],
    "task_label_once": [
        made(TaskLabel, lambda rows: {"task": rows.task, "label": rows.label}),
    ],
    "idempotency_key_once": [
        lambda rows: IdempotencyKey.objects.bulk_create(
            IdempotencyKey(user=rows.user, key="a", fingerprint=text, status=200, created_at=NOW)
            for text in "xy"
        )
    ],
    "event_sequence_once": [
        lambda rows: Event.objects.bulk_create(
            Event(type="task.created", subject=uuid7(), sequence=1, occurred_at=NOW)
            for _ in range(2)
        )
    ],
    "parked_event_once": [
        made(
            ParkedEvent,
            lambda rows: {
                "cursor": rows.parked.cursor,
                "event": rows.parked.event,
                "tries": 5,
                "parked_at": NOW,
            },
        )
    ],
    "received_event_once": [
        lambda rows: ReceivedEvent.objects.bulk_create(
            ReceivedEvent(source="/identity", event_id="a") for _ in range(2)
        )
    ],
    "webhook_url_not_blank": [changed(Webhook, url="")],
    "webhook_disabled_has_reason": [
        changed(Webhook, disabled_at=NOW),
        changed(Webhook, disabled_because="owner"),
    ],
    "webhook_failing_since_first": [
        changed(Webhook, failures=1),
        changed(Webhook, failing_since=NOW),
    ],
    "webhook_version_counts": [changed(Webhook, version=0)],
    "delivery_once": [
        made(
            Delivery,
            lambda rows: {
                "webhook": rows.delivery.webhook,
                "event": rows.delivery.event,
                "next_try_at": NOW,
                "created_at": NOW,
            },
        )
    ],
    "delivery_pending_has_next_try": [
        changed(Delivery, next_try_at=None),
        changed(Delivery, ended_at=NOW),
        changed(Delivery, state="delivered"),
        changed(Delivery, state="delivered", next_try_at=None),
    ],
    "comment_body_not_blank": [changed(Comment, body="")],
    "comment_version_counts": [changed(Comment, version=0)],
}
CASES = [
    pytest.param(name, breach, id=f"{name}-{index}")
    for name, breaches in BREACHES.items()
    for index, breach in enumerate(breaches)
]


def named_constraints() -> dict[str, models.BaseConstraint]:
    return {
        constraint.name: constraint
        for model in apps.get_app_config("tasks").get_models()
        for constraint in model._meta.constraints
    }


def test_it_has_a_breach_for_every_constraint() -> None:
    assert set(named_constraints()) == set(BREACHES)


@pytest.mark.parametrize(("name", "breach"), CASES)
def test_it_refuses(name: str, breach: Callable[[Rows], object], rows: Rows) -> None:
    before = factories.everything()

    with pytest.raises(IntegrityError) as caught, transaction.atomic():
        breach(rows)

    assert _names(name, caught.value)
    assert factories.everything() == before


def _names(name: str, error: IntegrityError) -> bool:
    """Tell whether the database says that it was this constraint; SQLite names the columns."""
    if connection.vendor == "postgresql":
        return bool(error.__cause__.diag.constraint_name == name)  # type: ignore[union-attr]
    constraint = named_constraints()[name]
    if isinstance(constraint, models.UniqueConstraint):
        return all(f".{field}" in str(error) for field in constraint.fields)
    return name in str(error)


@pytest.mark.parametrize(
    "columns",
    [
        {"priority": 4},
        {"depth": 4},
        {"start_date": DAY, "due_date": DAY, "due_at": NOW, "due_time": time(9)},
        {"status": "cancelled", "completed_at": NOW},
        {"deleted_at": NOW, "trashed_with": uuid7()},
    ],
)
def test_it_takes_what_is_right(columns: dict[str, Any], rows: Rows) -> None:
    assert Task.objects.update(**columns) == 1


def test_it_keeps_negative_numbers_out(rows: Rows) -> None:
    for model, column in ((Task, "priority"), (Task, "depth"), (Task, "version")):
        with pytest.raises(IntegrityError), transaction.atomic():
            model.objects.update(**{column: -1})
