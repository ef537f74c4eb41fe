"""`/api/v1/tasks/{task_id}/comments` and `/api/v1/comments`"""

from typing import ClassVar

from django.db.models import Q
from rest_framework.request import Request
from rest_framework.response import Response

from tasks.api.v1.bodies import CommentBody, CommentChange
from tasks.api.views import ResourceViewSet, path_id, see_all
from tasks.models import Comment, Task
from tasks.operations.comments import create_comment, delete_comment, update_comment
from tasks.reads import Condition
from tasks.rows import COMMENT, slot


class CommentViewSet(ResourceViewSet):
    """What members say about a task."""

    resource = COMMENT
    shown = CommentBody
    takes: ClassVar = {"create": CommentBody(), "partial_update": CommentChange(partial=True)}
    fails: ClassVar = {
        "list": ("not_found",),
        "create": ("not_found", "id_taken", "in_trash"),
        "partial_update": ("not_found", "in_trash"),
        "destroy": ("not_found", "in_trash"),
    }

    def list(self, request: Request, task_id: str) -> Response:
        """List the comments on a task."""
        task = path_id(task_id)
        here = Condition("task", lambda: Q(task=slot(Comment, "task", "task")), {"task": task})
        found = self.page(here)
        if not found.rows:
            see_all(Task, self.user_id, "", {task})
        return self.answer(found)

    def create(self, request: Request, task_id: str) -> Response:
        """Comment on a task."""
        comment = create_comment(
            actor=self.actor, now=self.now, task_id=path_id(task_id), fields=self.body()
        )
        return self.shown_one(COMMENT.show(comment), status=201)

    def partial_update(self, request: Request, pk: str) -> Response:
        """Change your comment."""
        comment = update_comment(
            actor=self.actor,
            now=self.now,
            comment_id=path_id(pk),
            fields=self.body(),
            expected=self.expected,
        )
        return self.shown_one(COMMENT.show(comment))

    def destroy(self, request: Request, pk: str) -> Response:
        """Delete your comment for good; an admin of the project may delete any."""
        delete_comment(
            actor=self.actor, now=self.now, comment_id=path_id(pk), expected=self.expected
        )
        return Response(status=204)
