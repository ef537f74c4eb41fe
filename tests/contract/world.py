"""Two projects side by side, with everything in them that has an id."""

from datetime import datetime

from tasks.models import Project, User
from tasks.operations.access import Actor
from tasks.operations.comments import create_comment
from tasks.operations.members import add_member
from tasks.operations.projects import create_project
from tasks.operations.tasks import create_task
from tasks.policies import Role

type Ids = dict[str, str]


def furnish(owner: User, editor: User, now: datetime) -> Project:
    """Make a project with an editor, a task, a label and a comment."""
    actor = Actor(owner.pk)
    project = create_project(actor=actor, now=now, fields={"name": "Moving house"})
    add_member(actor=actor, now=now, project_id=project.pk, user=editor.pk, role=Role.EDITOR)
    fields = {"title": "Pack", "project": project.pk, "labels": ["Kitchen"]}
    task = create_task(actor=actor, now=now, fields=fields)
    create_comment(actor=Actor(editor.pk), now=now, task_id=task.pk, fields={"body": "At eight."})
    return project


def ids_of(project: Project) -> Ids:
    """Return the ids of a furnished project, by the names that paths have for them."""
    task = project.tasks.get()
    return {
        "project_id": str(project.pk),
        "task_id": str(task.pk),
        "label_id": str(project.labels.get().pk),
        "comment_id": str(task.comments.get().pk),
    }
