"""`/api/v1/tasks`"""

from typing import Any, ClassVar

from rest_framework.request import Request
from rest_framework.response import Response

from tasks.api.v1.bodies import TaskBody, TaskChange
from tasks.api.v1.filters import TASK_FILTERS, TASK_ORDERS, in_trash
from tasks.api.views import ResourceViewSet, path_id
from tasks.models import Project, Task
from tasks.operations.tasks import create_task, update_task
from tasks.operations.trash import delete_task
from tasks.rows import TASK

_CHANGE = TaskChange(partial=True)


class TaskViewSet(ResourceViewSet):
    """Tasks of all the projects that you are a member of."""

    resource = TASK
    shown = TaskBody
    takes: ClassVar = {"create": TaskBody(), "update": _CHANGE, "partial_update": _CHANGE}
    fails: ClassVar = {
        "list": ("not_found",),
        "create": ("not_found", "id_taken", "external_id_taken"),
        "retrieve": ("not_found",),
        "update": ("not_found", "external_id_taken", "in_trash"),
        "partial_update": ("not_found", "external_id_taken", "in_trash"),
        "destroy": ("not_found",),
    }
    filters = TASK_FILTERS
    orders = TASK_ORDERS

    def list(self, request: Request) -> Response:
        """List tasks."""
        found = self.page(in_trash(self.asked))
        self.refuse_unseen(found, "project", Project)
        self.refuse_unseen(found, "parent", Task)
        return self.answer(found)

    def create(self, request: Request) -> Response:
        """Create a task."""
        task = create_task(actor=self.actor, now=self.now, fields=self.body())
        return self.created(TASK.show(task))

    def retrieve(self, request: Request, pk: str) -> Response:
        """Get a task, in the trash or not."""
        return Response(self.show_one(path_id(pk)))

    def update(self, request: Request, pk: str) -> Response:
        """Change a task; what the body leaves out stays."""
        fields: dict[str, Any] = self.body()
        task = update_task(actor=self.actor, now=self.now, task_id=path_id(pk), fields=fields)
        return Response(TASK.show(task))

    partial_update = update

    def destroy(self, request: Request, pk: str) -> Response:
        """Put a task and its subtasks into the trash."""
        delete_task(actor=self.actor, now=self.now, task_id=path_id(pk))
        return Response(status=204)
