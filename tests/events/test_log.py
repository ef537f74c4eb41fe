"""`record_event`: part of the change, or nothing."""

from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
import pytest
from django.db import transaction

from tasks import context
from tasks.events.log import differences, record_event
from tasks.ids import uuid7
from tasks.models import Event

SUBJECT, PROJECT, ACTOR = (uuid7() for _ in range(3))


def record(now: datetime, **given: Any) -> Event:
    fields: dict[str, Any] = {
        "type": "task.updated",
        "subject": SUBJECT,
        "project": PROJECT,
        "shown": {"title": "Pack"},
        "changes": {"title": ("Peck", "Pack")},
        "actor": ACTOR,
        **given,
    }
    return record_event(fields.pop("type"), now=now, **fields)


@pytest.mark.django_db
def test_it_writes_everything_there_is_to_tell(now: datetime) -> None:
    request = context.request_id.set("request-1")
    span = context.traceparent.set("00-" + "a" * 32 + "-" + "b" * 16 + "-01")
    try:
        record(now, task=SUBJECT)
    finally:
        context.request_id.reset(request)
        context.traceparent.reset(span)

    event = Event.objects.get()
    assert orjson.loads(event.data) == {
        "object": {"title": "Pack"},
        "changes": {"title": ["Peck", "Pack"]},
        "actor": str(ACTOR),
        "request_id": "request-1",
        "project": str(PROJECT),
    }
    assert event.traceparent == "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
    assert (event.subject, event.project, event.task) == (SUBJECT, PROJECT, SUBJECT)
    assert (event.occurred_at, event.sequence) == (now, None)


@pytest.mark.django_db(transaction=True)
def test_it_refuses_to_run_outside_a_transaction(now: datetime) -> None:
    with pytest.raises(RuntimeError, match="in the transaction of its change"):
        record(now)

    assert not Event.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_it_is_gone_with_a_rollback(now: datetime) -> None:
    with transaction.atomic():
        record(now)
        transaction.set_rollback(True)

    assert not Event.objects.exists()


@pytest.mark.django_db
def test_it_refuses_a_type_that_nobody_was_told_of(now: datetime) -> None:
    with pytest.raises(ValueError, match=r"task\.exploded is not in the catalogue"):
        record(now, type="task.exploded")


@pytest.mark.once
def test_it_names_what_differs_and_not_what_always_does() -> None:
    before = {"a": 1, "b": [1], "version": 1, "updated_at": UUID(int=1)}
    after = {"a": 2, "b": [1], "version": 2, "updated_at": UUID(int=2)}

    assert differences(before, after) == {"a": (1, 2)}
