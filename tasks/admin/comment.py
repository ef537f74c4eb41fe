"""Comments: read and, where they must go, deleted. Only their authors change them."""

from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone

from tasks.admin.operating import OperatingAdmin, actor
from tasks.models import Comment
from tasks.operations.comments import delete_comment


@admin.register(Comment)
class CommentAdmin(OperatingAdmin):
    """What members have said. Deleting is for good: comments have no trash."""

    list_display = ("__str__", "task", "created_by", "created_at")
    list_select_related = ("task", "created_by")
    date_hierarchy = "created_at"
    search_fields = ("body", "created_by__username", "task__title", "id__exact", "task__id__exact")
    search_help_text = "Text, author, task or the whole id of either"
    fields: ClassVar = (
        "task",
        "body",
        ("id", "version"),
        ("created_by", "created_at", "updated_at"),
    )
    readonly_fields: ClassVar = (
        "task",
        "body",
        "id",
        "version",
        "created_by",
        "created_at",
        "updated_at",
    )

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def remove(self, request: HttpRequest, obj: Comment) -> None:
        delete_comment(actor=actor(request), now=timezone.now(), comment_id=obj.pk)
