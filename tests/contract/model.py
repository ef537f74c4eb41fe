"""What must be there: a plain model of the service, which the state machine holds it against.

It is written from the contract and knows neither a database nor the service's own rules, but for
the names of the problems. Whatever only the server can know, instants, order keys and the ids that
it makes, is an `Unknown`: it takes the first value that is seen, and no other from then on.
"""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Self

type Shown = dict[str, Any]

_NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)

_VIEWER: Final = {"read", "leave"}
_EDITOR: Final = _VIEWER | {"write", "label", "comment"}
_ADMIN: Final = _EDITOR | {"moderate", "manage", "members", "purge"}
MAY: Final = {"viewer": _VIEWER, "editor": _EDITOR, "admin": _ADMIN}


class Refused(Exception):
    """The request must be refused, with this status and this code."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(f"{status} {code}")
        self.status, self.code = status, code


INVALID: Final = (400, "validation_failed")
UNSEEN: Final = (404, "not_found")
TRASHED: Final = (409, "in_trash")


class Unknown:
    """A value that the server makes: the first that is seen stays. Copies of the model share it."""

    seen: Any = None

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def fits(self, value: Any) -> bool:
        """Tell whether this may be the first value."""
        return isinstance(value, str) and value != ""

    def is_shown_as(self, value: Any) -> bool:
        if self.seen is None and self.fits(value):
            self.seen = value
        return bool(self.seen == value)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.seen}>"


@dataclass(repr=False)
class Moment(Unknown):
    """The instant of a request: all that it writes carries the same one."""

    earliest: datetime
    latest: datetime

    def fits(self, value: Any) -> bool:
        if not isinstance(value, str) or not value.endswith("Z"):
            return False
        return self.earliest <= datetime.fromisoformat(value) <= self.latest


@dataclass(kw_only=True)
class Written:
    """What every written thing has."""

    version: int = 1
    created_at: Moment
    updated_at: Moment

    def change(self, now: Moment, **columns: Any) -> None:
        """Set columns; the version goes up by one."""
        for name, value in columns.items():
            setattr(self, name, value)
        self.version += 1
        self.updated_at = now

    def row(self) -> Shown:
        return {
            "version": self.version,
            "created_at": self.created_at,
            "updated_at": self.updated_at,
        }


@dataclass(kw_only=True)
class Member(Written):
    role: str


@dataclass(kw_only=True)
class Project(Written):
    """A project; `order` are the ids of all its tasks, the trash included."""

    id: str
    name: str
    description: str
    created_by: str
    inbox_of: str | None = None
    deleted_at: Moment | None = None
    members: dict[str, Member] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)


@dataclass(kw_only=True)
class Label(Written):
    number: int
    project: str
    name: str
    id: Unknown = field(default_factory=Unknown)


@dataclass(kw_only=True)
class Comment(Written):
    id: str
    task: str
    body: str
    created_by: str


@dataclass(kw_only=True)
class Task(Written):
    """A task, its fields as JSON has them; `labels` are numbers of labels."""

    id: str
    project: str
    created_by: str
    parent: str | None = None
    title: str = ""
    description: str = ""
    status: str = "todo"
    priority: int = 0
    start_date: str | None = None
    due_date: str | None = None
    due_time: str | None = None
    timezone: str = "UTC"
    assignee: str | None = None
    labels: set[int] = field(default_factory=set)
    external_id: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    position: Unknown = field(default_factory=Unknown)
    due_at: str | None = None
    completed_at: Moment | None = None
    deleted_at: Moment | None = None
    trashed_with: str | None = None


@dataclass(kw_only=True)
class Kept:
    """An answer under an idempotency key, and what its request was allowed to do."""

    user: str
    key: str
    method: str
    path: str
    body: Any
    status: int
    answer: Any
    headers: dict[str, str]
    grants: list[tuple[str, str]]


@dataclass
class World:
    """Everything that is there, and what each user sees of it.

    Attributes:
        users: the ids by name.
        now: the instant of the request that is being predicted.
        granted: what this request was allowed to do, in which project.
        condition: whether the request's condition on the version holds.
    """

    users: dict[str, str]
    projects: dict[str, Project] = field(default_factory=dict)
    tasks: dict[str, Task] = field(default_factory=dict)
    labels: dict[int, Label] = field(default_factory=dict)
    comments: dict[str, Comment] = field(default_factory=dict)
    kept: list[Kept] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    made_labels: int = 0
    condition: bool = True
    granted: list[tuple[str, str]] = field(default_factory=list)
    now: Moment = field(default_factory=lambda: Moment(_NEVER, _NEVER))

    def at(self, now: Moment, *, condition: bool) -> Self:
        """Return a copy to predict a request with: a refusal leaves the original as it is."""
        kept, self.kept = self.kept, []
        after = deepcopy(self)
        self.kept, after.kept = kept, kept
        after.now, after.condition, after.granted = now, condition, []
        return after

    # --- Who sees what ---

    def role(self, user: str, project: str) -> str | None:
        found = self.projects.get(project)
        member = found.members.get(user) if found else None
        return member.role if member else None

    def sees_inside(self, user: str, project: str) -> bool:
        return self.role(user, project) is not None and not self.projects[project].deleted_at

    def may(self, user: str, project: str, action: str) -> bool:
        role = self.role(user, project)
        return role is not None and action in MAY[role]

    def require(self, user: str, project: str, action: str) -> None:
        if not self.may(user, project, action):
            raise Refused(403, "permission_denied")
        self.granted.append((project, action))

    def expect(self) -> None:
        if not self.condition:
            raise Refused(412, "precondition_failed")

    def open_project(
        self, user: str, project: str, action: str, *, trashed: bool = False, expect: bool = False
    ) -> Project:
        """Return a project in which the user may do this, or refuse."""
        if self.role(user, project) is None:
            raise Refused(*UNSEEN)
        self.require(user, project, action)
        if expect:
            self.expect()
        if self.projects[project].deleted_at and not trashed:
            raise Refused(*TRASHED)
        return self.projects[project]

    def open_task(self, user: str, task: str, action: str) -> Task:
        """Return a task with which the user may do this, and whose version is the right one."""
        found = self.tasks.get(task)
        if found is None or not self.sees_inside(user, found.project):
            raise Refused(*UNSEEN)
        self.require(user, found.project, action)
        self.expect()
        return found

    def inbox(self, user: str) -> str | None:
        found = (each.id for each in self.projects.values() if each.inbox_of == user)
        return next(found, None)

    def tasks_of(self, user: str, *, trashed: bool) -> Iterator[Task]:
        for task in self.tasks.values():
            if bool(task.deleted_at) is trashed and self.sees_inside(user, task.project):
                yield task

    def below(self, task: str, *, live_only: bool = False) -> list[list[str]]:
        """Return the ids below a task, level by level."""
        levels, above = [], [task]
        while above:
            above = [
                each.id
                for each in self.tasks.values()
                if each.parent in above and not (live_only and each.deleted_at)
            ]
            if above:
                levels.append(above)
        return levels

    def depth(self, task: str) -> int:
        parent = self.tasks[task].parent
        return 0 if parent is None else 1 + self.depth(parent)

    # --- What answers show ---

    def show_project(self, project: Project, user: str) -> Shown:
        return {
            **project.row(),
            "id": project.id,
            "name": project.name,
            "description": project.description,
            "inbox": project.inbox_of is not None,
            "role": project.members[user].role,
            "created_by": self.users[project.created_by],
            "deleted_at": project.deleted_at,
        }

    def show_task(self, task: Task) -> Shown:
        names = (self.labels[number].name for number in task.labels)
        plain = (
            *("id", "project", "parent", "title", "description", "status", "priority"),
            *("start_date", "due_date", "due_time", "timezone", "due_at", "completed_at"),
            *("external_id", "metadata", "position", "deleted_at"),
        )
        return {
            **task.row(),
            **{name: getattr(task, name) for name in plain},
            "completed": task.status == "done",
            "assignee": self.users[task.assignee] if task.assignee else None,
            "labels": sorted(names, key=str.casefold),
            "created_by": self.users[task.created_by],
        }

    def show_label(self, label: Label) -> Shown:
        return {**label.row(), "id": label.id, "project": label.project, "name": label.name}

    def show_member(self, member: Member, user: str) -> Shown:
        return {**member.row(), "user": self.users[user], "username": user, "role": member.role}

    def show_comment(self, comment: Comment) -> Shown:
        return {
            **comment.row(),
            "id": comment.id,
            "task": comment.task,
            "body": comment.body,
            "created_by": self.users[comment.created_by],
        }


def differences(expected: Shown, found: Any) -> list[str]:
    """Return where an object of an answer is not as the model has it, in words."""
    if not isinstance(found, dict) or expected.keys() != found.keys():
        return [f"fields: {sorted(expected)} != {found}"]
    return [
        f"{name}: expected {value!r}, found {found[name]!r}"
        for name, value in expected.items()
        if not _is_shown_as(value, found[name])
    ]


def _is_shown_as(value: Any, found: Any) -> bool:
    if isinstance(value, Unknown):
        return value.is_shown_as(found)
    return bool(value == found) and type(value) is type(found)
