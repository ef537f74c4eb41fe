"""SQL compiled once: the slots filled for each run, the text made once for each shape."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any
from uuid import UUID

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import QuerySet
from django.db.models.functions import Upper
from django.test.utils import CaptureQueriesContext

from tasks import statements
from tasks.models import User
from tasks.rows import slot
from tasks.statements import Slot, statement

Shape = tuple[str, ...]

pytestmark = pytest.mark.django_db


def by_name() -> QuerySet[User, Any]:
    wanted = slot(User, "username", "name")
    return User.objects.filter(username=wanted).values_list("id", "username")


@pytest.fixture
def shape(request: pytest.FixtureRequest) -> Shape:
    """A shape that no other test has."""
    return ("test", request.node.name)


def test_it_fills_the_slots_for_each_run(shape: Shape, make_user: Callable[[str], User]) -> None:
    alice, bob = make_user("alice"), make_user("bob")
    compiled = statement(shape, by_name)

    assert [tuple(row) for row in compiled.rows({"name": "alice"})] == [(alice.pk, "alice")]
    assert [tuple(row) for row in compiled.rows({"name": "bob"})] == [(bob.pk, "bob")]
    assert list(compiled.rows({"name": "nobody"})) == []


def test_it_binds_values_and_never_writes_them_into_the_text(shape: Shape) -> None:
    compiled = statement(shape, by_name)
    hostile = "' OR 1=1 --"

    assert list(compiled.rows({"name": hostile})) == []
    assert hostile not in compiled.sql
    assert compiled.sql.count("%s") == 1


def test_it_returns_python_values_on_both_databases(
    shape: Shape, make_user: Callable[[str], User]
) -> None:
    alice = make_user("alice")
    columns = statement(shape, lambda: User.objects.values_list("id", "date_joined", "is_active"))

    assert [tuple(row) for row in columns.rows({})] == [(alice.pk, alice.date_joined, True)]


def test_it_fills_a_slot_with_what_the_driver_wants() -> None:
    key = UUID("01a20c87-fdb5-7570-b0d9-ddeed1463b1b")
    filled = slot(User, "id", "user").fill({"user": key}, connection)

    assert filled == (key.hex if connection.vendor == "sqlite" else key)


def test_it_fails_by_name_when_a_value_is_missing(shape: Shape) -> None:
    with pytest.raises(KeyError, match="name"):
        statement(shape, by_name).rows({"user": "alice"})


def test_it_compiles_each_shape_once(shape: Shape) -> None:
    built = []

    def build() -> QuerySet[User, Any]:
        built.append(1)
        return by_name()

    assert statement(shape, build) is statement(shape, build)
    assert statement((*shape, "other"), build) is not statement(shape, build)
    assert len(built) == 2


def test_it_keeps_the_text_whatever_the_values(shape: Shape) -> None:
    """The text is the same for all: one plan, one line in the database's statistics."""
    with CaptureQueriesContext(connection) as ran:
        statement(shape, by_name).rows({"name": "alice"})
        statement(shape, by_name).rows({"name": "bobby"})

    alice, bobby = (query["sql"].replace("bobby", "alice") for query in ran.captured_queries)
    assert alice == bobby


def test_it_keeps_a_bounded_number_of_shapes(shape: Shape) -> None:
    compiled = statement(shape, by_name)
    for index in range(statements._MOST_SHAPES + 50):
        statements._statements[(*shape, index)] = compiled

    statement((*shape, "one too many"), by_name)

    assert len(statements._statements) == 1


@pytest.mark.django_db(transaction=True)
def test_it_is_safe_to_use_from_many_threads(make_user: Callable[[str], User]) -> None:
    users = {name: make_user(name).pk for name in ("alice", "bob", "charlie", "dave")}
    barrier = Barrier(len(users))

    def ask(name: str) -> set[UUID]:
        barrier.wait(timeout=10)
        try:
            found = set()
            for index in range(50):
                rows = statement(("threads", index % 5), by_name).rows({"name": name})
                found |= {row[0] for row in rows}
            return found
        finally:
            connection.close()

    with ThreadPoolExecutor(len(users)) as threads:
        answers = dict(zip(users, threads.map(ask, users), strict=True))

    assert answers == {name: {key} for name, key in users.items()}


def test_it_is_a_value_of_its_field() -> None:
    made = slot(User, "username")

    assert isinstance(made, Slot)
    assert (made.value, made.output_field) == ("username", User._meta.get_field("username"))


def test_it_makes_objects_with_their_annotations(
    shape: Shape, make_user: Callable[[str], User]
) -> None:
    alice = make_user("alice")

    def build() -> QuerySet[User, User]:
        wanted = slot(User, "username", "name")
        return User.objects.filter(username=wanted).annotate(shouted=Upper("username"))

    (found,) = statements.instances(User, shape, build, {"name": "alice"}, ["shouted"])
    assert found == alice
    assert {one.name: getattr(found, one.attname) for one in User._meta.concrete_fields} == {
        one.name: getattr(alice, one.attname) for one in User._meta.concrete_fields
    }
    assert found.shouted == "ALICE"  # type: ignore[attr-defined]
    assert statements.instances(User, shape, build, {"name": "bob"}, ["shouted"]) == []


def test_it_inserts_an_object_as_it_is() -> None:
    alice = User(username="alice", email="alice@example.org", is_staff=True)
    statements.insert(alice)

    stored = User.objects.get()
    for one in User._meta.concrete_fields:
        assert getattr(stored, one.attname) == getattr(alice, one.attname)
    assert not alice._state.adding


def test_it_inserts_nothing_in_place_of_what_is_there(make_user: Callable[[str], User]) -> None:
    alice = make_user("alice")

    with pytest.raises(IntegrityError), transaction.atomic():
        statements.insert(User(id=alice.pk, username="bob"))
    assert User.objects.get().username == "alice"


def test_it_updates_the_named_columns_only(make_user: Callable[[str], User]) -> None:
    alice, bob = make_user("alice"), make_user("bob")
    alice.email, alice.is_staff = "alice@example.org", True

    statements.update(alice, ["email"])

    stored = User.objects.get(pk=alice.pk)
    assert (stored.email, stored.is_staff) == ("alice@example.org", False)
    assert User.objects.get(pk=bob.pk).email == ""
