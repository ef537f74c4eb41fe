"""`manage.py parked_events`: list what the broker would not have, or have it tried again."""

from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand

from tasks.events.parked import release
from tasks.models import ParkedEvent


class Command(BaseCommand):
    help = "List the events that were parked after five tries, or release them for another one."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("ids", nargs="*", type=UUID, help="of events; none for all")
        parser.add_argument("--release", action="store_true", help="have them tried again")

    def handle(self, *args: Any, **options: Any) -> None:
        parked = ParkedEvent.objects.select_related("event").order_by("event")
        if options["ids"]:
            parked = parked.filter(event__uid__in=options["ids"])
        for one in parked:
            self.stdout.write(f"{one.event.uid} {one.event.type} {one.parked_at:%F %T} {one.error}")
        if options["release"]:
            self.stdout.write(f"{release(parked)} released")
