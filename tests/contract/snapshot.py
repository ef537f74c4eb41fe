"""All rows of all tables, to prove that a refused request wrote nothing; and how to undo one."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.apps import apps
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models import Model


def snapshot() -> dict[str, list[tuple[Any, ...]]]:
    """Return the rows of every table of the app, in the order of their keys."""
    with connection.cursor() as cursor:
        return {
            model.__name__: _rows(cursor, model)
            for model in apps.get_app_config("tasks").get_models()
        }


def _rows(cursor: CursorWrapper, model: type[Model]) -> list[tuple[Any, ...]]:
    # By hand: it happens thousands of times, and most of it would be making the same statement.
    keys = ", ".join(str(field.column) for field in model._meta.pk_fields)
    cursor.execute(f"SELECT * FROM {model._meta.db_table} ORDER BY {keys}")
    return list(cursor.fetchall())


@contextmanager
def nothing_written() -> Iterator[None]:
    before = snapshot()
    yield
    assert snapshot() == before


@contextmanager
def undone() -> Iterator[None]:
    """Whatever is written in here is gone afterwards; for tests, in a transaction anyway."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)
