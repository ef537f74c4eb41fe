"""A word that groups tasks inside one project."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from tasks.ids import uuid7
from tasks.models.project import Project
from tasks.querysets import LabelQuerySet


class Label(models.Model):
    """Made on first use; unique in its project without regard to case (`name_key`)."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    project = models.ForeignKey(
        Project, on_delete=models.CASCADE, related_name="labels", db_index=False
    )
    name = models.CharField(max_length=50)
    # Compatibility decomposition makes up to 18 characters of one (U+FDFA).
    name_key = models.CharField(max_length=50 * 18, editable=False)
    version = models.PositiveIntegerField(default=1, editable=False)
    created_at = models.DateTimeField(editable=False)
    updated_at = models.DateTimeField(editable=False)

    objects = LabelQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["project", "name_key"], name="label_once"),
            models.CheckConstraint(condition=~Q(name=""), name="label_name_not_blank"),
            models.CheckConstraint(condition=Q(version__gte=1), name="label_version_counts"),
        ]

    def __str__(self) -> str:
        return self.name
