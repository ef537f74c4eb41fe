"""Another name for a label: every task that carries it looks different."""

from collections.abc import Callable
from datetime import datetime

import pytest

from tasks.errors import LabelTaken
from tasks.models import Label, Project, Task
from tasks.operations.access import Actor
from tasks.operations.labels import rename_label
from tasks.operations.tasks import create_task
from tasks.operations.trash import delete_task
from tests.operations.watching import nothing_written, refused

Create = Callable[..., Task]


@pytest.fixture
def label(new_task: Create) -> Label:
    """The label `Fragile`, carried by one task."""
    new_task(title="glass", labels=["Fragile"])
    return Label.objects.get()


def test_it_renames(
    label: Label, project: Project, editor: Actor, now: datetime, later: datetime
) -> None:
    shown = rename_label(actor=editor, now=later, label_id=label.pk, name="Handle with care")

    assert list(Label.objects.values_list()) == [
        (label.pk, project.pk, "Handle with care", "handle with care", 2, now, later)
    ]
    assert (shown.name, shown.version) == ("Handle with care", 2)


def test_it_counts_a_version_of_each_task_that_carries_it(
    label: Label, new_task: Create, editor: Actor, now: datetime, later: datetime
) -> None:
    both = new_task(title="vase", labels=["heavy", "fragile"])
    trashed = new_task(title="cup", labels=["fragile"])
    new_task(title="stone", labels=["heavy"])
    delete_task(actor=editor, now=now, task_id=trashed.pk)

    rename_label(actor=editor, now=later, label_id=label.pk, name="Soft")

    assert list(Task.objects.order_by("title").values_list("title", "version", "updated_at")) == [
        ("cup", 3, later),
        ("glass", 2, later),
        ("stone", 1, now),
        ("vase", 2, later),
    ]
    assert {one.name for one in both.labels.all()} == {"Soft", "heavy"}


@pytest.mark.parametrize("name", ["fragile", "FRAGILE", "Ｆragile"])
def test_it_may_change_the_case_only(
    name: str, label: Label, editor: Actor, later: datetime
) -> None:
    rename_label(actor=editor, now=later, label_id=label.pk, name=name)

    label.refresh_from_db()
    assert (label.name, label.name_key, label.version) == (name, "fragile", 2)
    assert Task.objects.get().version == 2


@pytest.mark.parametrize("name", ["Fragile", None])
def test_it_writes_nothing_when_nothing_changes(
    name: str | None, label: Label, editor: Actor, later: datetime
) -> None:
    with nothing_written():
        rename_label(actor=editor, now=later, label_id=label.pk, name=name)


@pytest.mark.parametrize("name", ["heavy", "HEAVY"])
def test_it_is_refused_the_name_of_another(
    name: str, label: Label, new_task: Create, editor: Actor, later: datetime
) -> None:
    new_task(labels=["Heavy"])

    with refused(LabelTaken):
        rename_label(actor=editor, now=later, label_id=label.pk, name=name)


def test_it_may_have_the_name_of_one_in_another_project(
    label: Label, editor: Actor, later: datetime
) -> None:
    create_task(actor=editor, now=later, fields={"title": "Dig", "labels": ["heavy"]})

    assert rename_label(actor=editor, now=later, label_id=label.pk, name="heavy").version == 2
