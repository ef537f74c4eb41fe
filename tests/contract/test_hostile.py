"""Twenty thousand hostile requests over every operation, and the right refusal for each.

The requests come from a seed: a failure names it and the number of the request, and shows the
request. `TEST_HOSTILE_REQUESTS=200000` sends more, `TEST_HOSTILE_SEED=2` others. What each kind of
hostility is answered is said where it is made, in the modules `hostile_…` beside this one. After
every batch the rows of all tables are what they were before it: what was refused wrote nothing,
and what was harmless has been rolled back.
"""

import os
from collections.abc import Callable
from datetime import datetime
from itertools import product
from random import Random
from typing import Final

import pytest
from django.db import connection, transaction
from pytest_django import Settings

from tasks.models import User

# Imported for their families.
from tests.contract import hostile_bodies, hostile_heads, hostile_paths, hostile_queries
from tests.contract.document import operations
from tests.contract.hostile import Received, Shot, faults, send
from tests.contract.hostile_families import FAMILIES, Family
from tests.contract.hostile_targets import PASSWORD, Target, make_world, targets
from tests.contract.snapshot import nothing_written

pytestmark = pytest.mark.usefixtures("wsgi")

PARTS: Final = 8
BATCH: Final = 250
MOST_SHOWN: Final = 20  # of the failures of a batch
SEED: Final = int(os.environ.get("TEST_HOSTILE_SEED", "1"))
IS_SQLITE: Final = os.environ["DATABASE_URL"].startswith("sqlite")
# Most holes are PostgreSQL's: its texts, its integers, its dates, its aborted transactions.
REQUESTS: Final = int(os.environ.get("TEST_HOSTILE_REQUESTS", "4000" if IS_SQLITE else "20000"))
READ_BACK: Final = ("/api/v1/tasks", "/api/v1/labels", "/api/v1/projects")
MODULES: Final = (hostile_bodies, hostile_heads, hostile_queries, hostile_paths)

type MakeUser = Callable[[str], User]


@pytest.fixture
def aims(
    alice: User, bob: User, charlie: User, make_user: MakeUser, now: datetime
) -> list[tuple[Target, Family]]:
    """Every operation with every family that applies to it."""
    dora = make_user("dora")
    dora.set_password(PASSWORD)
    dora.save()
    people = {"alice": alice, "bob": bob, "charlie": charlie, "dora": dora}
    found = list(targets(make_world(people, now), undone))
    assert len(found) == len(operations())
    return [aim for aim in product(found, FAMILIES) if aim[1].applies(aim[0])]


def undone(shot: Shot, *, read_back: bool = False) -> Received:
    """Send a request. If it succeeds, read what it wrote, as clients will, and undo it."""
    if shot.method in {"GET", "HEAD"}:
        return send(shot)
    with transaction.atomic():
        received = send(shot)
        if received.status < 400:
            connection.check_constraints()
            for path in READ_BACK if read_back else ():
                listed = send(Shot("GET", path, "limit=200", shot.headers, content_type=None))
                assert listed.status in {200, 401}, f"{listed}\nafter {shot}"
            transaction.set_rollback(True)
    return received


def fire(number: int, aims: list[tuple[Target, Family]]) -> str:
    """Send one request; return everything that there is to say if its answer is not right."""
    random = Random(f"{SEED} {number}")
    target, family = aims[number % len(aims)]
    shot = family.make(random, target)
    try:
        received = undone(shot, read_back=shot.body != target.plain.body)
    except Exception as error:  # noqa: BLE001 - whatever it is, the request belongs to it
        return f"{_place(number, target, family)}: {error!r}\n{shot}"
    found = list(faults(shot, received))
    if not found:
        return ""
    return (
        f"{_place(number, target, family)}: {', '.join(found)}\n{shot}\n{received.content[:600]!r}"
    )


def _place(number: int, target: Target, family: Family) -> str:
    return f"\nseed {SEED}, request {number}, {family.name}, {target.operation}"


@pytest.mark.stricter
@pytest.mark.parametrize("part", range(PARTS))
def test_it_refuses_whatever_is_hostile_and_writes_nothing(
    aims: list[tuple[Target, Family]], part: int
) -> None:
    numbers = range(part, REQUESTS, PARTS)
    for start in range(0, len(numbers), BATCH):
        with nothing_written():
            answers = [fire(number, aims) for number in numbers[start : start + BATCH]]
        wrong = [each for each in answers if each]
        assert not wrong, "\n".join(wrong[:MOST_SHOWN])


def test_it_has_requests_of_every_family_for_some_operation(
    aims: list[tuple[Target, Family]],
) -> None:
    # Until there is an operation with lists of objects in its body.
    waiting = {"garbage inside what is inside"}
    assert {family.name for _, family in aims} | waiting == {family.name for family in FAMILIES}
    assert len({family.name for family in FAMILIES}) == len(FAMILIES)


def test_it_notices_an_answer_that_is_wrong(settings: Settings) -> None:
    settings.ROOT_URLCONF = "tests.contract.urls"
    crash = Shot("GET", "/api/v1/crash", content_type=None, expected=frozenset({(200, "")}))
    found = list(faults(crash, send(crash)))
    assert found == ["a 500", "(500, 'internal_error') is none of [(200, '')]"]
    page = Received(404, {"Content-Type": "text/html"}, b"Traceback (most recent call last)")
    assert list(faults(crash, page)) == [
        "it tells of the inside", "a text/html", "(404, '') is none of [(200, '')]",
    ]  # fmt: skip
