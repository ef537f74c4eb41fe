"""What can be done with tasks. PUT, PATCH, the admin site and later the batch all end here."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from tasks import positions, schedule, versions
from tasks.errors import ExternalIdTaken, IdTaken, Invalid
from tasks.ids import uuid7
from tasks.lifecycle import Contradiction, Status, completed_at, happened, wanted_status
from tasks.models import Membership, Project, Task
from tasks.operations import labels, projects
from tasks.operations.access import (
    Actor,
    get_project,
    get_task,
    refuse_trashed,
    require,
    write,
)
from tasks.operations.order import TAKEN, again_while_taken, show
from tasks.operations.recording import look, record
from tasks.operations.tree import place_under
from tasks.policies import Action
from tasks.statements import insert, update
from tasks.versions import Expected

# Fields that are stored as they come; the others have side effects below.
_PLAIN = (
    "title",
    "description",
    "priority",
    "start_date",
    "due_date",
    "due_time",
    "timezone",
    "external_id",
    "metadata",
)


def create_task(*, actor: Actor, now: datetime, fields: Mapping[str, Any]) -> Task:
    """Create a task at the end of its project, the actor's inbox if `fields` names none.

    Args:
        fields: the writable fields of CONTRACT §3, validated one by one; only `title` is needed.

    Returns:
        The task, with `label_names` as its row has them.

    Raises:
        NotVisible: the actor sees no such project or parent.
        NotAllowed: the role in the project does not reach.
        Invalid: the fields contradict each other or the project.
        IdTaken, ExternalIdTaken: another task has it.
    """
    try:
        return again_while_taken(lambda: _create_task(actor, now, fields))
    except ExternalIdTaken:
        # Whoever sends the same task again is told by its id that it has arrived; which of the two
        # is found first depends on the database.
        chosen = fields.get("id")
        if chosen is not None and Task.objects.filter(pk=chosen).exists():
            raise IdTaken from None
        raise


def _create_task(actor: Actor, now: datetime, fields: Mapping[str, Any]) -> Task:
    with write(*TAKEN):
        project = _home(actor, fields, now)
        task = Task(
            id=fields.get("id") or uuid7(),
            project_id=project.pk,
            position=positions.last(),
            created_by_id=actor.id,
            created_at=now,
            updated_at=now,
        )
        _apply(task, fields, actor, now)
        wanted = labels.by_key(fields.get("labels", ()))
        insert(task)
        if wanted:
            labels.attach_labels(task, wanted, actor, now)
        show(task, labels.names_of(task) if wanted else ())
        record("created", task, actor=actor.id, now=now)
    return task


def update_task(
    *,
    actor: Actor,
    now: datetime,
    task_id: UUID,
    fields: Mapping[str, Any],
    expected: Expected = versions.ANY,
) -> Task:
    """Change a task; what `fields` leaves out stays, and what changes nothing writes nothing.

    Raises:
        VersionMismatch: the task has another version than expected.
        InTrash: it is in the trash.
        Others as `create_task`.
    """
    with write(*TAKEN):
        several = "parent" in fields or "labels" in fields
        task = get_task(actor, task_id, Action.WRITE_TASKS, expected=expected, with_project=several)
        refuse_trashed(task)
        show(task)
        before = look(task)
        changed = _apply(task, fields, actor, now)
        relabelled = "labels" in fields and labels.set_labels(task, fields["labels"], actor, now)
        if changed or relabelled:
            task.version += 1
            task.updated_at = now
            update(task, [*changed, "version", "updated_at"])
        show(task, labels.names_of(task) if relabelled else None)
        if changed or relabelled:
            verb = happened(Status(before["status"]), Status(task.status))
            record(verb, task, before=before, actor=actor.id, now=now)
    return task


def _home(actor: Actor, fields: Mapping[str, Any], now: datetime) -> Project:
    """Return the project that a new task goes to, if the actor may write there."""
    lock = bool(fields.get("parent") or fields.get("labels"))
    if fields.get("project") is not None:
        project_id = fields["project"]
        return get_project(actor, project_id, Action.WRITE_TASKS, lock=lock, named="project")
    project = projects.inbox(actor=actor, now=now)
    if lock:
        return get_project(actor, project.pk, Action.WRITE_TASKS, lock=True)
    require(project.role, Action.WRITE_TASKS, project.pk)
    return project


def _apply(task: Task, fields: Mapping[str, Any], actor: Actor, now: datetime) -> list[str]:
    """Set the fields and all that follows from them; return the columns that differ."""
    before = {name: getattr(task, name) for name in _COLUMNS}
    for name in _PLAIN:
        if name in fields:
            setattr(task, name, fields[name])
    _set_status(task, fields, now)
    if "parent" in fields and fields["parent"] != task.parent_id:
        place_under(task, fields["parent"], actor)
    if "assignee" in fields and fields["assignee"] != task.assignee_id:
        _assign(task, fields["assignee"])
    _check_dates(task)
    if any(getattr(task, name) != before[name] for name in _DUE):
        task.due_at = schedule.due_at(task.due_date, task.due_time, task.timezone)
    return [name for name, value in before.items() if getattr(task, name) != value]


# `due_at` follows from these. It is not computed anew without need: a time zone whose rules have
# changed since would give a task another version although nobody changed it.
_DUE = ("due_date", "due_time", "timezone")
_COLUMNS = (*_PLAIN, "status", "completed_at", "due_at", "parent_id", "depth", "assignee_id")


def _set_status(task: Task, fields: Mapping[str, Any], now: datetime) -> None:
    old, asked = Status(task.status), fields.get("status")
    try:
        new = wanted_status(
            old, status=Status(asked) if asked else None, completed=fields.get("completed")
        )
    except Contradiction:
        raise Invalid.field(
            "completed", "contradicts_status", "`completed` is true exactly if `status` is done."
        ) from None
    task.completed_at = completed_at(old, new, task.completed_at, now)
    task.status = new.value


def _assign(task: Task, user_id: UUID | None) -> None:
    """Assign the task. The membership stays locked: its end waits, and then unassigns this, too."""
    if user_id is not None:
        members = Membership.objects.filter(project=task.project_id, user=user_id)
        if members.select_for_update(no_key=True).first() is None:
            raise Invalid.field("assignee", "not_a_member", "Not a member of the project.")
    task.assignee_id = user_id


def _check_dates(task: Task) -> None:
    if task.due_time is not None and task.due_date is None:
        raise Invalid.field(
            "due_time", "needs_date", "A time needs a `due_date`; to drop both, send both as null."
        )
    if task.start_date and task.due_date and task.start_date > task.due_date:
        raise Invalid.field("start_date", "after_due_date", "It must not be after `due_date`.")
