"""A list of a hundred costs the same number of queries as a list of ten."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tasks.ids import uuid7
from tasks.models import (
    Comment,
    Delivery,
    Event,
    Label,
    Membership,
    Project,
    Task,
    TokenFamily,
    User,
    Webhook,
)
from tests.admin.pages import list_of, page_of

type Make = Callable[[int], None]


@pytest.fixture
def make(now: datetime) -> Make:
    """Make so many users, each with one of everything: a project, a task, a delivery …"""
    written = {"created_at": now, "updated_at": now}

    def rows(count: int) -> None:
        users = [User(username=f"{count}-{number}") for number in range(count)]
        projects = [Project(name=user.username, created_by=user, **written) for user in users]
        User.objects.bulk_create(users)
        Project.objects.bulk_create(projects)
        tasks = [
            Task(title="t", project=home, assignee=home.created_by, position="1", **written)
            for home in projects
        ]
        Task.objects.bulk_create(tasks)
        Label.objects.bulk_create(
            Label(project=home, name="l", name_key="l", **written) for home in projects
        )
        Comment.objects.bulk_create(
            Comment(task=task, body="c", created_by=task.assignee, **written) for task in tasks
        )
        TokenFamily.objects.bulk_create(
            TokenFamily(user=user, created_at=now, expires_at=now + timedelta(days=1))
            for user in users
        )
        hooks = [Webhook(owner=user, url="https://example.org/", **written) for user in users]
        Webhook.objects.bulk_create(hooks)
        pings = [
            Event(type="webhook.ping", subject=uuid7(), occurred_at=now, data="{}") for _ in hooks
        ]
        Delivery.objects.bulk_create(
            Delivery(webhook=hook, event=ping, next_try_at=now, created_at=now)
            for hook, ping in zip(hooks, Event.objects.bulk_create(pings), strict=True)
        )
        Membership.objects.bulk_create(
            Membership(project=projects[0], user=user, role="editor", **written) for user in users
        )

    return rows


def queries(client: Client, address: str) -> list[str]:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert client.get(address).status_code == 200
    return [query["sql"] for query in captured]


@pytest.mark.parametrize(
    "model", [Comment, Delivery, Label, Project, Task, TokenFamily, User, Webhook]
)
def test_it_lists_a_hundred_with_the_queries_of_ten(
    site: Client, make: Make, model: type[Model]
) -> None:
    site.get(list_of(model))  # What the first request caches is not what is measured.
    make(10)
    of_ten = queries(site, list_of(model))
    make(100)
    response = site.get(list_of(model))
    assert len(response.context["cl"].result_list) == 100
    of_hundred = queries(site, list_of(model))
    assert len(of_hundred) == len(of_ten) <= 8, of_hundred


def test_it_shows_a_hundred_members_with_the_queries_of_ten(site: Client, make: Make) -> None:
    make(10)
    small = Project.objects.get(name="10-0")
    site.get(page_of(small))
    of_ten = queries(site, page_of(small))
    make(100)
    large = Project.objects.get(name="100-0")
    of_hundred = queries(site, page_of(large))
    assert len(of_hundred) == len(of_ten) <= 14, of_hundred
