"""Who belongs to a project. Every write here holds the project's lock, so an admin always stays."""

from datetime import datetime
from uuid import UUID

from tasks import versions
from tasks.errors import AlreadyMember, InboxStays, LastAdmin, NotVisible
from tasks.models import Membership, Project, Task, User
from tasks.operations.access import Actor, get_project, write
from tasks.operations.recording import look, record, recorded_tasks
from tasks.policies import Action, Role
from tasks.versions import Expected


def add_member(
    *, actor: Actor, now: datetime, project_id: UUID, user: UUID | str, role: Role
) -> Membership:
    """Add a user, named by id or username, to a project.

    Raises:
        NotVisible: no active user has this id or name.
        AlreadyMember: they are one.
    """
    with write(("membership_once", AlreadyMember), ("tasks_membership.user_id", AlreadyMember)):
        project = get_project(actor, project_id, Action.MANAGE_MEMBERS, lock=True)
        membership = Membership.objects.create(
            project=project, user=_user(user), role=role, created_at=now, updated_at=now
        )
        record("added", membership, actor=actor.id, now=now)
    return membership


def change_role(
    *,
    actor: Actor,
    now: datetime,
    project_id: UUID,
    user_id: UUID,
    role: Role | None,
    expected: Expected = versions.ANY,
) -> Membership:
    """Give a member another role, from their next request on; None leaves it.

    The project gets a new version, too: it shows each member their own role.

    Raises:
        VersionMismatch: the membership has another version than expected.
        LastAdmin: nobody would be left to manage the project.
        InboxStays: it is the owner of the inbox.
    """
    with write():
        project = get_project(actor, project_id, Action.MANAGE_MEMBERS, lock=True)
        membership = _membership(project, user_id, expected)
        if role is not None and membership.role != role:
            if membership.role == Role.ADMIN:
                _refuse_without_admin(project, membership)
            before = look(membership), look(project)
            membership.role = role
            membership.version += 1
            membership.updated_at = now
            membership.save(update_fields=["role", "version", "updated_at"])
            project.version += 1
            project.updated_at = now
            project.save(update_fields=["version", "updated_at"])
            record("updated", membership, before=before[0], actor=actor.id, now=now)
            record("updated", project, before=before[1], actor=actor.id, now=now)
    return membership


def remove_member(
    *,
    actor: Actor,
    now: datetime,
    project_id: UUID,
    user_id: UUID,
    expected: Expected = versions.ANY,
) -> None:
    """Remove a member, or leave: everybody may remove themselves. Their tasks become unassigned.

    Raises:
        VersionMismatch, LastAdmin, InboxStays: as in `change_role`.
    """
    action = Action.LEAVE if user_id == actor.id else Action.MANAGE_MEMBERS
    with write():
        project = get_project(actor, project_id, action, lock=True)
        membership = _membership(project, user_id, expected)
        if membership.role == Role.ADMIN:
            _refuse_without_admin(project, membership)
        record("removed", membership, actor=actor.id, now=now)
        # First the membership: whoever has locked it to assign a task is waited for (`tasks`).
        membership.delete()
        theirs = Task.objects.filter(project=project, assignee=user_id)
        ids = theirs.order_by("position").values_list("pk", flat=True)
        with recorded_tasks(ids, "updated", actor=actor.id, now=now):
            theirs.change(now, assignee=None)


def tell_new_name(*, user: User, was: str, now: datetime) -> None:
    """Give the memberships of a user whose name was changed their next version, and record it.

    They show the name, which belongs to the account; whoever changes it calls this in the same
    transaction.

    Args:
        user: as they are now.
        was: the name that they had.
    """
    own = Membership.objects.filter(user=user).order_by("pk").select_for_update(no_key=True)
    for membership in own:
        membership.user = user
        before = {**look(membership), "username": was}
        membership.version += 1
        membership.updated_at = now
        membership.save(update_fields=["version", "updated_at"])
        record("updated", membership, before=before, actor=None, now=now)


def _user(user: UUID | str) -> User:
    known = {"pk": user} if isinstance(user, UUID) else {"username": user}
    found = User.objects.filter(is_active=True, **known).first()
    if found is None:
        raise NotVisible.named("user")
    return found


def _membership(project: Project, user_id: UUID, expected: Expected) -> Membership:
    found = project.memberships.select_related("user").filter(user=user_id).first()
    if found is None:
        raise NotVisible
    expected.check(found.version)
    return found


def _refuse_without_admin(project: Project, leaving: Membership) -> None:
    if project.inbox_of_id == leaving.user_id:
        raise InboxStays("The owner of an inbox stays its admin.")
    admins = project.memberships.filter(role=Role.ADMIN).exclude(pk=leaving.pk)
    if not admins.exists():
        raise LastAdmin("This is the last admin of the project.")
