"""`/api/v1/projects/{project_id}/members`"""

from typing import ClassVar

from django.db.models import Q
from rest_framework.request import Request
from rest_framework.response import Response

from tasks.api.v1.bodies import MemberBody, MemberChange, MemberShown
from tasks.api.views import ResourceViewSet, path_id
from tasks.ids import parse_id
from tasks.models import Membership
from tasks.operations.access import get_project
from tasks.operations.members import add_member, change_role, remove_member
from tasks.policies import Action, Role
from tasks.reads import Condition, Order
from tasks.rows import MEMBER, slot


class MemberViewSet(ResourceViewSet):
    """Who belongs to a project, and with which role."""

    resource = MEMBER
    shown = MemberShown
    takes: ClassVar = {"create": MemberBody(), "partial_update": MemberChange(partial=True)}
    fails: ClassVar = {
        "list": ("not_found", "in_trash"),
        "create": ("not_found", "already_member", "in_trash"),
        "partial_update": ("not_found", "last_admin", "inbox_stays", "in_trash"),
        "destroy": ("not_found", "last_admin", "inbox_stays", "in_trash"),
    }
    orders: ClassVar = {"created": Order("created_at")}

    def list(self, request: Request, project_id: str) -> Response:
        """List the members of a project."""
        project = get_project(self.actor, path_id(project_id), Action.READ)
        here = Condition(
            "project",
            lambda: Q(project=slot(Membership, "project", "project")),
            {"project": project.pk},
        )
        return self.answer(self.page(here))

    def create(self, request: Request, project_id: str) -> Response:
        """Add a member."""
        fields = self.body()
        membership = add_member(
            actor=self.actor,
            now=self.now,
            project_id=path_id(project_id),
            user=parse_id(fields["user"]) or fields["user"],
            role=Role(fields["role"]),
        )
        return self.shown_one(MEMBER.show(membership), status=201)

    def partial_update(self, request: Request, project_id: str, user_id: str) -> Response:
        """Give a member another role, from their next request on."""
        role = self.body().get("role")
        membership = change_role(
            actor=self.actor,
            now=self.now,
            project_id=path_id(project_id),
            user_id=path_id(user_id),
            role=Role(role) if role else None,
            expected=self.expected,
        )
        return self.shown_one(MEMBER.show(membership))

    def destroy(self, request: Request, project_id: str, user_id: str) -> Response:
        """Remove a member, or leave."""
        remove_member(
            actor=self.actor,
            now=self.now,
            project_id=path_id(project_id),
            user_id=path_id(user_id),
            expected=self.expected,
        )
        return Response(status=204)
