"""Every page of the site: who gets it, and that it keeps to the Content-Security-Policy."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from html.parser import HTMLParser

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from tasks.events import cursors
from tasks.identity import families
from tasks.models import (
    Comment,
    Cursor,
    Delivery,
    Event,
    Label,
    ParkedEvent,
    Project,
    Task,
    TokenFamily,
    User,
    Webhook,
)
from tasks.operations.access import Actor
from tasks.operations.comments import create_comment
from tasks.operations.tasks import create_task
from tasks.webhooks.operations import create_webhook
from tests.admin.pages import list_of, page_of
from tests.contract.world import deliver
from tests.events.making import make_event, sequence_all

MODELS = [
    *(Comment, Delivery, Event, Group, Label, ParkedEvent, Project, Task, TokenFamily, User),
    Webhook,
]
OURS = [model for model in MODELS if model is not Group]
ADDABLE, DELETABLE = {Group, User}, {Comment, Group, Label, Project, Task, Webhook}


@pytest.fixture
def objects(project: Project, alice: User, now: datetime) -> Mapping[type[Model], Model]:
    """One of each kind."""
    actor = Actor(alice.pk)
    fields = {"title": "Pack", "project": project.pk, "labels": ["home"], "assignee": alice.pk}
    task = create_task(actor=actor, now=now, fields=fields)
    hook = {"url": "https://example.org/pack"}
    webhook, _ = create_webhook(actor=actor, now=now, fields=hook)
    event = make_event()
    sequence_all()
    Cursor.objects.create(name=cursors.RABBITMQ)
    cursors.park(cursors.RABBITMQ, event, "too large", tries=5, now=now)
    return {
        Comment: create_comment(
            actor=actor, now=now, task_id=task.pk, fields={"body": "How many boxes?"}
        ),
        Delivery: deliver(webhook, now),
        Event: Event.objects.get(pk=event.pk),
        Group: Group.objects.create(name="Support"),
        Label: Label.objects.get(),
        ParkedEvent: ParkedEvent.objects.get(),
        Project: project,
        Task: task,
        TokenFamily: families.start(user=alice, now=now),
        User: alice,
        Webhook: webhook,
    }


def addresses(objects: Mapping[type[Model], Model]) -> list[str]:
    """Return every page that is there for a superuser."""
    pages = [reverse("admin:index"), reverse("admin:password_change")]
    for model, obj in objects.items():
        pages += [list_of(model), f"{list_of(model)}?q=pack&_facets=True"]
        pages += [page_of(obj), page_of(obj, "history")]
        if model in DELETABLE:
            pages.append(page_of(obj, "delete"))
        if model in ADDABLE:
            pages.append(f"{list_of(model)}add/")
    return [*pages, reverse("admin:auth_user_password_change", args=[objects[User].pk])]


def test_it_has_a_page_for_each_model() -> None:
    assert sorted(admin.site._registry, key=lambda model: model.__name__) == MODELS


def test_it_shows_every_page_to_a_superuser(
    site: Client, objects: Mapping[type[Model], Model]
) -> None:
    answers = {address: site.get(address).status_code for address in addresses(objects)}
    assert answers == dict.fromkeys(answers, 200)


@pytest.mark.parametrize("model", [model for model in MODELS if model not in ADDABLE])
def test_it_adds_nothing_that_the_api_makes(site: Client, model: type[Model]) -> None:
    assert site.get(f"{list_of(model)}add/").status_code == 403


@pytest.mark.parametrize("model", [User, TokenFamily, Delivery])
def test_it_deletes_no_account_no_sign_in_and_no_delivery(
    site: Client, objects: Mapping[type[Model], Model], model: type[Model]
) -> None:
    assert site.get(page_of(objects[model], "delete")).status_code == 403
    assert site.post(page_of(objects[model], "delete"), {"post": "yes"}).status_code == 403
    assert model._default_manager.filter(pk=objects[model].pk).exists()


@pytest.mark.parametrize("who", ["nobody", "a user"])
def test_it_sends_others_to_the_sign_in(
    client: Client, alice: User, objects: Mapping[type[Model], Model], who: str
) -> None:
    if who == "a user":
        client.force_login(alice)
    for address in addresses(objects):
        response = client.get(address)
        assert (response.status_code, response.headers["Location"].partition("?")[0]) == (
            302,
            reverse("admin:login"),
        )


def test_it_refuses_staff_without_permission(
    site_for: Callable[..., Client], objects: Mapping[type[Model], Model]
) -> None:
    client = site_for()
    pages = set(addresses(objects)) - {reverse("admin:index"), reverse("admin:password_change")}
    answers = {address: client.get(address).status_code for address in pages}
    assert answers == dict.fromkeys(pages, 403)


@pytest.mark.parametrize("model", OURS)
def test_it_shows_a_read_only_page_to_staff_who_may_view(
    site_for: Callable[..., Client], objects: Mapping[type[Model], Model], model: type[Model]
) -> None:
    client = site_for(f"view_{model._meta.model_name}")
    page = client.get(page_of(objects[model])).content.decode()
    assert 'name="_save"' not in page
    assert 'name="CHANGE_FORM-action"' not in page
    refused = client.post(page_of(objects[model]), {"_save": "Save"})
    assert refused.status_code == 403
    assert client.get(list_of(model)).status_code == 200


@pytest.mark.parametrize(
    "term", ["pack", "alice", "x'; --", "01a20c87-cd24-708b-86cf-810d473cca0b"]
)
@pytest.mark.parametrize("model", MODELS)
def test_it_searches_for_anything(
    site: Client, objects: Mapping[type[Model], Model], model: type[Model], term: str
) -> None:
    assert site.get(list_of(model), {"q": term}).status_code == 200


@pytest.mark.parametrize("model", OURS)
def test_it_finds_an_object_by_its_id(
    site: Client, objects: Mapping[type[Model], Model], model: type[Model]
) -> None:
    found = site.get(list_of(model), {"q": str(objects[model].pk)})
    assert [row.pk for row in found.context["cl"].result_list] == [objects[model].pk]


class _Inline(HTMLParser):
    """Collects what a strict policy forbids: scripts and styles in the page without its nonce."""

    def __init__(self, nonce: str) -> None:
        super().__init__()
        self.nonce = nonce
        self.forbidden: list[tuple[str, object]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        is_code = tag == "style" or (tag == "script" and given.get("type") != "application/json")
        if is_code and "src" not in given and given.get("nonce") != self.nonce:
            self.forbidden.append((tag, given))
        for name in given:
            if name == "style" or name.startswith("on"):
                self.forbidden.append((tag, given))


def test_it_has_no_inline_code_without_the_nonce(
    site: Client, objects: Mapping[type[Model], Model]
) -> None:
    for address in addresses(objects):
        response = site.get(address)
        policy = response.headers["Content-Security-Policy"]
        assert "unsafe" not in policy
        nonce = re.search(r"'nonce-([^']+)'", policy)
        page = _Inline(nonce[1] if nonce else "")
        page.feed(response.content.decode())
        assert page.forbidden == [], address
