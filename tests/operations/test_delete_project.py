"""A project in the trash takes everything in it out of sight."""

from datetime import datetime

from tasks.errors import InboxStays, NotVisible
from tasks.models import Comment, Project, Task
from tasks.operations.access import Actor
from tasks.operations.comments import update_comment
from tasks.operations.projects import delete_project, inbox
from tasks.operations.tasks import update_task
from tests.operations.watching import nothing_written, refused


def test_it_marks_the_project(
    project: Project, admin: Actor, now: datetime, later: datetime
) -> None:
    delete_project(actor=admin, now=later, project_id=project.pk)

    project.refresh_from_db()
    assert (project.deleted_at, project.version, project.updated_at) == (later, 2, later)
    assert project.created_at == now


def test_it_leaves_the_tasks_as_they_are(
    project: Project, task: Task, admin: Actor, later: datetime
) -> None:
    delete_project(actor=admin, now=later, project_id=project.pk)

    task.refresh_from_db()
    assert (task.deleted_at, task.version) == (None, 1)


def test_it_takes_the_tasks_and_comments_out_of_sight(
    project: Project, task: Task, comment: Comment, admin: Actor, editor: Actor, now: datetime
) -> None:
    delete_project(actor=admin, now=now, project_id=project.pk)

    with refused(NotVisible):
        update_task(actor=admin, now=now, task_id=task.pk, fields={"title": "Unpack"})
    with refused(NotVisible):
        update_comment(actor=editor, now=now, comment_id=comment.pk, fields={"body": "?"})


def test_it_is_as_good_twice_as_once(
    project: Project, admin: Actor, now: datetime, later: datetime
) -> None:
    delete_project(actor=admin, now=now, project_id=project.pk)

    with nothing_written():
        delete_project(actor=admin, now=later, project_id=project.pk)


def test_it_is_refused_for_an_inbox(admin: Actor, now: datetime) -> None:
    made = inbox(actor=admin, now=now)

    with refused(InboxStays):
        delete_project(actor=admin, now=now, project_id=made.pk)
