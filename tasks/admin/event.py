"""The event log, to be looked at; and what the broker would not have, to be tried once more."""

from collections.abc import Sequence
from typing import Any, ClassVar

import orjson
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html

from tasks.admin.operating import OperatingAdmin
from tasks.admin.trash import EVERYWHERE
from tasks.events import parked
from tasks.models import Event, ParkedEvent


class _ReadOnly(OperatingAdmin):
    """What nobody changes or deletes by hand."""

    actions: Sequence[Any] = ()

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def indented(data: str) -> str:
    """Return an event's data for eyes."""
    text = orjson.dumps(orjson.loads(data), option=orjson.OPT_INDENT_2).decode()
    return format_html("<pre>{}</pre>", text)


@admin.register(Event)
class EventAdmin(_ReadOnly):
    """What has its place in the log. Searched by whole ids, since it has indexes for these only."""

    list_display = ("sequence", "type", "subject", "occurred_at")
    ordering = ("-sequence",)
    search_fields = (
        "number__exact",
        *("uid__exact", "task__exact", "project__exact", "user__exact"),
    )
    search_help_text = "The whole id of an event, a task, a project or a user"
    fields = (
        ("uid", "sequence"),
        ("type", "subject", "occurred_at"),
        ("project", "left_project", "task", "user"),
        "traceparent",
        "shown_data",
    )
    readonly_fields: ClassVar = ("shown_data",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Event]:
        return Event.objects.sequenced()

    @admin.display(description="data")
    def shown_data(self, event: Event) -> str:
        return indented(event.data)


@admin.register(ParkedEvent)
class ParkedEventAdmin(_ReadOnly):
    """Released once the reason is mended: a limit of the broker, most likely."""

    list_display = ("event", "cursor", "tries", "error", "parked_at")
    list_select_related = ("event", "cursor")
    list_filter = ("cursor",)
    search_fields = ("id__exact", "event__uid__exact")
    search_help_text = "The whole id of an event"
    actions = ("release",)
    fields = ("cursor", "event", "tries", "error", "parked_at", "shown_data")
    readonly_fields: ClassVar = ("shown_data",)

    @admin.display(description="data")
    def shown_data(self, one: ParkedEvent) -> str:
        return indented(one.event.data)

    def has_release_permission(self, request: HttpRequest) -> bool:
        """Whoever may change parked events may do to them the one thing that can be done."""
        return request.user.has_perm("tasks.change_parkedevent")

    @admin.action(
        permissions=["release"],
        location=EVERYWHERE,
        description="Try this event again",
        description_plural="Try selected events again",
    )
    def release(self, request: HttpRequest, queryset: QuerySet[ParkedEvent]) -> None:
        """Have the reader handle them once more; what is refused again is parked again."""
        self.each(
            request,
            queryset,
            lambda one: parked.release(ParkedEvent.objects.filter(pk=one.pk)),
            "released",
        )
