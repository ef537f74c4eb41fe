"""Labels: renamed and deleted for all their tasks at once."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone

from tasks.admin.operating import OperatingAdmin, OperationForm, actor
from tasks.models import Label
from tasks.operations.labels import delete_label, rename_label


class LabelForm(OperationForm):
    lines = ("name",)


@admin.register(Label)
class LabelAdmin(OperatingAdmin):
    """New labels are made by tasks, on first use."""

    form = LabelForm
    list_display = ("name", "project", "version", "updated_at")
    list_select_related = ("project",)
    search_fields = ("name", "project__name", "id__exact")
    search_help_text = "Name, project or the whole id"
    fields = ("name", "project", ("id", "version"), ("created_at", "updated_at"))
    readonly_fields: ClassVar = ("project", "id", "version", "created_at", "updated_at")

    def write(self, request: HttpRequest, obj: Label, changes: Mapping[str, Any]) -> None:
        now, name = timezone.now(), changes.get("name")
        rename_label(actor=actor(request), now=now, label_id=obj.pk, name=name)

    def remove(self, request: HttpRequest, obj: Label) -> None:
        delete_label(actor=actor(request), now=timezone.now(), label_id=obj.pk)
