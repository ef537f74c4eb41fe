"""Sign-ins through the API: looked at, and ended when a device is lost."""

from collections.abc import Sequence
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from tasks.admin.operating import OperatingAdmin
from tasks.admin.trash import EVERYWHERE
from tasks.identity import families
from tasks.identity.user_state import callers
from tasks.models import TokenFamily

_SECRET = ("auth_hash", "current_jti")


class AliveFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "alive"

    def lookups(
        self, request: HttpRequest, model_admin: admin.ModelAdmin
    ) -> Sequence[tuple[str, str]]:
        return [("yes", "Alive"), ("no", "Ended or expired")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        alive = Q(ended_at=None, expires_at__gt=timezone.now())
        if self.value() in {"yes", "no"}:
            return queryset.filter(alive if self.value() == "yes" else ~alive)
        return queryset


@admin.register(TokenFamily)
class TokenFamilyAdmin(OperatingAdmin):
    """Read-only but for their end; neither hashes nor token ids are shown or searched."""

    list_display = ("user", "created_at", "expires_at", "ended_at")
    list_select_related = ("user",)
    list_filter = (AliveFilter,)
    date_hierarchy = "created_at"
    search_fields = ("user__username", "id__exact")
    search_help_text = "User or the whole id"
    actions = ("end",)
    fields = ("id", "user", "created_at", "expires_at", "ended_at")
    readonly_fields: ClassVar = fields

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Refuse to filter by what is not shown: one guess at a time would read it."""
        return not lookup.startswith(_SECRET) and super().lookup_allowed(lookup, value, request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_end_permission(self, request: HttpRequest) -> bool:
        """Whoever may change sign-ins may do to them the one thing that can be done."""
        return request.user.has_perm("tasks.change_tokenfamily")

    @admin.action(
        permissions=["end"],
        location=EVERYWHERE,
        description="End this sign-in",
        description_plural="End selected sign-ins",
    )
    def end(self, request: HttpRequest, queryset: QuerySet[TokenFamily]) -> None:
        """Sign a device out: its tokens are worth nothing within five seconds."""
        self.each(request, queryset, self._end, "ended")

    def _end(self, family: TokenFamily) -> None:
        families.end(sid=family.pk, now=timezone.now())
        callers.forget(family.pk)
