"""What each write must do to the model: projects, members, labels, comments, keys.

Each function takes a world to change, raises `Refused` where the service must refuse, and returns
what the answer must show; None stands for an empty one.
"""

import unicodedata
from typing import Any

from tests.contract.model import (
    TRASHED,
    UNSEEN,
    Comment,
    Kept,
    Label,
    Member,
    Project,
    Refused,
    Shown,
    World,
)


def name_key(name: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


# --- Projects ---


def create_project(
    world: World, user: str, body: dict[str, Any], made: str, *, inbox: bool = False
) -> Shown:
    if body.get("id") in world.projects:
        raise Refused(409, "id_taken")
    now = world.now
    world.projects[made] = project = Project(
        id=made,
        name=body["name"].strip(),
        description=body.get("description", ""),
        created_by=user,
        inbox_of=user if inbox else None,
        created_at=now,
        updated_at=now,
        members={user: Member(role="admin", created_at=now, updated_at=now)},
    )
    world.granted.append((made, "read"))
    return world.show_project(project, user)


def update_project(world: World, user: str, key: str, body: dict[str, Any]) -> Shown:
    project = world.open_project(user, key, "manage", expect=True)
    wanted = {name: value.strip() if name == "name" else value for name, value in body.items()}
    if any(getattr(project, name) != value for name, value in wanted.items()):
        project.change(world.now, **wanted)
    return world.show_project(project, user)


def delete_project(world: World, user: str, key: str) -> None:
    project = world.open_project(user, key, "manage", trashed=True, expect=True)
    if project.inbox_of:
        raise Refused(409, "inbox_stays")
    if not project.deleted_at:
        project.change(world.now, deleted_at=world.now)


def restore_project(world: World, user: str, key: str) -> Shown:
    project = world.open_project(user, key, "manage", trashed=True, expect=True)
    if project.deleted_at:
        project.change(world.now, deleted_at=None)
    return world.show_project(project, user)


# --- Members ---


def add_member(world: World, user: str, key: str, whom: str, role: str) -> Shown:
    project = world.open_project(user, key, "members")
    if whom not in world.users:
        raise Refused(*UNSEEN)
    if whom in project.members:
        raise Refused(409, "already_member")
    project.members[whom] = Member(role=role, created_at=world.now, updated_at=world.now)
    return world.show_member(project.members[whom], whom)


def change_role(world: World, user: str, key: str, whom: str, role: str | None) -> Shown:
    project = world.open_project(user, key, "members")
    member = _member(world, project, whom)
    if role is not None and role != member.role:
        if member.role == "admin":
            _keep_an_admin(project, whom)
        member.change(world.now, role=role)
        project.change(world.now)
    return world.show_member(member, whom)


def remove_member(world: World, user: str, key: str, whom: str) -> None:
    project = world.open_project(user, key, "leave" if whom == user else "members")
    if _member(world, project, whom).role == "admin":
        _keep_an_admin(project, whom)
    del project.members[whom]
    for task in world.tasks.values():
        if task.project == key and task.assignee == whom:
            task.change(world.now, assignee=None)


def _member(world: World, project: Project, whom: str) -> Member:
    if whom not in project.members:
        raise Refused(*UNSEEN)
    world.expect()
    return project.members[whom]


def _keep_an_admin(project: Project, leaving: str) -> None:
    if project.inbox_of == leaving:
        raise Refused(409, "inbox_stays")
    if [name for name, each in project.members.items() if each.role == "admin"] == [leaving]:
        raise Refused(409, "last_admin")


# --- Labels ---


def known_label(world: World, project: str, key: str) -> Label | None:
    found = (
        label
        for label in world.labels.values()
        if label.project == project and name_key(label.name) == key
    )
    return next(found, None)


def find_or_make_label(world: World, project: str, name: str) -> int:
    """Return the number of the project's label of this name, made if need be."""
    if known := known_label(world, project, name_key(name)):
        return known.number
    world.made_labels += 1
    number = world.made_labels
    world.labels[number] = Label(
        number=number, project=project, name=name, created_at=world.now, updated_at=world.now
    )
    return number


def rename_label(world: World, user: str, number: int, name: str | None) -> Shown:
    label = _open_label(world, user, number)
    if name is not None and name.strip() != label.name:
        other = known_label(world, label.project, name_key(name.strip()))
        if other is not None and other is not label:
            raise Refused(409, "label_taken")
        label.change(world.now, name=name.strip())
        _touch(world, number)
    return world.show_label(label)


def delete_label(world: World, user: str, number: int) -> None:
    _open_label(world, user, number)
    _touch(world, number)
    for task in world.tasks.values():
        task.labels.discard(number)
    del world.labels[number]


def _open_label(world: World, user: str, number: int) -> Label:
    label = world.labels[number]
    if not world.sees_inside(user, label.project):
        raise Refused(*UNSEEN)
    world.require(user, label.project, "label")
    world.expect()
    return label


def _touch(world: World, number: int) -> None:
    for task in world.tasks.values():
        if number in task.labels:
            task.change(world.now)


# --- Comments ---


def create_comment(world: World, user: str, task: str, body: dict[str, Any], made: str) -> Shown:
    found = world.tasks.get(task)
    if found is None or not world.sees_inside(user, found.project):
        raise Refused(*UNSEEN)
    world.require(user, found.project, "comment")
    if found.deleted_at:
        raise Refused(*TRASHED)
    if body.get("id") in world.comments:
        raise Refused(409, "id_taken")
    world.comments[made] = comment = Comment(
        id=made,
        task=task,
        body=body["body"],
        created_by=user,
        created_at=world.now,
        updated_at=world.now,
    )
    return world.show_comment(comment)


def update_comment(world: World, user: str, key: str, body: dict[str, Any]) -> Shown:
    comment = _seen_comment(world, user, key)
    task = world.tasks[comment.task]
    world.require(user, task.project, "comment")
    if comment.created_by != user:
        raise Refused(403, "permission_denied")
    world.expect()
    if task.deleted_at:
        raise Refused(*TRASHED)
    if body.get("body", comment.body) != comment.body:
        comment.change(world.now, body=body["body"])
    return world.show_comment(comment)


def delete_comment(world: World, user: str, key: str) -> None:
    comment = _seen_comment(world, user, key)
    task = world.tasks[comment.task]
    world.require(user, task.project, "comment" if comment.created_by == user else "moderate")
    world.expect()
    if task.deleted_at:
        raise Refused(*TRASHED)
    del world.comments[key]


def _seen_comment(world: World, user: str, key: str) -> Comment:
    comment = world.comments.get(key)
    if comment is None or not world.sees_inside(user, world.tasks[comment.task].project):
        raise Refused(*UNSEEN)
    return comment


# --- Idempotency keys ---


def refusal_of_replay(world: World, kept: Kept) -> Refused | None:
    """Return how a repeated request is refused: as the first one would be now, by its rights."""
    try:
        for project, action in kept.grants:
            if action != "leave":
                trashed = action in {"read", "manage"}
                world.open_project(kept.user, project, action, trashed=trashed)
    except Refused as refusal:
        return refusal
    return None
