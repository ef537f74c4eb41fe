"""Who may what: every operation of the schema, as every role, on own, foreign and random ids.

The operations, their ids in paths, bodies and queries come from the generated document; what each
role gets comes from the table below. An operation without a line fails, and a line without one.
What is foreign must answer exactly as what does not exist, or ids could be probed.
"""

import re
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import pytest
from django.utils import timezone

from tasks.identity import families, tokens
from tasks.ids import uuid7
from tasks.models import User
from tasks.operations.access import Actor
from tasks.operations.members import add_member
from tasks.policies import Role
from tests.cast import Answer, Api
from tests.contract.document import Operation, operations, takes_id
from tests.contract.snapshot import nothing_written, undone
from tests.contract.world import Ids, furnish, ids_of

type MakeUser = Callable[[str], User]

# alice is the admin, bob an editor, vera a viewer, charlie a stranger.
ROLES: Final = ("alice", "bob", "vera", "charlie", "nobody")

# What each role gets for the ids of alice's project; nobody gets 401 but for signing in.
EXPECTED: Final[dict[str, tuple[int, int, int, int, int]]] = {
    "auth_token": (200, 200, 200, 200, 200),
    "auth_refresh": (200, 200, 200, 200, 200),
    "auth_revoke": (200, 200, 200, 200, 200),
    "me": (200, 200, 200, 200, 401),
    "projects_list": (200, 200, 200, 200, 401),
    "projects_create": (201, 201, 201, 201, 401),
    "projects_get": (200, 200, 200, 404, 401),
    "projects_put": (200, 403, 403, 404, 401),
    "projects_patch": (200, 403, 403, 404, 401),
    "projects_delete": (204, 403, 403, 404, 401),
    "projects_restore": (200, 403, 403, 404, 401),
    "projects_members_list": (200, 200, 200, 404, 401),
    "projects_members_create": (201, 403, 403, 404, 401),
    "projects_members_patch": (200, 403, 403, 404, 401),
    "projects_members_delete": (204, 403, 204, 404, 401),  # vera's own membership: she may leave
    "tasks_list": (200, 200, 200, 200, 401),
    "tasks_create": (201, 201, 403, 404, 401),
    "tasks_get": (200, 200, 200, 404, 401),
    "tasks_put": (200, 200, 403, 404, 401),
    "tasks_patch": (200, 200, 403, 404, 401),
    "tasks_delete": (204, 204, 403, 404, 401),
    "tasks_move": (200, 200, 403, 404, 401),
    "tasks_restore": (200, 200, 403, 404, 401),
    "tasks_events": (200, 200, 200, 404, 401),
    "tasks_comments_list": (200, 200, 200, 404, 401),
    "tasks_comments_create": (201, 201, 403, 404, 401),
    "comments_patch": (403, 200, 403, 404, 401),  # bob's comment
    "comments_delete": (204, 204, 403, 404, 401),
    # Endpoints are alice's: what else she shares with others does not count.
    "webhooks_list": (200, 200, 200, 200, 401),
    "webhooks_create": (201, 201, 201, 404, 401),  # with her project
    "webhooks_get": (200, 404, 404, 404, 401),
    "webhooks_patch": (200, 404, 404, 404, 401),
    "webhooks_delete": (204, 404, 404, 404, 401),
    "webhooks_ping": (202, 404, 404, 404, 401),
    "webhooks_rotate_secret": (200, 404, 404, 404, 401),
    "webhooks_deliveries_list": (200, 404, 404, 404, 401),
    "deliveries_redeliver": (202, 404, 404, 404, 401),
    "events": (200, 200, 200, 200, 401),
    "changes": (200, 200, 200, 200, 401),
    "labels_list": (200, 200, 200, 200, 401),
    "labels_patch": (200, 200, 403, 404, 401),
    "labels_delete": (204, 204, 403, 404, 401),
}


@dataclass
class World:
    """The cast, and two projects side by side: alice's with its members, and a stranger's."""

    people: dict[str, User | None]
    own: Ids
    foreign: Ids
    sent: dict[str, Any]

    def api(self, role: str) -> Api:
        return Api(self.people[role])

    def random(self) -> Ids:
        return {name: str(uuid7()) for name in self.own}

    def ask(self, api: Api, operation: Operation, ids: Ids, **options: Any) -> Answer:
        """Send the operation with these ids in its path."""
        path = path_of(operation, ids)
        body = self.sent.get(operation.name)
        return api(operation.method, path + options.pop("query", ""), body, **options)


def path_of(operation: Operation, ids: Ids) -> str:
    return operation.named_path.format(**ids)


@pytest.fixture
def world(alice: User, bob: User, charlie: User, make_user: MakeUser, now: datetime) -> World:
    vera, dora, erik = map(make_user, ("vera", "dora", "erik"))
    dora.set_password("correct horse battery")
    dora.save()
    own = furnish(alice, bob, now)
    add_member(actor=Actor(alice.pk), now=now, project_id=own.pk, user=vera.pk, role=Role.VIEWER)
    foreign = furnish(erik, dora, now)
    people: dict[str, User | None] = {
        "alice": alice,
        "bob": bob,
        "vera": vera,
        "charlie": charlie,
        "nobody": None,
    }
    token = refresh_token(dora)
    sent: dict[str, Any] = {
        "auth_token": {"username": "dora", "password": "correct horse battery"},
        "auth_refresh": {"refresh": token},
        "auth_revoke": {"token": token},
        "projects_create": {"name": "Garden"},
        "projects_put": {"name": "Renamed"},
        "projects_patch": {"name": "Renamed"},
        "projects_members_create": {"user": "charlie", "role": "viewer"},
        "projects_members_patch": {"role": "editor"},
        "tasks_create": {"title": "Boxes", "project": str(own.pk)},
        "tasks_put": {"title": "Boxes"},
        "tasks_patch": {"title": "Boxes"},
        "tasks_move": {"before": None},
        "tasks_comments_create": {"body": "At nine."},
        "comments_patch": {"body": "At ten."},
        "labels_patch": {"name": "Renamed"},
        "webhooks_create": {"url": "https://example.org/hooks", "project": str(own.pk)},
        "webhooks_patch": {"description": "Renamed"},
    }
    return World(
        people=people,
        own={**ids_of(own), "user_id": str(vera.pk)},
        foreign={**ids_of(foreign), "user_id": str(erik.pk)},
        sent=sent,
    )


def refresh_token(user: User) -> str:
    now = timezone.now()
    family = families.start(user=user, now=now)
    return tokens.pair(user_id=user.pk, sid=family.pk, jti=family.current_jti, now=now).refresh


def same(first: Answer, second: Answer) -> bool:
    """Tell whether two answers differ in nothing but where they were asked and when."""

    def bare(answer: Answer) -> Any:
        return {
            name: value
            for name, value in (answer.body or {}).items()
            if name not in {"instance", "request_id"}
        }

    return (first.status, bare(first)) == (second.status, bare(second))


def test_it_has_a_line_for_each_operation_and_an_operation_for_each_line() -> None:
    assert sorted(EXPECTED) == sorted(operations())


def with_ids(where: Callable[[Operation], Mapping[str, Any]]) -> list[Any]:
    """Return each operation with each of its places for an id, as parameters of a test."""
    return [
        pytest.param(operation, name, id=f"{operation}-{name}")
        for operation in operations().values()
        for name in where(operation)
    ]


def in_body(operation: Operation) -> Mapping[str, Any]:
    properties = (operation.body() or {}).get("properties", {})
    return {name: schema for name, schema in properties.items() if takes_id(schema)}


def in_query(operation: Operation) -> Mapping[str, Any]:
    parameters = operation.parameters("query")
    return {name: schema for name, schema in parameters.items() if takes_id(schema)}


@pytest.mark.parametrize("operation", list(operations().values()), ids=str)
def test_it_answers_each_role_as_the_table_says(
    world: World, operation: Operation, subtests: pytest.Subtests
) -> None:
    for role in ROLES:
        with subtests.test(role), undone():
            api, expected = world.api(role), EXPECTED[operation.name][ROLES.index(role)]
            with nothing_written() if expected >= 400 else nullcontext():
                answer = world.ask(api, operation, world.own)
            assert answer.status == expected
            if expected >= 400:
                assert answer.code == CODES[expected]


CODES: Final = {401: "not_authenticated", 403: "permission_denied", 404: "not_found"}


@pytest.mark.parametrize(("operation", "name"), with_ids(lambda each: each.parameters("path")))
def test_it_answers_foreign_ids_in_the_path_as_random_ones(
    world: World, operation: Operation, name: str, subtests: pytest.Subtests
) -> None:
    first = name == next(iter(operation.parameters("path")))
    # The second id of a path is looked up in the project of the first, which may refuse by role.
    replaced = [*world.own] if first else [name]
    foreign = {**world.own, **{key: world.foreign[key] for key in replaced}}
    random = {**world.own, **{key: world.random()[key] for key in replaced}}
    for role in ROLES:
        with subtests.test(role), undone():
            api = world.api(role)
            with nothing_written():
                answers = [world.ask(api, operation, ids) for ids in (foreign, random)]
            assert same(*answers), answers
            if role == "nobody":
                assert answers[0].status == 401
            elif first or role in {"alice", "charlie"}:
                assert answers[0].status == 404
            else:
                assert answers[0].status == 403


REFUSALS: Final = {"project": 404, "parent": 404, "after": 404, "before": 404, "assignee": 400}
NAMED: Final = {
    "project": "project_id",
    "parent": "task_id",
    "after": "task_id",
    "before": "task_id",
    "assignee": "user_id",
}


@pytest.mark.parametrize(("operation", "name"), with_ids(in_body))
def test_it_answers_foreign_ids_in_the_body_as_random_ones(
    world: World, operation: Operation, name: str, subtests: pytest.Subtests
) -> None:
    kept = {} if name == "after" else world.sent[operation.name]  # a move takes one neighbour
    for role in ROLES:
        with subtests.test(role), undone():
            api, answers = world.api(role), []
            with nothing_written():
                for ids in (world.foreign, world.random()):
                    world.sent[operation.name] = {**kept, name: ids[NAMED[name]]}
                    answers.append(world.ask(api, operation, world.own))
            assert same(*answers), answers
            own = EXPECTED[operation.name][ROLES.index(role)]
            if own < 400:
                assert answers[0].status == REFUSALS[name]
                assert answers[0].error(f"#/{name}") in {"not_found", "not_a_member"}
            elif name == "project" and role != "nobody" and operation.name != "tasks_move":
                assert answers[0].status == 404
            else:
                assert answers[0].status == own


FILTERS: Final = {
    "project": ("project_id", 404),
    "parent": ("task_id", 404),
    "assignee": ("user_id", 200),  # whom no visible task names, whoever that is: an empty list
    "created_by": ("user_id", 200),
}


@pytest.mark.parametrize(("operation", "name"), with_ids(in_query))
def test_it_answers_foreign_ids_in_the_query_as_random_ones(
    world: World, operation: Operation, name: str, subtests: pytest.Subtests
) -> None:
    key, status = FILTERS[name]
    for role in ROLES:
        with subtests.test(role), undone():
            api = world.api(role)
            answers = [
                world.ask(api, operation, world.own, query=f"?{name}={ids[key]}")
                for ids in (world.foreign, world.random())
            ]
            assert same(*answers), answers
            assert answers[0].status == (401 if role == "nobody" else status)
            if status == 404 and role != "nobody":
                assert answers[0].error(name) == "not_found"
                beside_own = f"?{name}={world.own[key]}&{name}={world.foreign[key]}"
                assert world.ask(api, operation, world.own, query=beside_own).status == 404


def test_it_answers_a_foreign_cursor_as_a_random_one(world: World) -> None:
    bob = world.api("bob")
    for title in ("one", "two"):
        assert bob.post("/tasks", {"title": title}).status == 201
    foreign = bob.get("/tasks?limit=1").body["next"]
    random = re.sub("cursor=.*", f"cursor={'A' * 120}", foreign)
    alice = world.api("alice")
    answers = [alice.get(path) for path in (foreign, random)]
    assert same(*answers)
    assert (answers[0].status, answers[0].code) == (400, "invalid_cursor")


def test_it_lets_nobody_see_members_of_one_project_through_another(world: World) -> None:
    """The member exists in alice's project, but not in hers that is named in the path."""
    alice = world.api("alice")
    other = alice.post("/projects", {"name": "Garden"}).body["id"]
    path = f"/projects/{other}/members/{world.own['user_id']}"
    with nothing_written():
        assert alice.delete(path).status == 404
