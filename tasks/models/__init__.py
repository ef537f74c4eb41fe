"""One file per aggregate; the table names follow the class names."""

from tasks.models.comment import Comment
from tasks.models.event import Cursor, Event, ParkedEvent, ReceivedEvent, Worker
from tasks.models.idempotency import IdempotencyKey
from tasks.models.label import Label
from tasks.models.project import Membership, Project
from tasks.models.task import MAX_DEPTH, MAX_LABELS, Task, TaskLabel
from tasks.models.token_family import TokenFamily
from tasks.models.user import User
from tasks.models.webhook import Attempt, Delivery, Webhook

__all__ = [
    "MAX_DEPTH",
    "MAX_LABELS",
    "Attempt",
    "Comment",
    "Cursor",
    "Delivery",
    "Event",
    "IdempotencyKey",
    "Label",
    "Membership",
    "ParkedEvent",
    "Project",
    "ReceivedEvent",
    "Task",
    "TaskLabel",
    "TokenFamily",
    "User",
    "Webhook",
    "Worker",
]
