"""The trash, for the models that have one: deleting moves there, and restoring brings back."""

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.contrib.admin import ActionLocation, ModelAdmin, SimpleListFilter, action, display
from django.contrib.admin.models import LogEntry
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.text import capfirst

from tasks.admin.operating import OperatingAdmin

EVERYWHERE = (ActionLocation.CHANGE_LIST, ActionLocation.CHANGE_FORM)


class TrashFilter(SimpleListFilter):
    title = "trash"
    parameter_name = "trashed"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin) -> Sequence[tuple[str, str]]:
        return [("no", "Live"), ("yes", "In the trash")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() in {"yes", "no"}:
            return queryset.filter(deleted_at__isnull=self.value() == "no")
        return queryset


class TrashAdmin(OperatingAdmin):
    """A model whose rows go to the trash before they go for good."""

    actions: Sequence[Any] = ("restore", "delete_selected")
    deleted = "moved to the trash"
    delete_confirmation_template = "tasks/admin/trash_confirmation.html"
    delete_selected_confirmation_template = "tasks/admin/trash_selected_confirmation.html"
    goes_along = ""  # what else an object takes to the trash, for the confirmation

    def bring_back(self, request: HttpRequest, obj: Any) -> None:
        """Restore an object by an operation, which may raise a DomainError."""
        raise NotImplementedError

    @display(boolean=True, description="live", ordering="deleted_at")
    def is_live(self, obj: Any) -> bool:
        return obj.deleted_at is None

    @action(
        permissions=["change"],
        location=EVERYWHERE,
        description="Restore this %(verbose_name)s from the trash",
        description_plural="Restore selected %(verbose_name_plural)s from the trash",
    )
    def restore(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Bring back what the trash holds; oldest first, so a parent comes before its children."""
        found = queryset.order_by("pk")
        self.each(request, found, lambda row: self.bring_back(request, row), "restored")

    @action(
        permissions=["delete"], description="Move selected %(verbose_name_plural)s to the trash"
    )
    def delete_selected(self, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
        """Ask for confirmation, then delete one by one: a refusal keeps that row only."""
        response = super().delete_selected(request, queryset)
        if response is not None:
            response.context_data["goes_along"] = self.goes_along
        return response

    def response_delete(self, request: HttpRequest, obj_display: str, obj_id: Any) -> HttpResponse:
        """Say where it has gone."""
        self.message_user(request, f"“{obj_display}” was {self.deleted}.", messages.SUCCESS)
        listed = f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist"
        return HttpResponseRedirect(reverse(listed))

    def log_deletions(self, request: HttpRequest, queryset: Any) -> list[LogEntry]:
        """Note in the history that it went to the trash: it is not gone."""
        said = f"{capfirst(self.deleted)}."
        return [self.log_change(request, row, said) for row in queryset]

    def render_delete_form(self, request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
        context["goes_along"] = self.goes_along
        return super().render_delete_form(request, context)
