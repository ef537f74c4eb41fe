"""The user-state cache: five seconds, one query for a herd, nothing kept that was forgotten."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Event
from uuid import UUID

import pytest
from django.db import OperationalError

from tasks.identity import families
from tasks.identity.user_state import Caller, CallerCache, load_caller
from tasks.ids import uuid7
from tasks.models import TokenFamily, User
from tests.identity.makers import NOW, make_user

ALICE = Caller(UUID("01938f6e-7c00-7a11-8b22-0f1e2d3c4b5a"), "alice")
SID = UUID("01938f70-1e40-7c33-9d44-1a2b3c4d5e6f")


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Database:
    """Answers what it is told to and remembers who asked."""

    def __init__(self, answer: Caller | None = ALICE) -> None:
        self.answer = answer
        self.asked: list[UUID] = []

    def __call__(self, sid: UUID, now: datetime) -> Caller | None:
        self.asked.append(sid)
        return self.answer


class SlowDatabase(Database):
    """Lets the test act while a query is on its way."""

    def __init__(self, failure: Exception | None = None) -> None:
        super().__init__()
        self.failure = failure
        self.begun, self.may_answer = Event(), Event()

    def __call__(self, sid: UUID, now: datetime) -> Caller | None:
        answer = super().__call__(sid, now)
        self.begun.set()
        assert self.may_answer.wait(timeout=20)
        if self.failure:
            raise self.failure
        return answer


@pytest.mark.once
def test_it_asks_once_in_five_seconds() -> None:
    clock, database = Clock(), Database()
    cache = CallerCache(database, clock)

    assert cache.get(SID, now=NOW) == ALICE
    database.answer = None
    clock.now += 4.999
    assert cache.get(SID, now=NOW) == ALICE
    assert len(database.asked) == 1
    clock.now = 1005.0
    assert cache.get(SID, now=NOW) is None
    assert len(database.asked) == 2


@pytest.mark.once
def test_it_remembers_refusals_too() -> None:
    clock, database = Clock(), Database(answer=None)
    cache = CallerCache(database, clock)

    for _ in range(3):
        assert cache.get(SID, now=NOW) is None
    assert len(database.asked) == 1
    clock.now += 5
    assert cache.get(SID, now=NOW) is None
    assert len(database.asked) == 2


@pytest.mark.once
def test_it_counts_the_age_from_before_the_query() -> None:
    clock = Clock()

    def slow(sid: UUID, now: datetime) -> Caller | None:
        clock.now += 3
        return ALICE

    cache = CallerCache(slow, clock)
    cache.get(SID, now=NOW)
    clock.now += 2
    asked_again_at = clock.now
    cache.get(SID, now=NOW)

    assert clock.now == asked_again_at + 3


@pytest.mark.once
def test_it_forgets_at_once() -> None:
    database = Database()
    cache = CallerCache(database, Clock())
    cache.get(SID, now=NOW)
    database.answer = None

    cache.forget(SID)

    assert cache.get(SID, now=NOW) is None


@pytest.mark.once
def test_it_does_not_keep_an_answer_that_was_forgotten_on_its_way() -> None:
    database = SlowDatabase()
    cache = CallerCache(database, Clock())

    with ThreadPoolExecutor(1) as pool:
        early = pool.submit(cache.get, SID, now=NOW)
        assert database.begun.wait(timeout=20)
        cache.forget(SID)
        database.may_answer.set()
        assert early.result(timeout=20) == ALICE
    database.answer = None

    assert cache.get(SID, now=NOW) is None


@pytest.mark.once
def test_it_asks_once_for_a_herd() -> None:
    database = SlowDatabase()
    cache = CallerCache(database, Clock())

    with ThreadPoolExecutor(8) as pool:
        herd = [pool.submit(cache.get, SID, now=NOW) for _ in range(8)]
        assert database.begun.wait(timeout=20)
        database.may_answer.set()
        assert [one.result(timeout=20) for one in herd] == [ALICE] * 8

    assert database.asked == [SID]


@pytest.mark.once
def test_it_passes_a_failure_on_and_does_not_keep_it() -> None:
    database = SlowDatabase(failure=OperationalError("the database is away"))
    cache = CallerCache(database, Clock())
    database.may_answer.set()

    with pytest.raises(OperationalError):
        cache.get(SID, now=NOW)
    database.failure = None

    assert cache.get(SID, now=NOW) == ALICE


@pytest.mark.once
def test_it_is_bounded_and_drops_the_oldest() -> None:
    database = Database()
    cache = CallerCache(database, Clock(), max_entries=3)
    first, second, third, fourth = (uuid7() for _ in range(4))
    for sid in (first, second, third, fourth):
        cache.get(sid, now=NOW)
    database.asked.clear()

    for sid in (second, third, fourth, first):
        cache.get(sid, now=NOW)

    assert database.asked == [first]


@pytest.mark.once
def test_it_looks_like_a_user() -> None:
    assert ALICE.pk == ALICE.id
    assert (ALICE.get_username(), str(ALICE)) == ("alice", "alice")
    assert ALICE.is_authenticated
    assert ALICE.is_active
    assert not ALICE.is_anonymous
    assert not ALICE.is_staff


@pytest.fixture
def user(db: None) -> User:
    return make_user("alice", is_staff=True, is_superuser=True)


@pytest.fixture
def family(user: User) -> TokenFamily:
    return families.start(user=user, now=NOW)


def test_it_loads_the_user_of_a_sign_in_in_one_query(
    user: User, family: TokenFamily, django_assert_num_queries: Callable[..., object]
) -> None:
    with django_assert_num_queries(1):  # type: ignore[attr-defined]
        caller = load_caller(family.pk, NOW)

    assert caller == Caller(user.pk, "alice")
    assert not caller.is_staff


def end(family: TokenFamily) -> None:
    families.end(sid=family.pk, now=NOW)


def deactivate(family: TokenFamily) -> None:
    User.objects.update(is_active=False)


def delete(family: TokenFamily) -> None:
    User.objects.all().delete()


def change_password(family: TokenFamily) -> None:
    family.user.set_password("another password entirely")
    family.user.save()


def expire(family: TokenFamily) -> None:
    TokenFamily.objects.update(expires_at=NOW)


@pytest.mark.parametrize("change", [end, deactivate, delete, change_password, expire])
def test_it_refuses_after(change: Callable[[TokenFamily], None], family: TokenFamily) -> None:
    assert load_caller(family.pk, NOW) is not None

    change(family)

    assert load_caller(family.pk, NOW) is None


def test_it_looks_at_the_instant_it_is_given(family: TokenFamily) -> None:
    fortnight = NOW + timedelta(days=14)

    assert load_caller(family.pk, fortnight - timedelta(seconds=1)) is not None
    assert load_caller(family.pk, fortnight) is None


def test_it_knows_nobody_by_an_unknown_sign_in(db: None) -> None:
    assert load_caller(uuid7(), NOW) is None
