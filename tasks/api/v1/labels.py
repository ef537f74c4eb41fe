"""`/api/v1/labels`"""

from typing import ClassVar

from rest_framework.request import Request
from rest_framework.response import Response

from tasks.api.v1.bodies import LabelBody
from tasks.api.v1.filters import LABEL_FILTERS
from tasks.api.views import ResourceViewSet, path_id
from tasks.models import Project
from tasks.operations.labels import delete_label, rename_label
from tasks.reads import Order
from tasks.rows import LABEL


class LabelViewSet(ResourceViewSet):
    """The labels of your projects. A label is made by its first use on a task."""

    resource = LABEL
    shown = LabelBody
    takes: ClassVar = {"partial_update": LabelBody(partial=True)}
    fails: ClassVar = {
        "list": ("not_found",),
        "partial_update": ("not_found", "label_taken"),
        "destroy": ("not_found",),
    }
    filters = LABEL_FILTERS
    orders: ClassVar = {"name": Order("name_key"), "created": Order("created_at")}

    def list(self, request: Request) -> Response:
        """List labels."""
        found = self.page()
        self.refuse_unseen(found, "project", Project)
        return self.answer(found)

    def partial_update(self, request: Request, pk: str) -> Response:
        """Rename a label, on all its tasks at once."""
        label = rename_label(
            actor=self.actor,
            now=self.now,
            label_id=path_id(pk),
            name=self.body().get("name"),
            expected=self.expected,
        )
        return self.shown_one(LABEL.show(label))

    def destroy(self, request: Request, pk: str) -> Response:
        """Delete a label and take it off its tasks."""
        delete_label(actor=self.actor, now=self.now, label_id=path_id(pk), expected=self.expected)
        return Response(status=204)
