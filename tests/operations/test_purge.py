"""For good: a task and all below it, what the trash has held for 30 days, keys after a day."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from tasks.errors import NotVisible, VersionMismatch
from tasks.models import Comment, IdempotencyKey, Project, Task, User
from tasks.operations import upkeep
from tasks.operations.access import Actor
from tasks.operations.projects import delete_project, restore_project
from tasks.operations.trash import delete_task, purge_task, restore_task
from tasks.versions import Expected
from tests.operations.racing import overlap
from tests.operations.watching import refused

Create = Callable[..., Task]
MONTH = timedelta(days=30)


@pytest.fixture
def tree(new_task: Create, comment: Comment) -> dict[str, Task]:
    """A root with two levels below it, and a neighbour; `comment` is on another task."""
    root = new_task(title="root", labels=["heavy"])
    branch = new_task(title="branch", parent=root.pk)
    leaf = new_task(title="leaf", parent=branch.pk)
    return {task.title: task for task in (root, branch, leaf, new_task(title="beside"))}


def titles() -> list[str]:
    return sorted(Task.objects.exclude(title="Pack").values_list("title", flat=True))


class TestPurgeTask:
    def test_it_deletes_the_subtree_in_the_trash_or_not(
        self, tree: dict[str, Task], admin: Actor, now: datetime
    ) -> None:
        delete_task(actor=admin, now=now, task_id=tree["leaf"].pk)
        purge_task(actor=admin, now=now, task_id=tree["branch"].pk)
        assert titles() == ["beside", "root"]

        delete_task(actor=admin, now=now, task_id=tree["root"].pk)
        purge_task(actor=admin, now=now, task_id=tree["root"].pk)
        assert titles() == ["beside"]
        assert Comment.objects.count() == 1
        with refused(NotVisible):
            purge_task(actor=admin, now=now, task_id=tree["root"].pk)

    def test_it_is_refused_for_another_version(
        self, task: Task, admin: Actor, now: datetime
    ) -> None:
        with refused(VersionMismatch):
            purge_task(actor=admin, now=now, task_id=task.pk, expected=Expected.exactly(2))


class TestPruneTrash:
    def test_it_empties_the_trash_after_thirty_days(
        self, tree: dict[str, Task], editor: Actor, now: datetime
    ) -> None:
        delete_task(actor=editor, now=now, task_id=tree["leaf"].pk)
        later = now + timedelta(days=1)
        delete_task(actor=editor, now=later, task_id=tree["root"].pk)

        assert upkeep.prune_trash(now=now + MONTH - timedelta(seconds=1)) == 0
        assert upkeep.prune_trash(now=now + MONTH) == 1
        assert titles() == ["beside", "branch", "root"]
        assert upkeep.prune_trash(now=later + MONTH) == 2
        assert titles() == ["beside"]
        assert upkeep.prune_trash(now=later + MONTH) == 0

    def test_it_counts_from_the_last_deletion(
        self, task: Task, editor: Actor, now: datetime
    ) -> None:
        delete_task(actor=editor, now=now, task_id=task.pk)
        restore_task(actor=editor, now=now + timedelta(days=29), task_id=task.pk)
        assert upkeep.prune_trash(now=now + 2 * MONTH) == 0
        assert Task.objects.count() == 1

    def test_it_goes_through_more_than_a_batch(
        self, new_task: Create, editor: Actor, now: datetime, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(upkeep, "_BATCH", 2)
        root = new_task()
        for _ in range(5):
            new_task(parent=root.pk)
        delete_task(actor=editor, now=now, task_id=root.pk)
        assert upkeep.prune_trash(now=now + MONTH) == 6
        assert not Task.objects.exists()

    def test_it_takes_projects_with_all_that_is_in_them(
        self,
        tree: dict[str, Task],
        project: Project,
        elsewhere: Project,
        admin: Actor,
        now: datetime,
    ) -> None:
        delete_project(actor=admin, now=now, project_id=project.pk)
        assert upkeep.prune_trash(now=now + MONTH - timedelta(seconds=1)) == 0
        assert upkeep.prune_trash(now=now + MONTH) == 6  # with the commented task
        assert list(Project.objects.values_list("name", flat=True)) == [elsewhere.name]
        assert not Comment.objects.exists()

    @pytest.mark.django_db(transaction=True)
    def test_it_spares_what_is_being_restored(
        self, tree: dict[str, Task], project: Project, admin: Actor, now: datetime
    ) -> None:
        delete_task(actor=admin, now=now, task_id=tree["root"].pk)
        _, pruned = overlap(
            lambda: restore_task(actor=admin, now=now + MONTH, task_id=tree["root"].pk),
            lambda: upkeep.prune_trash(now=now + MONTH),
        )
        assert pruned == 0
        assert titles() == ["beside", "branch", "leaf", "root"]

        delete_project(actor=admin, now=now, project_id=project.pk)
        _, pruned = overlap(
            lambda: restore_project(actor=admin, now=now + MONTH, project_id=project.pk),
            lambda: upkeep.prune_trash(now=now + MONTH),
        )
        assert pruned == 0
        assert Project.objects.filter(pk=project.pk).exists()


def test_it_forgets_keys_after_a_day(
    alice: User, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "_BATCH", 2)
    for hours in range(20, 30):
        IdempotencyKey.objects.create(
            user=alice,
            key=str(hours),
            fingerprint="",
            status=204,
            created_at=now - timedelta(hours=hours),
        )
    assert upkeep.prune_keys(now=now) == 6
    assert set(IdempotencyKey.objects.values_list("key", flat=True)) == {"20", "21", "22", "23"}
