"""A text column that both databases order byte by byte."""

from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper


class KeyField(models.CharField):
    """Order keys are compared as bytes, whatever language the database was made for.

    PostgreSQL's default collation may be a human one; SQLite compares bytes already and does not
    know the name "C", so the collation cannot simply be a `db_collation` of the model.
    """

    def db_parameters(self, connection: BaseDatabaseWrapper) -> dict[str, Any]:
        parameters = super().db_parameters(connection)
        if connection.vendor == "postgresql":
            parameters["collation"] = "C"
        return parameters
