"""A database that looks like one in use: 200,000 tasks in a hundred projects.

The user `bench` is a member of five of them, so what is listed is a twentieth of the table.
"""

import random
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db import connection
from django.utils import timezone

from tasks import positions
from tasks.identity import families, tokens
from tasks.models import Project, Task, User
from tasks.operations.access import Actor
from tasks.operations.members import add_member
from tasks.operations.projects import create_project
from tasks.policies import Role

PROJECTS, SHARED, BATCH = 100, 5, 5_000
WORDS = [
    "write",
    "read",
    "call",
    "plan",
    "buy",
    "fix",
    "paint",
    "send",
    "move",
    "ask",
    "learn",
    "cook",
    "mend",
    "pack",
]


@dataclass(frozen=True, slots=True)
class Scene:
    """What a measurement needs: a token (good for five minutes), a project, ids of tasks."""

    token: str
    project: UUID
    tasks: list[UUID]


def scene(count: int) -> Scene:
    """Fill the database with `count` tasks, unless it was filled before, and sign in."""
    if not User.objects.filter(username="bench").exists():
        _fill(count)
    reader = User.objects.get(username="bench")
    visible = Task.objects.visible_to(reader.pk)
    now = timezone.now()
    family = families.start(user=reader, now=now)
    pair = tokens.pair(user_id=reader.pk, sid=family.pk, jti=family.current_jti, now=now)
    return Scene(
        token=pair.access,
        project=visible.values_list("project", flat=True)[0],
        tasks=list(visible.values_list("pk", flat=True)[:1000]),
    )


def _fill(count: int) -> None:
    now = timezone.now()
    owner, reader = (User.objects.create_user(name) for name in ("owner", "bench"))
    actor = Actor(owner.pk)
    projects = [
        create_project(actor=actor, now=now, fields={"name": f"Project {number}"})
        for number in range(PROJECTS)
    ]
    for project in projects[:SHARED]:
        add_member(actor=actor, now=now, project_id=project.pk, user=reader.pk, role=Role.EDITOR)
    chance = random.Random(7)
    for start in range(0, count, BATCH):
        Task.objects.bulk_create(_tasks(min(BATCH, count - start), projects, owner, chance, now))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def _tasks(
    count: int, projects: list[Project], owner: User, chance: random.Random, now: datetime
) -> Iterable[Task]:
    for _ in range(count):
        made_at = now - timedelta(minutes=chance.randrange(500_000))
        due = made_at.date() + timedelta(days=chance.randrange(60)) if chance.randrange(2) else None
        done = chance.randrange(5) < 2
        yield Task(
            project=chance.choice(projects),
            title=" ".join(chance.choices(WORDS, k=4)),
            description=" ".join(chance.choices(WORDS, k=30)),
            priority=chance.randrange(5),
            status="done" if done else "todo",
            completed_at=made_at if done else None,
            due_date=due,
            due_at=datetime(due.year, due.month, due.day, tzinfo=UTC) if due else None,
            position=positions.last(),
            created_by=owner,
            created_at=made_at,
            updated_at=made_at,
        )
