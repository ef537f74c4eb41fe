"""Endpoints and deliveries: looked at when events do not arrive, and set going again.

No secret is here, not even encrypted: nobody signs by hand.
"""

from collections.abc import Sequence
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from tasks.admin.operating import OperatingAdmin, actor
from tasks.admin.trash import EVERYWHERE
from tasks.models import Attempt, Delivery, Webhook
from tasks.webhooks.operations import delete_webhook, redeliver, update_webhook

_SECRET = ("secret", "old_secret", "webhook__secret", "webhook__old_secret")


class EnabledFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "is"

    def lookups(
        self, request: HttpRequest, model_admin: admin.ModelAdmin
    ) -> Sequence[tuple[str, str]]:
        return [
            ("healthy", "Enabled, healthy"),
            ("failing", "Enabled, failing"),
            ("disabled", "Disabled"),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "disabled":
            return queryset.filter(disabled_at__isnull=False)
        if self.value() in {"healthy", "failing"}:
            failing = self.value() == "failing"
            return queryset.filter(disabled_at=None, failing_since__isnull=not failing)
        return queryset


class _ReadOnlyAdmin(OperatingAdmin):
    """Nothing is changed but by actions."""

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Refuse to filter by what is not shown: one guess at a time would read it."""
        return not lookup.startswith(_SECRET) and super().lookup_allowed(lookup, value, request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Webhook)
class WebhookAdmin(_ReadOnlyAdmin):
    """One that was disabled can be enabled; what it missed until then is not sent."""

    list_display = ("url", "owner", "is_enabled", "disabled_because", "failing_since", "created_at")
    list_select_related = ("owner",)
    list_filter = (EnabledFilter, "disabled_because")
    date_hierarchy = "created_at"
    search_fields = ("url", "description", "owner__username", "id__exact")
    search_help_text = "Address, description, owner or the whole id"
    actions = ("enable", "delete_selected")
    fields: ClassVar = (
        "url",
        "description",
        ("owner", "project"),
        "types",
        ("is_enabled", "disabled_at", "disabled_because"),
        ("failures", "failing_since", "open_until"),
        "old_secret_until",
        ("id", "version"),
        ("created_at", "updated_at"),
    )
    readonly_fields: ClassVar = (
        *("url", "description", "owner", "project", "types"),
        *("is_enabled", "disabled_at", "disabled_because"),
        *("failures", "failing_since", "open_until", "old_secret_until"),
        *("id", "version", "created_at", "updated_at"),
    )

    @admin.display(boolean=True, description="enabled", ordering="disabled_at")
    def is_enabled(self, webhook: Webhook) -> bool:
        return webhook.disabled_at is None

    def remove(self, request: HttpRequest, obj: Webhook) -> None:
        delete_webhook(actor=actor(request), webhook_id=obj.pk)

    def has_enable_permission(self, request: HttpRequest) -> bool:
        """Whoever may change endpoints may do to them the one thing that can be done."""
        return request.user.has_perm("tasks.change_webhook")

    @admin.action(
        permissions=["enable"],
        location=EVERYWHERE,
        description="Enable this webhook",
        description_plural="Enable selected webhooks",
    )
    def enable(self, request: HttpRequest, queryset: QuerySet[Webhook]) -> None:
        """Let events be sent again, and forget the failures."""
        self.each(request, queryset, lambda row: self._enable(request, row), "enabled")

    def _enable(self, request: HttpRequest, webhook: Webhook) -> None:
        update_webhook(
            actor=actor(request),
            now=timezone.now(),
            webhook_id=webhook.pk,
            fields={"enabled": True},
        )


class AttemptInline(admin.TabularInline):
    """Each request of the delivery, and what came back."""

    model = Attempt
    fields = ("at", "duration_ms", "status", "error", "answer")
    readonly_fields: ClassVar = fields
    ordering = ("id",)
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whoever may see a delivery may see its attempts."""
        return request.user.has_perm("tasks.view_delivery")


@admin.register(Delivery)
class DeliveryAdmin(_ReadOnlyAdmin):
    """What was sent where, when it was tried, and what the endpoint said."""

    list_display = ("type", "webhook", "state", "tries", "next_try_at", "created_at", "ended_at")
    list_select_related = ("webhook", "event")
    list_filter = ("state",)
    search_fields = ("id__exact", "webhook__id__exact", "event__uid__exact", "webhook__url")
    search_help_text = "The whole id of the delivery, its webhook or its event, or the address"
    actions = ("redeliver",)
    inlines = (AttemptInline,)
    fields: ClassVar = (
        ("type", "event_id_outside"),
        "webhook",
        ("state", "tries", "next_try_at"),
        ("id", "created_at", "ended_at"),
    )
    readonly_fields: ClassVar = (
        *("type", "event_id_outside", "webhook", "state", "tries", "next_try_at"),
        *("id", "created_at", "ended_at"),
    )

    @admin.display(description="type", ordering="event__type")
    def type(self, delivery: Delivery) -> str:
        return delivery.event.type

    @admin.display(description="event")
    def event_id_outside(self, delivery: Delivery) -> str:
        return str(delivery.event.uid)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_redeliver_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("tasks.change_delivery")

    @admin.action(
        permissions=["redeliver"],
        location=EVERYWHERE,
        description="Send this delivery once more",
        description_plural="Send selected deliveries once more",
    )
    def redeliver(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        """Let them be due now, as if they had never been tried."""
        now = timezone.now()
        self.each(
            request,
            queryset,
            lambda row: redeliver(actor=actor(request), now=now, delivery_id=row.pk),
            "queued",
        )
