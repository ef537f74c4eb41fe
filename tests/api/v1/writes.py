"""For each way to write something that exists: endless rounds, each with another version of it."""

from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from tasks.models import Project, User
from tests.cast import Answer, Api


class Round(NamedTuple):
    """A version of something, and the write that changes it.

    Attributes:
        body: by the number of the writer, so that none of several changes nothing.
    """

    version: int
    method: str
    path: str
    body: Callable[[int], Any] = lambda _: None

    def send(self, api: Api, writer: int, **headers: str) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return api(self.method, self.path, self.body(writer), headers=named)


type Rounds = Iterator[Round]


def differing(field: str, version: int) -> Callable[[int], Any]:
    return lambda writer: {field: f"{version} {writer}"}


def always(body: Any) -> Callable[[int], Any]:
    return lambda _: body


class Writes:
    """Everything happens in one project, of which `api`'s user is an admin and bob a member."""

    def __init__(self, api: Api, project: Project, bob: User) -> None:
        self._api, self._room, self._bob = api, f"/projects/{project.pk}", bob
        self._project = str(project.pk)

    def new_task(self, **fields: Any) -> str:
        return self._new("/tasks", {"title": "a", "project": self._project, **fields})

    def tasks_put(self) -> Rounds:
        return self._changes("PUT", f"/tasks/{self.new_task()}", "title")

    def tasks_patch(self) -> Rounds:
        return self._changes("PATCH", f"/tasks/{self.new_task()}", "description")

    def tasks_delete(self) -> Rounds:
        while True:
            yield Round(1, "DELETE", f"/tasks/{self.new_task()}")

    def tasks_purge(self) -> Rounds:
        while True:
            yield Round(1, "DELETE", f"/tasks/{self.new_task()}?purge=true")

    def tasks_restore(self) -> Rounds:
        while True:
            yield self._trashed(f"/tasks/{self.new_task()}")

    def tasks_move(self) -> Rounds:
        """From one end to the other, and back."""
        path, version = f"/tasks/{self.new_task()}/move", 1
        self.new_task()
        while True:
            to = "before" if version % 2 else "after"
            yield Round(version, "POST", path, always({to: None}))
            version += 1

    def projects_put(self) -> Rounds:
        return self._changes("PUT", f"/projects/{self._new('/projects', {'name': 'a'})}", "name")

    def projects_patch(self) -> Rounds:
        path = f"/projects/{self._new('/projects', {'name': 'a'})}"
        return self._changes("PATCH", path, "description")

    def projects_delete(self) -> Rounds:
        while True:
            yield Round(1, "DELETE", f"/projects/{self._new('/projects', {'name': 'a'})}")

    def projects_restore(self) -> Rounds:
        while True:
            yield self._trashed(f"/projects/{self._new('/projects', {'name': 'a'})}")

    def projects_members_patch(self) -> Rounds:
        path, version = f"{self._room}/members/{self._bob.pk}", 1
        while True:
            role = "viewer" if version % 2 else "editor"
            yield Round(version, "PATCH", path, always({"role": role}))
            version += 1

    def projects_members_delete(self) -> Rounds:
        while True:
            yield Round(1, "DELETE", f"{self._room}/members/{self._bob.pk}")
            body = {"user": "bob", "role": "viewer"}
            assert self._api.post(f"{self._room}/members", body).status == 201

    def comments_patch(self) -> Rounds:
        path, version = self._new_comment(), 1
        while True:
            yield Round(version, "PATCH", path, differing("body", version))
            version += 1

    def comments_delete(self) -> Rounds:
        while True:
            yield Round(1, "DELETE", self._new_comment())

    def labels_patch(self) -> Rounds:
        path, version = self._new_label(), 1
        while True:
            yield Round(version, "PATCH", path, differing("name", version))
            version += 1

    def labels_delete(self) -> Rounds:
        while True:
            yield Round(1, "DELETE", self._new_label())

    def webhooks_patch(self) -> Rounds:
        return self._changes("PATCH", self._new_webhook(), "description")

    def webhooks_rotate_secret(self) -> Rounds:
        path, version = f"{self._new_webhook()}/rotate-secret", 1
        while True:
            yield Round(version, "POST", path)
            version += 1

    def webhooks_delete(self) -> Rounds:
        while True:
            yield Round(1, "DELETE", self._new_webhook())

    def _new(self, path: str, body: Any) -> str:
        answer = self._api.post(path, body)
        assert answer.status == 201, answer
        return str(answer.body["id"])

    def _new_comment(self) -> str:
        return f"/comments/{self._new(f'/tasks/{self.new_task()}/comments', {'body': 'a'})}"

    def _new_webhook(self) -> str:
        return f"/webhooks/{self._new('/webhooks', {'url': 'https://example.org/hooks'})}"

    def _new_label(self) -> str:
        self.new_task(labels=["x"])
        found = self._api.get(f"/labels?project={self._project}").body["results"]
        return f"/labels/{next(label['id'] for label in found if label['name'] == 'x')}"

    def _trashed(self, path: str) -> Round:
        assert self._api.delete(path).status == 204
        return Round(2, "POST", f"{path}/restore")

    def _changes(self, method: str, path: str, field: str) -> Rounds:
        version = 1
        while True:
            yield Round(version, method, path, differing(field, version))
            version += 1


KINDS: Final = [
    name
    for name in vars(Writes)
    if name.startswith(("tasks", "projects", "comments", "labels", "webhooks"))
]
# Whoever comes second finds nothing there any more.
FOR_GOOD: Final = {
    "tasks_purge",
    "projects_members_delete",
    "comments_delete",
    "labels_delete",
    "webhooks_delete",
}
