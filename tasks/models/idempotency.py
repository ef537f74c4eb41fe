"""What was answered to a request that a client may send again."""

from typing import ClassVar

from django.conf import settings
from django.db import models

from tasks.ids import uuid7


class IdempotencyKey(models.Model):
    """A success and the key that the client gave its request; kept for a day.

    The row is written in the transaction of the change itself, so there is never one without the
    other. Its absence means: not done, or not yet.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64, help_text="A digest of what was asked.")
    status = models.PositiveSmallIntegerField()
    headers = models.JSONField(default=dict)
    body = models.TextField(blank=True, help_text="JSON, as it was answered; empty for none.")
    grants = models.JSONField(
        default=list, help_text="Pairs of project and action: what a replay must still be allowed."
    )
    created_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "key"], name="idempotency_key_once"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["created_at"], name="idempotency_key_created_at"),
        ]

    def __str__(self) -> str:
        return self.key
