"""Tasks: found by title, key or person, mended by form, closed and brought back by action."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AdminTextareaWidget, AdminTextInputWidget
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from tasks.admin.operating import OperationForm, actor, one_line, text_of
from tasks.admin.trash import EVERYWHERE, TrashAdmin, TrashFilter
from tasks.lifecycle import CLOSED, Status
from tasks.models import MAX_LABELS, Label, Task
from tasks.operations.labels import names_of
from tasks.operations.tasks import update_task
from tasks.operations.trash import delete_task, restore_task
from tasks.schedule import zone_names

PRIORITIES = ((0, "0 (none)"), (1, "1"), (2, "2"), (3, "3"), (4, "4 (urgent)"))


class OverdueFilter(admin.SimpleListFilter):
    title = "overdue"
    parameter_name = "overdue"

    def lookups(
        self, request: HttpRequest, model_admin: admin.ModelAdmin
    ) -> Sequence[tuple[str, str]]:
        return [("yes", "Overdue")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        tasks: Any = queryset
        return tasks.overdue(timezone.now()) if self.value() == "yes" else queryset


class PriorityFilter(admin.SimpleListFilter):
    """All priorities. Django's filter would look through the whole table for those in use."""

    title = parameter_name = "priority"

    def lookups(
        self, request: HttpRequest, model_admin: admin.ModelAdmin
    ) -> Sequence[tuple[str, str]]:
        return [(str(number), name) for number, name in PRIORITIES]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen = [number for number, _ in PRIORITIES if str(number) == self.value()]
        return queryset.filter(priority__in=chosen) if chosen else queryset


class TaskForm(OperationForm):
    """What support people may change; the field rules are those of the API."""

    lines = ("title",)
    description = forms.CharField(required=False, strip=False, widget=AdminTextareaWidget)
    priority = forms.TypedChoiceField(choices=PRIORITIES, coerce=int)
    timezone = forms.ChoiceField(choices=lambda: [(name, name) for name in sorted(zone_names())])
    label_names = forms.CharField(
        label="Labels",
        required=False,
        help_text=f"One a line, at most {MAX_LABELS}; new ones are made.",
        widget=forms.Textarea(attrs={"rows": 4, "cols": 40}),
    )

    class Meta:
        widgets: ClassVar = {"title": AdminTextInputWidget(attrs={"class": "vLargeTextField"})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["label_names"] = "\n".join(sorted(names_of(self.instance)))

    def clean_description(self) -> str:
        return text_of(self.cleaned_data["description"])

    def clean_label_names(self) -> list[str]:
        lines = map(str.strip, self.cleaned_data["label_names"].splitlines())
        names = [line for line in lines if line]
        longest = Label._meta.get_field("name").max_length or 0
        if len(names) > MAX_LABELS or any(len(name) > longest for name in names):
            raise ValidationError(f"At most {MAX_LABELS} names of {longest} characters.")
        for name in names:
            one_line(name)
        return names

    def changes(self) -> dict[str, Any]:
        changes = super().changes()
        if "label_names" in changes:
            changes["labels"] = changes.pop("label_names")
        if "assignee" in changes:
            changes["assignee"] = changes["assignee"] and changes["assignee"].pk
        return changes


@admin.register(Task)
class TaskAdmin(TrashAdmin):
    """All tasks, whoever's they are, those in the trash included."""

    form = TaskForm
    list_display = (
        "title",
        "project",
        "status",
        "priority",
        "assignee",
        "due",
        "is_live",
    )
    list_select_related = ("project", "assignee")
    list_filter = (
        "status",
        PriorityFilter,
        OverdueFilter,
        TrashFilter,
        ("due_at", admin.DateFieldListFilter),
    )
    date_hierarchy = "created_at"
    search_fields = (
        "title",
        "external_id",
        "assignee__username",
        "created_by__username",
        "project__name",
        "id__exact",
    )
    search_help_text = "Title, external id, project, assignee, creator or the whole id"
    autocomplete_fields = ("assignee",)
    actions = ("complete", "reopen", "restore", "delete_selected")
    goes_along = "its subtasks"
    readonly_fields: ClassVar = (
        "id",
        "project",
        "parent",
        "external_id",
        "metadata",
        "due_at",
        "version",
        "position",
        "created_by",
        "created_at",
        "updated_at",
        "completed_at",
        "deleted_at",
        "trashed_with",
    )
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "title",
                    "description",
                    ("status", "priority"),
                    "assignee",
                    "label_names",
                )
            },
        ),
        ("When", {"fields": (("start_date", "due_date", "due_time"), "timezone", "due_at")}),
        ("Where", {"fields": ("project", "parent", "external_id", "metadata")}),
        (
            "Record",
            {
                "fields": (
                    ("id", "version", "position"),
                    ("created_by", "created_at"),
                    ("updated_at", "completed_at"),
                    ("deleted_at", "trashed_with"),
                )
            },
        ),
    )

    @admin.display(description="due", ordering="due_at")
    def due(self, task: Task) -> str | None:
        """Show the local date and time, as whoever made the task wrote them."""
        parts = [task.due_date, task.due_time, task.timezone if task.due_time else None]
        return " ".join(str(part) for part in parts if part is not None) or None

    def write(self, request: HttpRequest, obj: Task, changes: Mapping[str, Any]) -> None:
        update_task(actor=actor(request), now=timezone.now(), task_id=obj.pk, fields=changes)

    def remove(self, request: HttpRequest, obj: Task) -> None:
        delete_task(actor=actor(request), now=timezone.now(), task_id=obj.pk)

    def bring_back(self, request: HttpRequest, obj: Task) -> None:
        restore_task(actor=actor(request), now=timezone.now(), task_id=obj.pk)

    @admin.action(
        permissions=["change"],
        location=EVERYWHERE,
        description="Complete this task",
        description_plural="Complete selected tasks",
    )
    def complete(self, request: HttpRequest, queryset: QuerySet[Task]) -> None:
        done = {"completed": True}
        self.each(request, queryset, lambda task: self.write(request, task, done), "completed")

    @admin.action(
        permissions=["change"],
        location=EVERYWHERE,
        description="Reopen this task",
        description_plural="Reopen selected tasks",
    )
    def reopen(self, request: HttpRequest, queryset: QuerySet[Task]) -> None:
        """Open what is done or cancelled; what is open stays as it is."""
        opened = {"status": Status.TODO.value}
        self.each(
            request,
            queryset,
            lambda task: self.write(request, task, opened if task.status in CLOSED else {}),
            "reopened",
        )
