"""Requests, and what the model says to them: the half of the state machine that compares.

Each write is sent, then predicted on a copy of the model; the copy replaces it where the service
did as predicted. After each step everything is read back, by everybody.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any, Final

from django.utils import timezone
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine

from tasks.ids import uuid7
from tests.cast import Answer, Api
from tests.contract.model import Kept, Moment, Refused, Shown, World, differences
from tests.contract.model_wishes import Condition, conditions

type Predict = Callable[[World, Answer], Shown | None]

_NO_CONDITION: Final = Condition("none", {})
_STATUSES: Final = {"GET": 200, "PUT": 200, "PATCH": 200, "DELETE": 204}


class ComparingMachine(RuleBasedStateMachine):
    """What every rule has: users, the model, and a count of what became of the requests.

    Attributes:
        counts: requests by rule, status and code of the problem, over all examples.
    """

    def __init__(self, apis: dict[str, Api], counts: Counter[tuple[str, int, str]]) -> None:
        super().__init__()
        self.apis, self.counts = apis, counts
        self.world = World(users={name: str(api.user.pk) for name, api in apis.items() if api.user})
        self.turn = 0

    # --- Writes ---

    def write(
        self,
        data: st.DataObject,
        rule: str,
        user: str,
        request: tuple[str, str, Any],
        predict: Predict,
        *,
        version: int = 0,
        readable: bool = True,
    ) -> Answer:
        """Send a write and hold its answer against the model.

        Args:
            version: of what is written; 0 if nothing is there whose version could be named.
            readable: whether the body is; if not, nothing else in the request is looked at.
        """
        condition, key = self._conditions(data, user, version, readable=readable)
        keyed = {"Idempotency-Key": key} if key else {}
        begin = timezone.now()
        method, path, body = request
        answer = self.apis[user](method, path, body, headers={**condition.headers, **keyed})
        now = Moment(begin, timezone.now())
        after = self.world.at(now, condition=condition.holds)
        try:
            condition.refuse_unreadable()
            shown = predict(after, answer)
        except Refused as refusal:
            self._is_refused(answer, refusal, version)
        else:
            self._is_done(answer, request, shown)
            if key:
                after.kept = [*after.kept, _kept(user, key, request, answer, after)]
            self.world = after
        self.count(rule, answer)
        return answer

    def _conditions(
        self, data: st.DataObject, user: str, version: int, *, readable: bool
    ) -> tuple[Condition, str]:
        condition = _NO_CONDITION
        if version:
            condition = data.draw(st.sampled_from(conditions(version)), "condition")
        if not readable and not condition.readable:
            condition = _NO_CONDITION
        used = sum(kept.user == user for kept in self.world.kept)
        key = data.draw(st.sampled_from(["", "", f"key-{used}"]), "idempotency key")
        return condition, key

    def _is_refused(self, answer: Answer, refusal: Refused, version: int) -> None:
        found = (answer.status, answer.code if answer.status >= 400 else "")
        assert found == (refusal.status, refusal.code), (answer, refusal)
        if refusal.status == 412:
            assert answer.headers["ETag"] == f'"{version}"', answer
        assert "Idempotent-Replayed" not in answer.headers

    def _is_done(self, answer: Answer, request: tuple[str, str, Any], shown: Shown | None) -> None:
        method, path, _ = request
        made = method == "POST" and not path.endswith(("/move", "/restore"))
        assert answer.status == (201 if made else _STATUSES.get(method, 200)), (answer, request)
        assert "Idempotent-Replayed" not in answer.headers
        if shown is None:
            assert answer.body is None
            return
        assert not (found := differences(shown, answer.body)), (found, request)
        assert answer.headers["ETag"] == f'"{shown["version"]}"'
        if made and path in {"/tasks", "/projects"}:
            assert answer.headers["Location"] == f"/api/v1{path}/{shown['id']}"

    def count(self, rule: str, answer: Answer) -> None:
        code = answer.code if answer.status >= 400 else ""
        self.counts[rule, answer.status, code] += 1

    # --- Everything, read back ---

    def compare_all(self, *, by_id: set[str]) -> None:
        """Hold what everybody's lists show against the model; single things as `by_id` see them."""
        for user in self.apis:
            self._compare_lists(user)
            if user in by_id:
                self._compare_things(user)
        self._compare_order()

    def _compare_lists(self, user: str) -> None:
        world = self.world
        for trashed in (False, True):
            asked = f"trashed={str(trashed).lower()}"
            rows = self._rows(user, f"/tasks?ordering=position&limit=200&{asked}")
            tasks = {task.id: task for task in world.tasks_of(user, trashed=trashed)}
            self._same_rows(rows, [world.show_task(task) for task in tasks.values()], ordered=False)
            assert rows == sorted(rows, key=lambda row: (row["position"], row["id"]))
            for project in world.projects.values():
                mine = [row["id"] for row in rows if row["project"] == project.id]
                assert mine == [key for key in project.order if key in tasks], "order"
            expected = [
                world.show_project(project, user)
                for project in world.projects.values()
                if user in project.members and bool(project.deleted_at) is trashed
            ]
            self._same_rows(self._rows(user, f"/projects?{asked}"), expected)
        labels = [each for each in world.labels.values() if world.sees_inside(user, each.project)]
        shown = [world.show_label(label) for label in labels]
        self._same_rows(self._rows(user, "/labels?limit=200"), shown, ordered=False)

    def _compare_members(self, user: str, project: str) -> None:
        answer = self.apis[user].get(f"/projects/{project}/members")
        found = self.world.projects[project]
        if user not in found.members:
            assert (answer.status, answer.code) == (404, "not_found")
        elif found.deleted_at:
            assert (answer.status, answer.code) == (409, "in_trash")
        else:
            members = found.members.items()
            expected = [self.world.show_member(member, name) for name, member in members]
            self._same_rows(answer.body["results"], expected)

    def _compare_things(self, user: str) -> None:
        world, get = self.world, self.apis[user].get
        for project in world.projects.values():
            seen = world.show_project(project, user) if user in project.members else None
            self._same_thing(get(f"/projects/{project.id}"), seen)
            self._compare_members(user, project.id)
        for task in world.tasks.values():
            visible = world.sees_inside(user, task.project)
            self._same_thing(get(f"/tasks/{task.id}"), world.show_task(task) if visible else None)
        commented = {comment.task for comment in world.comments.values()}
        for key in commented:
            visible = world.sees_inside(user, world.tasks[key].project)
            self._compare_comments(user, key, visible=visible)
        for key in world.gone[-2:]:
            self._same_thing(get(f"/tasks/{key}"), None)

    def _compare_comments(self, user: str, task: str, *, visible: bool) -> None:
        answer = self.apis[user].get(f"/tasks/{task}/comments")
        comments = [each for each in self.world.comments.values() if each.task == task]
        if visible:
            shown = [self.world.show_comment(comment) for comment in comments]
            self._same_rows(answer.body["results"], shown)
        else:
            self._same_thing(answer, None)

    def _compare_order(self) -> None:
        """The keys of a project, the trash included, rise as the model has its tasks."""
        for project in self.world.projects.values():
            keys = [self.world.tasks[key].position.seen for key in project.order]
            known = [key for key in keys if key is not None]
            assert known == sorted(set(known)), keys

    def _rows(self, user: str, path: str) -> list[Shown]:
        answer = self.apis[user].get(path)
        assert (answer.status, answer.body["next"]) == (200, None), answer
        rows: list[Shown] = answer.body["results"]
        return rows

    def _same_rows(self, rows: list[Shown], expected: list[Shown], *, ordered: bool = True) -> None:
        if not ordered:
            rows, expected = (sorted(each, key=_name) for each in (rows, expected))
        assert [_name(row) for row in rows] == [_name(row) for row in expected]
        for row, wanted in zip(rows, expected, strict=True):
            assert not (wrong := differences(wanted, row)), (wrong, _name(row))

    def _same_thing(self, answer: Answer, expected: Shown | None) -> None:
        if expected is None:
            assert (answer.status, answer.code) == (404, "not_found"), answer
            return
        assert answer.status == 200, answer
        assert not (wrong := differences(expected, answer.body)), wrong
        assert answer.headers["ETag"] == f'"{expected["version"]}"'

    def all_of(self, user: str, project: str) -> dict[str, Shown]:
        """Return all tasks of a project by id, the trash included."""
        paths = (f"/tasks?project={project}&limit=200&trashed={kind}" for kind in ("false", "true"))
        return {row["id"]: row for path in paths for row in self._rows(user, path)}

    # --- Who and what ---

    def somebody(self, data: st.DataObject, project: str, action: str, other: str = "") -> str:
        """Draw a user, most often one who may do this, in another project, too, if one is given."""
        able = [
            user
            for user in self.apis
            if self.world.may(user, project, action)
            and (not other or self.world.may(user, other, action))
        ]
        return data.draw(st.sampled_from([*able, *able, *able, *self.apis]), "user")

    def some(self, data: st.DataObject, things: dict[str, Any], label: str) -> str:
        """Draw the id of something that is there; seldom one of nothing."""
        missing = [str(uuid7())]
        known = list(things)
        return data.draw(st.sampled_from([*known, *known, *known, *missing]), label)


def _name(row: Shown) -> tuple[str, ...]:
    """What tells one row of a list from the others, also where the server makes the id."""
    if "username" in row or "name" not in row or "role" in row:
        return (row["user"] if "username" in row else row["id"],)
    return row["project"], row["name"]


def _kept(user: str, key: str, request: tuple[str, str, Any], answer: Answer, after: World) -> Kept:
    method, path, body = request
    names = {"ETag", "Location"} & answer.headers.keys()
    return Kept(
        user=user,
        key=key,
        method=method,
        path=path,
        body=body,
        status=answer.status,
        answer=answer.body,
        headers={name: answer.headers[name] for name in names},
        grants=list(after.granted),
    )
