"""The room that tasks live in, and who may enter it."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from tasks.ids import uuid7
from tasks.policies import Role
from tasks.querysets import MembershipQuerySet, ProjectQuerySet


class Project(models.Model):
    """A list of tasks, shared by its members. Each user has one inbox, made on first use.

    Attributes:
        role: that of the user for whom it was read, see `ProjectQuerySet.visible_to`.
    """

    role: str = ""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=200)
    description = models.TextField(blank=True, max_length=65536)
    inbox_of = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="inbox",
        help_text="The user whose inbox this is; empty for every other project.",
    )
    version = models.PositiveIntegerField(default=1, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(editable=False)
    updated_at = models.DateTimeField(editable=False)
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = ProjectQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=~Q(name=""), name="project_name_not_blank"),
            models.CheckConstraint(condition=Q(version__gte=1), name="project_version_counts"),
            models.CheckConstraint(
                condition=Q(inbox_of=None) | Q(deleted_at=None), name="project_inbox_stays"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """A user's role in a project: the only thing that makes the project visible to them."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="memberships",
        db_index=False,
    )
    role = models.CharField(max_length=10, choices=[(role.value, role.value) for role in Role])
    version = models.PositiveIntegerField(default=1, editable=False)
    created_at = models.DateTimeField(editable=False)
    updated_at = models.DateTimeField(editable=False)

    objects = MembershipQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            # The order serves "what may this user see", asked by nearly every query.
            models.UniqueConstraint(fields=["user", "project"], name="membership_once"),
            models.CheckConstraint(condition=Q(role__in=list(Role)), name="membership_role_known"),
            models.CheckConstraint(condition=Q(version__gte=1), name="membership_version_counts"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} as {self.role}"
