"""Creating a project: the actor is its admin."""

from datetime import datetime

from tasks.errors import IdTaken
from tasks.ids import uuid7
from tasks.models import Membership, Project
from tasks.operations.access import Actor
from tasks.operations.projects import create_project
from tests.operations.watching import refused


def test_it_needs_a_name_only(admin: Actor, now: datetime) -> None:
    made = create_project(actor=admin, now=now, fields={"name": "Garden"})

    (stored,) = Project.objects.values()
    assert stored == {
        "id": made.pk,
        "name": "Garden",
        "description": "",
        "inbox_of_id": None,
        "version": 1,
        "created_by_id": admin.id,
        "created_at": now,
        "updated_at": now,
        "deleted_at": None,
    }
    assert made.id.version == 7
    assert made.role == "admin"


def test_it_takes_every_field(admin: Actor, now: datetime) -> None:
    chosen = uuid7()
    fields = {"id": chosen, "name": "Garden", "description": "*Roses*"}
    create_project(actor=admin, now=now, fields=fields)

    made = Project.objects.get(pk=chosen)
    assert (made.name, made.description) == ("Garden", "*Roses*")


def test_it_makes_the_actor_its_only_member(admin: Actor, now: datetime) -> None:
    made = create_project(actor=admin, now=now, fields={"name": "Garden"})

    membership = Membership.objects.get()
    assert (membership.project_id, membership.user_id) == (made.pk, admin.id)
    assert (membership.role, membership.version) == ("admin", 1)
    assert (membership.created_at, membership.updated_at) == (now, now)


def test_it_is_refused_with_an_id_that_is_taken(
    project: Project, admin: Actor, stranger: Actor, now: datetime
) -> None:
    for actor in (admin, stranger):
        with refused(IdTaken):
            create_project(actor=actor, now=now, fields={"id": project.pk, "name": "Garden"})
