"""The task: what this service is for."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from tasks.ids import uuid7
from tasks.lifecycle import OPEN, Status
from tasks.models.fields import KeyField
from tasks.models.label import Label
from tasks.models.project import Project
from tasks.querysets import TaskQuerySet

MAX_DEPTH = 4  # levels below a root
MAX_LABELS = 20  # on one task
_LIVE = Q(deleted_at=None)
_UNDONE = _LIVE & ~Q(status=Status.DONE.value)


class Task(models.Model):
    """One thing to do. Written only by `tasks.operations`; see CONTRACT §3 for each field."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    project = models.ForeignKey(
        Project, on_delete=models.CASCADE, related_name="tasks", db_index=False
    )
    parent = models.ForeignKey(
        "self", on_delete=models.CASCADE, null=True, blank=True, related_name="children"
    )
    depth = models.PositiveSmallIntegerField(default=0, editable=False)
    title = models.CharField(max_length=500)
    description = models.TextField(blank=True, max_length=65536)
    status = models.CharField(
        max_length=11, choices=[(status.value, status.value) for status in Status], default="todo"
    )
    priority = models.PositiveSmallIntegerField(default=0, help_text="0 none … 4 urgent")
    start_date = models.DateField(null=True, blank=True)
    due_date = models.DateField(null=True, blank=True)
    due_time = models.TimeField(null=True, blank=True)
    timezone = models.CharField(max_length=64, default="UTC")
    due_at = models.DateTimeField(null=True, blank=True, editable=False)
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="assigned_tasks",
        db_index=False,
    )
    labels = models.ManyToManyField(Label, through="TaskLabel", related_name="tasks")
    external_id = models.CharField(max_length=255, null=True, blank=True)  # noqa: DJ001
    metadata = models.JSONField(default=dict, blank=True)
    position = KeyField(max_length=64, editable=False)
    version = models.PositiveIntegerField(default=1, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        related_name="created_tasks",
        db_index=False,
    )
    created_at = models.DateTimeField(editable=False)
    updated_at = models.DateTimeField(editable=False)
    completed_at = models.DateTimeField(null=True, blank=True, editable=False)
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)
    trashed_with = models.UUIDField(
        null=True,
        blank=True,
        editable=False,
        help_text="The task whose deletion took this one along; restoring that one brings it back.",
    )

    objects = TaskQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            # Partial not for the NULLs' sake, which are never equal: PostgreSQL counts the columns
            # of a full unique index to the row's key, and changing one would wait for whoever has
            # just written a subtask or a comment, and they for it.
            models.UniqueConstraint(
                fields=["project", "external_id"],
                name="task_external_id",
                condition=Q(external_id__isnull=False),
            ),
            # Partial for the same reason: every key meets the condition.
            models.UniqueConstraint(
                fields=["project", "position"],
                name="task_position_once",
                condition=~Q(position=""),
            ),
            models.CheckConstraint(condition=~Q(title=""), name="task_title_not_blank"),
            models.CheckConstraint(
                condition=Q(status__in=[status.value for status in Status]),
                name="task_status_known",
            ),
            models.CheckConstraint(condition=Q(priority__lte=4), name="task_priority_range"),
            models.CheckConstraint(condition=Q(depth__lte=MAX_DEPTH), name="task_depth_range"),
            models.CheckConstraint(
                condition=Q(start_date=None) | Q(due_date=None) | Q(start_date__lte=F("due_date")),
                name="task_starts_before_due",
            ),
            models.CheckConstraint(
                condition=Q(due_time=None) | Q(due_date__isnull=False), name="task_time_needs_date"
            ),
            models.CheckConstraint(
                condition=Q(due_date__isnull=True, due_at__isnull=True)
                | Q(due_date__isnull=False, due_at__isnull=False),
                name="task_due_at_follows_date",
            ),
            models.CheckConstraint(
                condition=Q(status__in=sorted(OPEN), completed_at__isnull=True)
                | (~Q(status__in=sorted(OPEN)) & Q(completed_at__isnull=False)),
                name="task_closed_has_instant",
            ),
            models.CheckConstraint(
                condition=Q(deleted_at__isnull=True, trashed_with__isnull=True)
                | Q(deleted_at__isnull=False, trashed_with__isnull=False),
                name="task_trash_knows_root",
            ),
            models.CheckConstraint(condition=Q(version__gte=1), name="task_version_counts"),
        ]
        # One index for each `ordering` inside a project; the trash is not in them. Foreign keys
        # that lead an index anyway have none of their own (`db_index=False`), here and elsewhere.
        indexes: ClassVar = [
            models.Index(
                fields=["project", "position", "id"], name="task_by_position", condition=_LIVE
            ),
            models.Index(fields=["project", "due_at", "id"], name="task_by_due", condition=_LIVE),
            models.Index(
                fields=["project", "priority", "id"], name="task_by_priority", condition=_LIVE
            ),
            models.Index(
                fields=["project", "created_at", "id"], name="task_by_created", condition=_LIVE
            ),
            models.Index(
                fields=["project", "updated_at", "id"], name="task_by_updated", condition=_LIVE
            ),
            models.Index(
                fields=["project", "completed_at", "id"], name="task_by_completed", condition=_LIVE
            ),
            models.Index(fields=["project", "title", "id"], name="task_by_title", condition=_LIVE),
            # What is not done, a small part of an old project, and most of what people look at:
            # for `open`, `overdue`, `completed=false` and each status but `done`.
            models.Index(
                fields=["project", "position", "id"],
                name="task_undone_by_position",
                condition=_UNDONE,
            ),
            models.Index(
                fields=["project", "due_at", "id"], name="task_undone_by_due", condition=_UNDONE
            ),
            # For the foreign keys, too.
            models.Index(
                fields=["assignee", "project"],
                name="task_by_assignee",
                condition=Q(assignee__isnull=False),
            ),
            models.Index(
                fields=["created_by", "project"],
                name="task_by_creator",
                condition=Q(created_by__isnull=False),
            ),
            models.Index(
                fields=["project", "trashed_with"],
                name="task_trashed_with",
                condition=Q(deleted_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.title


class TaskLabel(models.Model):
    """That a task carries a label."""

    id = models.BigAutoField(primary_key=True)
    task = models.ForeignKey(
        Task, on_delete=models.CASCADE, related_name="task_labels", db_index=False
    )
    label = models.ForeignKey(Label, on_delete=models.CASCADE, related_name="task_labels")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["task", "label"], name="task_label_once"),
        ]

    def __str__(self) -> str:
        return f"{self.task_id} {self.label_id}"
