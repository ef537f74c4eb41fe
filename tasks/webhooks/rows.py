"""What endpoints and deliveries look like from outside; see `tasks.rows`. No secret is among it."""

from typing import Final

from tasks.models import Delivery, Webhook
from tasks.rows import Resource, Shown, user_slot
from tasks.statements import Row


def _webhook(row: Row) -> Shown:
    return {
        "id": row[0],
        "url": row[1],
        "description": row[2],
        "types": row[3],
        "project": row[4],
        "enabled": row[5] is None,
        "disabled_because": row[6] or None,
        "failing_since": row[7],
        "breaker": row[8],
        "version": row[9],
        "created_at": row[10],
        "updated_at": row[11],
    }


WEBHOOK: Final = Resource(
    name="webhook",
    model=Webhook,
    visible=lambda: Webhook.objects.visible_to(user_slot()).with_row_columns(),
    columns=(
        "id",
        "url",
        "description",
        "types",
        "project_id",
        "disabled_at",
        "disabled_because",
        "failing_since",
        "breaker",
        "version",
        "created_at",
        "updated_at",
    ),
    present=_webhook,
)


def told(webhook: Webhook) -> Shown:
    """Return what events show of an endpoint: everybody who reads the broker sees them, and a URL
    often holds a secret of its receiver's.
    """
    shown = WEBHOOK.show(webhook)
    del shown["url"]
    return shown


def _delivery(row: Row) -> Shown:
    return {
        "id": row[0],
        "webhook": row[1],
        "event": row[2],
        "type": row[3],
        "state": row[4],
        "tries": row[5],
        "next_try_at": row[6],
        "created_at": row[7],
        "ended_at": row[8],
        "last_attempt": None if row[9] is None else _attempt(row[9:]),
    }


def _attempt(row: Row) -> Shown:
    return {
        "at": row[0],
        "duration_ms": row[1],
        "status": row[2],
        "error": row[3] or None,
        "answer": row[4],
    }


DELIVERY: Final = Resource(
    name="delivery",
    model=Delivery,
    visible=lambda: Delivery.objects.visible_to(user_slot()).with_row_columns(),
    columns=(
        "id",
        "webhook_id",
        "event__uid",
        "event__type",
        "state",
        "tries",
        "next_try_at",
        "created_at",
        "ended_at",
        "last_at",
        "last_duration_ms",
        "last_status",
        "last_error",
        "last_answer",
    ),
    present=_delivery,
)
