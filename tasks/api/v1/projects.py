"""`/api/v1/projects`"""

from typing import ClassVar

from rest_framework.request import Request
from rest_framework.response import Response

from tasks.api.v1.bodies import ProjectBody, ProjectChange
from tasks.api.v1.filters import TRASHED, in_trash, table
from tasks.api.views import ResourceViewSet, path_id
from tasks.operations.projects import (
    create_project,
    delete_project,
    restore_project,
    update_project,
)
from tasks.reads import Order
from tasks.rows import PROJECT

_CHANGE = ProjectChange(partial=True)


class ProjectViewSet(ResourceViewSet):
    """The projects that you are a member of."""

    resource = PROJECT
    shown = ProjectBody
    takes: ClassVar = {"create": ProjectBody(), "update": _CHANGE, "partial_update": _CHANGE}
    fails: ClassVar = {
        "create": ("id_taken",),
        "retrieve": ("not_found",),
        "update": ("not_found", "in_trash"),
        "partial_update": ("not_found", "in_trash"),
        "destroy": ("not_found", "inbox_stays"),
        "restore": ("not_found",),
    }
    filters = table([TRASHED])
    orders: ClassVar = {
        "created": Order("created_at"),
        "updated": Order("updated_at"),
        "name": Order("name"),
    }

    def list(self, request: Request) -> Response:
        """List projects."""
        return self.answer(self.page(in_trash(self.asked)))

    def create(self, request: Request) -> Response:
        """Create a project; you are its first admin."""
        project = create_project(actor=self.actor, now=self.now, fields=self.body())
        return self.created(PROJECT.show(project))

    def retrieve(self, request: Request, pk: str) -> Response:
        """Get a project, in the trash or not."""
        return self.shown_one(self.show_one(path_id(pk)))

    def update(self, request: Request, pk: str) -> Response:
        """Change a project; what the body leaves out stays."""
        fields = self.body()
        project = update_project(
            actor=self.actor,
            now=self.now,
            project_id=path_id(pk),
            fields=fields,
            expected=self.expected,
        )
        return self.shown_one(PROJECT.show(project))

    partial_update = update

    def destroy(self, request: Request, pk: str) -> Response:
        """Put a project into the trash; its tasks disappear with it."""
        delete_project(
            actor=self.actor, now=self.now, project_id=path_id(pk), expected=self.expected
        )
        return Response(status=204)

    def restore(self, request: Request, pk: str) -> Response:
        """Bring a project back from the trash, with everything in it as it was."""
        project = restore_project(
            actor=self.actor, now=self.now, project_id=path_id(pk), expected=self.expected
        )
        return self.shown_one(PROJECT.show(project))
