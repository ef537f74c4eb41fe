"""The gate in front of every write: find it, as this actor sees it, under a lock; ask the policy.

A project's row is the lock for everything that touches several rows of it at once: the tree of
subtasks, the list of admins, the labels and which tasks carry them. It is always taken before the
rows below it, so two such writes wait for each other in place of deadlocking. All else in a single
task is written under the lock of its own row only.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import OuterRef, QuerySet, Subquery, Value

from tasks import context, versions
from tasks.errors import Conflict, DomainError, InTrash, NotAllowed, NotVisible
from tasks.models import Project, Task
from tasks.policies import Action, Role, allows
from tasks.rows import slot, user_slot
from tasks.statements import instances
from tasks.versions import Expected


@dataclass(frozen=True, slots=True)
class Actor:
    """Who writes. Staff, in the admin site only, act as an admin of every project."""

    id: UUID
    is_staff: bool = False


def seen_by[Q: QuerySet[Any, Any]](queryset: Q, actor: Actor) -> Q:
    """Return what the actor may see of a queryset; each object carries the actor's `role`."""
    if actor.is_staff:
        return queryset.annotate(role=Value(Role.ADMIN.value))
    return queryset.visible_to(actor.id)  # type: ignore[attr-defined, no-any-return]


def require(role: str, action: Action, project_id: UUID) -> None:
    """Raise NotAllowed unless the role in this project allows the action."""
    if not allows(role, action):
        raise NotAllowed(f"As {role} of this project you may not {action.value}.")
    note_grant(action, project_id)


def note_grant(action: Action, project_id: UUID) -> None:
    """Remember that this was allowed, if somebody collects it (`tasks.context.granted`)."""
    granted = context.granted.get()
    if granted is not None:
        granted.append((project_id, action))


def get_project(
    actor: Actor,
    project_id: UUID,
    action: Action,
    *,
    lock: bool = False,
    trashed: bool = False,
    named: str = "",
    expected: Expected = versions.ANY,
) -> Project:
    """Return a project the actor may do this in.

    Args:
        lock: take its row lock.
        expected: the condition on its version.
        trashed: whether a project in the trash will do.
        named: the field of the body that names the project, if it is not the request's path.

    Raises:
        NotVisible: there is none, or the actor is no member.
        NotAllowed: the role does not reach.
        VersionMismatch: it has another version than expected.
        InTrash: it is in the trash.
    """

    def build() -> QuerySet[Project, Project]:
        found = seen_by(Project.objects.filter(pk=slot(Project, "id", "key")), _anybody(actor))
        return found.select_for_update(of=("self",), no_key=True) if lock else found

    shape = ("project", actor.is_staff, lock)
    found = instances(Project, shape, build, _values(actor, project_id), ["role"])
    if not found:
        raise NotVisible.named(named) if named else NotVisible
    project = found[0]
    require(project.role, action, project.pk)
    expected.check(project.version)
    if project.deleted_at and not trashed:
        raise InTrash("The project is in the trash.")
    return project


def get_task(
    actor: Actor,
    task_id: UUID,
    action: Action,
    *,
    expected: Expected = versions.ANY,
    with_project: bool = False,
) -> Task:
    """Return a task under its row lock, trashed or not, with its `label_names`.

    PostgreSQL, having waited for the lock, reads the row itself anew but nothing of the other
    tables: the names would be those from before the write that it waited for, and a task that was
    moved to another project would not be found at all. Then, and only then, the versions differ or
    nothing comes back, and the statement is run a second time.

    Args:
        with_project: take the lock of its project first, see above.

    Raises:
        Conflict: it was moved to another project while that lock was waited for.
        Others as `get_project`, but for the trash.
    """
    locked = lock_project_of(Task.objects.filter(pk=task_id), actor) if with_project else None
    found = _locked_task(actor, task_id)
    if not found or found[0].version != found[0].version_before:  # type: ignore[attr-defined]
        found = _locked_task(actor, task_id)
    if not found:
        raise NotVisible
    task = found[0]
    require(task.role, action, task.project_id)  # type: ignore[attr-defined]
    if locked not in {None, task.project_id}:
        raise Conflict("The task was moved to another project at the same moment.")
    expected.check(task.version)
    return task


def refuse_trashed(task: Task) -> None:
    """Raise InTrash if the task is in the trash: it is restored before it is changed."""
    if task.deleted_at:
        raise InTrash("The task is in the trash.")


def _locked_task(actor: Actor, task_id: UUID) -> list[Task]:
    def build() -> QuerySet[Task, Task]:
        found = Task.objects.with_row_columns().filter(pk=slot(Task, "id", "key"))
        own = Task.objects.filter(pk=OuterRef("pk")).values("version")
        found = seen_by(found, _anybody(actor)).annotate(version_before=Subquery(own))
        return found.select_for_update(of=("self",), no_key=True)

    wanted = ["role", "label_names", "version_before"]
    shape = ("locked task", actor.is_staff)
    return instances(Task, shape, build, _values(actor, task_id), wanted)


def _anybody(actor: Actor) -> Actor:
    """An actor of the same kind whose id is a slot, to compile a statement for all of them."""
    return replace(actor, id=user_slot())  # type: ignore[arg-type]  # never run as it is


def _values(actor: Actor, key: UUID) -> dict[str, UUID]:
    return {"user": actor.id, "key": key}


def lock_project_of(queryset: QuerySet[Any, Any], actor: Actor) -> UUID:
    """Take the lock of the project that something belongs to, if the actor may see it.

    Returns the project's id: after waiting for the lock the thing may belong to another one.

    For writes that read or change more than one row: two moves of subtasks that are each right
    alone could make a circle together.

    Raises:
        NotVisible: there is no such thing, or the actor is no member of its project.
    """
    owner = Project.objects.filter(pk__in=seen_by(queryset, actor).values("project"))
    project = owner.select_for_update(no_key=True).first()
    if project is None:
        raise NotVisible
    return project.pk


@contextmanager
def write(*translations: tuple[str, Callable[[], DomainError]]) -> Iterator[None]:
    """One transaction; a broken unique constraint becomes the domain error of its name.

    The translation happens outside the transaction: PostgreSQL allows nothing more in one that
    has failed. Checking before writing instead would leave a gap for another process.
    """
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        violated = _constraint(error)
        for name, make in translations:
            if name in violated:
                raise make() from error
        raise


def _constraint(error: IntegrityError) -> str:
    """Return the constraint's name (PostgreSQL) or its columns (SQLite names no constraint)."""
    diagnosis = getattr(error.__cause__, "diag", None)
    return str(diagnosis.constraint_name) if diagnosis else str(error)
