"""Moving a task: in the order of its project, in the tree, or to another project.

The client names a neighbour and never a key. What hangs below a task goes with it, the trash
included, and keeps its order; so do its labels, by name. An assignee who is no member of the other
project is taken off, as when they leave (`members.remove_member`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from tasks import versions
from tasks.errors import Conflict, Invalid, NotVisible
from tasks.models import Membership, Project, Task
from tasks.operations import labels
from tasks.operations.access import (
    Actor,
    get_project,
    get_task,
    refuse_trashed,
    seen_by,
    write,
)
from tasks.operations.order import TAKEN, again_while_taken, keys_between, neighbours, show
from tasks.operations.recording import look, record, recorded_tasks
from tasks.operations.tree import place_under, subtrees
from tasks.policies import Action
from tasks.statements import update
from tasks.versions import Expected

type Wish = Mapping[str, UUID | None]


def move_task(
    *,
    actor: Actor,
    now: datetime,
    task_id: UUID,
    to: Wish,
    expected: Expected = versions.ANY,
) -> Task:
    """Move a task; what is where it should be already is not written.

    Args:
        to: any of `project`, `parent` (None: to the root), and one of `after` and `before`, the
            id of a neighbour (None: of nobody, so the beginning or the end). Without a neighbour
            a task stays where it is, or goes to the end of another project; there it becomes a
            root unless `parent` says otherwise.

    Raises:
        NotVisible: the actor sees no such task, project, parent or neighbour.
        NotAllowed: the role in one of the projects does not reach.
        VersionMismatch: the task has another version than expected.
        InTrash: the task, or the project it is to go to, is in the trash.
        Invalid: the place contradicts itself or the tree.
        ExternalIdTaken: the other project has a task with this external id.
        Conflict: the task was moved to another project at the same moment.
    """
    return again_while_taken(lambda: _move_task(actor, now, task_id, to, expected))


def _move_task(actor: Actor, now: datetime, task_id: UUID, to: Wish, expected: Expected) -> Task:
    with write(*TAKEN):
        locked = _lock_projects(actor, task_id, to.get("project"))
        task = get_task(actor, task_id, Action.WRITE_TASKS, expected=expected)
        if task.project_id not in locked:
            raise Conflict("The task was moved to another project at the same moment.")
        refuse_trashed(task)
        source = task.project_id
        target = to.get("project") or source
        if target == source:
            _move_inside(task, to, actor, now)
        else:
            get_project(actor, target, Action.WRITE_TASKS, named="project")
            _move_across(task, target, to, actor, now)
    return task


def _lock_projects(actor: Actor, task_id: UUID, target: UUID | None) -> set[UUID]:
    """Lock the project that the task is in, and the one that it goes to, in the order of their ids.

    So two moves in opposite directions wait for each other in place of deadlocking.
    """
    source = seen_by(Task.objects.filter(pk=task_id), actor).values_list("project", flat=True)
    wanted = {*source, *({target} if target else ())}
    found = Project.objects.filter(pk__in=wanted).order_by("pk")
    return {project.pk for project in found.select_for_update(no_key=True)}


def _move_inside(task: Task, to: Wish, actor: Actor, now: datetime) -> None:
    show(task)
    before = look(task)
    if "parent" in to and to["parent"] != task.parent_id:
        place_under(task, to["parent"], actor)
    place = _place(task, to, actor, [task.pk])
    if place and not place.holds(task.position):
        others = neighbours(task.project_id, [task.pk])
        [task.position] = keys_between(
            others,
            place.lower,
            place.upper,
            1,
            actor=actor.id,
            now=now,
            leaving=task.position,
        )
    if (task.parent_id, task.position) != (before["parent"], before["position"]):
        task.version += 1
        task.updated_at = now
        update(task, ["parent_id", "depth", "position", "version", "updated_at"])
        record("moved", task, before=before, actor=actor.id, now=now)


def _move_across(task: Task, target: UUID, to: Wish, actor: Actor, now: datetime) -> None:
    source, below = task.project_id, subtrees([task.pk])[1:]
    task.project_id = target
    place_under(task, to.get("parent"), actor)
    place = _place(task, to, actor, ()) or _Place(_end_of(target), "")
    # Locked, since others may change a subtask without the lock of the project.
    rows = Task.objects.filter(pk__in=below).select_for_update(no_key=True)
    block = [task, *rows.order_by("position")]
    others = neighbours(target, ())
    keys = keys_between(others, place.lower, place.upper, len(block), actor=actor.id, now=now)
    members = set(Membership.objects.filter(project=target).values_list("user", flat=True))
    for moved, key in zip(block, keys, strict=True):
        moved.project_id, moved.position, moved.updated_at = target, key, now
        moved.version += 1
        if moved.assignee_id not in members:
            moved.assignee_id = None
    ids = [moved.pk for moved in block]
    with recorded_tasks(ids, "moved", actor=actor.id, now=now, left_project=source):
        labels.carry_over(ids, target, actor, now)
        Task.objects.bulk_update(block, _CARRIED, batch_size=500)
    show(task, labels.names_of(task))


_CARRIED = ("project", "parent", "depth", "position", "assignee", "version", "updated_at")


@dataclass(frozen=True, slots=True)
class _Place:
    """Between two keys; empty where there is nobody."""

    lower: str
    upper: str

    def holds(self, key: str) -> bool:
        return self.lower < key and (not self.upper or key < self.upper)


def _place(task: Task, to: Wish, actor: Actor, leaving: Iterable[UUID]) -> _Place | None:
    """Return between which keys the wish puts the task; None if it names no neighbour."""
    others = neighbours(task.project_id, leaving)
    if "after" in to:
        lower = _key_of("after", to["after"], task, actor)
        behind = others.filter(position__gt=lower).order_by("position")
        return _Place(lower, behind.values_list("position", flat=True).first() or "")
    if "before" in to:
        upper = _key_of("before", to["before"], task, actor)
        ahead = others.filter(position__lt=upper) if upper else others
        nearest = ahead.order_by("-position").values_list("position", flat=True).first()
        return _Place(nearest or "", upper)
    return None


def _key_of(name: str, neighbour_id: UUID | None, task: Task, actor: Actor) -> str:
    if neighbour_id is None:
        return ""
    found = seen_by(Task.objects.filter(pk=neighbour_id), actor).first()
    if found is None:
        raise NotVisible.named(name)
    if found.pk == task.pk:
        raise Invalid.field(name, "itself", "A task has no place beside itself.")
    if found.project_id != task.project_id:
        raise Invalid.field(name, "other_project", "The neighbour is in another project.")
    if found.deleted_at:
        raise Invalid.field(name, "in_trash", "The neighbour is in the trash.")
    return found.position


def _end_of(project_id: UUID) -> str:
    last = Task.objects.filter(project=project_id).order_by("-position")
    return last.values_list("position", flat=True).first() or ""
