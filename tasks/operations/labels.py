"""Labels: made on first use, renamed and deleted for all their tasks at once."""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from tasks import versions
from tasks.errors import Invalid, LabelTaken, NotVisible
from tasks.models import MAX_LABELS, Label, Task, TaskLabel
from tasks.operations.access import Actor, lock_project_of, require, seen_by, write
from tasks.operations.recording import look, record, record_each, recorded_tasks
from tasks.policies import Action
from tasks.versions import Expected


def name_key(name: str) -> str:
    """Return what makes two names the same label: Unicode's caseless match (UAX #15, NFKC)."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


def rename_label(
    *,
    actor: Actor,
    now: datetime,
    label_id: UUID,
    name: str | None,
    expected: Expected = versions.ANY,
) -> Label:
    """Rename a label, unless `name` is None; the tasks that carry it get a new version.

    Raises:
        VersionMismatch: it has another version than expected.
        LabelTaken: the project has another label of this name.
    """
    with write(("label_once", LabelTaken), ("tasks_label.project_id", LabelTaken)):
        label = _locked(actor, label_id, expected)
        if name is not None and label.name != name:
            before = look(label)
            with recorded_tasks(_wearers(label), "updated", actor=actor.id, now=now):
                label.name, label.name_key = name, name_key(name)
                label.version += 1
                label.updated_at = now
                label.save(update_fields=["name", "name_key", "version", "updated_at"])
                record("updated", label, before=before, actor=actor.id, now=now)
                _touch_tasks(label, now)
    return label


def delete_label(
    *, actor: Actor, now: datetime, label_id: UUID, expected: Expected = versions.ANY
) -> None:
    """Delete a label and take it off its tasks; raises VersionMismatch as `rename_label`."""
    with write():
        label = _locked(actor, label_id, expected)
        with recorded_tasks(_wearers(label), "updated", actor=actor.id, now=now):
            record("deleted", label, actor=actor.id, now=now)
            _touch_tasks(label, now)
            label.delete()


def set_labels(task: Task, names: Sequence[str], actor: Actor, now: datetime) -> bool:
    """Make these the task's labels, under its project's lock. Return whether any came or went."""
    wanted = by_key(names)
    before = {
        found.label.name_key: found.label_id
        for found in TaskLabel.objects.filter(task=task).select_related("label")
    }
    if gone := [before[key] for key in before.keys() - wanted.keys()]:
        TaskLabel.objects.filter(task=task, label__in=gone).delete()
    if new := {key: wanted[key] for key in wanted.keys() - before.keys()}:
        attach_labels(task, new, actor, now)
    return wanted.keys() != before.keys()


def by_key(names: Sequence[str]) -> dict[str, str]:
    """Return the names by their keys: of several for the same label, the first one.

    Raises:
        Invalid: they are more labels than a task may carry.
    """
    wanted = {name_key(name): name for name in reversed(names)}
    if len(wanted) > MAX_LABELS:
        raise Invalid.field("labels", "too_many", f"A task has at most {MAX_LABELS} labels.")
    return wanted


def attach_labels(task: Task, wanted: dict[str, str], actor: Actor, now: datetime) -> None:
    """Put labels, by key and name, on a task; those that the project does not know are made.

    The caller holds the project's lock: a label that is renamed or deleted at the same moment is
    so before or after, with the versions of all its tasks.
    """
    known = _known(task.project_id, wanted, actor, now)
    TaskLabel.objects.bulk_create([TaskLabel(task=task, label=label) for label in known])


def carry_over(tasks: Sequence[UUID], project_id: UUID, actor: Actor, now: datetime) -> None:
    """Give tasks that come to a project its labels of the same names; new ones are made.

    The caller holds the locks of both projects.
    """
    carried = Label.objects.filter(task_labels__task__in=tasks).distinct()
    old = {label.name_key: label for label in carried}
    names = {key: label.name for key, label in old.items()}
    for new in _known(project_id, names, actor, now):
        worn = TaskLabel.objects.filter(task__in=tasks, label=old[new.name_key])
        worn.update(label=new)


def _known(project_id: UUID, wanted: Mapping[str, str], actor: Actor, now: datetime) -> list[Label]:
    """Return the project's labels of these keys and names; missing ones are made."""
    known = list(Label.objects.filter(project=project_id, name_key__in=list(wanted)))
    missing = wanted.keys() - {label.name_key for label in known}
    made = [
        Label(
            project_id=project_id,
            name=wanted[key],
            name_key=key,
            created_at=now,
            updated_at=now,
        )
        for key in sorted(missing)
    ]
    Label.objects.bulk_create(made)
    record_each("created", made, actor=actor.id, now=now)
    return known + made


def names_of(task: Task) -> list[str]:
    """Return the names of a task's labels."""
    return list(task.labels.values_list("name", flat=True))


def _locked(actor: Actor, label_id: UUID, expected: Expected) -> Label:
    lock_project_of(Label.objects.filter(pk=label_id), actor)
    label = seen_by(Label.objects.filter(pk=label_id), actor).first()
    if label is None:
        raise NotVisible
    require(label.role, Action.WRITE_LABELS, label.project_id)  # type: ignore[attr-defined]
    expected.check(label.version)
    return label


def _wearers(label: Label) -> Iterable[UUID]:
    return Task.objects.filter(task_labels__label=label).values_list("pk", flat=True)


def _touch_tasks(label: Label, now: datetime) -> None:
    Task.objects.filter(task_labels__label=label).change(now)
