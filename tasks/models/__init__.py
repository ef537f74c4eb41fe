"""One file per aggregate; the table names follow the class names."""

from tasks.models.comment import Comment
from tasks.models.idempotency import IdempotencyKey
from tasks.models.label import Label
from tasks.models.project import Membership, Project
from tasks.models.task import MAX_DEPTH, MAX_LABELS, Task, TaskLabel
from tasks.models.token_family import TokenFamily
from tasks.models.user import User

__all__ = [
    "MAX_DEPTH",
    "MAX_LABELS",
    "Comment",
    "IdempotencyKey",
    "Label",
    "Membership",
    "Project",
    "Task",
    "TaskLabel",
    "TokenFamily",
    "User",
]
