"""Two at the same moment: what one of them may not undo, and what comes out."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from tasks.errors import ExternalIdTaken, Invalid, LastAdmin, NotVisible
from tasks.models import Comment, Label, Project, Task, User
from tasks.operations.access import Actor
from tasks.operations.comments import create_comment, delete_comment, update_comment
from tasks.operations.labels import delete_label, rename_label
from tasks.operations.members import change_role, remove_member
from tasks.operations.tasks import create_task, update_task
from tasks.operations.trash import delete_task
from tasks.policies import Role
from tests.operations.racing import Act, kinds, overlap

pytestmark = pytest.mark.django_db(transaction=True)

Create = Callable[..., Task]
BOTH_WAYS = pytest.mark.parametrize("swapped", [False, True], ids=["in order", "swapped"])


def both(first: Act, second: Act, *, swapped: bool) -> tuple[Any, Any]:
    """Overlap the two; the outcomes are in the order of the arguments."""
    if not swapped:
        return overlap(first, second)
    late, early = overlap(second, first)
    return early, late


class TestAdmins:
    """An admin always stays."""

    @pytest.fixture
    def second(self, project: Project, admin: Actor, editor: Actor, now: datetime) -> Actor:
        change_role(actor=admin, now=now, project_id=project.pk, user_id=editor.id, role=Role.ADMIN)
        return editor

    @pytest.mark.parametrize("how", ["demote each other", "leave", "remove each other"])
    def test_it_keeps_one_of_two(
        self, how: str, project: Project, admin: Actor, second: Actor, now: datetime
    ) -> None:
        def act(actor: Actor, target: Actor) -> Act:
            place: dict[str, Any] = {"now": now, "project_id": project.pk}
            if how == "demote each other":
                return lambda: change_role(
                    actor=actor, user_id=target.id, role=Role.VIEWER, **place
                )
            who = actor if how == "leave" else target
            return lambda: remove_member(actor=actor, user_id=who.id, **place)

        first, late = overlap(act(admin, second), act(second, admin))

        assert not isinstance(first, Exception)
        # On SQLite the second begins when the first is through, and finds the actor's own role.
        assert type(late).__name__ in {"LastAdmin", "NotAllowed", "NotVisible"}
        if how == "leave":
            assert type(late) is LastAdmin
        assert project.memberships.filter(role=Role.ADMIN).count() == 1


class TestTree:
    def test_it_makes_no_circle(self, new_task: Create, updating: Callable[..., Act]) -> None:
        one, two = new_task(), new_task()

        first, second = overlap(updating(one, parent=two.pk), updating(two, parent=one.pk))

        assert not isinstance(first, Exception)
        assert type(second) is Invalid
        assert [error.code for error in second.errors] == ["cycle"]

    def test_it_goes_no_deeper_than_it_may(
        self, new_task: Create, updating: Callable[..., Act]
    ) -> None:
        """Each move is right alone; both together are five levels."""
        chain = [new_task()]
        for _ in range(2):
            chain.append(new_task(parent=chain[-1].pk))
        root, pair = new_task(), new_task()
        new_task(parent=pair.pk)

        first, second = overlap(
            updating(chain[0], parent=root.pk), updating(pair, parent=chain[2].pk)
        )

        assert not isinstance(first, Exception)
        assert [error.code for error in second.errors] == ["too_deep"]

    def test_it_puts_no_subtask_under_what_is_being_deleted(
        self, task: Task, project: Project, editor: Actor, now: datetime
    ) -> None:
        fields = {"title": "Wrap", "project": project.pk, "parent": task.pk}
        first, second = overlap(
            lambda: delete_task(actor=editor, now=now, task_id=task.pk),
            lambda: create_task(actor=editor, now=now, fields=fields),
        )

        assert not isinstance(first, Exception)
        assert [error.code for error in second.errors] == ["in_trash"]
        assert Task.objects.count() == 1

    def test_it_deletes_a_subtask_that_is_being_made(
        self, task: Task, project: Project, editor: Actor, now: datetime
    ) -> None:
        fields = {"title": "Wrap", "project": project.pk, "parent": task.pk}
        outcomes = overlap(
            lambda: create_task(actor=editor, now=now, fields=fields),
            lambda: delete_task(actor=editor, now=now, task_id=task.pk),
        )

        assert kinds(outcomes) == {"ok": 2}
        assert Task.objects.filter(trashed_with=task.pk).count() == 2

    def test_it_lets_a_subtask_be_written_while_its_parent_gets_an_external_id(
        self,
        task: Task,
        project: Project,
        editor: Actor,
        now: datetime,
        updating: Callable[..., Act],
    ) -> None:
        """The same one: the second waits for the first, and the first not for the second."""
        fields = {"title": "Wrap", "project": project.pk, "parent": task.pk, "external_id": "42"}
        first, second = overlap(
            lambda: create_task(actor=editor, now=now, fields=fields),
            updating(task, external_id="42"),
        )

        assert not isinstance(first, Exception)
        assert type(second) is ExternalIdTaken


class TestOneTask:
    def test_it_loses_no_field(self, task: Task, updating: Callable[..., Act]) -> None:
        first, second = overlap(updating(task, title="Unpack"), updating(task, priority=3))

        assert (first.version, first.title, first.priority) == (2, "Unpack", 0)
        assert (second.version, second.title, second.priority) == (3, "Unpack", 3)
        task.refresh_from_db()
        assert (task.version, task.title, task.priority) == (3, "Unpack", 3)

    @BOTH_WAYS
    def test_it_shows_the_labels_that_belong_to_the_version(
        self, swapped: bool, new_task: Create, updating: Callable[..., Act]
    ) -> None:
        task = new_task(labels=["old"])
        outcomes = both(updating(task, labels=["new"]), updating(task, priority=3), swapped=swapped)

        seen = {done.version: (done.priority, done.label_names) for done in outcomes}
        if swapped:
            assert seen == {2: (3, "old"), 3: (3, "new")}
        else:
            assert seen == {2: (0, "new"), 3: (3, "new")}

    def test_it_finds_the_same_change_done(self, task: Task, updating: Callable[..., Act]) -> None:
        first, second = overlap(updating(task, completed=True), updating(task, completed=True))

        assert (first.version, second.version) == (2, 2)

    def test_it_is_not_changed_in_the_trash(
        self, task: Task, editor: Actor, now: datetime, updating: Callable[..., Act]
    ) -> None:
        _, second = overlap(
            lambda: delete_task(actor=editor, now=now, task_id=task.pk), updating(task, title="?")
        )

        assert kinds([second]) == {"InTrash": 1}


class TestLabels:
    @BOTH_WAYS
    @pytest.mark.parametrize("name", ["old", "new", "other"])
    def test_it_renames_while_a_task_gets_labels(
        self,
        name: str,
        swapped: bool,
        new_task: Create,
        editor: Actor,
        now: datetime,
        later: datetime,
        updating: Callable[..., Act],
    ) -> None:
        """The task loses `old` and gets `new`, or keeps both: whichever is being renamed."""
        task = new_task(labels=["old", "other"])
        new_task(labels=["new"])
        label = Label.objects.get(name=name)

        outcomes = both(
            lambda: rename_label(actor=editor, now=later, label_id=label.pk, name="renamed"),
            updating(task, labels=["new", "other"]),
            swapped=swapped,
        )

        assert kinds(outcomes) == {"ok": 2}
        shown = set(outcomes[1].label_names.split("\n"))
        task.refresh_from_db()
        if task.version == outcomes[1].version:  # what it showed is what it is
            assert shown == {one.name for one in task.labels.all()}
        if swapped and name in {"new", "other"}:  # it carried the label by then
            assert task.version == outcomes[1].version + 1

    @BOTH_WAYS
    def test_it_deletes_while_a_task_gets_the_label(
        self,
        swapped: bool,
        task: Task,
        new_task: Create,
        editor: Actor,
        later: datetime,
        updating: Callable[..., Act],
    ) -> None:
        new_task(labels=["heavy"])
        label = Label.objects.get()

        outcomes = both(
            lambda: delete_label(actor=editor, now=later, label_id=label.pk),
            updating(task, labels=["heavy"]),
            swapped=swapped,
        )

        assert kinds(outcomes) == {"ok": 2}
        assert task.labels.count() == (0 if swapped else 1)
        task.refresh_from_db()
        assert task.version == (3 if swapped else 2)

    @BOTH_WAYS
    def test_it_makes_a_label_beside_a_renaming_to_its_name(
        self,
        swapped: bool,
        task: Task,
        new_task: Create,
        editor: Actor,
        later: datetime,
        updating: Callable[..., Act],
    ) -> None:
        new_task(labels=["old"])
        label = Label.objects.get()

        renamed, labelled = both(
            lambda: rename_label(actor=editor, now=later, label_id=label.pk, name="new"),
            updating(task, labels=["new"]),
            swapped=swapped,
        )

        assert kinds([renamed]) == ({"LabelTaken": 1} if swapped else {"ok": 1})
        assert labelled.label_names == "new"
        assert Label.objects.filter(name_key="new").count() == 1


class TestMembers:
    @BOTH_WAYS
    def test_it_assigns_nobody_who_is_leaving(
        self,
        swapped: bool,
        project: Project,
        task: Task,
        bob: User,
        admin: Actor,
        now: datetime,
    ) -> None:
        removed, assigned = both(
            lambda: remove_member(actor=admin, now=now, project_id=project.pk, user_id=bob.pk),
            lambda: update_task(actor=admin, now=now, task_id=task.pk, fields={"assignee": bob.pk}),
            swapped=swapped,
        )

        assert kinds([removed]) == {"ok": 1}
        assert kinds([assigned]) == ({"ok": 1} if swapped else {"Invalid": 1})
        task.refresh_from_db()
        assert (task.assignee_id, task.version) == (None, 3 if swapped else 1)

    @BOTH_WAYS
    def test_it_makes_no_task_for_somebody_who_is_leaving(
        self, swapped: bool, project: Project, bob: User, admin: Actor, now: datetime
    ) -> None:
        fields = {"title": "Pack", "project": project.pk, "assignee": bob.pk}
        removed, _ = both(
            lambda: remove_member(actor=admin, now=now, project_id=project.pk, user_id=bob.pk),
            lambda: create_task(actor=admin, now=now, fields=fields),
            swapped=swapped,
        )

        assert kinds([removed]) == {"ok": 1}
        assert [task.assignee_id for task in Task.objects.all()] == ([None] if swapped else [])


class TestComments:
    @BOTH_WAYS
    def test_it_comments_beside_a_deletion(
        self, swapped: bool, task: Task, editor: Actor, now: datetime
    ) -> None:
        """Either is right: the comment came first, or it came too late."""
        deleted, commented = both(
            lambda: delete_task(actor=editor, now=now, task_id=task.pk),
            lambda: create_comment(actor=editor, now=now, task_id=task.pk, fields={"body": "?"}),
            swapped=swapped,
        )

        assert kinds([deleted]) == {"ok": 1}
        assert set(kinds([commented])) <= {"ok", "InTrash"}
        assert Comment.objects.count() == kinds([commented])["ok"]

    def test_it_is_deleted_once(self, comment: Comment, editor: Actor, now: datetime) -> None:
        def delete() -> None:
            delete_comment(actor=editor, now=now, comment_id=comment.pk)

        outcomes = overlap(delete, delete)

        assert kinds(outcomes) == {"ok": 1, "NotVisible": 1}

    def test_it_is_not_changed_after_its_end(
        self, comment: Comment, editor: Actor, later: datetime
    ) -> None:
        _, second = overlap(
            lambda: delete_comment(actor=editor, now=later, comment_id=comment.pk),
            lambda: update_comment(
                actor=editor, now=later, comment_id=comment.pk, fields={"body": "!"}
            ),
        )

        assert type(second) is NotVisible
        assert not Comment.objects.exists()
