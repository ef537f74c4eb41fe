"""Two projects side by side, with everything in them that has an id."""

from datetime import datetime

from tasks.models import Attempt, Delivery, Event, Project, User, Webhook
from tasks.operations.access import Actor
from tasks.operations.comments import create_comment
from tasks.operations.members import add_member
from tasks.operations.projects import create_project
from tasks.operations.tasks import create_task
from tasks.policies import Role
from tasks.webhooks.operations import create_webhook, ping

type Ids = dict[str, str]


def furnish(owner: User, editor: User, now: datetime) -> Project:
    """Make a project with an editor, a task, a label, a comment and an endpoint of the owner's."""
    actor = Actor(owner.pk)
    project = create_project(actor=actor, now=now, fields={"name": "Moving house"})
    add_member(actor=actor, now=now, project_id=project.pk, user=editor.pk, role=Role.EDITOR)
    fields = {"title": "Pack", "project": project.pk, "labels": ["Kitchen"]}
    task = create_task(actor=actor, now=now, fields=fields)
    create_comment(actor=Actor(editor.pk), now=now, task_id=task.pk, fields={"body": "At eight."})
    hook = {"url": "https://example.org/hooks", "project": project.pk}
    deliver(create_webhook(actor=actor, now=now, fields=hook)[0], now)
    return project


def deliver(webhook: Webhook, now: datetime) -> Delivery:
    """Make a delivery of a ping that was tried once, as the worker would."""
    pinged = ping(actor=Actor(webhook.owner_id), now=now, webhook_id=webhook.pk)
    event = Event.objects.get(uid=pinged.uid)
    delivery = Delivery.objects.create(
        webhook=webhook, event=event, tries=1, next_try_at=now, created_at=now
    )
    Attempt.objects.create(delivery=delivery, at=now, duration_ms=7, status=500, answer="Oh.")
    return delivery


def ids_of(project: Project) -> Ids:
    """Return the ids of a furnished project, by the names that paths have for them."""
    task, webhook = project.tasks.get(), project.webhooks.get()
    return {
        "project_id": str(project.pk),
        "task_id": str(task.pk),
        "label_id": str(project.labels.get().pk),
        "comment_id": str(task.comments.get().pk),
        "webhook_id": str(webhook.pk),
        "delivery_id": str(webhook.deliveries.get().pk),
    }
