"""The log in the admin site: looked at, and parked events tried again."""

from collections.abc import Callable
from datetime import datetime

import pytest
from django.test import Client

from tasks.events import cursors
from tasks.models import Cursor, Event, ParkedEvent
from tests.admin.pages import act, act_on_form, list_of, page_of
from tests.events.making import make_event, sequence_all


@pytest.fixture
def one(now: datetime) -> ParkedEvent:
    Cursor.objects.create(name=cursors.RABBITMQ)
    event = make_event(shown={"title": "Pack <b>"})
    sequence_all()
    cursors.park(cursors.RABBITMQ, event, "too large", tries=5, now=now)
    return ParkedEvent.objects.get()


@pytest.mark.parametrize("run", [act, act_on_form])
def test_it_has_a_parked_event_tried_again(
    site: Client, one: ParkedEvent, run: Callable[..., list[str]]
) -> None:
    assert run(site, "release", one) == ["1 parked event was released."]
    assert ParkedEvent.objects.get().tries == 0


def test_it_releases_nothing_for_staff_who_may_only_view(
    site_for: Callable[..., Client], one: ParkedEvent
) -> None:
    client = site_for("view_parkedevent")
    client.post(list_of(ParkedEvent), {"action": "release", "_selected_action": str(one.pk)})
    assert ParkedEvent.objects.get().tries == 5


def test_it_shows_what_was_sent(site: Client, one: ParkedEvent) -> None:
    for page in (page_of(one), page_of(one.event)):
        assert "Pack &lt;b&gt;" in site.get(page).content.decode()


@pytest.mark.parametrize("by", ["uid", "task", "project"])
def test_it_finds_an_event_by_a_whole_id(site: Client, one: ParkedEvent, by: str) -> None:
    make_event()
    sequence_all()
    found = site.get(list_of(Event), {"q": str(getattr(one.event, by))})
    assert list(found.context["cl"].result_list) == [one.event]
