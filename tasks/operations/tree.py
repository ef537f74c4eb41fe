"""The tree of subtasks: at most four levels below a root, no circles, one project.

Callers hold the lock of the project (`lock_project_of`), so what is read here stays true until
they commit.
"""

from collections.abc import Iterable
from uuid import UUID

from django.db.models import F

from tasks.errors import Invalid, NotVisible
from tasks.models import MAX_DEPTH, Task
from tasks.operations.access import Actor, seen_by


def place_under(task: Task, parent_id: UUID | None, actor: Actor) -> None:
    """Set the task's parent and depth, and the depth of what hangs below it.

    Raises:
        NotVisible: the actor sees no such parent.
        Invalid: the parent is in another project, in the trash, below the task itself, or too deep.
    """
    levels = [] if task._state.adding else levels_below([task.pk])
    depth = 0 if parent_id is None else _depth_under(task, _parent(parent_id, actor), levels)
    if depth != task.depth:
        below = [pk for level in levels for pk in level]
        Task.objects.filter(pk__in=below).update(depth=F("depth") + (depth - task.depth))
    task.parent_id, task.depth = parent_id, depth


def levels_below(above: list[UUID], *, live_only: bool = False) -> list[list[UUID]]:
    """Return the ids below some tasks, level by level; at most four short queries."""
    levels: list[list[UUID]] = []
    while above:
        children = Task.objects.filter(parent__in=above)
        if live_only:
            children = children.live()
        above = list(children.values_list("pk", flat=True))
        if above:
            levels.append(above)
    return levels


def subtrees(roots: Iterable[UUID], *, live_only: bool = False) -> list[UUID]:
    """Return tasks and all that hangs below them, each once, from the top down."""
    first = list(roots)
    below = [pk for level in levels_below(first, live_only=live_only) for pk in level]
    return list(dict.fromkeys([*first, *below]))


def _parent(parent_id: UUID, actor: Actor) -> Task:
    parent = seen_by(Task.objects.filter(pk=parent_id), actor).first()
    if parent is None:
        raise NotVisible.named("parent")
    return parent


def _depth_under(task: Task, parent: Task, levels: list[list[UUID]]) -> int:
    if parent.project_id != task.project_id:
        raise Invalid.field("parent", "other_project", "The parent is in another project.")
    if parent.deleted_at:
        raise Invalid.field("parent", "in_trash", "The parent is in the trash: restore it first.")
    if parent.pk == task.pk or any(parent.pk in level for level in levels):
        raise Invalid.field("parent", "cycle", "A task cannot be below itself.")
    depth = parent.depth + 1
    if depth + len(levels) > MAX_DEPTH:
        raise Invalid.field(
            "parent", "too_deep", f"Subtasks go at most {MAX_DEPTH} levels below a root."
        )
    return depth
