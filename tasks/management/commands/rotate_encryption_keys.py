"""`manage.py rotate_encryption_keys`: encrypt all stored secrets under the first key."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from tasks.webhooks.resealing import reseal_all


class Command(BaseCommand):
    help = "Encrypt stored secrets again under the first of FIELD_ENCRYPTION_KEYS."

    def handle(self, *args: Any, **options: Any) -> None:
        done = reseal_all()
        self.stdout.write(f"{done.changed} secrets encrypted again")
        if done.unreadable:
            raise CommandError(
                "None of FIELD_ENCRYPTION_KEYS decrypts the secret of "
                f"{', '.join(map(str, done.unreadable))}: put the key that encrypted it back into "
                "the list, or let the owner rotate the secret."
            )
