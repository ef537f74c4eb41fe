"""The right to read the log: by lock, or by lease."""

from datetime import timedelta

import pytest
from django.db.models.functions import Now

from tasks.events import cursors
from tasks.events.cursors import RABBITMQ
from tasks.ids import uuid7
from tasks.models import Cursor, ParkedEvent
from tests.events.making import NOON, make_event

pytestmark = pytest.mark.django_db

ME, OTHER = uuid7(), uuid7()


@pytest.fixture(autouse=True)
def cursor() -> Cursor:
    return Cursor.objects.create(name=RABBITMQ)


def test_it_is_made_by_whoever_asks_first() -> None:
    assert cursors.lease("new", ME) is None

    assert cursors.lease("new", ME) == Cursor.objects.get(name="new")


def test_it_belongs_to_one_at_a_time() -> None:
    assert cursors.lease(RABBITMQ, ME) is not None
    assert cursors.lease(RABBITMQ, OTHER) is None
    assert cursors.lease(RABBITMQ, ME) is not None

    assert cursors.move(RABBITMQ, ME, 5)
    assert not cursors.move(RABBITMQ, OTHER, 9)
    assert cursors.position(RABBITMQ) == 5


def test_it_can_be_had_when_it_was_given_back_or_ran_out() -> None:
    cursors.lease(RABBITMQ, ME)
    cursors.release(RABBITMQ, OTHER)
    assert cursors.lease(RABBITMQ, OTHER) is None
    cursors.release(RABBITMQ, ME)
    assert cursors.lease(RABBITMQ, OTHER) is not None

    Cursor.objects.update(leased_until=Now() - timedelta(seconds=1))

    assert cursors.lease(RABBITMQ, ME) is not None
    assert not cursors.move(RABBITMQ, OTHER, 7)


def test_it_never_goes_back() -> None:
    cursors.lease(RABBITMQ, ME)
    cursors.move(RABBITMQ, ME, 5)

    assert not cursors.move(RABBITMQ, ME, 4)
    assert cursors.position(RABBITMQ) == 5


def test_it_parks_an_event_once() -> None:
    event = make_event()

    for error in ("too large", "x" * 600):
        cursors.park(RABBITMQ, event, error, tries=5, now=NOON)

    assert ParkedEvent.objects.get().error == "x" * 500
