"""Fifty at the same moment with one entity tag, or with one key: one of them gets it.

Through the whole service on PostgreSQL, in threads with connections of their own. A few rounds of
each write; more of them: `AT_ONCE_ROUNDS=200 make test ARGS="-k at_once"`.
"""

import os
from collections import Counter
from collections.abc import Iterable
from functools import partial
from itertools import islice
from typing import Any, Final

import pytest

from tasks.models import IdempotencyKey, Project, Task, User
from tests.api.v1.writes import FOR_GOOD, KINDS, Round, Writes, always
from tests.cast import Answer, Api
from tests.operations.racing import race

pytestmark = pytest.mark.django_db(transaction=True)

MANY: Final = 50
ROUNDS: Final = int(os.environ.get("AT_ONCE_ROUNDS", "3"))


@pytest.fixture(autouse=True)
def only_where_writers_run_side_by_side(vendor: str) -> None:
    if vendor == "sqlite":
        pytest.skip("SQLite has one writer at a time: nothing is decided at the same moment.")


@pytest.fixture
def writes(as_alice: Api, project: Project, bob: User) -> Writes:
    return Writes(as_alice, project, bob)


def rounds(writes: Writes, kind: str) -> Iterable[Round]:
    return islice(getattr(writes, kind)(), ROUNDS)


def all_at_once(api: Api, of: Round, *, alike: bool = False, **headers: str) -> list[Answer]:
    writers = [0] * MANY if alike else range(MANY)
    return race([partial(of.send, api, writer, **headers) for writer in writers])


def statuses(answers: list[Answer]) -> Counter[int]:
    return Counter(answer.status for answer in answers)


@pytest.mark.parametrize("kind", KINDS)
def test_it_lets_one_of_fifty_write_with_one_tag(as_alice: Api, writes: Writes, kind: str) -> None:
    late = 404 if kind in FOR_GOOD else 412
    for of in rounds(writes, kind):
        found = statuses(all_at_once(as_alice, of, If_Match=f'"{of.version}"'))
        assert found[200] + found[204] == 1, found
        assert found[late] == MANY - 1, found


@pytest.mark.parametrize("kind", KINDS)
def test_it_does_once_what_fifty_send_with_one_key(
    as_alice: Api, writes: Writes, kind: str
) -> None:
    for number, of in enumerate(rounds(writes, kind)):
        key = f"{kind}-{number}"
        answers = all_at_once(as_alice, of, alike=True, Idempotency_Key=key)
        done = [answer for answer in answers if answer.status in {200, 204}]
        [first] = [answer for answer in done if "Idempotent-Replayed" not in answer.headers]
        assert {answer.response.content for answer in done} == {first.response.content}
        waiting = [answer for answer in answers if answer.status == 409]
        assert {answer.code for answer in waiting} <= {"idempotency_key_in_use"}
        assert len(done) + len(waiting) == MANY, statuses(answers)
        assert IdempotencyKey.objects.filter(key=key).count() == 1
        again = of.send(as_alice, 0, Idempotency_Key=key)
        assert (again.status, again.response.content) == (first.status, first.response.content)


def test_it_creates_once_what_fifty_send_with_one_key(as_alice: Api, writes: Writes) -> None:
    for number in range(ROUNDS):
        of = Round(0, "POST", "/tasks", always({"title": f"{number}"}))
        answers = all_at_once(as_alice, of, Idempotency_Key=f"n-{number}")
        assert set(statuses(answers)) <= {201, 409}
        assert len({answer.body["id"] for answer in answers if answer.status == 201}) == 1
        assert Task.objects.filter(title=f"{number}").count() == 1


def test_it_has_a_total_order_after_fifty_moves(alice: User, bob: User, project: Project) -> None:
    for _ in range(ROUNDS):
        api = Api(alice)  # a token lives for five minutes, and 200 rounds take longer
        writes = Writes(api, project, bob)
        tasks = [writes.new_task() for _ in range(MANY + 2)]
        wishes: list[Any] = [
            {"after": tasks[0]}, {"before": tasks[0]}, {"after": None}, {"before": None},
            {"after": tasks[-1], "parent": tasks[-1]},
        ]  # fmt: skip
        moves = [
            Round(1, "POST", f"/tasks/{task}/move", always(wishes[number % len(wishes)]))
            for number, task in enumerate(tasks[1:-1])
        ]
        answers = race([partial(move.send, api, 0) for move in moves])
        assert statuses(answers) == {200: MANY}
        keys = list(Task.objects.filter(project=project).values_list("position", flat=True))
        assert len(set(keys)) == len(keys)
        shown = api.get(f"/tasks?project={project.pk}&limit=200").body["results"]
        assert [task["position"] for task in shown] == sorted(keys)[:200]
