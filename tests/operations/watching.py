"""What an operation did to the database: which statements, which rows."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import orjson
import pytest
from django.db import connection

from tasks.errors import DomainError
from tasks.models import Comment, Event, Label, Membership, Project, Task
from tasks.operations.recording import look
from tests.factories import everything

WRITES = ("INSERT", "UPDATE", "DELETE")


@contextmanager
def statements() -> Iterator[list[str]]:
    """Collect the SQL that runs inside, without the words of transactions."""
    collected: list[str] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if not sql.startswith(("SAVEPOINT", "RELEASE", "ROLLBACK", "BEGIN", "COMMIT")):
            collected.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        yield collected


def kinds(collected: list[str]) -> list[str]:
    """Return the first word of each statement."""
    return [sql.split(maxsplit=1)[0] for sql in collected]


@contextmanager
def nothing_written() -> Iterator[None]:
    """Fail if a row differs afterwards, or if a statement even tried."""
    before = everything()
    with statements() as ran:
        yield
    assert [sql for sql in ran if sql.startswith(WRITES)] == []
    assert everything() == before


@contextmanager
def refused(error: type[DomainError], *places: str) -> Iterator[pytest.ExceptionInfo[DomainError]]:
    """Expect this very error, about these fields in turn, and that no row is another one.

    A write may have been tried and rolled back: a unique constraint is asked by writing.
    """
    before = everything()
    with pytest.raises(error) as caught:
        yield caught
    assert type(caught.value) is error
    assert tuple(f"{one.field}:{one.code}" for one in caught.value.errors) == places
    assert everything() == before


def said(caught: pytest.ExceptionInfo[DomainError]) -> tuple[object, ...]:
    """Return all that a refusal tells: two of these that are equal tell no difference."""
    error = caught.value
    return (type(error), str(error), error.code, error.detail, error.errors)


def versioned() -> dict[tuple[str, ...], tuple[int, Any]]:
    """Return what has a version, by its kind, project and id, with the version and the row."""
    kinds_of = {"task": Task, "project": Project, "label": Label, "comment": Comment}
    found: dict[tuple[str, ...], tuple[int, Any]] = {
        (kind, str(row.pk)): (row.version, row)
        for kind, model in kinds_of.items()
        for row in model.objects.all()  # type: ignore[attr-defined]
    }
    for row in Membership.objects.select_related("user"):
        found["member", str(row.project_id), str(row.user_id)] = (row.version, row)
    return found


@contextmanager
def told() -> Iterator[None]:
    """Fail unless something changed, and the log tells of each changed object, as it is now.

    What went with a task or project that was deleted for good is told with that.
    """
    before, last = versioned(), Event.objects.count()
    yield
    after, events = versioned(), {}
    for event in Event.objects.order_by("number")[last:]:
        data = orjson.loads(event.data)
        kind, subject = event.type.partition(".")[0], str(event.subject)
        key = (kind, data["project"], subject) if kind == "member" else (kind, subject)
        events[key] = (event.type, data)
    changed = {
        key
        for key in before.keys() | after.keys()
        if before.get(key, (0,))[0] != after.get(key, (0,))[0]
    }
    assert changed
    purged = any(kind.endswith(".purged") for kind, _ in events.values())
    assert changed - events.keys() <= (changed - after.keys() if purged else set())
    assert events.keys() <= changed
    for key in events.keys() & after.keys():
        assert events[key][1]["object"] == as_json(after[key][1])


def as_json(row: Any) -> Any:
    if isinstance(row, Task):
        row = Task.objects.with_row_columns().get(pk=row.pk)
        row.metadata_text = row.metadata
    return orjson.loads(orjson.dumps(look(row), option=orjson.OPT_UTC_Z))
