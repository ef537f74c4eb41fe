"""The full-text index behind `q`, on PostgreSQL only: SQLite searches the text as it stands."""

from typing import ClassVar

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

# The very expression that `tasks.querysets.has_words` compiles to.
_CREATE = """
    CREATE INDEX task_text ON tasks_task USING gin (
        to_tsvector('simple'::regconfig, COALESCE(title, '') || ' ' || COALESCE(description, ''))
    )
"""


def create(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(_CREATE)


def drop(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP INDEX task_text")


class Migration(migrations.Migration):
    dependencies: ClassVar = [("tasks", "0001_initial")]
    operations: ClassVar = [migrations.RunPython(create, drop)]
