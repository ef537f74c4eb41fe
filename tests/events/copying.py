"""A client that holds a copy of all that its user sees, by the lists and the changes alone.

Written as docs/api.md tells clients to do it, and with nothing but HTTP.
"""

from collections.abc import Callable, Iterator
from typing import Any

from tests.cast import Api

type Shown = dict[str, Any]

LISTS = ("projects", "tasks", "labels", "members", "comments")


class Copy:
    """The copy of one user.

    Attributes:
        held: by list, what is in it; members by project and user, all else by its id.
    """

    def __init__(self, api: Api) -> None:
        self.api = api
        self.token: str = self._get("/changes")["next"]
        self.held: dict[str, dict[Any, Shown]] = {name: {} for name in LISTS}
        for trashed in ("false", "true"):
            for project in self._list(f"/projects?trashed={trashed}"):
                self._take("project", project["id"], project)
                if trashed == "false":
                    self._load_project(project["id"])

    def pull(self, limit: int, meanwhile: Callable[[], object] = lambda: None) -> bool:
        """Take one page of changes; return whether there are more.

        Args:
            meanwhile: what happens when the answer is here, and nothing of it is applied.
        """
        answer = self._get(f"/changes?since={self.token}&limit={limit}")
        assert len(answer["changes"]) <= limit
        told = [(each["type"], each["project"], each["id"]) for each in answer["changes"]]
        assert len(told) == len(set(told)), "an object is told of twice"
        meanwhile()
        for change in answer["changes"]:
            self._apply(change)
        self._forget_strays()
        self.token = answer["next"]
        return bool(answer["more"])

    def _apply(self, change: Shown) -> None:
        kind, key, data = change["type"], change["id"], change["data"]
        whole = change["op"] in {"reset", "drop", "delete"}
        if kind == "project" and (whole or data["deleted_at"]):
            self._forget_project(key)
        if kind == "task" and whole:
            self._forget_comments(key)
        if kind == "member":
            key = (change["project"], key)
        if data is None:
            self.held[f"{kind}s"].pop(key, None)
            return
        self._take(kind, key, data)
        if change["op"] == "reset" and kind == "project":
            self._load_project(change["id"])
        if change["op"] == "reset" and kind == "task":
            self._load_comments(key)

    def _load_project(self, project: str) -> None:
        for trashed in ("false", "true"):
            for task in self._list(f"/tasks?project={project}&trashed={trashed}"):
                self._take("task", task["id"], task)
                self._load_comments(task["id"])
        for label in self._list(f"/labels?project={project}"):
            self._take("label", label["id"], label)
        for member in self._list(f"/projects/{project}/members"):
            self._take("member", (project, member["user"]), member)

    def _load_comments(self, task: str) -> None:
        for comment in self._list(f"/tasks/{task}/comments"):
            self._take("comment", comment["id"], comment)

    def _take(self, kind: str, key: Any, data: Shown) -> None:
        self.held[f"{kind}s"][key] = data

    def _forget_project(self, project: str) -> None:
        tasks = {key for key, task in self.held["tasks"].items() if task["project"] == project}
        for task in tasks:
            self._forget_comments(task)
            del self.held["tasks"][task]
        labels, members = self.held["labels"], self.held["members"]
        self.held["labels"] = {k: v for k, v in labels.items() if v["project"] != project}
        self.held["members"] = {k: v for k, v in members.items() if k[0] != project}

    def _forget_strays(self) -> None:
        """Forget comments on tasks that are not here.

        A comment was told of while its task was away from the project, loaded just then, and back
        already. The task will be told of again, or nothing of it ever.
        """
        comments, tasks = self.held["comments"], self.held["tasks"]
        self.held["comments"] = {k: v for k, v in comments.items() if v["task"] in tasks}

    def _forget_comments(self, task: str) -> None:
        held = self.held["comments"]
        self.held["comments"] = {k: v for k, v in held.items() if v["task"] != task}

    def _list(self, path: str) -> Iterator[Shown]:
        """Yield a list whole; nothing of one that is not there (any more)."""
        onwards: str | None = f"{path}{'&' if '?' in path else '?'}limit=200"
        while onwards:
            answer = self.api.get(onwards)
            if answer.status in {404, 409}:  # 409: its project is in the trash
                return
            assert answer.status == 200, answer
            yield from answer.body["results"]
            onwards = answer.body["next"]

    def _get(self, path: str) -> Shown:
        answer = self.api.get(path)
        assert answer.status == 200, answer
        return dict(answer.body)
