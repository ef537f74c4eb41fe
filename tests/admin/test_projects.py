"""Projects and their members in the admin site."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from tasks.admin import project as project_admin
from tasks.models import Membership, Project, Task, User
from tasks.operations.access import Actor
from tasks.operations.projects import inbox
from tasks.operations.tasks import create_task
from tests.admin.pages import (
    act,
    act_on_form,
    errors,
    list_of,
    messages,
    opened,
    page_of,
    save,
    send,
)

ROW = "memberships-{}-{}"  # rows are sorted by name: alice, bob
NEW = "memberships-2-{}"


def roles(project: Project) -> dict[str, str]:
    return dict(project.memberships.values_list("user__username", "role"))


def new_member(user: User, role: str) -> dict[str, str]:
    """Return what the script of the page adds for one more row."""
    return {
        NEW.format("TOTAL_FORMS"): "1",
        NEW.format("0-user"): str(user.pk),
        NEW.format("0-role"): role,
        NEW.format("0-id"): "",
    }


def test_it_saves_name_and_description(site: Client, project: Project) -> None:
    save(site, project, name=" Moving out ", description="All\r\nof it")
    saved = Project.objects.get()
    assert (saved.name, saved.description, saved.version) == ("Moving out", "All\nof it", 2)


def test_it_changes_nothing_when_nothing_was_changed(site: Client, project: Project) -> None:
    before = list(Project.objects.values()), list(Membership.objects.values())
    assert messages(save(site, project))
    assert (list(Project.objects.values()), list(Membership.objects.values())) == before


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"name": ""}, "name", "This field is required."),
        ({"name": "two\nlines"}, "name", "It takes one line."),
        ({"description": "ä" * 40_000}, "description", "At most 65536 bytes in UTF-8."),
    ],
)
def test_it_shows_what_is_wrong_at_its_field(
    site: Client, project: Project, changes: dict[str, str], field: str, words: str
) -> None:
    assert errors(save(site, project, **changes)) == {field: [words]}
    assert Project.objects.get().version == 1


def test_it_adds_changes_and_removes_members(
    site: Client, project: Project, charlie: User, bob: User, now: datetime
) -> None:
    fields = {"title": "Pack", "project": project.pk, "assignee": bob.pk}
    task = create_task(actor=Actor(bob.pk), now=now, fields=fields)
    save(site, project, **new_member(charlie, "viewer"))
    assert roles(project) == {"alice": "admin", "bob": "editor", "charlie": "viewer"}
    save(site, project, **{ROW.format(2, "role"): "editor", ROW.format(1, "DELETE"): "on"})
    assert roles(project) == {"alice": "admin", "charlie": "editor"}
    assert Task.objects.get(pk=task.pk).assignee is None  # as the operation has it
    assert Membership.objects.get(user=charlie).version == 2


def test_it_hands_a_project_over_in_one_go(site: Client, project: Project, charlie: User) -> None:
    save(site, project, **new_member(charlie, "admin"), **{ROW.format(0, "DELETE"): "on"})
    assert roles(project) == {"bob": "editor", "charlie": "admin"}
    save(site, project, **{ROW.format(0, "role"): "admin", ROW.format(1, "role"): "viewer"})
    assert roles(project) == {"bob": "admin", "charlie": "viewer"}


def test_it_undoes_the_whole_page_when_the_last_admin_would_go(
    site: Client, project: Project, charlie: User
) -> None:
    before = list(Project.objects.values()), roles(project)
    response = save(
        site,
        project,
        name="Changed, too",
        **new_member(charlie, "viewer"),
        **{ROW.format(0, "DELETE"): "on"},
    )
    assert errors(response) == {"__all__": ["This is the last admin of the project."]}
    assert (list(Project.objects.values()), roles(project)) == before
    assert not LogEntry.objects.exists()


def test_it_adds_nobody_twice(site: Client, project: Project, bob: User) -> None:
    response = save(site, project, **new_member(bob, "admin"))
    assert not response.redirect_chain
    assert "already" in response.content.decode()
    assert roles(project) == {"alice": "admin", "bob": "editor"}


def test_it_survives_a_member_who_leaves_while_the_page_is_open(
    site: Client, project: Project, bob: User
) -> None:
    page = opened(site, project)
    Membership.objects.filter(user=bob).delete()
    response = send(site, project, page, **{ROW.format(1, "role"): "viewer"})
    assert response.status_code == 200
    assert roles(project) == {"alice": "admin"}


def test_it_shows_no_more_members_than_a_form_can_hold(
    site: Client, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(project_admin, "MOST_MEMBERS", 1)
    assert "2: too many for this page" in site.get(page_of(project)).content.decode()
    save(site, project, name="Still to be renamed")
    assert Project.objects.get().name == "Still to be renamed"
    assert roles(project) == {"alice": "admin", "bob": "editor"}


def test_it_needs_its_own_permission_for_members(
    site_for: Callable[..., Client], project: Project, charlie: User
) -> None:
    client = site_for("change_project", "view_project", "view_membership")
    save(client, project, name="Mine to name", **new_member(charlie, "viewer"))
    assert Project.objects.get().name == "Mine to name"
    assert roles(project) == {"alice": "admin", "bob": "editor"}


def test_it_moves_to_the_trash_and_restores(site: Client, project: Project) -> None:
    assert act(site, "delete_selected", project, post="yes") == [
        "1 project was moved to the trash."
    ]
    assert Project.objects.trashed().get().version == 2
    assert errors(save(site, project, name="Gone")) == {"__all__": ["The project is in the trash."]}
    assert act_on_form(site, "restore", project) == ["1 project was restored."]
    assert Project.objects.live().get().version == 3


def test_it_keeps_inboxes(site: Client, alice: User, now: datetime) -> None:
    home = inbox(actor=Actor(alice.pk), now=now)
    said = act(site, "delete_selected", home, post="yes")
    assert said == ["“Inbox” was not moved to the trash. The inbox project cannot be deleted."]
    page: Any = site.post(page_of(home, "delete"), {"post": "yes"}, follow=True)
    assert messages(page) == ["The inbox project cannot be deleted."]
    assert page.redirect_chain == [(page_of(home), 302)]
    assert Project.objects.live().get() == home
    assert not LogEntry.objects.exists()


def test_it_finds_projects_by_member(site: Client, project: Project) -> None:
    found = site.get(list_of(Project), {"q": "bob"}).context["cl"].result_list
    assert list(found) == [project]
