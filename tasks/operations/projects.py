"""What can be done with projects."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from tasks import versions
from tasks.errors import Conflict, IdTaken, InboxStays
from tasks.ids import uuid7
from tasks.models import Membership, Project, User
from tasks.operations.access import Actor, get_project, note_grant, write
from tasks.operations.recording import look, record
from tasks.policies import Action, Role
from tasks.versions import Expected

INBOX_NAME = "Inbox"
_ID_TAKEN = (("tasks_project_pkey", IdTaken), ("tasks_project.id", IdTaken))


def create_project(*, actor: Actor, now: datetime, fields: Mapping[str, Any]) -> Project:
    """Create a project; the actor is its first admin.

    Args:
        fields: `name`, and optionally `id` (UUIDv7) and `description`.

    Raises:
        IdTaken: there is a project with this id.
    """
    with write(*_ID_TAKEN):
        project = Project(
            id=fields.get("id") or uuid7(),
            name=fields["name"],
            description=fields.get("description", ""),
            created_by_id=actor.id,
            created_at=now,
            updated_at=now,
        )
        project.save(force_insert=True)
        _begin(project, actor, now)
    return project


def inbox(*, actor: Actor, now: datetime) -> Project:
    """Return the actor's inbox project, made on first use; safe to run side by side."""
    found = Project.objects.visible_to(actor.id).filter(inbox_of=actor.id).first()
    if found is not None:
        return found
    with write():
        project, made = Project.objects.get_or_create(
            inbox_of_id=actor.id,
            defaults={
                "name": INBOX_NAME,
                "created_by_id": actor.id,
                "created_at": now,
                "updated_at": now,
            },
        )
        if made:
            _begin(project, actor, now)
    return Project.objects.visible_to(actor.id).get(pk=project.pk)


def update_project(
    *,
    actor: Actor,
    now: datetime,
    project_id: UUID,
    fields: Mapping[str, Any],
    expected: Expected = versions.ANY,
) -> Project:
    """Change a project's name or description; what `fields` leaves out stays.

    Raises:
        VersionMismatch: it has another version than expected.
    """
    with write():
        project = get_project(
            actor, project_id, Action.MANAGE_PROJECT, lock=True, expected=expected
        )
        changed = [name for name in fields if getattr(project, name) != fields[name]]
        if changed:
            before = look(project)
            for name in changed:
                setattr(project, name, fields[name])
            project.version += 1
            project.updated_at = now
            project.save(update_fields=[*changed, "version", "updated_at"])
            record("updated", project, before=before, actor=actor.id, now=now)
    return project


def delete_project(
    *, actor: Actor, now: datetime, project_id: UUID, expected: Expected = versions.ANY
) -> None:
    """Put a project into the trash; its tasks disappear with it. Twice is as good as once.

    Raises:
        VersionMismatch: it has another version than expected.
        InboxStays: it is an inbox.
    """
    with write():
        project = _trashed_or_not(actor, project_id, expected)
        if project.inbox_of_id:
            raise InboxStays("The inbox project cannot be deleted.")
        if not project.deleted_at:
            _set_trashed(project, now, actor, now)


def restore_project(
    *, actor: Actor, now: datetime, project_id: UUID, expected: Expected = versions.ANY
) -> Project:
    """Take a project out of the trash, with everything in it as it was.

    Raises:
        VersionMismatch: it has another version than expected.
    """
    with write():
        project = _trashed_or_not(actor, project_id, expected)
        if project.deleted_at:
            _set_trashed(project, None, actor, now)
    return project


def _trashed_or_not(actor: Actor, project_id: UUID, expected: Expected) -> Project:
    return get_project(
        actor, project_id, Action.MANAGE_PROJECT, lock=True, trashed=True, expected=expected
    )


def _set_trashed(
    project: Project, deleted_at: datetime | None, actor: Actor, now: datetime
) -> None:
    before = look(project)
    project.deleted_at = deleted_at
    project.version += 1
    project.updated_at = now
    project.save(update_fields=["deleted_at", "version", "updated_at"])
    verb = "trashed" if deleted_at else "restored"
    record(verb, project, before=before, actor=actor.id, now=now)


def _begin(project: Project, actor: Actor, now: datetime) -> None:
    """Make the actor the first admin of a new project, and record both."""
    user = User.objects.filter(pk=actor.id).first()
    if user is None:
        raise Conflict  # Deleted while this process still knew the sign-in, for up to 5 s.
    first = Membership.objects.create(
        project=project, user=user, role=Role.ADMIN, created_at=now, updated_at=now
    )
    project.role = Role.ADMIN.value
    record("created", project, actor=actor.id, now=now)
    record("added", first, actor=actor.id, now=now)
    note_grant(Action.READ, project.pk)
