"""`manage.py prune`: delete for good what has outlived its time. Run it once a day."""

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from tasks.identity import families
from tasks.operations import upkeep


class Command(BaseCommand):
    help = "Empty the trash of 30 days ago, forget idempotency keys and sign-ins that are over."

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        pruned = {
            "tasks and projects from the trash": upkeep.prune_trash(now=now),
            "idempotency keys": upkeep.prune_keys(now=now),
            "sign-ins": families.prune(now=now),
        }
        for what, count in pruned.items():
            self.stdout.write(f"{count} {what}")
