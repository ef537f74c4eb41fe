"""What each write of a task must do to the model: its fields, its place, the trash."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from tests.contract.model import INVALID, TRASHED, UNSEEN, Refused, Shown, Task, Unknown, World
from tests.contract.model_writes import find_or_make_label, name_key

_PLAIN: Final = (
    *("title", "description", "priority", "start_date", "due_date", "due_time", "timezone"),
    *("external_id", "metadata"),
)
_LEVELS: Final = 4  # below a root
_DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_LONGEST: Final = 24


def create_task(world: World, user: str, body: dict[str, Any], made: str) -> Shown:
    project = body.get("project") or world.inbox(user)
    assert project, "the caller adds the inbox first"
    world.open_project(user, project, "write")
    task = Task(
        id=made, project=project, created_by=user, created_at=world.now, updated_at=world.now
    )
    _apply(world, user, task, body, new=True)
    task.labels = _numbers(world, task, body.get("labels", []))
    if body.get("id") in world.tasks:
        raise Refused(409, "id_taken")
    _refuse_taken(world, project, task)
    world.tasks[made] = task
    world.projects[project].order.append(made)
    return world.show_task(task)


def update_task(world: World, user: str, key: str, body: dict[str, Any]) -> Shown:
    task = world.open_task(user, key, "write")
    if task.deleted_at:
        raise Refused(*TRASHED)
    before = world.show_task(task)
    _apply(world, user, task, body, new=False)
    if "labels" in body:
        task.labels = _numbers(world, task, body["labels"])
    _refuse_taken(world, task.project, task)
    if world.show_task(task) != before:
        task.change(world.now)
    return world.show_task(task)


def _apply(world: World, user: str, task: Task, body: dict[str, Any], *, new: bool) -> None:
    for name in _PLAIN:
        if name in body:
            value = body[name]
            if name in {"title", "external_id"} and value is not None:
                value = value.strip()
            if name == "due_time" and value is not None:
                value = time.fromisoformat(value).isoformat()
            setattr(task, name, value)
    _set_status(world, task, body)
    if "parent" in body and body["parent"] != task.parent:
        _place_under(world, user, task, body["parent"], new=new)
    if "assignee" in body:
        _assign(world, task, body["assignee"])
    if task.due_time and not task.due_date:
        raise Refused(*INVALID)
    if task.start_date and task.due_date and task.start_date > task.due_date:
        raise Refused(*INVALID)
    task.due_at = _due_at(task)


def _set_status(world: World, task: Task, body: dict[str, Any]) -> None:
    status, completed = body.get("status"), body.get("completed")
    if status is not None and completed is not None and completed is not (status == "done"):
        raise Refused(*INVALID)
    if status is None:
        status = task.status
        if completed is not None and completed is not (status == "done"):
            status = "done" if completed else "todo"
    if status in {"todo", "in_progress"}:
        task.completed_at = None
    elif task.completed_at is None:
        task.completed_at = world.now
    task.status = status


def _assign(world: World, task: Task, whom: str | None) -> None:
    """`whom` is the id of a user, as the body names them."""
    names = {key: name for name, key in world.users.items()}
    name = names.get(whom) if whom else None
    if name == task.assignee and (name or whom is None):
        return
    if whom is not None and name not in world.projects[task.project].members:
        raise Refused(*INVALID)
    task.assignee = name


def _due_at(task: Task) -> str | None:
    if task.due_date is None:
        return None
    day, zone = date.fromisoformat(task.due_date), ZoneInfo(task.timezone)
    if task.due_time is None:
        instant = datetime.combine(day + timedelta(days=1), time.min, zone)
    else:
        instant = datetime.combine(day, time.fromisoformat(task.due_time), zone)
    return f"{instant.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _numbers(world: World, task: Task, names: list[str]) -> set[int]:
    """Return the numbers of labels; of several names for a new one the first is its name."""
    first: dict[str, str] = {}
    for name in names:
        first.setdefault(name_key(name.strip()), name.strip())
    return {find_or_make_label(world, task.project, name) for name in first.values()}


def _refuse_taken(world: World, project: str, *coming: Task) -> None:
    wanted = {task.external_id for task in coming} - {None}
    own = {task.id for task in coming}
    for other in world.tasks.values():
        if other.project == project and other.id not in own and other.external_id in wanted:
            raise Refused(409, "external_id_taken")


def _place_under(
    world: World, user: str, task: Task, parent: str | None, *, new: bool = False
) -> None:
    if parent is None:
        task.parent = None
        return
    above = world.tasks.get(parent)
    if above is None or not world.sees_inside(user, above.project):
        raise Refused(*UNSEEN)
    levels = [] if new else world.below(task.id)
    circle = parent == task.id or any(parent in level for level in levels)
    deep = world.depth(parent) + 1 + len(levels) > _LEVELS
    if above.project != task.project or above.deleted_at or circle or deep:
        raise Refused(*INVALID)
    task.parent = parent


# --- The trash ---


def delete_task(world: World, user: str, key: str) -> None:
    task = world.open_task(user, key, "write")
    if task.deleted_at:
        return
    for each in [key, *(each for level in world.below(key, live_only=True) for each in level)]:
        world.tasks[each].change(world.now, deleted_at=world.now, trashed_with=key)


def restore_task(world: World, user: str, key: str) -> Shown:
    task = world.open_task(user, key, "write")
    if task.deleted_at:
        parent = world.tasks[task.parent] if task.parent else None
        if task.trashed_with != key or (parent and parent.deleted_at):
            raise Refused(*TRASHED)
        for each in world.tasks.values():
            if each.trashed_with == key:
                each.change(world.now, deleted_at=None, trashed_with=None)
    return world.show_task(task)


def purge_task(world: World, user: str, key: str) -> None:
    task = world.open_task(user, key, "purge")
    gone = [key, *(each for level in world.below(key) for each in level)]
    for each in gone:
        world.projects[task.project].order.remove(each)
        del world.tasks[each]
    world.gone += gone
    world.comments = {each.id: each for each in world.comments.values() if each.task in world.tasks}


# --- Moving ---


def move_task(world: World, user: str, key: str, to: dict[str, Any]) -> Shown:
    if not to or {"after", "before"} <= to.keys():
        raise Refused(*INVALID)
    task = world.open_task(user, key, "write")
    if task.deleted_at:
        raise Refused(*TRASHED)
    target = to.get("project", task.project)
    if target == task.project:
        _move_inside(world, user, task, to)
    else:
        world.open_project(user, target, "write")
        _move_across(world, user, task, target, to)
    return world.show_task(task)


def _move_inside(world: World, user: str, task: Task, to: dict[str, Any]) -> None:
    parent, order = task.parent, world.projects[task.project].order
    before = list(order)
    if "parent" in to and to["parent"] != task.parent:
        _place_under(world, user, task, to["parent"])
    index = _index(world, user, task, to, [each for each in order if each != task.id])
    if index is not None:
        order.remove(task.id)
        order.insert(index, task.id)
    if order != before:
        task.position = Unknown()
    if order != before or task.parent != parent:
        task.change(world.now)


def _move_across(world: World, user: str, task: Task, target: str, to: dict[str, Any]) -> None:
    below = {each for level in world.below(task.id) for each in level}
    source = world.projects[task.project].order
    block = [task.id, *(each for each in source if each in below)]
    task.project = target  # its place is looked for from there
    _place_under(world, user, task, to.get("parent"))
    order = world.projects[target].order
    index = _index(world, user, task, to, order)
    moved = [world.tasks[each] for each in block]
    _refuse_taken(world, target, *moved)
    for each in moved:
        source.remove(each.id)
        names = [world.labels[number].name for number in sorted(each.labels)]
        each.project = target
        if each.assignee not in world.projects[target].members:
            each.assignee = None
        each.change(world.now, labels=_numbers(world, each, names), position=Unknown())
    place = len(order) if index is None else index
    order[place:place] = block


def _index(
    world: World, user: str, task: Task, to: dict[str, Any], others: list[str]
) -> int | None:
    """Return the place among the others that is asked for; None if no neighbour is named."""
    for name in ("after", "before"):
        if name in to and to[name] is None:
            return 0 if name == "after" else len(others)
        if name in to:
            neighbour = world.tasks.get(to[name])
            if neighbour is None or not world.sees_inside(user, neighbour.project):
                raise Refused(*UNSEEN)
            apart = neighbour.project != task.project or neighbour.id not in others
            if neighbour.id == task.id or apart or neighbour.deleted_at:
                raise Refused(*INVALID)
            return others.index(neighbour.id) + (name == "after")
    return None


def take_new_keys(world: World, task: str, found: dict[str, Shown]) -> None:
    """Accept that a move has dealt out keys anew, where there was no room, and only there.

    Args:
        task: the one that was moved.
        found: all tasks of its project as they are now; its own key is known from the answer.
    """
    order = world.projects[world.tasks[task].project].order
    fresh = [index for index, each in enumerate(order) if world.tasks[each].updated_at is world.now]
    others = [each for each in order if found[each]["position"] != world.tasks[each].position.seen]
    dealt = [each for each in others if world.tasks[each].position.seen]
    if not dealt:
        return
    lower = world.tasks[order[fresh[0] - 1]].position.seen if fresh[0] else ""
    upper = world.tasks[order[fresh[-1] + 1]].position.seen if fresh[-1] + 1 < len(order) else ""
    assert "" not in {lower, upper}, "there is always room at the ends"
    assert _room(lower, upper) < len(_DIGITS) * (len(fresh) + 1), (lower, upper)
    for each in dealt:
        world.tasks[each].change(world.now, position=Unknown())


def _room(lower: str, upper: str) -> int:
    """Return how many keys of the greatest length there are between two."""
    return _number(upper) - _number(lower) - 1


def _number(key: str) -> int:
    number = 0
    for digit in key[:_LONGEST].ljust(_LONGEST, "0"):
        number = number * len(_DIGITS) + _DIGITS.index(digit)
    return number
