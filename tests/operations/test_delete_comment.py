"""A comment is deleted by its author, or by an admin."""

from datetime import datetime

import pytest

from tasks.errors import InTrash, NotAllowed, NotVisible
from tasks.models import Comment, Project, Task
from tasks.operations.access import Actor
from tasks.operations.comments import create_comment, delete_comment
from tasks.operations.members import change_role, remove_member
from tasks.operations.trash import delete_task
from tasks.policies import Role
from tests.operations.watching import refused


@pytest.mark.parametrize("who", ["editor", "admin"])
def test_it_is_gone_for_good(
    who: str, comment: Comment, admin: Actor, editor: Actor, now: datetime
) -> None:
    delete_comment(actor={"editor": editor, "admin": admin}[who], now=now, comment_id=comment.pk)

    assert not Comment.objects.exists()


def test_it_is_refused_for_another_editor(
    task: Task, admin: Actor, editor: Actor, now: datetime
) -> None:
    hers = create_comment(actor=admin, now=now, task_id=task.pk, fields={"body": "Mine"})

    with refused(NotAllowed):
        delete_comment(actor=editor, now=now, comment_id=hers.pk)


def test_it_is_refused_for_an_author_who_may_no_longer_write(
    comment: Comment, project: Project, admin: Actor, editor: Actor, now: datetime
) -> None:
    change_role(actor=admin, now=now, project_id=project.pk, user_id=editor.id, role=Role.VIEWER)

    with refused(NotAllowed):
        delete_comment(actor=editor, now=now, comment_id=comment.pk)


def test_it_is_out_of_sight_for_an_author_who_has_left(
    comment: Comment, project: Project, editor: Actor, now: datetime
) -> None:
    remove_member(actor=editor, now=now, project_id=project.pk, user_id=editor.id)

    with refused(NotVisible):
        delete_comment(actor=editor, now=now, comment_id=comment.pk)


def test_it_is_refused_on_a_task_in_the_trash(
    comment: Comment, editor: Actor, now: datetime
) -> None:
    delete_task(actor=editor, now=now, task_id=comment.task_id)

    with refused(InTrash):
        delete_comment(actor=editor, now=now, comment_id=comment.pk)


def test_it_finds_nothing_the_second_time(comment: Comment, editor: Actor, now: datetime) -> None:
    delete_comment(actor=editor, now=now, comment_id=comment.pk)

    with refused(NotVisible):
        delete_comment(actor=editor, now=now, comment_id=comment.pk)
