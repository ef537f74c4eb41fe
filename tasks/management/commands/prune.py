"""`manage.py prune`: delete for good what has outlived its time, as the worker does by itself."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils import timezone

from tasks.events import heartbeat
from tasks.management import pruning


class Command(BaseCommand):
    help = "Empty the trash of 30 days ago, and forget what else is over; the worker does it, too."

    def handle(self, *args: Any, **options: Any) -> None:
        now, jobs = timezone.now(), pruning.jobs(heartbeat.readers(settings.AMQP_URL))
        for what, prune in jobs.items():
            self.stdout.write(f"{prune(now=now)} {what}")
