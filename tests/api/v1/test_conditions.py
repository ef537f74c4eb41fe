"""ETag, If-Match, If-None-Match: nobody overwrites what they have not seen (RFC 9110 §13)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import orjson
import pytest
from django.test import override_settings

from tasks.models import Project, User
from tests.cast import Answer, Api
from tests.contract.document import operations
from tests.contract.snapshot import nothing_written

pytestmark = pytest.mark.django_db

type Body = dict[str, Any] | None


@dataclass(frozen=True)
class Thing:
    """Something with a version that alice may write.

    Attributes:
        writes: method, path and body of each way to write it; each changes it or takes it away.
    """

    version: Callable[[], int]
    writes: list[tuple[str, str, Body]]


@pytest.fixture
def things(as_alice: Api, project: Project, bob: User) -> dict[str, Thing]:
    """One of each kind."""
    task = made(as_alice, "/tasks", {"title": "a", "project": str(project.pk), "labels": ["x"]})
    made(as_alice, "/tasks", {"title": "b", "project": str(project.pk)})
    gone = made(as_alice, "/tasks", {"title": "c", "project": str(project.pk)})
    assert as_alice.delete(gone).status == 204
    comment = made(as_alice, f"{task}/comments", {"body": "a"})
    label = f"/labels/{as_alice.get('/labels').body['results'][0]['id']}"
    other = made(as_alice, "/projects", {"name": "a"})
    thrown = made(as_alice, "/projects", {"name": "a"})
    assert as_alice.delete(thrown).status == 204
    webhook = made(as_alice, "/webhooks", {"url": "https://example.org/hooks"})
    member = f"/projects/{project.pk}/members/{bob.pk}"

    def listed(path: str, key: str) -> Callable[[], int]:
        return lambda: next(
            row["version"]
            for row in as_alice.get(path).body["results"]
            if row.get("id", row.get("user")) == key.rpartition("/")[2]
        )

    def own(path: str) -> Callable[[], int]:
        return lambda: int(as_alice.get(path).body["version"])

    return {
        "tasks": Thing(
            own(task),
            [
                ("PUT", task, {"title": "z"}),
                ("PATCH", task, {"title": "z"}),
                ("POST", f"{task}/move", {"before": None}),
                ("DELETE", task, None),
                ("DELETE", f"{task}?purge=true", None),
            ],
        ),
        "trash": Thing(own(gone), [("POST", f"{gone}/restore", None)]),
        "projects": Thing(
            own(other),
            [
                ("PUT", other, {"name": "z"}),
                ("PATCH", other, {"name": "z"}),
                ("DELETE", other, None),
            ],
        ),
        "project trash": Thing(own(thrown), [("POST", f"{thrown}/restore", None)]),
        "members": Thing(
            listed(member.rpartition("/")[0], member),
            [("PATCH", member, {"role": "viewer"}), ("DELETE", member, None)],
        ),
        "comments": Thing(
            listed(f"{task}/comments", comment),
            [("PATCH", comment, {"body": "z"}), ("DELETE", comment, None)],
        ),
        "labels": Thing(
            listed("/labels", label), [("PATCH", label, {"name": "z"}), ("DELETE", label, None)]
        ),
        "webhooks": Thing(
            own(webhook),
            [
                ("PATCH", webhook, {"description": "z"}),
                ("POST", f"{webhook}/rotate-secret", None),
                ("DELETE", webhook, None),
            ],
        ),
    }


def made(api: Api, path: str, body: Body) -> str:
    answer = api.post(path, body)
    assert (answer.status, answer.headers["ETag"]) == (201, '"1"')
    collection = path.rpartition("/")[2]
    return f"/{collection}/{answer.body['id']}"


WRITES: Final = [
    ("tasks", 0), ("tasks", 1), ("tasks", 2), ("tasks", 3), ("tasks", 4), ("trash", 0),
    ("projects", 0), ("projects", 1), ("projects", 2), ("project trash", 0),
    ("members", 0), ("members", 1), ("comments", 0), ("comments", 1), ("labels", 0), ("labels", 1),
    ("webhooks", 0), ("webhooks", 1), ("webhooks", 2),
]  # fmt: skip


def test_it_covers_every_write_of_something_that_exists(things: dict[str, Thing]) -> None:
    assert {(name, n) for name, thing in things.items() for n in range(len(thing.writes))} == {
        *WRITES
    }
    conditional = {
        operation.name
        for operation in operations().values()
        if "If-Match" in operation.parameters("header")
    }
    assert conditional == {
        "tasks_put", "tasks_patch", "tasks_delete", "tasks_move", "tasks_restore",
        "projects_put", "projects_patch", "projects_delete", "projects_restore",
        "projects_members_patch", "projects_members_delete",
        "comments_patch", "comments_delete", "labels_patch", "labels_delete",
        "webhooks_patch", "webhooks_delete", "webhooks_rotate_secret",
    }  # fmt: skip


@pytest.mark.parametrize(("kind", "number"), WRITES)
class TestWrites:
    """Each way to write each kind of thing."""

    @pytest.fixture
    def write(
        self, as_alice: Api, things: dict[str, Thing], kind: str, number: int
    ) -> Callable[..., Answer]:
        method, path, body = things[kind].writes[number]

        def send(**headers: str) -> Answer:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            return as_alice(method, path, body, headers=named)

        return send

    @pytest.fixture
    def version(self, things: dict[str, Thing], kind: str) -> int:
        return things[kind].version()

    def test_it_writes_what_was_read(self, write: Callable[..., Answer], version: int) -> None:
        answer = write(If_Match=f'"{version}"')
        assert answer.status in {200, 204}
        if answer.status == 200:
            assert answer.headers["ETag"] == f'"{version + 1}"'
            assert answer.body["version"] == version + 1

    def test_it_refuses_what_was_not(self, write: Callable[..., Answer], version: int) -> None:
        older, weak = f'"{version - 1}"', f'W/"{version}"'
        longer, padded = f'"{version}0"', f'"0{version}"'
        with nothing_written():
            for header in (older, weak, longer, padded, '""', '"*"', '"a", "b"'):
                answer = write(If_Match=header)
                assert (answer.status, answer.code) == (412, "precondition_failed"), header
                assert answer.headers["ETag"] == f'"{version}"'

    @pytest.mark.parametrize("header", ["*", ' "a" , "{version}"', '"{version}",W/"{version}"'])
    def test_it_takes_one_of_several_and_any(
        self, write: Callable[..., Answer], version: int, header: str
    ) -> None:
        assert write(If_Match=header.format(version=version)).status in {200, 204}

    def test_it_refuses_what_must_not_be_there(
        self, write: Callable[..., Answer], version: int
    ) -> None:
        with nothing_written():
            for header in ("*", f'"{version}"', f'W/"{version}"', f'"a", "{version}"'):
                answer = write(If_None_Match=header)
                assert (answer.status, answer.headers["ETag"]) == (412, f'"{version}"'), header

    def test_it_writes_unless_another_version_is_there(self, write: Callable[..., Answer]) -> None:
        assert write(If_None_Match='"77"').status in {200, 204}

    @pytest.mark.parametrize("name", ["If_Match", "If_None_Match"])
    def test_it_refuses_what_it_cannot_read(self, write: Callable[..., Answer], name: str) -> None:
        with nothing_written():
            for header in ("3", "", " ", '"3', "W/3", '"a" "b"', 'w/"3"', '*, "3"'):
                answer = write(**{name: header})
                assert (answer.status, answer.code) == (400, "malformed_request"), header
                assert name.replace("_", "-") in answer.body["detail"]

    def test_it_demands_a_version_where_that_is_set(
        self, write: Callable[..., Answer], version: int
    ) -> None:
        with override_settings(REQUIRE_IF_MATCH=True):
            with nothing_written():
                answer = write()
            assert (answer.status, answer.code) == (428, "precondition_required")
            assert write(If_Match=f'"{version}"').status in {200, 204}


@pytest.mark.parametrize("status", [401, 403, 404])
def test_it_tells_no_version_to_whom_may_not_write(
    as_alice: Api, as_bob: Api, as_charlie: Api, as_nobody: Api, project: Project, status: int
) -> None:
    api = {401: as_nobody, 403: as_bob, 404: as_charlie}[status]
    with nothing_written():
        answer = api.patch(f"/projects/{project.pk}", {"name": "a"}, headers={"If-Match": '"9"'})
    assert answer.status == status
    assert "ETag" not in answer.headers


def test_it_demands_no_version_of_what_is_new(as_alice: Api) -> None:
    with override_settings(REQUIRE_IF_MATCH=True):
        assert as_alice.post("/tasks", {"title": "a"}).status == 201


# --- Reading ----------------------------------------------------------------------------------


def test_it_sends_nothing_twice(as_alice: Api, things: dict[str, Thing]) -> None:
    path = things["tasks"].writes[0][1]
    first = as_alice.get(path)
    tag = first.headers["ETag"]
    assert tag == f'"{first.body["version"]}"'
    for header in (tag, f"W/{tag}", f'"a", {tag}', "*"):
        again = as_alice.get(path, headers={"If-None-Match": header})
        assert (again.status, again.response.content) == (304, b"")
        assert again.headers["ETag"] == tag
        assert again.headers["Cache-Control"] == "private, no-cache"
        assert again.headers["Vary"] == first.headers["Vary"]
        assert not {"Content-Type", "Content-Length"} & again.headers.keys()
    for header in ('"77"', "nonsense", "", tag.strip('"')):
        other = as_alice.get(path, headers={"If-None-Match": header})
        assert (other.status, other.body) == (200, first.body)
    assert as_alice.patch(path, {"title": "z"}).status == 200
    assert as_alice.get(path, headers={"If-None-Match": tag}).status == 200


READS: Final = ("/me", "/tasks", "/tasks?limit=1", "/projects", "/labels", "/tasks?q=nothing")


@pytest.mark.parametrize("path", READS)
def test_it_tags_lists_by_what_they_hold(
    as_alice: Api, things: dict[str, Thing], path: str
) -> None:
    first = as_alice.get(path)
    tag = first.headers["ETag"]
    assert tag.startswith('"')
    again = as_alice.get(path, headers={"If-None-Match": tag})
    assert (again.status, again.response.content, again.headers["ETag"]) == (304, b"", tag)
    if path == "/tasks":
        as_alice.patch(things["tasks"].writes[0][1], {"title": "z"})
        changed = as_alice.get(path, headers={"If-None-Match": tag})
        assert changed.status == 200
        assert changed.headers["ETag"] != tag


@pytest.mark.parametrize("path", [*READS, "task", "members", "comments"])
def test_it_answers_head_as_get_without_the_body(
    as_alice: Api, things: dict[str, Thing], path: str
) -> None:
    known = {
        "task": things["tasks"].writes[0][1],
        "comments": f"{things['tasks'].writes[0][1]}/comments",
        "members": things["members"].writes[0][1].rpartition("/")[0],
    }
    got, head = as_alice.get(known.get(path, path)), as_alice("HEAD", known.get(path, path))
    assert (head.status, head.response.content) == (200, b"")
    skipped = {"X-Request-ID", "RateLimit"}
    assert {name: value for name, value in head.headers.items() if name not in skipped} == {
        name: value for name, value in got.headers.items() if name not in skipped
    }
    tag = {"If-None-Match": got.headers["ETag"]}
    assert as_alice("HEAD", known.get(path, path), headers=tag).status == 304


def test_it_shows_another_role_of_your_own_under_another_tag(
    as_alice: Api, as_bob: Api, project: Project, bob: User
) -> None:
    """A project shows each member their role, so a new role is a new version of it."""
    path = f"/projects/{project.pk}"
    first = as_bob.get(path)
    assert as_alice.patch(f"{path}/members/{bob.pk}", {"role": "viewer"}).status == 200
    again = as_bob.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status, again.body["role"]) == (200, "viewer")


def test_it_tags_no_page_for_people(as_alice: Api) -> None:
    tag = as_alice.get("/tasks").headers["ETag"]
    page = as_alice.get("/tasks", headers={"Accept": "text/html", "If-None-Match": tag})
    assert page.status == 200
    assert "ETag" not in page.headers


def test_it_tags_no_problem(as_alice: Api, project: Project) -> None:
    answer = as_alice.get(f"/tasks/{project.pk}", headers={"If-None-Match": "*"})
    assert answer.status == 404
    assert "ETag" not in answer.headers


def test_it_keeps_the_bytes_of_what_it_tags(as_alice: Api) -> None:
    answer = as_alice.get("/me")
    assert orjson.loads(answer.response.content) == answer.body
    assert as_alice.get("/me").headers["ETag"] == answer.headers["ETag"]
