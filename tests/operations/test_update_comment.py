"""A comment is changed by its author only."""

from datetime import datetime

import pytest

from tasks.errors import InTrash, NotAllowed
from tasks.models import Comment, Project
from tasks.operations.access import Actor
from tasks.operations.comments import update_comment
from tasks.operations.members import change_role
from tasks.operations.trash import delete_task
from tasks.policies import Role
from tests.operations.watching import kinds, nothing_written, refused, statements


def test_it_changes_the_body(
    comment: Comment, editor: Actor, now: datetime, later: datetime
) -> None:
    with statements() as ran:
        shown = update_comment(
            actor=editor, now=later, comment_id=comment.pk, fields={"body": "The blue one?"}
        )

    assert kinds(ran) == ["SELECT", "UPDATE", "INSERT"]
    comment.refresh_from_db()
    assert (comment.body, comment.version) == ("The blue one?", 2)
    assert (comment.created_at, comment.updated_at) == (now, later)
    assert shown.version == 2


@pytest.mark.parametrize("fields", [{}, {"body": "Which box?"}])
def test_it_writes_nothing_when_nothing_changes(
    fields: dict[str, str], comment: Comment, editor: Actor, later: datetime
) -> None:
    with nothing_written():
        update_comment(actor=editor, now=later, comment_id=comment.pk, fields=fields)


def test_it_is_refused_for_an_admin_who_is_not_the_author(
    comment: Comment, admin: Actor, now: datetime
) -> None:
    with refused(NotAllowed):
        update_comment(actor=admin, now=now, comment_id=comment.pk, fields={"body": "!"})


def test_it_is_refused_for_an_author_who_may_no_longer_write(
    comment: Comment, project: Project, admin: Actor, editor: Actor, now: datetime
) -> None:
    change_role(actor=admin, now=now, project_id=project.pk, user_id=editor.id, role=Role.VIEWER)

    with refused(NotAllowed):
        update_comment(actor=editor, now=now, comment_id=comment.pk, fields={"body": "!"})


def test_it_is_refused_on_a_task_in_the_trash(
    comment: Comment, editor: Actor, now: datetime
) -> None:
    delete_task(actor=editor, now=now, task_id=comment.task_id)

    with refused(InTrash):
        update_comment(actor=editor, now=now, comment_id=comment.pk, fields={"body": "!"})
