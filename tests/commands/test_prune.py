"""`manage.py prune`: what has outlived its time goes, and the counts are said."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.utils import timezone

from tasks.identity import families
from tasks.models import IdempotencyKey, Task, TokenFamily, User
from tasks.operations.access import Actor
from tasks.operations.tasks import create_task
from tasks.operations.trash import delete_task

pytestmark = pytest.mark.django_db


def test_it_deletes_what_has_outlived_its_time(alice: User) -> None:
    long_ago, actor = timezone.now() - timedelta(days=31), Actor(alice.pk)
    for _ in range(2):
        task = create_task(actor=actor, now=long_ago, fields={"title": "a"})
        delete_task(actor=actor, now=long_ago, task_id=task.pk)
    create_task(actor=actor, now=long_ago, fields={"title": "kept"})
    IdempotencyKey.objects.create(
        user=alice, key="a", fingerprint="", status=204, created_at=long_ago
    )
    families.start(user=alice, now=long_ago)
    alive = families.start(user=alice, now=timezone.now())

    said = StringIO()
    call_command("prune", stdout=said)

    assert said.getvalue().splitlines() == [
        "2 tasks and projects from the trash",
        "1 idempotency keys",
        "1 sign-ins",
    ]
    assert Task.objects.get().title == "kept"
    assert not IdempotencyKey.objects.exists()
    assert TokenFamily.objects.get() == alive
