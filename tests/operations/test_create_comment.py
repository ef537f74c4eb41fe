"""Commenting on a task."""

from datetime import datetime

from tasks.errors import IdTaken, InTrash, NotVisible
from tasks.ids import uuid7
from tasks.models import Comment, Task
from tasks.operations.access import Actor
from tasks.operations.comments import create_comment
from tasks.operations.tasks import create_task
from tasks.operations.trash import delete_task
from tests.operations.watching import kinds, refused, said, statements


def test_it_says_who_and_when(task: Task, editor: Actor, later: datetime) -> None:
    with statements() as ran:
        made = create_comment(
            actor=editor, now=later, task_id=task.pk, fields={"body": "Which *box*?"}
        )

    assert kinds(ran) == ["SELECT", "INSERT", "INSERT"]
    assert list(Comment.objects.values_list()) == [
        (made.pk, task.pk, "Which *box*?", 1, editor.id, later, later)
    ]
    assert made.id.version == 7


def test_it_leaves_the_task_as_it_is(task: Task, comment: Comment) -> None:
    task.refresh_from_db()

    assert task.version == 1


def test_it_takes_the_id_that_the_client_chose(task: Task, editor: Actor, now: datetime) -> None:
    chosen = uuid7()
    fields = {"id": chosen, "body": "Which box?"}

    assert create_comment(actor=editor, now=now, task_id=task.pk, fields=fields).pk == chosen


def test_it_is_refused_with_an_id_that_is_taken(
    comment: Comment, task: Task, editor: Actor, stranger: Actor, now: datetime
) -> None:
    hidden = create_task(actor=stranger, now=now, fields={"title": "Hide"})
    fields = {"id": comment.pk, "body": "Mine"}

    with refused(IdTaken):
        create_comment(actor=editor, now=now, task_id=task.pk, fields=fields)
    with refused(IdTaken):
        create_comment(actor=stranger, now=now, task_id=hidden.pk, fields=fields)


def test_it_is_refused_on_a_task_in_the_trash(task: Task, editor: Actor, now: datetime) -> None:
    delete_task(actor=editor, now=now, task_id=task.pk)

    with refused(InTrash):
        create_comment(actor=editor, now=now, task_id=task.pk, fields={"body": "?"})


def test_it_finds_a_foreign_task_no_more_than_none(
    task: Task, stranger: Actor, now: datetime
) -> None:
    answers = set()
    for target in (task.pk, uuid7()):
        with refused(NotVisible) as caught:
            create_comment(actor=stranger, now=now, task_id=target, fields={"body": "?"})
        answers.add(said(caught))
    assert len(answers) == 1
