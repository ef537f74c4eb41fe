"""Encrypting all stored secrets again under the first key, so that an older key can be dropped.

In batches, each in a transaction of its own that locks its rows for some milliseconds: a secret
that its owner rotates meanwhile is not overwritten with an older one. What is under the first key
is left as it is, so a run that was interrupted is simply started again.
"""

from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from django.db import transaction

from tasks.models import Webhook
from tasks.webhooks.secrets import Unreadable, resealed

_COLUMNS: Final = ("secret", "old_secret")


@dataclass(slots=True)
class Resealed:
    """What became of the secrets."""

    changed: int = 0
    unreadable: list[UUID] = field(default_factory=list)  # the endpoints


def reseal_all(*, batch: int = 200) -> Resealed:
    """Encrypt what is not under the first key yet; go on past what no key can decrypt."""
    found, after = Resealed(), UUID(int=0)
    while rows := _reseal_batch(found, after, batch):
        after = rows[-1].pk
    return found


def _reseal_batch(found: Resealed, after: UUID, batch: int) -> list[Webhook]:
    """Lock the next endpoints and do them; return them, none at the end."""
    with transaction.atomic():
        following = Webhook.objects.filter(pk__gt=after).order_by("pk")
        rows = list(following.select_for_update(no_key=True).only(*_COLUMNS)[:batch])
        for row in rows:
            _reseal(row, found)
    return rows


def _reseal(row: Webhook, found: Resealed) -> None:
    try:
        new = {name: resealed(old) for name in _COLUMNS if (old := getattr(row, name))}
    except Unreadable:
        found.unreadable.append(row.pk)
        return
    changed = {name: text for name, text in new.items() if text != getattr(row, name)}
    if changed:
        Webhook.objects.filter(pk=row.pk).update(**changed)
        found.changed += len(changed)
