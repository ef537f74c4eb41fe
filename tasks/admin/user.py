"""Accounts: Django's own pages, cut down to the slim model and made safe for support people.

Django's UserAdmin takes everybody with the permission to change users for a superuser in all but
name: they could set a superuser's password, or grant themselves what they lack. Here only a
superuser changes accounts of staff and grants anything. Accounts are deactivated, not deleted:
with one would go its inbox and its name on everything it did.
"""

from typing import Any, ClassVar, override

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html

from tasks.identity import families
from tasks.models import User
from tasks.operations.members import tell_new_name

_GRANTS = ("is_staff", "is_superuser", "groups", "user_permissions")


@admin.register(User)
class UserAdmin(DjangoUserAdmin):
    """A new password or a deactivation ends the user's sign-ins, for good."""

    list_display = ("username", "email", "is_active", "is_staff", "last_login")
    list_filter = ("is_active", "is_staff", "is_superuser", "groups")
    search_fields = ("username", "email", "id__exact")
    search_help_text = "Username, e-mail address or the whole id"
    date_hierarchy = "date_joined"
    show_full_result_count = False
    filter_horizontal: ClassVar = ("groups", "user_permissions")
    readonly_fields: ClassVar = ("id", "password_link", "last_login", "date_joined")
    fieldsets = (
        ("Permissions", {"fields": _GRANTS}),
        ("Record", {"fields": ("id", ("date_joined", "last_login"))}),
    )

    @admin.display(description="password")
    def password_link(self, user: User) -> str:
        """Lead to the form for a new one. Django's own field shows the beginning of the hash."""
        words = "Set another" if user.has_usable_password() else "None yet: set one"
        return format_html('<a href="{}">{}</a>', "../password/", words)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return self.add_fieldsets
        link = ("password_link",) if self.has_change_permission(request, obj) else ()
        return ((None, {"fields": ("username", *link, "email", "is_active")}), *self.fieldsets)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Let only superusers grant."""
        return self.readonly_fields if _may_grant(request) else (*self.readonly_fields, *_GRANTS)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        privileged = obj is not None and (obj.is_staff or obj.is_superuser)
        reaches = _may_grant(request) or not privileged
        return reaches and super().has_change_permission(request, obj)

    @override
    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if change and "username" in form.changed_data:
            tell_new_name(user=obj, was=form.initial["username"], now=timezone.now())
        if not obj.is_active:
            families.end_all(user=obj, now=timezone.now())

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def _may_grant(request: HttpRequest) -> bool:
    return bool(request.user.is_active and request.user.is_superuser)
