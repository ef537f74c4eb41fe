"""Where events are posted to, and what became of each.

An endpoint, a delivery (one event for one endpoint) and an attempt (one request) are three things:
a delivery that is tried ten times is one line for its owner, and each try can be looked at.
"""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from tasks.ids import uuid7
from tasks.models.event import Event
from tasks.models.project import Project
from tasks.querysets import DeliveryQuerySet, WebhookQuerySet


class Webhook(models.Model):
    """An endpoint of a user, who gets the events that they may see.

    The circuit breaker is three columns: so all workers share it, and a restart forgets nothing.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="webhooks"
    )
    project = models.ForeignKey(
        Project,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="webhooks",
        help_text="Only its events; empty for all that the owner sees.",
    )
    url = models.CharField(max_length=2048)
    description = models.CharField(max_length=200, blank=True)
    types = models.JSONField(
        default=list, blank=True, help_text="Types of events like task.* ; none for all."
    )
    secret = models.TextField(editable=False, help_text="Encrypted.")
    old_secret = models.TextField(
        blank=True, editable=False, help_text="Encrypted; signs too until `old_secret_until`."
    )
    old_secret_until = models.DateTimeField(null=True, editable=False)
    disabled_at = models.DateTimeField(null=True, blank=True, editable=False)
    disabled_because = models.CharField(
        max_length=10,
        blank=True,
        editable=False,
        choices=[(reason, reason) for reason in ("owner", "gone", "failing")],
    )
    # The breaker. `failing_since` begins with the first failure after a success.
    failures = models.PositiveIntegerField(default=0, editable=False)
    failing_since = models.DateTimeField(null=True, editable=False)
    open_until = models.DateTimeField(
        null=True, editable=False, help_text="Nothing is sent before; then one probe."
    )
    version = models.PositiveIntegerField(default=1, editable=False)
    created_at = models.DateTimeField(editable=False)
    updated_at = models.DateTimeField(editable=False)

    objects = WebhookQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=~Q(url=""), name="webhook_url_not_blank"),
            models.CheckConstraint(
                condition=Q(disabled_at=None, disabled_because="")
                | (Q(disabled_at__isnull=False) & ~Q(disabled_because="")),
                name="webhook_disabled_has_reason",
            ),
            models.CheckConstraint(
                condition=Q(failures=0, failing_since=None)
                | Q(failures__gt=0, failing_since__isnull=False),
                name="webhook_failing_since_first",
            ),
            models.CheckConstraint(condition=Q(version__gte=1), name="webhook_version_counts"),
        ]

    def __str__(self) -> str:
        return self.url


class Delivery(models.Model):
    """One event for one endpoint."""

    class State(models.TextChoices):
        """What has become of it.

        Withheld: the owner may not see the event any more, or the endpoint is disabled.
        """

        PENDING = "pending", "pending"
        DELIVERED = "delivered", "delivered"
        EXHAUSTED = "exhausted", "exhausted"
        WITHHELD = "withheld", "withheld"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    webhook = models.ForeignKey(
        Webhook, on_delete=models.CASCADE, related_name="deliveries", db_index=False
    )
    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="deliveries")
    state = models.CharField(max_length=10, choices=State.choices, default=State.PENDING)
    tries = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField(null=True)
    leased_until = models.DateTimeField(null=True, editable=False)
    holder = models.UUIDField(null=True, editable=False)
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "deliveries"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["event", "webhook"], name="delivery_once"),
            models.CheckConstraint(
                condition=Q(state="pending", next_try_at__isnull=False, ended_at=None)
                | (~Q(state="pending") & Q(next_try_at=None, ended_at__isnull=False)),
                name="delivery_pending_has_next_try",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["webhook", "next_try_at"],
                name="delivery_pending",
                condition=Q(state="pending"),
            ),
            models.Index(fields=["webhook", "created_at", "id"], name="delivery_by_webhook"),
            models.Index(
                fields=["ended_at"], name="delivery_ended", condition=Q(ended_at__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event_id} to {self.webhook_id}"


class Attempt(models.Model):
    """One request of a delivery, and what came back."""

    id = models.BigAutoField(primary_key=True)
    delivery = models.ForeignKey(
        Delivery, on_delete=models.CASCADE, related_name="attempts", db_index=False
    )
    at = models.DateTimeField()
    duration_ms = models.PositiveIntegerField()
    status = models.PositiveSmallIntegerField(null=True, help_text="None: there was no answer.")
    error = models.CharField(max_length=40, blank=True, help_text="A word for what went wrong.")
    answer = models.CharField(max_length=1024, blank=True, help_text="The answer's first 1 KiB.")

    class Meta:
        # With the id in it, or the planner looks for the last attempt from the table's end.
        indexes: ClassVar = [models.Index(fields=["delivery", "id"], name="attempt_by_delivery")]

    def __str__(self) -> str:
        return f"{self.status or self.error} at {self.at}"
