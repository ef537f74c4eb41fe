"""A label goes, and its tasks look different."""

from collections.abc import Callable
from datetime import datetime

from tasks.models import Label, Task, TaskLabel
from tasks.operations.access import Actor
from tasks.operations.labels import delete_label


def test_it_is_taken_off_its_tasks(
    new_task: Callable[..., Task], editor: Actor, now: datetime, later: datetime
) -> None:
    new_task(title="vase", labels=["heavy", "fragile"])
    new_task(title="stone", labels=["heavy"])
    new_task(title="glass", labels=["fragile"])
    label = Label.objects.get(name="heavy")

    delete_label(actor=editor, now=later, label_id=label.pk)

    assert [one.name for one in Label.objects.all()] == ["fragile"]
    assert list(
        TaskLabel.objects.order_by("task__title").values_list("task__title", "label__name")
    ) == [("glass", "fragile"), ("vase", "fragile")]
    assert list(Task.objects.order_by("title").values_list("title", "version", "updated_at")) == [
        ("glass", 1, now),
        ("stone", 2, later),
        ("vase", 2, later),
    ]


def test_it_is_made_anew_on_its_next_use(
    new_task: Callable[..., Task], editor: Actor, later: datetime
) -> None:
    new_task(labels=["heavy"])
    first = Label.objects.get()
    delete_label(actor=editor, now=later, label_id=first.pk)
    new_task(labels=["Heavy"])

    again = Label.objects.get()
    assert (again.name, again.version) == ("Heavy", 1)
    assert again.pk != first.pk
