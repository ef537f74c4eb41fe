"""Labels are renamed, labels and comments deleted, in the admin site."""

from datetime import datetime

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from tasks.models import Comment, Label, Project, Task, User
from tasks.operations.access import Actor
from tasks.operations.comments import create_comment
from tasks.operations.tasks import create_task
from tasks.operations.trash import delete_task
from tests.admin.pages import act, errors, list_of, messages, page_of, save


@pytest.fixture
def task(project: Project, alice: User, now: datetime) -> Task:
    fields = {"title": "Pack", "project": project.pk, "labels": ["home", "van"]}
    return create_task(actor=Actor(alice.pk), now=now, fields=fields)


@pytest.fixture
def comment(task: Task, bob: User, now: datetime) -> Comment:
    fields = {"body": "How many boxes?"}
    return create_comment(actor=Actor(bob.pk), now=now, task_id=task.pk, fields=fields)


def test_it_renames_a_label_on_all_its_tasks(site: Client, task: Task) -> None:
    save(site, Label.objects.get(name="home"), name="House")
    renamed = Label.objects.get(name="House")
    assert (renamed.name_key, renamed.version) == ("house", 2)
    assert Task.objects.get().version == 2


def test_it_leaves_a_label_that_was_not_changed(site: Client, task: Task) -> None:
    save(site, Label.objects.get(name="home"))
    assert (Label.objects.get(name="home").version, Task.objects.get().version) == (1, 1)


def test_it_refuses_a_name_that_is_taken(site: Client, task: Task) -> None:
    found = errors(save(site, Label.objects.get(name="home"), name="VAN"))
    assert found == {"__all__": ["Label taken."]}
    assert Task.objects.get().version == 1


def test_it_deletes_labels_by_their_operation(site: Client, task: Task) -> None:
    home = Label.objects.get(name="home")
    asked = site.post(list_of(Label), {"action": "delete_selected", "_selected_action": home.pk})
    assert "Are you sure" in asked.content.decode()
    assert act(site, "delete_selected", home, post="yes") == ["1 label was deleted."]
    assert [label.name for label in Task.objects.get().labels.all()] == ["van"]
    assert Task.objects.get().version == 2
    van = Label.objects.get()
    messages(site.post(page_of(van, "delete"), {"post": "yes"}, follow=True))
    assert Task.objects.get().version == 3
    assert [entry.is_deletion() for entry in LogEntry.objects.all()] == [True, True]


def test_it_changes_no_comment(site: Client, comment: Comment) -> None:
    data = {"body": "Not what bob said", "_save": "Save"}
    assert site.post(page_of(comment), data).status_code == 403
    assert Comment.objects.get().body == "How many boxes?"


def test_it_deletes_a_comment(site: Client, comment: Comment) -> None:
    assert act(site, "delete_selected", comment, post="yes") == ["1 comment was deleted."]
    assert not Comment.objects.exists()


def test_it_says_why_a_comment_stays(
    site: Client, comment: Comment, task: Task, alice: User, now: datetime
) -> None:
    delete_task(actor=Actor(alice.pk), now=now, task_id=task.pk)
    said = act(site, "delete_selected", comment, post="yes")
    assert said == ["“How many boxes?” was not deleted. The task is in the trash."]
    page = site.post(page_of(comment, "delete"), {"post": "yes"}, follow=True)
    assert messages(page) == ["The task is in the trash."]
    assert Comment.objects.get() == comment
    assert not LogEntry.objects.exists()
