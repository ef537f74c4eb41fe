"""The types of events: what each tells, in a sentence. `docs/events.md` shows the table."""

from typing import Final

TYPES: Final[dict[str, str]] = {
    "task.created": "A task was made.",
    "task.updated": "Fields of a task changed, or what it shows: the name of a label, say.",
    "task.completed": "Its status became `done`.",
    "task.reopened": "It was done or cancelled, and is open again.",
    "task.moved": "It has another place in the order or in the tree, or another project.",
    "task.trashed": "It went to the trash, by itself or with a task above it.",
    "task.restored": "It came back from the trash.",
    "task.purged": "It was deleted for good, and its comments with it.",
    "comment.created": "A comment was written.",
    "comment.updated": "Its author changed it.",
    "comment.deleted": "It was deleted for good.",
    "project.created": "A project was made.",
    "project.updated": "Its name or description changed, or somebody's role in it.",
    "project.trashed": "It went to the trash, and everything in it out of sight.",
    "project.restored": "It came back from the trash, with everything in it as it was.",
    "project.purged": "It was deleted for good, after its tasks and members; on RabbitMQ only.",
    "member.added": "A user became a member of a project.",
    "member.updated": "A member has another role, or another name.",
    "member.removed": "A member left or was removed, or their project was deleted for good.",
    "label.created": "A label was used for the first time.",
    "label.updated": "A label was renamed; its tasks have events of their own.",
    "label.deleted": "A label was deleted and taken off its tasks, which have events of their own.",
    "reminder.fired": "The moment of a reminder has come.",
    "webhook.disabled": "Nothing is sent to an endpoint any more; for its owner only.",
    "webhook.ping": "Its owner wants to see whether an endpoint answers; sent to this one only.",
}


def kind_of(type: str) -> str:  # noqa: A002 - the attribute's name in CloudEvents
    """Return what the event is about: `task` for `task.moved`."""
    return type.partition(".")[0]
