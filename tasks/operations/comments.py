"""What members say about tasks: written by editors, changed by their authors."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from tasks import versions
from tasks.errors import IdTaken, NotAllowed, NotVisible
from tasks.ids import uuid7
from tasks.models import Comment, Task
from tasks.operations.access import Actor, note_grant, refuse_trashed, require, seen_by, write
from tasks.operations.recording import look, record
from tasks.policies import Action, allows
from tasks.versions import Expected

_ID_TAKEN = (("tasks_comment_pkey", IdTaken), ("tasks_comment.id", IdTaken))


def create_comment(
    *, actor: Actor, now: datetime, task_id: UUID, fields: Mapping[str, Any]
) -> Comment:
    """Comment on a task.

    Raises:
        InTrash: the task is in the trash.
        IdTaken: there is a comment with the id that `fields` chooses.
    """
    with write(*_ID_TAKEN):
        task = seen_by(Task.objects.filter(pk=task_id), actor).first()
        if task is None:
            raise NotVisible
        require(task.role, Action.COMMENT, task.project_id)  # type: ignore[attr-defined]
        refuse_trashed(task)
        comment = Comment(
            id=fields.get("id") or uuid7(),
            task=task,
            body=fields["body"],
            created_by_id=actor.id,
            created_at=now,
            updated_at=now,
        )
        comment.save(force_insert=True)
        record("created", comment, actor=actor.id, now=now)
    return comment


def update_comment(
    *,
    actor: Actor,
    now: datetime,
    comment_id: UUID,
    fields: Mapping[str, Any],
    expected: Expected = versions.ANY,
) -> Comment:
    """Change a comment; only its author may.

    Raises:
        NotAllowed: somebody else wrote it, or the author may no longer comment.
        VersionMismatch: it has another version than expected.
    """
    with write():
        comment = _locked(actor, comment_id)
        project_id = comment.task.project_id
        require(comment.role, Action.COMMENT, project_id)  # type: ignore[attr-defined]
        if comment.created_by_id != actor.id:
            raise NotAllowed("Only its author may change a comment.")
        expected.check(comment.version)
        refuse_trashed(comment.task)
        if comment.body != fields.get("body", comment.body):
            before = look(comment)
            comment.body = fields["body"]
            comment.version += 1
            comment.updated_at = now
            comment.save(update_fields=["body", "version", "updated_at"])
            record("updated", comment, before=before, actor=actor.id, now=now)
    return comment


def delete_comment(
    *, actor: Actor, now: datetime, comment_id: UUID, expected: Expected = versions.ANY
) -> None:
    """Delete a comment for good: its author may, and an admin of the project.

    Raises:
        NotAllowed: the actor is neither.
        VersionMismatch: it has another version than expected.
    """
    with write():
        comment = _locked(actor, comment_id)
        own = comment.created_by_id == actor.id
        action = Action.COMMENT if own else Action.MODERATE
        if not allows(comment.role, action):  # type: ignore[attr-defined]
            raise NotAllowed("Only its author or an admin of the project may delete a comment.")
        note_grant(action, comment.task.project_id)
        expected.check(comment.version)
        refuse_trashed(comment.task)
        record("deleted", comment, actor=actor.id, now=now)
        comment.delete()


def _locked(actor: Actor, comment_id: UUID) -> Comment:
    queryset = seen_by(Comment.objects.filter(pk=comment_id), actor).select_related("task")
    comment = queryset.select_for_update(of=("self",), no_key=True).first()
    if comment is None:
        raise NotVisible
    return comment
