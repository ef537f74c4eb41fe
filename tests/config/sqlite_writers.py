"""Writers that remember what was acknowledged to them, and look later whether it is there."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.client import HTTPConnection
from random import Random
from typing import Any, Final

import orjson

type Row = dict[str, Any]
PATIENCE: Final = 30  # seconds; the service gives up, with a 503, long before


@dataclass(frozen=True)
class Place:
    """Where a writer works: what is its own, and what it shares with all others.

    Attributes:
        projects: one that it writes in alone, and one that all write in.
        tasks: the ids of tasks that everybody changes.
    """

    projects: tuple[str, str]
    tasks: tuple[str, ...]


@dataclass
class Tally:
    """What came back: seconds by request, and every answer that was not the right one."""

    statuses: list[int] = field(default_factory=list)
    writes: int = 0
    seconds: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


class Client:
    """One keep-alive connection of one sign-in."""

    def __init__(self, port: int, tokens: Row) -> None:
        self.connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        self.tokens, self.tally = tokens, Tally()

    def __call__(self, method: str, path: str, body: object = None, *, expected: int) -> Any:
        """Return the answer's body; None, noted as wrong, if it has another status."""
        head = {"Authorization": f"Bearer {self.tokens['access']}"}
        sent = None if body is None else orjson.dumps(body)
        if sent is not None:
            head["Content-Type"] = "application/json"
        started = time.perf_counter()
        self.connection.request(method, f"/api/v1{path}", sent, head)
        response = self.connection.getresponse()
        content = response.read()
        self.tally.seconds.append(time.perf_counter() - started)
        self.tally.statuses.append(response.status)
        if response.status != expected:
            self.tally.wrong.append(f"{method} {path} {body}: {response.status} {content!r}")
            return None
        self.tally.writes += method != "GET"
        return orjson.loads(content) if content else {}

    def refresh(self) -> None:
        """Exchange the tokens: a write that every client makes every few minutes."""
        body = {"refresh": self.tokens["refresh"]}
        if found := self("POST", "/auth/refresh", body, expected=200):
            self.tokens = found


class Writer:
    """Does one thing after the other, as its seed says, until the time is over.

    What it made itself nobody else changes, so it knows each row to the last field. What all
    change together is known by its versions: see `shared`.

    Attributes:
        tasks, comments, labels: the last acknowledged state of each row of its own, by id; None
            for a comment or label that is deleted.
        shared: what was acknowledged for the tasks that all change.
    """

    def __init__(self, seed: int, client: Client, place: Place) -> None:
        self.random, self.name = Random(seed), f"w{seed}"
        self.client, self.place, self.steps_done = client, place, 0
        self.tasks: dict[str, Row] = {}
        self.comments: dict[str, Row | None] = {}
        self.shared: list[Row] = []
        self._labels = 0

    def run(self, until: float) -> None:
        """Write until this moment of the monotonic clock, or the first answer that is wrong."""
        while time.monotonic() < until and not self.client.tally.wrong:
            self.steps_done += 1
            self.random.choice(self._steps())()

    def _steps(self) -> list[Callable[[], None]]:
        return [
            *[self._create] * 4,
            *[self._change] * 5,
            *[self._complete] * 2,
            *[self._change_shared] * 4,
            *[self._comment] * 3,
            self._change_comment,
            self._delete_comment,
            self._relabel,
            self._rename_label,
            self._delete,
            self._list,
            self._list,
            self.client.refresh,
        ]

    # --- tasks ------------------------------------------------------------------------------------

    def _create(self) -> None:
        body = {
            "title": self._word(),
            "project": self.random.choice(self.place.projects),
            "labels": [self.name] if self.random.random() < 0.3 else [],
        }
        self._keep(self.client("POST", "/tasks", body, expected=201), body)

    def _change(self) -> None:
        method = self.random.choice(["PUT", "PATCH"])
        self._write(method, {"title": self._word(), "priority": self.random.randrange(5)})

    def _complete(self) -> None:
        self._write("PUT", {"completed": True})

    def _relabel(self) -> None:
        self._write("PATCH", {"labels": self.random.choice([[], [self.name]])})

    def _write(self, method: str, body: Row) -> None:
        if task := self._live():
            after = self.client(method, f"/tasks/{task['id']}", body, expected=200)
            self._keep(after, body)

    def _delete(self) -> None:
        task = self._live()
        if task and self.client("DELETE", f"/tasks/{task['id']}", expected=204) is not None:
            self.tasks[task["id"]] = {**task, "version": task["version"] + 1, "deleted_at": ...}

    def _list(self) -> None:
        self.client("GET", f"/tasks?project={self.place.projects[1]}&limit=20", expected=200)

    def _change_shared(self) -> None:
        path, body = f"/tasks/{self.random.choice(self.place.tasks)}", {"title": self._word()}
        if after := self.client("PATCH", path, body, expected=200):
            self.shared.append(after)

    def _keep(self, after: Row | None, sent: Row) -> None:
        """Remember an acknowledged task; it must be what was sent, one version on or unchanged."""
        if after is None:
            return
        before = self.tasks.get(after["id"])
        differs = before is None or any(before[name] != sent[name] for name in sent)
        right = {name: after[name] for name in sent} == sent
        if not right or after["version"] != (before or {"version": 0})["version"] + differs:
            self.client.tally.wrong.append(f"sent {sent} to {before}, got {after}")
        self.tasks[after["id"]] = after

    def _live(self) -> Row | None:
        live = [task for task in self.tasks.values() if not task["deleted_at"]]
        return self.random.choice(live) if live else None

    def _word(self) -> str:
        return f"{self.name} {self.steps_done}"

    # --- comments and labels ----------------------------------------------------------------------

    def _comment(self) -> None:
        if task := self._live():
            path, body = f"/tasks/{task['id']}/comments", {"body": self._word()}
            if made := self.client("POST", path, body, expected=201):
                self.comments[made["id"]] = made

    def _change_comment(self) -> None:
        if comment := self._some_comment():
            path = f"/comments/{comment['id']}"
            if after := self.client("PATCH", path, {"body": self._word()}, expected=200):
                self.comments[after["id"]] = after

    def _delete_comment(self) -> None:
        if comment := self._some_comment():
            path = f"/comments/{comment['id']}"
            if self.client("DELETE", path, expected=204) is not None:
                self.comments[comment["id"]] = None

    def _some_comment(self) -> Row | None:
        there = [row for row in self.comments.values() if row and self._commentable(row["task"])]
        return self.random.choice(there) if there else None

    def _commentable(self, task: str) -> bool:
        return not self.tasks[task]["deleted_at"]

    def _rename_label(self) -> None:
        """Give the label of its own project another name; all tasks that carry it change with it.

        Its name in the shared project stays, and the next tasks get the new one in both.
        """
        path = f"/labels?project={self.place.projects[0]}"
        found = self.client("GET", path, expected=200)
        label = next((row for row in (found or {}).get("results", [])), None)
        if label is None:
            return
        self._labels += 1
        body = {"name": f"{self.name}.{self._labels}"}
        after = self.client("PATCH", f"/labels/{label['id']}", body, expected=200)
        if after is not None:
            self._carry(label["name"], after)

    def _carry(self, old: str, label: Row) -> None:
        for key, task in self.tasks.items():
            if task["project"] == label["project"] and old in task["labels"]:
                names = [label["name"] if name == old else name for name in task["labels"]]
                changed = {"labels": names, "updated_at": label["updated_at"]}
                self.tasks[key] = {**task, **changed, "version": task["version"] + 1}

    # --- and is it there? -------------------------------------------------------------------------

    def missing(self) -> Iterator[str]:
        """Yield what was acknowledged and does not read so now."""
        for key, known in self.tasks.items():
            found = self.client("GET", f"/tasks/{key}", expected=200) or {}
            if comparable(found) != comparable(known):
                yield f"task {known}, found {found}"
        for key, comment in self.comments.items():
            found = self._read_comment(key)
            if found != comment:
                yield f"comment {key} {comment}, found {found}"

    def _read_comment(self, key: str) -> Row | None:
        """Return a comment out of the lists of all tasks of this writer, read once."""
        if not hasattr(self, "_found"):
            paths = [f"/tasks/{task}/comments?limit=200" for task in self.tasks]
            pages = [self.client("GET", path, expected=200) or {"results": []} for path in paths]
            self._found = {row["id"]: row for page in pages for row in page["results"]}
        return self._found.get(key)


def comparable(task: Row) -> Row:
    """Return a task without what its deletion, answered with nothing, does not tell."""
    if task.get("deleted_at"):
        return {**task, "deleted_at": True, "updated_at": None}
    return task
