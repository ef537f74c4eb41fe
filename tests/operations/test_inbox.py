"""Everybody has one inbox, made when it is first needed."""

from datetime import datetime

from tasks.models import Membership, Project
from tasks.operations.access import Actor
from tasks.operations.projects import inbox
from tests.operations.watching import kinds, nothing_written, statements


def test_it_is_made_on_first_use(admin: Actor, now: datetime) -> None:
    made = inbox(actor=admin, now=now)

    assert list(Project.objects.values_list()) == [
        (made.pk, "Inbox", "", admin.id, 1, admin.id, now, now, None)
    ]
    membership = Membership.objects.get()
    assert (membership.project_id, membership.user_id) == (made.pk, admin.id)
    assert (membership.role, membership.created_at) == ("admin", now)
    assert made.role == "admin"


def test_it_is_found_from_then_on(admin: Actor, now: datetime, later: datetime) -> None:
    made = inbox(actor=admin, now=now)

    with nothing_written(), statements() as ran:
        found = inbox(actor=admin, now=later)
    assert kinds(ran) == ["SELECT"]
    assert (found.pk, found.role) == (made.pk, "admin")


def test_it_is_each_users_own(admin: Actor, editor: Actor, now: datetime) -> None:
    mine, theirs = inbox(actor=admin, now=now), inbox(actor=editor, now=now)

    assert mine.pk != theirs.pk
    assert not Project.objects.visible_to(editor.id).filter(pk=mine.pk).exists()
