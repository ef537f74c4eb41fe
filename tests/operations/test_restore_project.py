"""A project comes back from the trash with everything in it."""

from collections.abc import Callable
from datetime import datetime

from tasks.models import Project, Task
from tasks.operations.access import Actor
from tasks.operations.projects import delete_project, restore_project
from tasks.operations.trash import delete_task
from tests.operations.watching import nothing_written


def test_it_comes_back(project: Project, admin: Actor, now: datetime, later: datetime) -> None:
    delete_project(actor=admin, now=now, project_id=project.pk)
    shown = restore_project(actor=admin, now=later, project_id=project.pk)

    project.refresh_from_db()
    assert (project.deleted_at, project.version, project.updated_at) == (None, 3, later)
    assert (shown.deleted_at, shown.version) == (None, 3)


def test_it_brings_its_tasks_as_they_were(
    project: Project, new_task: Callable[..., Task], admin: Actor, now: datetime, later: datetime
) -> None:
    kept, gone = new_task(), new_task()
    delete_task(actor=admin, now=now, task_id=gone.pk)
    delete_project(actor=admin, now=now, project_id=project.pk)
    restore_project(actor=admin, now=later, project_id=project.pk)

    visible = Task.objects.visible_to(admin.id)
    assert [task.pk for task in visible.live()] == [kept.pk]
    assert [task.pk for task in visible.trashed()] == [gone.pk]


def test_it_leaves_what_is_not_in_the_trash(
    project: Project, admin: Actor, later: datetime
) -> None:
    with nothing_written():
        restore_project(actor=admin, now=later, project_id=project.pk)
