"""Renaming and describing a project."""

from datetime import datetime

import pytest

from tasks.errors import InTrash
from tasks.models import Project
from tasks.operations.access import Actor
from tasks.operations.projects import delete_project, inbox, update_project
from tests.operations.watching import kinds, nothing_written, refused, statements


def test_it_changes_what_is_sent(
    project: Project, admin: Actor, now: datetime, later: datetime
) -> None:
    fields = {"description": "By June"}
    with statements() as ran:
        shown = update_project(actor=admin, now=later, project_id=project.pk, fields=fields)

    assert kinds(ran) == ["SELECT", "UPDATE", "INSERT"]
    project.refresh_from_db()
    assert (project.name, project.description) == ("Moving house", "By June")
    assert (project.version, project.created_at, project.updated_at) == (2, now, later)
    assert (shown.version, shown.role) == (2, "admin")


@pytest.mark.parametrize(
    "fields", [{}, {"name": "Moving house"}, {"name": "Moving house", "description": ""}]
)
def test_it_writes_nothing_when_nothing_changes(
    fields: dict[str, str], project: Project, admin: Actor, later: datetime
) -> None:
    with nothing_written():
        shown = update_project(actor=admin, now=later, project_id=project.pk, fields=fields)
    assert shown.version == 1


def test_it_may_rename_an_inbox(admin: Actor, now: datetime) -> None:
    made = inbox(actor=admin, now=now)
    update_project(actor=admin, now=now, project_id=made.pk, fields={"name": "Eingang"})

    assert inbox(actor=admin, now=now).name == "Eingang"


def test_it_is_refused_in_the_trash(project: Project, admin: Actor, now: datetime) -> None:
    delete_project(actor=admin, now=now, project_id=project.pk)

    with refused(InTrash):
        update_project(actor=admin, now=now, project_id=project.pk, fields={"name": "Garden"})
