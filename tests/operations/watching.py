"""What an operation did to the database: which statements, which rows."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection

from tasks.errors import DomainError
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
