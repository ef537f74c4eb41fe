"""Projects and their members."""

from collections.abc import Mapping
from typing import Any, ClassVar, override

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AdminTextareaWidget
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html

from tasks.admin.operating import OperationForm, actor, text_of
from tasks.admin.trash import TrashAdmin, TrashFilter
from tasks.models import Membership, Project
from tasks.operations.members import add_member, change_role, remove_member
from tasks.operations.projects import delete_project, restore_project, update_project
from tasks.policies import Role

# A form may have a thousand fields (DATA_UPLOAD_MAX_NUMBER_FIELDS), and a member takes four.
MOST_MEMBERS = 200


class MemberInline(admin.TabularInline):
    """Those who are members: their role can be changed, and they can be removed."""

    model = Membership
    extra = 0
    fields = ("user", "role", "created_at")
    readonly_fields = ("user", "created_at")
    ordering = ("user__username",)
    verbose_name_plural = "members"

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Membership]:
        return super().get_queryset(request).select_related("user")


class NewMemberInline(admin.TabularInline):
    """Those who are to become members. Apart: each row that offers users costs a query."""

    model = Membership
    extra = 0
    fields = ("user", "role")
    autocomplete_fields = ("user",)
    verbose_name = "new member"
    verbose_name_plural = "new members"

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Membership]:
        return super().get_queryset(request).none()


class ProjectForm(OperationForm):
    lines = ("name",)
    description = forms.CharField(required=False, strip=False, widget=AdminTextareaWidget)

    def clean_description(self) -> str:
        return text_of(self.cleaned_data["description"])


@admin.register(Project)
class ProjectAdmin(TrashAdmin):
    """All projects, inboxes included. Their tasks are a link away: there may be very many."""

    form = ProjectForm
    list_display = ("name", "created_by", "inbox_of", "created_at", "is_live")
    list_select_related = ("created_by", "inbox_of")
    list_filter = (TrashFilter, ("inbox_of", admin.EmptyFieldListFilter))
    date_hierarchy = "created_at"
    search_fields = ("name", "created_by__username", "memberships__user__username", "id__exact")
    search_help_text = "Name, creator, member or the whole id"
    goes_along = "all that is in it"
    inlines = (MemberInline, NewMemberInline)
    readonly_fields: ClassVar = (
        "id",
        "inbox_of",
        "member_count",
        "task_list",
        "version",
        "created_by",
        "created_at",
        "updated_at",
        "deleted_at",
    )
    fieldsets = (
        (None, {"fields": ("name", "description", "inbox_of", ("task_list", "member_count"))}),
        (
            "Record",
            {
                "fields": (
                    ("id", "version"),
                    ("created_by", "created_at"),
                    ("updated_at", "deleted_at"),
                )
            },
        ),
    )

    @admin.display(description="members")
    def member_count(self, project: Project) -> str:
        count = project.memberships.count()
        many = "" if count <= MOST_MEMBERS else ": too many for this page, use the API"
        return f"{count}{many}"

    @admin.display(description="tasks")
    def task_list(self, project: Project) -> str:
        address = reverse("admin:tasks_task_changelist")
        return format_html(
            '<a href="{}?project__id__exact={}">Show its tasks</a>', address, project.pk
        )

    def get_inlines(self, request: HttpRequest, obj: Project | None) -> Any:
        fits = obj is not None and obj.memberships.count() <= MOST_MEMBERS
        return self.inlines if fits else ()

    def write(self, request: HttpRequest, obj: Project, changes: Mapping[str, Any]) -> None:
        now = timezone.now()
        update_project(actor=actor(request), now=now, project_id=obj.pk, fields=changes)

    def remove(self, request: HttpRequest, obj: Project) -> None:
        delete_project(actor=actor(request), now=timezone.now(), project_id=obj.pk)

    def bring_back(self, request: HttpRequest, obj: Project) -> None:
        restore_project(actor=actor(request), now=timezone.now(), project_id=obj.pk)

    @override
    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Write members: first who comes or rises, so that an admin is there when one goes."""
        for formset in formsets:
            formset.save(commit=False)  # sorts the rows into new, changed and deleted ones
        in_project = {
            "actor": actor(request),
            "now": timezone.now(),
            "project_id": form.instance.pk,
        }
        for new in _all(formsets, "new_objects"):
            add_member(**in_project, user=new.user_id, role=Role(new.role))
        changed = [membership for membership, _ in _all(formsets, "changed_objects")]
        for membership in sorted(changed, key=lambda changed: changed.role != Role.ADMIN):
            role = Role(membership.role)
            change_role(**in_project, user_id=membership.user_id, role=role)
        for gone in _all(formsets, "deleted_objects"):
            remove_member(**in_project, user_id=gone.user_id)


def _all(formsets: Any, kind: str) -> list[Any]:
    return [row for formset in formsets for row in getattr(formset, kind)]
