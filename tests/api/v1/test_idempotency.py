"""Idempotency-Key: a request that is sent again is done once and answered alike (CONTRACT §4)."""

from datetime import datetime, timedelta
from typing import Any, Final

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tasks.ids import uuid7
from tasks.models import IdempotencyKey, Project, Task, User, Webhook
from tasks.operations.access import Actor
from tasks.operations.members import add_member, change_role, remove_member
from tasks.operations.projects import delete_project
from tasks.operations.trash import purge_task
from tasks.policies import Role
from tests.cast import Answer, Api
from tests.contract.document import operations
from tests.contract.snapshot import nothing_written
from tests.contract.world import deliver

pytestmark = pytest.mark.django_db

KEY: Final = {"Idempotency-Key": "7f3c-1"}
SKIPPED: Final = {"X-Request-ID", "RateLimit", "RateLimit-Policy", "Idempotent-Replayed"}

type Ways = dict[str, tuple[str, str, Any]]


@pytest.fixture
def task(as_alice: Api, project: Project) -> str:
    body = {"title": "a", "project": str(project.pk), "labels": ["x"]}
    return str(as_alice.post("/tasks", body).body["id"])


@pytest.fixture
def ways(as_alice: Api, project: Project, task: str, charlie: User, bob: User) -> Ways:
    """Every write of a signed-in user, by the name of its operation."""
    comment = as_alice.post(f"/tasks/{task}/comments", {"body": "a"}).body["id"]
    label = as_alice.get("/labels").body["results"][0]["id"]
    webhook = as_alice.post("/webhooks", {"url": "https://example.org/"}).body["id"]
    delivery = deliver(Webhook.objects.get(pk=webhook), timezone.now()).pk
    hook = f"/webhooks/{webhook}"
    home, room, viewer = f"/tasks/{task}", f"/projects/{project.pk}", {"role": "viewer"}
    return {
        "tasks_create": ("POST", "/tasks", {"title": "b", "project": str(project.pk)}),
        "tasks_put": ("PUT", home, {"title": "b"}),
        "tasks_patch": ("PATCH", home, {"completed": True}),
        "tasks_delete": ("DELETE", home, None),
        "tasks_move": ("POST", f"{home}/move", {"before": None}),
        "tasks_restore": ("POST", f"{home}/restore", None),
        "projects_create": ("POST", "/projects", {"name": "b"}),
        "projects_put": ("PUT", room, {"name": "b"}),
        "projects_patch": ("PATCH", room, {"name": "b"}),
        "projects_delete": ("DELETE", room, None),
        "projects_restore": ("POST", f"{room}/restore", None),
        "projects_members_create": ("POST", f"{room}/members", {"user": "charlie", **viewer}),
        "projects_members_patch": ("PATCH", f"{room}/members/{bob.pk}", viewer),
        "projects_members_delete": ("DELETE", f"{room}/members/{bob.pk}", None),
        "tasks_comments_create": ("POST", f"/tasks/{task}/comments", {"body": "b"}),
        "comments_patch": ("PATCH", f"/comments/{comment}", {"body": "b"}),
        "comments_delete": ("DELETE", f"/comments/{comment}", None),
        "labels_patch": ("PATCH", f"/labels/{label}", {"name": "b"}),
        "labels_delete": ("DELETE", f"/labels/{label}", None),
        "webhooks_create": ("POST", "/webhooks", {"url": "https://example.org/b"}),
        "webhooks_patch": ("PATCH", hook, {"description": "b"}),
        "webhooks_delete": ("DELETE", hook, None),
        "webhooks_ping": ("POST", f"{hook}/ping", None),
        "webhooks_rotate_secret": ("POST", f"{hook}/rotate-secret", None),
        "deliveries_redeliver": ("POST", f"/deliveries/{delivery}/redeliver", None),
    }  # fmt: skip


def whole(answer: Answer) -> tuple[int, bytes, dict[str, str]]:
    """Return all of an answer that a replay must repeat."""
    headers = {name: value for name, value in answer.headers.items() if name not in SKIPPED}
    return answer.status, answer.response.content, headers


def is_replayed(answer: Answer) -> bool:
    return bool(answer.headers.get("Idempotent-Replayed") == "true")


def test_it_is_offered_by_every_write_of_a_user(ways: Ways) -> None:
    offered = {
        name
        for name, operation in operations().items()
        if "Idempotency-Key" in operation.parameters("header")
    }
    assert offered == ways.keys()
    assert offered == {
        name
        for name, operation in operations().items()
        if operation.method != "GET" and not name.startswith("auth_")
    }


@pytest.mark.parametrize(
    "name",
    [
        name
        for name, operation in operations().items()
        if operation.method != "GET" and not name.startswith("auth_")
    ],
)
class TestEveryWrite:
    def test_it_is_done_once_and_answered_alike(self, as_alice: Api, ways: Ways, name: str) -> None:
        method, path, body = ways[name]
        first = as_alice(method, path, body, headers=KEY)
        assert first.status in {200, 201, 202, 204}
        assert not is_replayed(first)
        with nothing_written():
            again = as_alice(method, path, body, headers=KEY)
        assert whole(again) == whole(first)
        assert is_replayed(again)
        assert IdempotencyKey.objects.count() == 1

    def test_it_is_another_request_with_the_same_key(
        self, as_alice: Api, ways: Ways, name: str
    ) -> None:
        method, path, body = ways[name]
        assert as_alice("POST", "/projects", {"name": "first"}, headers=KEY).status == 201
        with nothing_written():
            answer = as_alice(method, path, body, headers=KEY)
        assert (answer.status, answer.code) == (422, "idempotency_key_reused")
        assert as_alice(method, path, body).status in {200, 201, 202, 204}

    def test_it_keeps_nothing_without_a_key(self, as_alice: Api, ways: Ways, name: str) -> None:
        method, path, body = ways[name]
        assert as_alice(method, path, body).status in {200, 201, 202, 204}
        assert not IdempotencyKey.objects.exists()


class TestWhatIsTheSame:
    def test_it_is_whatever_the_body_says_in_whatever_order(self, as_alice: Api) -> None:
        first = as_alice.post("/tasks", raw=b'{"title": "a", "priority": 1}', headers=KEY)
        again = as_alice.post("/tasks", raw=b' {"priority":1,\n"title":"\\u0061"}', headers=KEY)
        assert whole(again) == whole(first)
        assert Task.objects.count() == 1

    @pytest.mark.parametrize(
        "raw",
        [b'{"title": "a"}', b'{"title": "a", "priority": 2}', b'{"title": "a", "priority": "1"}',
         b'{"title": "a", "priority": 1, "id": null}', b"[]", b"{}", b"1" * 400],
    )  # fmt: skip
    def test_it_is_not_another_body(self, as_alice: Api, raw: bytes) -> None:
        body = {"title": "a", "priority": 1}
        assert as_alice.post("/tasks", body, headers=KEY).status == 201
        with nothing_written():
            assert as_alice.post("/tasks", raw=raw, headers=KEY).status == 422

    def test_it_is_not_another_method_path_or_query(self, as_alice: Api, task: str) -> None:
        path = f"/tasks/{task}"
        assert as_alice.put(path, {"title": "b"}, headers=KEY).status == 200
        for method, other, body in (
            ("PATCH", path, {"title": "b"}),
            ("PUT", f"/tasks/{uuid7()}", {"title": "b"}),
            ("DELETE", f"{path}?purge=true", None),
            ("DELETE", path, None),
        ):
            assert as_alice(method, other, body, headers=KEY).status == 422

    def test_it_is_the_same_under_another_condition(self, as_alice: Api, task: str) -> None:
        """Whoever read the version that their own lost success made asks for the same."""
        path = f"/tasks/{task}"
        first = as_alice.patch(path, {"title": "b"}, headers={**KEY, "If-Match": '"1"'})
        assert first.status == 200
        for tag in ('"1"', '"2"'):
            again = as_alice.patch(path, {"title": "b"}, headers={**KEY, "If-Match": tag})
            assert whole(again) == whole(first)
        assert as_alice.get(path).body["version"] == 2

    def test_it_is_each_users_own(self, as_alice: Api, as_bob: Api) -> None:
        first, second = (
            api.post("/tasks", {"title": "a"}, headers=KEY) for api in (as_alice, as_bob)
        )
        assert (first.status, second.status) == (201, 201)
        assert not is_replayed(second)
        assert first.body["id"] != second.body["id"]

    def test_it_answers_what_was_answered_then(self, as_alice: Api, task: str) -> None:
        path = f"/tasks/{task}"
        first = as_alice.patch(path, {"title": "b"}, headers=KEY)
        assert as_alice.patch(path, {"title": "c"}).body["version"] == 3
        assert whole(as_alice.patch(path, {"title": "b"}, headers=KEY)) == whole(first)
        assert as_alice.get(path).body["title"] == "c"


class TestFailures:
    @pytest.mark.parametrize("body", [{"title": ""}, {"title": "a", "parent": str(uuid7())}])
    def test_it_keeps_no_refusal(self, as_alice: Api, body: dict[str, Any]) -> None:
        with nothing_written():
            assert as_alice.post("/tasks", body, headers=KEY).status in {400, 404}
        assert as_alice.post("/tasks", {"title": "a"}, headers=KEY).status == 201

    def test_it_keeps_nothing_of_a_change_that_fails_at_the_end(
        self, as_alice: Api, project: Project
    ) -> None:
        """The label is made before the task is refused, and goes with it."""
        body = {"title": "a", "project": str(project.pk), "external_id": "7"}
        assert as_alice.post("/tasks", body).status == 201
        with nothing_written():
            answer = as_alice.post("/tasks", {**body, "labels": ["new"]}, headers=KEY)
        assert answer.code == "external_id_taken"
        again = as_alice.post("/tasks", {**body, "external_id": "8"}, headers=KEY)
        assert again.status == 201

    def test_it_keeps_no_failed_condition(self, as_alice: Api, task: str) -> None:
        path = f"/tasks/{task}"
        stale = as_alice.patch(path, {"title": "b"}, headers={**KEY, "If-Match": '"9"'})
        assert stale.status == 412
        fresh = as_alice.patch(path, {"title": "b"}, headers={**KEY, "If-Match": '"1"'})
        assert (fresh.status, is_replayed(fresh)) == (200, False)

    @pytest.mark.parametrize(
        "key", ["", " ", "a b", "x" * 256, "schlüssel", "a\tb", "\x7f", "a, b"]
    )
    def test_it_takes_no_key_that_is_none(self, as_alice: Api, key: str) -> None:
        with nothing_written():
            answer = as_alice.post("/tasks", {"title": "a"}, headers={"Idempotency-Key": key})
        assert (answer.status, answer.code) == (400, "malformed_request")
        assert "Idempotency-Key" in answer.body["detail"]

    @pytest.mark.parametrize(
        "key", ["a", "x" * 255, '"8e03978e-40d5"', "!~", "ключ".encode().hex()]
    )
    def test_it_takes_any_visible_ascii(self, as_alice: Api, key: str) -> None:
        headers = {"Idempotency-Key": key}
        first = as_alice.post("/tasks", {"title": "a"}, headers=headers)
        assert (first.status, is_replayed(first)) == (201, False)
        assert is_replayed(as_alice.post("/tasks", {"title": "a"}, headers=headers))


class TestAuthorisation:
    """A replay shows what was answered only to whom it could be answered now."""

    def test_it_is_refused_to_who_is_no_member_any_more(
        self, as_bob: Api, alice: User, bob: User, project: Project, now: datetime
    ) -> None:
        body = {"title": "a", "project": str(project.pk)}
        assert as_bob.post("/tasks", body, headers=KEY).status == 201
        owner = Actor(alice.pk)
        remove_member(actor=owner, now=now, project_id=project.pk, user_id=bob.pk)
        with nothing_written():
            answer = as_bob.post("/tasks", body, headers=KEY)
        assert (answer.status, answer.code) == (404, "not_found")
        add_member(actor=owner, now=now, project_id=project.pk, user=bob.pk, role=Role.VIEWER)
        assert as_bob.post("/tasks", body, headers=KEY).status == 403
        change_role(actor=owner, now=now, project_id=project.pk, user_id=bob.pk, role=Role.EDITOR)
        assert is_replayed(as_bob.post("/tasks", body, headers=KEY))

    def test_it_asks_for_both_projects_of_a_move(
        self,
        as_alice: Api,
        as_bob: Api,
        alice: User,
        bob: User,
        project: Project,
        task: str,
        now: datetime,
    ) -> None:
        other = as_bob.post("/projects", {"name": "b"}).body["id"]
        move = ("POST", f"/tasks/{task}/move", {"project": other})
        assert as_bob(*move, headers=KEY).status == 200
        remove_member(actor=Actor(alice.pk), now=now, project_id=project.pk, user_id=bob.pk)
        assert as_bob(*move, headers=KEY).status == 404

    def test_it_hides_what_lies_in_a_project_in_the_trash(
        self, as_alice: Api, alice: User, project: Project, now: datetime
    ) -> None:
        body = {"title": "a", "project": str(project.pk)}
        assert as_alice.post("/tasks", body, headers=KEY).status == 201
        delete_project(actor=Actor(alice.pk), now=now, project_id=project.pk)
        answer = as_alice.post("/tasks", body, headers=KEY)
        assert (answer.status, answer.code) == (409, "in_trash")

    def test_it_can_be_told_to_who_has_left(self, as_bob: Api, project: Project, bob: User) -> None:
        path = f"/projects/{project.pk}/members/{bob.pk}"
        assert as_bob.delete(path, headers=KEY).status == 204
        again = as_bob.delete(path, headers=KEY)
        assert (again.status, is_replayed(again)) == (204, True)
        assert as_bob.delete(path).status == 404

    def test_it_can_be_told_of_what_is_gone(
        self, as_alice: Api, alice: User, project: Project
    ) -> None:
        body = {"title": "a", "project": str(project.pk)}
        first = as_alice.post("/tasks", body, headers=KEY)
        purge_task(actor=Actor(alice.pk), now=timezone.now(), task_id=first.body["id"])
        assert whole(as_alice.post("/tasks", body, headers=KEY)) == whole(first)

    def test_it_asks_who_is_there_first(self, as_alice: Api, as_nobody: Api) -> None:
        assert as_alice.post("/tasks", {"title": "a"}, headers=KEY).status == 201
        assert as_nobody.post("/tasks", {"title": "a"}, headers=KEY).status == 401


class TestTime:
    def test_it_is_kept_for_a_day(self, as_alice: Api) -> None:
        first = as_alice.post("/tasks", {"title": "a"}, headers=KEY)
        kept = IdempotencyKey.objects.get()
        age(kept, timedelta(hours=23, minutes=59))
        assert whole(as_alice.post("/tasks", {"title": "a"}, headers=KEY)) == whole(first)
        age(kept, timedelta(hours=24))
        anew = as_alice.post("/tasks", {"title": "a"}, headers=KEY)
        assert (anew.status, is_replayed(anew)) == (201, False)
        assert anew.body["id"] != first.body["id"]
        assert is_replayed(as_alice.post("/tasks", {"title": "a"}, headers=KEY))

    def test_it_forgets_another_request_after_a_day(self, as_alice: Api) -> None:
        assert as_alice.post("/tasks", {"title": "a"}, headers=KEY).status == 201
        age(IdempotencyKey.objects.get(), timedelta(hours=24))
        assert as_alice.post("/tasks", {"title": "b"}, headers=KEY).status == 201


def age(kept: IdempotencyKey, by: timedelta) -> None:
    IdempotencyKey.objects.filter(pk=kept.pk).update(created_at=kept.created_at - by)


class TestElsewhere:
    def test_it_means_nothing_to_a_read(self, as_alice: Api, task: str) -> None:
        for _ in range(2):
            answer = as_alice.get(f"/tasks/{task}", headers=KEY)
            assert (answer.status, is_replayed(answer)) == (200, False)
        assert not IdempotencyKey.objects.exists()

    def test_it_means_nothing_where_nobody_is_signed_in(self, as_nobody: Api, alice: User) -> None:
        alice.set_password("correct horse battery")
        alice.save()
        body = {"username": "alice", "password": "correct horse battery"}
        first, second = (as_nobody.post("/auth/token", body, headers=KEY) for _ in range(2))
        assert (first.status, second.status) == (200, 200)
        assert first.body["access"] != second.body["access"]
        assert not IdempotencyKey.objects.exists()

    def test_it_costs_the_same_statements_each_time(self, as_alice: Api, task: str) -> None:
        with CaptureQueriesContext(connection) as first:
            as_alice.patch(f"/tasks/{task}", {"title": "b"}, headers=KEY)
        with CaptureQueriesContext(connection) as again:
            as_alice.patch(f"/tasks/{task}", {"title": "b"}, headers=KEY)
        claim = connection.vendor == "postgresql"
        # Savepoint and release, the same around the change inside; the key; task, update, event;
        # insert.
        assert len(first) == 2 + claim + 1 + 5 + 1
        assert len(again) == 2 + claim + 1 + 1
