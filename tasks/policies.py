"""Who may what, in one table that can be read aloud.

A user sees the projects they are a member of, and nothing else exists for them. What a member may
do in a project follows from their role alone, except that a comment belongs to its author.
"""

from collections.abc import Mapping
from enum import Enum, StrEnum
from typing import Final


class Role(StrEnum):
    """A member's standing in one project; each role may all that the one before it may."""

    VIEWER = "viewer"
    EDITOR = "editor"
    ADMIN = "admin"


class Action(Enum):
    """What can be done in a project, in words for people."""

    READ = "see the project, its members, tasks, comments and labels"
    LEAVE = "leave the project"
    WRITE_TASKS = "create, change, complete and delete tasks"
    WRITE_LABELS = "rename and delete labels"
    COMMENT = "write comments, and change or delete their own"
    MODERATE = "delete the comments of others"
    MANAGE_PROJECT = "rename, describe, delete and restore the project"
    MANAGE_MEMBERS = "add members, change roles and remove members"
    PURGE = "delete tasks for good"


_VIEWER: Final = frozenset({Action.READ, Action.LEAVE})
_EDITOR: Final = _VIEWER | {Action.WRITE_TASKS, Action.WRITE_LABELS, Action.COMMENT}
_ADMIN: Final = _EDITOR | {
    Action.MODERATE,
    Action.MANAGE_PROJECT,
    Action.MANAGE_MEMBERS,
    Action.PURGE,
}

ALLOWED: Final[Mapping[Role, frozenset[Action]]] = {
    Role.VIEWER: _VIEWER,
    Role.EDITOR: _EDITOR,
    Role.ADMIN: _ADMIN,
}


def allows(role: str, action: Action) -> bool:
    """Tell whether a member with this role may do this."""
    return action in ALLOWED[Role(role)]
