"""The labels of a task: names without regard to case, made on first use."""

from collections.abc import Callable
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.errors import Invalid
from tasks.models import Label, Project, Task
from tasks.operations.access import Actor
from tasks.operations.labels import name_key
from tasks.operations.tasks import create_task, update_task
from tests.operations.watching import kinds, nothing_written, refused, statements

Create = Callable[..., Task]
SetLabels = Callable[..., Task]


@pytest.fixture
def set_labels(editor: Actor, later: datetime) -> SetLabels:
    def change(task: Task, *names: str) -> Task:
        return update_task(actor=editor, now=later, task_id=task.pk, fields={"labels": list(names)})

    return change


def names(task: Task) -> set[str]:
    return {label.name for label in task.labels.all()}


def test_it_replaces_them(new_task: Create, set_labels: SetLabels, later: datetime) -> None:
    task = new_task(labels=["heavy", "fragile"])
    changed = set_labels(task, "fragile", "blue")

    assert names(task) == {"fragile", "blue"}
    assert (changed.version, changed.updated_at) == (2, later)
    assert set(changed.label_names.split("\n")) == names(task)  # type: ignore[attr-defined]


def test_it_takes_them_all_off(new_task: Create, set_labels: SetLabels) -> None:
    task = new_task(labels=["heavy", "fragile"])
    changed = set_labels(task)

    assert (names(task), changed.version) == (set(), 2)
    assert changed.label_names == ""  # type: ignore[attr-defined]


def test_it_keeps_labels_that_no_task_carries(new_task: Create, set_labels: SetLabels) -> None:
    set_labels(new_task(labels=["heavy"]))

    assert [label.name for label in Label.objects.all()] == ["heavy"]


def test_it_takes_the_first_spelling_of_a_new_label(new_task: Create) -> None:
    assert names(new_task(labels=["Heavy", "heavy", "HEAVY"])) == {"Heavy"}


def test_it_takes_the_spelling_that_the_project_has(
    task: Task, new_task: Create, set_labels: SetLabels
) -> None:
    new_task(labels=["Heavy"])
    set_labels(task, "HEAVY")

    assert names(task) == {"Heavy"}
    assert Label.objects.count() == 1


@pytest.mark.parametrize(
    "spellings",
    [
        ("Straße", "STRASSE", "strasse"),
        ("Café", "Cafe\u0301", "CAFÉ"),
        ("ﬁx", "FIX", "fix"),
        ("Σίσυφος", "ΣΊΣΥΦΟΣ"),
        ("１", "1"),
    ],
)
def test_it_knows_a_name_in_any_case_and_form(
    spellings: tuple[str, ...], new_task: Create, set_labels: SetLabels
) -> None:
    task = new_task(labels=list(spellings))

    assert names(task) == {spellings[0]}
    for spelling in spellings:
        with nothing_written():
            set_labels(task, spelling)


def test_it_keeps_different_names_apart(new_task: Create) -> None:
    apart = {"resume", "résumé", "I", "ı", "a b", "a-b", "0", "O"}

    assert names(new_task(labels=sorted(apart))) == apart


def test_it_takes_the_longest_name_there_is(new_task: Create) -> None:
    """One character here becomes eighteen in the form that is compared."""
    assert names(new_task(labels=["\ufdfa" * 50])) == {"\ufdfa" * 50}


def test_it_takes_twenty_and_no_more(task: Task, set_labels: SetLabels) -> None:
    many = [f"label {index}" for index in range(21)]

    set_labels(task, *many[:20], "LABEL 1")
    assert len(names(task)) == 20
    with refused(Invalid, "labels:too_many"):
        set_labels(task, *many)


def test_it_is_refused_more_than_twenty_on_create(new_task: Create) -> None:
    with refused(Invalid, "labels:too_many"):
        new_task(labels=[f"label {index}" for index in range(21)])


def test_it_uses_the_labels_of_its_own_project(
    project: Project, new_task: Create, admin: Actor, now: datetime
) -> None:
    new_task(labels=["heavy"])
    inbox_task = create_task(actor=admin, now=now, fields={"title": "Dig", "labels": ["heavy"]})

    assert Label.objects.filter(name_key="heavy").count() == 2
    assert inbox_task.labels.get().project_id == inbox_task.project_id != project.pk


def test_it_costs_the_same_for_one_and_for_twenty(task: Task, set_labels: SetLabels) -> None:
    with statements() as one:
        set_labels(task, "a")
    with statements() as twenty:
        set_labels(task, "a", *(f"label {index}" for index in range(19)))

    assert kinds(one) == kinds(twenty)


@given(st.text(min_size=1, max_size=50))
def test_it_has_a_key_that_stays_the_same_and_fits(name: str) -> None:
    key = name_key(name)

    assert name_key(key) == key
    assert name_key(name.upper().lower()) == name_key(name_key(name.upper().lower()))
    assert len(key) <= 900
