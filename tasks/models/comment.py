"""What members say about a task."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from tasks.ids import uuid7
from tasks.models.task import Task
from tasks.querysets import CommentQuerySet


class Comment(models.Model):
    """Markdown source, changed by its author only."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    task = models.ForeignKey(
        Task, on_delete=models.CASCADE, related_name="comments", db_index=False
    )
    body = models.TextField(max_length=65536)
    version = models.PositiveIntegerField(default=1, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(editable=False)
    updated_at = models.DateTimeField(editable=False)

    objects = CommentQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=~Q(body=""), name="comment_body_not_blank"),
            models.CheckConstraint(condition=Q(version__gte=1), name="comment_version_counts"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["task", "created_at", "id"], name="comment_by_task"),
        ]

    def __str__(self) -> str:
        return self.body[:60]
