"""`manage.py asyncapi`: write the AsyncAPI document, as `manage.py spectacular` does the other."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import yaml
from django.core.management.base import BaseCommand

from tasks.api.asyncapi import document


class Command(BaseCommand):
    help = "Write the AsyncAPI document of what goes to RabbitMQ and what comes from there."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--file", type=Path, required=True, help="where to")

    def handle(self, *args: Any, **options: Any) -> None:
        text = yaml.safe_dump(document(), sort_keys=False, allow_unicode=True, width=100)
        options["file"].write_text(text)
