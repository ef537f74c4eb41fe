"""A copy that is kept by the changes alone ends with exactly what the lists show.

Three users write at random, through the API: they make, change, move, trash, restore and purge,
and take each other in and out of their projects. Each holds a copy, and asks for changes in pages
of any size whenever it happens, with the log at any distance behind what is written.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from random import Random
from threading import Event
from typing import Any, Final

import pytest
from django.db import connection
from django.utils import timezone

from tasks.events.sequencer import sequence
from tasks.ids import uuid7
from tasks.models import Comment, Label, Project, Task, User
from tasks.operations.upkeep import prune_trash
from tests.cast import Api
from tests.events.catching_up import catch_up
from tests.events.copying import LISTS, Copy
from tests.operations.racing import race

STEPS: Final = 150
SEED: Final = int(os.environ.get("TEST_FOLD_SEED", "1"))
WALKS: Final = int(os.environ.get("TEST_FOLD_WALKS", "3"))

NAMES: Final = ("home", "work", "Garden", "WORK")
ROLES: Final = ("viewer", "editor", "editor", "admin", "admin")


class Writers:
    """Some users who do anything to anything; what they may not is refused as ever."""

    def __init__(self, random: Random, users: list[User]) -> None:
        self.random, self.users = random, users
        self.apis = [Api(user) for user in users]
        self.told: list[str] = []
        self.done = 0

    def step(self) -> None:
        """Let somebody do something."""
        names = [name for name, weight in _WEIGHTS.items() for _ in range(weight)]
        getattr(self, self.random.choice(names))()

    def _send(self, method: str, path: str, body: object = None) -> None:
        """Let the users try, one after the other, until one of them may."""
        for index in self.random.sample(range(len(self.apis)), len(self.apis)):
            answer = self.apis[index](method, path, body)
            assert answer.status < 500, answer
            if answer.status < 400:
                self.done += 1
                self.told.append(f"{self.users[index].username}: {method} {path} {body}")
                return

    def _any(self, model: Any) -> str:
        keys = sorted(model.objects.values_list("pk", flat=True))
        return str(self.random.choice(keys) if keys else uuid7())

    def _labels(self) -> list[str]:
        return self.random.sample(NAMES, self.random.randrange(3))

    def begin(self) -> None:
        self._send("POST", "/projects", {"name": "Garden"})

    def create(self) -> None:
        body: dict[str, Any] = {"title": "Pack", "project": self._any(Project)}
        body |= {"labels": self._labels()}
        if self.random.random() < 0.4:
            inside = Task.objects.filter(project=body["project"]).order_by("pk")
            body |= {"parent": str(self.random.choice(inside).pk)} if inside else {}
        self._send("POST", "/tasks", body)

    def change(self) -> None:
        body = self.random.choice(
            (
                {"title": f"Box {self.random.randrange(9)}"},
                {"completed": self.random.random() < 0.5},
                {"labels": self._labels()},
                {"assignee": str(self.random.choice(self.users).pk)},
            )
        )
        self._send("PATCH", f"/tasks/{self._any(Task)}", body)

    def move(self) -> None:
        self._send("POST", f"/tasks/{self._any(Task)}/move", {"before": None})

    def move_across(self) -> None:
        body = {"project": self._any(Project)}
        self._send("POST", f"/tasks/{self._any(Task)}/move", body)

    def trash(self) -> None:
        self._send("DELETE", f"/tasks/{self._any(Task)}")

    def restore(self) -> None:
        self._send("POST", f"/tasks/{self._any(Task)}/restore")

    def purge(self) -> None:
        self._send("DELETE", f"/tasks/{self._any(Task)}?purge=true")

    def prune(self) -> None:
        prune_trash(now=timezone.now() + timedelta(days=31))
        self.told.append("prune")

    def comment(self) -> None:
        self._send("POST", f"/tasks/{self._any(Task)}/comments", {"body": "Hm."})

    def change_comment(self) -> None:
        body = {"body": f"Hm, {self.random.randrange(9)}."}
        self._send("PATCH", f"/comments/{self._any(Comment)}", body)

    def delete_comment(self) -> None:
        self._send("DELETE", f"/comments/{self._any(Comment)}")

    def rename_label(self) -> None:
        body = {"name": self.random.choice((*NAMES, "new"))}
        self._send("PATCH", f"/labels/{self._any(Label)}", body)

    def delete_label(self) -> None:
        self._send("DELETE", f"/labels/{self._any(Label)}")

    def change_project(self) -> None:
        body = {"name": f"Garden {self.random.randrange(9)}"}
        self._send("PATCH", f"/projects/{self._any(Project)}", body)

    def trash_project(self) -> None:
        self._send("DELETE", f"/projects/{self._any(Project)}")

    def restore_project(self) -> None:
        self._send("POST", f"/projects/{self._any(Project)}/restore")

    def add_member(self) -> None:
        who, role = self.random.choice(self.users), self.random.choice(ROLES)
        body = {"user": who.username, "role": role}
        self._send("POST", f"/projects/{self._any(Project)}/members", body)

    def change_role(self) -> None:
        path = f"/projects/{self._any(Project)}/members/{self.random.choice(self.users).pk}"
        self._send("PATCH", path, {"role": self.random.choice(ROLES)})

    def remove_member(self) -> None:
        path = f"/projects/{self._any(Project)}/members/{self.random.choice(self.users).pk}"
        self._send("DELETE", path)


_WEIGHTS: Final = {
    "begin": 2,
    "create": 8,
    "change": 8,
    "move": 2,
    "move_across": 6,
    "trash": 3,
    "restore": 3,
    "purge": 1,
    "prune": 1,
    "comment": 6,
    "change_comment": 2,
    "delete_comment": 2,
    "rename_label": 2,
    "delete_label": 1,
    "change_project": 1,
    "trash_project": 1,
    "restore_project": 2,
    "add_member": 6,
    "change_role": 3,
    "remove_member": 4,
}


def differences(copy: Copy) -> list[str]:
    """Return what the copy has that the lists do not show, and the other way round."""
    fresh = Copy(copy.api)
    found = []
    for name in LISTS:
        held, shown = copy.held[name], fresh.held[name]
        found += [
            f"{name} {key}: held {held.get(key)}, shown {shown.get(key)}"
            for key in held.keys() | shown.keys()
            if held.get(key) != shown.get(key)
        ]
    return found


def walk(random: Random, users: list[User]) -> Writers:
    """Write, give events their places and ask for changes, in any order; then catch up."""
    writers = Writers(random, users)
    for _ in range(3):
        writers.begin()
    copies = [Copy(api) for api in writers.apis]
    acts: list[Callable[[], object]] = [
        *[writers.step] * 12,
        lambda: sequence(random.choice((1, 3, 1000))),
        *[
            lambda copy=copy: copy.pull(
                random.choice((1, 2, 7, 200)),
                writers.step if random.random() < 0.3 else lambda: None,
            )
            for copy in copies
        ],
    ]
    for _ in range(STEPS):
        random.choice(acts)()
    catch_up()
    for user, copy in zip(users, copies, strict=True):
        while copy.pull(random.choice((1, 5, 200))):
            pass
        assert not differences(copy), (user.username, differences(copy), writers.told)
    return writers


@pytest.mark.parametrize("seed", range(SEED, SEED + WALKS))
def test_it_ends_with_what_the_lists_show(seed: int, alice: User, bob: User, charlie: User) -> None:
    writers = walk(Random(seed), [alice, bob, charlie])

    assert writers.done > STEPS / 10, "nearly everything was refused"


@pytest.mark.django_db(transaction=True)
def test_it_ends_with_what_the_lists_show_though_all_happens_at_once(
    alice: User, bob: User, charlie: User
) -> None:
    """Two writers, who sequence too, and the followers by turns: log and state are read in a race.

    Each follower ends with a look after which nothing is written any more.
    """
    users = [alice, bob, charlie]
    writers = [Writers(Random(SEED + seed), users) for seed in range(2)]
    writers[0].begin()
    copies = [Copy(api) for api in writers[0].apis]
    written = Event()

    def write(writer: Writers) -> None:
        for _ in range(STEPS // 3):
            writer.step()
            sequence()

    def follow() -> None:
        while not written.is_set():
            for copy in copies:
                copy.pull(7)

    with ThreadPoolExecutor(1) as thread:
        following = thread.submit(_alone, follow)
        outcomes = race([partial(write, writer) for writer in writers])
        written.set()
    assert [*outcomes, following.result()] == [None, None, None]
    catch_up()
    for user, copy in zip(users, copies, strict=True):
        while copy.pull(200):
            pass
        assert not differences(copy), user.username


def _alone(act: Callable[[], object]) -> None:
    """Run something with a connection of its own, and let that go."""
    try:
        act()
    finally:
        connection.close()


# --- What walks have found, or find seldom --------------------------------------------------------


@pytest.fixture
def other(as_alice: Api) -> str:
    """Another project of alice's, where bob is a viewer."""
    made: str = as_alice.post("/projects", {"name": "Garden"}).body["id"]
    member = {"user": "bob", "role": "viewer"}
    assert as_alice.post(f"/projects/{made}/members", member).status == 201
    return made


@pytest.fixture
def task(as_alice: Api, project: Project) -> str:
    """The path of a task with a comment."""
    made = as_alice.post("/tasks", {"title": "Pack", "project": str(project.pk)})
    path = f"/tasks/{made.body['id']}"
    assert as_alice.post(f"{path}/comments", {"body": "Hm."}).status == 201
    return path


@pytest.fixture
def bobs(as_bob: Api, other: str, task: str) -> Copy:
    catch_up()
    copy = Copy(as_bob)
    assert [len(copy.held[name]) for name in LISTS] == [2, 1, 0, 4, 1]
    return copy


def all_told(copy: Copy) -> list[str]:
    """Bring a copy up to date and return what is wrong with it."""
    catch_up()
    assert not copy.pull(200)
    return differences(copy)


def test_it_forgets_a_task_that_is_in_a_project_in_the_trash_by_now(
    as_alice: Api, bobs: Copy, task: str, other: str
) -> None:
    """The project in the trash stands for what is in it, but in the copy it is in another one."""
    assert as_alice.post(f"{task}/move", {"project": other}).status == 200
    assert as_alice.patch(task, {"title": "Pack it"}).status == 200
    assert as_alice.delete(f"/projects/{other}").status == 204

    assert all_told(bobs) == []
    assert bobs.held["tasks"] == bobs.held["comments"] == {}


def test_it_forgets_a_comment_that_was_deleted_out_of_sight(
    as_alice: Api, bobs: Copy, task: str, other: str, project: Project, bob: User
) -> None:
    """Bob loses the project where that happened, and the task comes with one that is restored."""
    [comment] = bobs.held["comments"]
    assert as_alice.delete(f"/comments/{comment}").status == 204
    assert as_alice.delete(f"/projects/{other}").status == 204
    assert as_alice.post(f"/projects/{other}/restore").status == 200
    assert as_alice.post(f"{task}/move", {"project": other}).status == 200
    assert as_alice.delete(f"/projects/{project.pk}/members/{bob.pk}").status == 204

    assert all_told(bobs) == []
    assert len(bobs.held["tasks"]) == 1
    assert bobs.held["comments"] == {}
