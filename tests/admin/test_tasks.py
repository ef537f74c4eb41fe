"""Tasks in the admin site: whatever changes does so through the operations."""

from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from tasks.admin import operating
from tasks.models import Project, Task, User
from tasks.operations.access import Actor
from tasks.operations.tasks import create_task, update_task
from tasks.operations.trash import delete_task
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

type MakeTask = Callable[..., Task]


@pytest.fixture
def make_task(project: Project, alice: User, now: datetime) -> MakeTask:
    def make(title: str = "Pack", **fields: Any) -> Task:
        fields = {"title": title, "project": project.pk, **fields}
        return create_task(actor=Actor(alice.pk), now=now, fields=fields)

    return make


@pytest.fixture
def task(make_task: MakeTask) -> Task:
    return make_task(
        description="Boxes\nand tape", labels=["home", "May"], due_date=date(2027, 5, 1)
    )


def trash(task: Task, alice: User, now: datetime) -> None:
    delete_task(actor=Actor(alice.pk), now=now, task_id=task.pk)


def row(task: Task) -> Mapping[str, Any]:
    return Task.objects.values().get(pk=task.pk)


# --- the form ---


def test_it_saves_what_was_changed(site: Client, task: Task, bob: User) -> None:
    changes = {
        "title": "Pack the boxes",
        "description": "Boxes\r\n\r\nand more",
        "status": "in_progress",
        "priority": "4",
        "assignee": str(bob.pk),
        "label_names": "home\r\n\r\nvan ",
        "start_date": "2027-04-01",
        "due_date": "2027-05-02",
        "due_time": "17:30",
        "timezone": "Europe/Berlin",
    }
    save(site, task, **changes)
    saved = Task.objects.get(pk=task.pk)
    assert (saved.title, saved.description) == ("Pack the boxes", "Boxes\n\nand more")
    assert (saved.status, saved.priority, saved.assignee) == ("in_progress", 4, bob)
    assert (saved.start_date, saved.due_date) == (date(2027, 4, 1), date(2027, 5, 2))
    assert (saved.due_time, saved.timezone) == (time(17, 30), "Europe/Berlin")
    assert saved.due_at is not None
    assert saved.due_at.isoformat() == "2027-05-02T15:30:00+00:00"
    assert sorted(saved.labels.values_list("name", flat=True)) == ["home", "van"]
    assert saved.version == 2
    assert saved.updated_at > task.updated_at


def test_it_changes_nothing_when_nothing_was_changed(site: Client, task: Task) -> None:
    before = row(task)
    assert messages(save(site, task))
    assert row(task) == before


def test_it_clears_what_was_emptied(site: Client, make_task: MakeTask, bob: User) -> None:
    full = make_task(assignee=bob.pk, labels=["home"], due_date=date(2027, 5, 1), description="x")
    save(site, full, assignee="", label_names="", due_date="", description="")
    saved = Task.objects.get(pk=full.pk)
    assert (saved.assignee, saved.due_date, saved.due_at, saved.description) == (None,) * 3 + ("",)
    assert saved.labels.count() == 0


def test_it_completes_by_status(site: Client, task: Task) -> None:
    save(site, task, status="done")
    assert Task.objects.get(pk=task.pk).completed_at is not None
    save(site, task, status="todo")
    assert Task.objects.get(pk=task.pk).completed_at is None


def test_it_keeps_what_others_change_while_the_page_is_open(
    site: Client, task: Task, alice: User, now: datetime
) -> None:
    page = opened(site, task)
    meanwhile = {"title": "Pack at once", "description": "New\ntext", "labels": ["van"]}
    update_task(actor=Actor(alice.pk), now=now, task_id=task.pk, fields=meanwhile)
    send(site, task, page, priority="3")
    saved = Task.objects.get(pk=task.pk)
    assert (saved.title, saved.description, saved.priority) == ("Pack at once", "New\ntext", 3)
    assert [label.name for label in saved.labels.all()] == ["van"]


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"title": "  "}, "title", "This field is required."),
        ({"title": "two\nlines"}, "title", "It takes one line."),
        ({"title": "bell\x07"}, "title", "It takes one line."),
        ({"title": "x" * 501}, "title", "Ensure this value has at most 500 characters"),
        ({"description": "ä" * 40_000}, "description", "At most 65536 bytes in UTF-8."),
        ({"priority": "5"}, "priority", "Select a valid choice."),
        ({"status": "gone"}, "status", "Select a valid choice."),
        ({"timezone": "Mars/Base"}, "timezone", "Select a valid choice."),
        ({"due_date": "soon"}, "due_date", "Enter a valid date."),
        ({"due_date": "", "due_time": "12:00"}, "due_time", "A time needs a due date"),
        ({"start_date": "2027-05-03"}, "start_date", "It must not be after due date."),
        ({"label_names": "x" * 51}, "label_names", "At most 20 names of 50 characters."),
        ({"label_names": "\n".join(map(str, range(21)))}, "label_names", "At most 20 names"),
        ({"label_names": "bell\x07"}, "label_names", "It takes one line."),
    ],
)
def test_it_shows_what_is_wrong_at_its_field(
    site: Client, task: Task, changes: dict[str, str], field: str, words: str
) -> None:
    before = row(task)
    found = errors(save(site, task, **changes))
    assert list(found) == [field]
    assert words in found[field][0]
    assert row(task) == before


def test_it_assigns_members_only(site: Client, task: Task, charlie: User) -> None:
    before = row(task)
    found = errors(save(site, task, title="Changed, too", assignee=str(charlie.pk)))
    assert found == {"assignee": ["Not a member of the project."]}
    assert row(task) == before


def test_it_refuses_to_change_what_is_in_the_trash(
    site: Client, task: Task, alice: User, now: datetime
) -> None:
    trash(task, alice, now)
    before = row(task)
    assert errors(save(site, task, title="Back")) == {"__all__": ["The task is in the trash."]}
    assert row(task) == before
    assert not LogEntry.objects.exists()


def test_it_takes_no_audit_field_from_the_form(site: Client, task: Task) -> None:
    before = row(task)
    save(site, task, version="99", created_at="2000-01-01", position="0", project="", id="x")
    assert row(task) == before


# --- the actions ---


def test_it_completes_and_reopens_on_the_list(
    site: Client, task: Task, make_task: MakeTask
) -> None:
    other = make_task("Label")
    assert act(site, "complete", task, other) == ["2 tasks were completed."]
    done = Task.objects.get(pk=task.pk)
    assert (done.status, done.version) == ("done", 2)
    assert done.completed_at is not None
    assert act(site, "reopen", task) == ["1 task was reopened."]
    opened_again = Task.objects.get(pk=task.pk)
    assert (opened_again.status, opened_again.version) == ("todo", 3)
    assert opened_again.completed_at is None
    assert Task.objects.get(pk=other.pk).status == "done"


def test_it_completes_and_reopens_on_the_form(site: Client, task: Task) -> None:
    assert act_on_form(site, "complete", task) == ["1 task was completed."]
    assert Task.objects.get(pk=task.pk).status == "done"
    assert act_on_form(site, "reopen", task) == ["1 task was reopened."]
    assert Task.objects.get(pk=task.pk).status == "todo"


def test_it_reopens_what_was_cancelled_and_leaves_what_is_in_progress(
    site: Client, make_task: MakeTask
) -> None:
    cancelled, running = make_task(status="cancelled"), make_task(status="in_progress")
    act(site, "reopen", cancelled, running)
    assert Task.objects.get(pk=cancelled.pk).status == "todo"
    assert row(running)["status"] == "in_progress"
    assert row(running)["version"] == 1


def test_it_keeps_a_history_of_actions(site: Client, task: Task, root: User) -> None:
    act(site, "complete", task)
    entry = LogEntry.objects.get()
    assert (entry.user, entry.object_id) == (root, str(task.pk))
    assert entry.get_change_message() == "Completed."


@pytest.mark.parametrize("run", [act, act_on_form])
def test_it_says_what_was_refused(
    site: Client, task: Task, alice: User, now: datetime, run: Callable[..., list[str]]
) -> None:
    trash(task, alice, now)
    before = row(task)
    said = run(site, "complete", task)
    assert said == ["“Pack” was not completed. The task is in the trash."]
    assert row(task) == before
    assert not LogEntry.objects.exists()


def test_it_does_what_it_can_and_names_the_first_five_of_the_rest(
    site: Client, make_task: MakeTask, alice: User, now: datetime
) -> None:
    good = make_task("Good")
    bad = [make_task(f"Bad {number}") for number in range(7)]
    for refused in bad:
        trash(refused, alice, now)
    said = act(site, "complete", good, *bad)
    assert said[0] == "1 task was completed."
    assert len(said) == 7
    assert said[-1] == "And 2 more were not."
    assert row(good)["status"] == "done"


def test_it_takes_no_more_than_a_request_can_bear(
    site: Client, make_task: MakeTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operating, "MOST_ROWS", 2)
    three = [make_task() for _ in range(3)]
    said = act(site, "complete", three[0], select_across="1")
    assert said == ["Nothing was completed: select at most 2 at a time."]
    assert Task.objects.filter(status="todo").count() == 3


def test_it_moves_to_the_trash_by_action_after_asking(
    site: Client, task: Task, make_task: MakeTask
) -> None:
    child = make_task("Tape", parent=task.pk)
    selected = {"action": "delete_selected", "_selected_action": [str(task.pk)]}
    asked = site.post(list_of(Task), selected)
    assert "each together with its subtasks. They can be restored" in asked.content.decode()
    assert Task.objects.live().count() == 2
    said = act(site, "delete_selected", task, post="yes")
    assert said == ["1 task was moved to the trash."]
    trashed = Task.objects.trashed().values_list("title", "trashed_with", "version")
    assert sorted(trashed) == [("Pack", task.pk, 2), (child.title, task.pk, 2)]


def test_it_moves_to_the_trash_by_button_after_asking(site: Client, task: Task) -> None:
    page = site.get(page_of(task, "delete")).content.decode()
    assert "“Pack” goes to the trash, together with its subtasks." in page
    said = messages(site.post(page_of(task, "delete"), {"post": "yes"}, follow=True))
    assert said == ["“Pack” was moved to the trash."]
    assert Task.objects.trashed().get() == task
    assert LogEntry.objects.get().get_change_message() == "Moved to the trash."


def test_it_restores_a_parent_before_its_children(
    site: Client, task: Task, make_task: MakeTask, alice: User, now: datetime
) -> None:
    child = make_task("Tape", parent=task.pk)
    trash(child, alice, now)
    trash(task, alice, now)
    assert act(site, "restore", child, task) == ["2 tasks were restored."]
    assert Task.objects.live().count() == 2


def test_it_restores_on_the_form(site: Client, task: Task, alice: User, now: datetime) -> None:
    trash(task, alice, now)
    assert act_on_form(site, "restore", task) == ["1 task was restored."]
    assert row(task)["deleted_at"] is None


def test_it_says_why_a_child_stays_in_the_trash(
    site: Client, task: Task, make_task: MakeTask, alice: User, now: datetime
) -> None:
    child = make_task("Tape", parent=task.pk)
    trash(task, alice, now)
    said = act(site, "restore", child)
    assert said == [
        "“Tape” was not restored. It was deleted together with a task above it: restore that one."
    ]
    assert Task.objects.trashed().count() == 2


@pytest.mark.parametrize("action", ["complete", "reopen", "restore", "delete_selected"])
def test_it_offers_no_action_to_staff_who_may_only_view(
    site_for: Callable[..., Client], task: Task, action: str
) -> None:
    client = site_for("view_task")
    before = row(task)
    data = {"action": action, "_selected_action": str(task.pk), "post": "yes"}
    assert client.post(list_of(Task), data).status_code == 200  # the list, as if nothing was sent
    form = {"CHANGE_FORM-action": action, "_selected_action": str(task.pk)}
    assert client.post(page_of(task), form).status_code == 403
    assert row(task) == before


# --- the list ---


def test_it_filters_by_trash_and_by_being_overdue(
    site: Client, make_task: MakeTask, alice: User, now: datetime
) -> None:
    make_task("Late", due_date=date(2020, 1, 1))
    make_task("Done late", due_date=date(2020, 1, 1), status="done")
    gone = make_task("Gone")
    trash(gone, alice, now)

    def shown(**query: str) -> list[str]:
        rows = site.get(list_of(Task), query).context["cl"].result_list
        return [task.title for task in rows]

    assert shown() == ["Gone", "Done late", "Late"]
    assert shown(trashed="yes") == ["Gone"]
    assert shown(trashed="no") == ["Done late", "Late"]
    assert shown(overdue="yes") == ["Late"]
    assert shown(priority="0") == ["Gone", "Done late", "Late"]
    assert shown(priority="4") == []


def test_it_shows_the_tasks_of_one_project(site: Client, task: Task, project: Project) -> None:
    link = f"{list_of(Task)}?project__id__exact={project.pk}"
    assert link in site.get(page_of(project)).content.decode()
    assert [row.pk for row in site.get(link).context["cl"].result_list] == [task.pk]


@pytest.mark.parametrize("lookup", ["assignee__password__startswith", "created_by__password__gte"])
def test_it_lets_nobody_guess_hashes_by_filters(site: Client, lookup: str) -> None:
    assert site.get(list_of(Task), {lookup: "pbkdf2"}).status_code == 400
