"""`/api/v1/tasks`"""

from collections.abc import Mapping
from typing import Any, ClassVar

from rest_framework.request import Request
from rest_framework.response import Response

from tasks.api.query import Parameter
from tasks.api.v1.bodies import MoveBody, TaskBody, TaskChange
from tasks.api.v1.filters import PURGE, TASK_FILTERS, TASK_ORDERS, in_trash
from tasks.api.views import ResourceViewSet, path_id
from tasks.models import Project, Task
from tasks.operations.moves import move_task
from tasks.operations.tasks import create_task, update_task
from tasks.operations.trash import delete_task, purge_task, restore_task
from tasks.rows import TASK

_CHANGE = TaskChange(partial=True)


class TaskViewSet(ResourceViewSet):
    """Tasks of all the projects that you are a member of."""

    resource = TASK
    shown = TaskBody
    takes: ClassVar = {
        "create": TaskBody(),
        "update": _CHANGE,
        "partial_update": _CHANGE,
        "move": MoveBody(),
    }
    fails: ClassVar = {
        "list": ("not_found",),
        "create": ("not_found", "id_taken", "external_id_taken"),
        "retrieve": ("not_found",),
        "update": ("not_found", "external_id_taken", "in_trash"),
        "partial_update": ("not_found", "external_id_taken", "in_trash"),
        "destroy": ("not_found",),
        "move": ("not_found", "external_id_taken", "in_trash"),
        "restore": ("not_found", "in_trash"),
    }
    filters = TASK_FILTERS
    orders = TASK_ORDERS

    def parameters_of_action(self) -> Mapping[str, Parameter]:
        return PURGE if self.action == "destroy" else super().parameters_of_action()

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
        return self.shown_one(self.show_one(path_id(pk)))

    def update(self, request: Request, pk: str) -> Response:
        """Change a task; what the body leaves out stays."""
        fields: dict[str, Any] = self.body()
        task = update_task(
            actor=self.actor,
            now=self.now,
            task_id=path_id(pk),
            fields=fields,
            expected=self.expected,
        )
        return self.shown_one(TASK.show(task))

    partial_update = update

    def destroy(self, request: Request, pk: str) -> Response:
        """Put a task and its subtasks into the trash, or delete them for good.

        With `purge=true` nothing can be restored, and only an admin of the project may.
        """
        task_id, expected = path_id(pk), self.expected
        if self.asked.one("purge"):
            purge_task(actor=self.actor, now=self.now, task_id=task_id, expected=expected)
        else:
            delete_task(actor=self.actor, now=self.now, task_id=task_id, expected=expected)
        return Response(status=204)

    def move(self, request: Request, pk: str) -> Response:
        """Move a task in the order, in the tree or to another project.

        `after` and `before` name a neighbour; null means none, so the beginning or the end. Without
        them a task keeps its place, or goes to the end of the other project. What hangs below it
        goes with it, and so do the labels; an assignee who is no member there is taken off.
        """
        task = move_task(
            actor=self.actor,
            now=self.now,
            task_id=path_id(pk),
            to=self.body(),
            expected=self.expected,
        )
        return self.shown_one(TASK.show(task))

    def restore(self, request: Request, pk: str) -> Response:
        """Bring a task back from the trash, with exactly what its deletion took along."""
        task = restore_task(
            actor=self.actor, now=self.now, task_id=path_id(pk), expected=self.expected
        )
        return self.shown_one(TASK.show(task))
