"""What users can do with their endpoints and with the deliveries to them.

An endpoint is its owner's alone, whatever projects it hears of: nobody else sees or changes it,
but for staff in the admin site. Making, changing and deleting one is no event: no project is
concerned, and only its owner could be told.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db import transaction

from tasks import versions
from tasks.errors import IdTaken, Invalid, NotVisible, TooManyWebhooks, WebhookDisabled
from tasks.events import wakeup
from tasks.events.log import record_event
from tasks.ids import uuid7
from tasks.models import Attempt, Delivery, Event, User, Webhook
from tasks.operations.access import Actor, get_project, seen_by, write
from tasks.policies import Action
from tasks.versions import Expected
from tasks.webhooks.claims import withhold
from tasks.webhooks.rows import told
from tasks.webhooks.secrets import new_secret, seal
from tasks.webhooks.transport import check_url

MOST_WEBHOOKS: Final = 20  # of one user
OLD_SECRET_SIGNS_FOR: Final = timedelta(hours=24)
_ID_TAKEN: Final = (("tasks_webhook_pkey", IdTaken), ("tasks_webhook.id", IdTaken))
_AT_REST: Final[dict[str, Any]] = {"failures": 0, "failing_since": None, "open_until": None}


def create_webhook(
    *, actor: Actor, now: datetime, fields: Mapping[str, Any]
) -> tuple[Webhook, str]:
    """Register an endpoint; return it and its secret, which nobody can read again.

    Args:
        fields: `url`, and optionally `id` (UUIDv7), `description`, `types`, `project`, `enabled`.

    Raises:
        Invalid: nothing can be posted to this address.
        NotVisible, InTrash: of the project.
        TooManyWebhooks: the actor has MOST_WEBHOOKS.
        IdTaken: there is an endpoint with this id.
    """
    _check_address(fields)
    secret = new_secret()
    with write(*_ID_TAKEN):
        _refuse_one_too_many(actor)
        webhook = Webhook(
            id=fields.get("id") or uuid7(),
            owner_id=actor.id,
            secret=seal(secret),
            created_at=now,
            updated_at=now,
        )
        _set(webhook, fields, now)
        webhook.save(force_insert=True)
    return webhook, secret


def update_webhook(
    *,
    actor: Actor,
    now: datetime,
    webhook_id: UUID,
    fields: Mapping[str, Any],
    expected: Expected = versions.ANY,
) -> Webhook:
    """Change an endpoint; what `fields` leaves out stays.

    One that is enabled again, or gets another address, begins anew: its failures are forgotten.
    What waits for one that is disabled is withheld.

    Raises:
        Invalid, NotVisible, InTrash: as `create_webhook`.
        VersionMismatch: it has another version than expected.
    """
    _check_address(fields)
    with write():
        webhook = _locked(actor, webhook_id, expected)
        if changed := _set(webhook, fields, now):
            _save(webhook, changed, now)
        if webhook.disabled_at == now:
            withhold(Delivery.objects.filter(webhook=webhook), now=now)
    return webhook


def delete_webhook(*, actor: Actor, webhook_id: UUID, expected: Expected = versions.ANY) -> None:
    """Delete an endpoint, with all that is known of its deliveries.

    Raises:
        VersionMismatch: it has another version than expected.
    """
    with write():
        # With its key: who makes deliveries at this moment is waited for, or waits.
        webhook = _locked(actor, webhook_id, expected, with_key=True)
        Attempt.objects.filter(delivery__webhook=webhook).delete()
        # As it is: `delete()` would first load months of deliveries, to look for their attempts.
        deliveries = Delivery.objects.filter(webhook=webhook)
        deliveries._raw_delete(deliveries.db)
        webhook.delete()


def rotate_secret(
    *, actor: Actor, now: datetime, webhook_id: UUID, expected: Expected = versions.ANY
) -> tuple[Webhook, str]:
    """Give an endpoint another secret; the one before it signs too for OLD_SECRET_SIGNS_FOR.

    Of three secrets within that time the first is forgotten.

    Raises:
        VersionMismatch: it has another version than expected.
    """
    secret = new_secret()
    with write():
        webhook = _locked(actor, webhook_id, expected)
        webhook.old_secret, webhook.old_secret_until = webhook.secret, now + OLD_SECRET_SIGNS_FOR
        webhook.secret = seal(secret)
        _save(webhook, ["secret", "old_secret", "old_secret_until"], now)
    return webhook, secret


def ping(*, actor: Actor, now: datetime, webhook_id: UUID) -> Event:
    """Record an event for this endpoint alone, which is delivered as any other.

    Raises:
        WebhookDisabled: nothing would be sent.
    """
    with write():
        webhook = _enabled(_locked(actor, webhook_id))
        return record_event(
            "webhook.ping",
            subject=webhook.pk,
            project=None,
            shown=told(webhook),
            actor=actor.id,
            now=now,
            user=webhook.owner_id,
        )


def redeliver(*, actor: Actor, now: datetime, delivery_id: UUID) -> Delivery:
    """Make a delivery due now, as if it had never been tried.

    It stays the same delivery, so its receiver sees the same `webhook-id` and can tell. One that
    is being sent at this moment stays as it is: what is asked for happens already.

    Raises:
        WebhookDisabled: nothing would be sent.
    """
    with write():
        delivery = _locked_delivery(actor, delivery_id)
        _enabled(delivery.webhook)
        if not _is_being_sent(delivery, now):
            _make_due(delivery, now)
    return delivery


def _check_address(fields: Mapping[str, Any]) -> None:
    if "url" in fields:
        try:
            check_url(fields["url"], allowed=settings.WEBHOOK_ALLOWED_NETWORKS)
        except ValueError as error:
            raise Invalid.field("url", "unusable", str(error)) from error


def _refuse_one_too_many(actor: Actor) -> None:
    """Raise TooManyWebhooks; under the lock of the user, or two could be the last one."""
    User.objects.select_for_update(no_key=True).filter(pk=actor.id).first()
    if Webhook.objects.visible_to(actor.id).count() >= MOST_WEBHOOKS:
        raise TooManyWebhooks(f"A user has at most {MOST_WEBHOOKS} endpoints.")


def _set(webhook: Webhook, fields: Mapping[str, Any], now: datetime) -> list[str]:
    """Set what differs; return the names of the columns, in which nothing is without effect."""
    wanted = {name: fields[name] for name in ("url", "description", "types") if name in fields}
    if "project" in fields:
        wanted["project_id"] = fields["project"]
    if fields.get("enabled", webhook.disabled_at is None) is not (webhook.disabled_at is None):
        wanted |= _switched(now, enabled=fields["enabled"])
    if wanted.get("url", webhook.url) != webhook.url:
        wanted |= _AT_REST
    changed = [name for name, value in wanted.items() if getattr(webhook, name) != value]
    if "project_id" in changed and fields["project"]:
        get_project(Actor(webhook.owner_id), fields["project"], Action.READ, named="project")
    for name in changed:
        setattr(webhook, name, wanted[name])
    if webhook.open_until is None:
        webhook.breaker = "closed"  # type: ignore[attr-defined]
    return changed


def _switched(now: datetime, *, enabled: bool) -> dict[str, Any]:
    if enabled:
        return {"disabled_at": None, "disabled_because": "", **_AT_REST}
    return {"disabled_at": now, "disabled_because": "owner"}


def _save(webhook: Webhook, columns: list[str], now: datetime) -> None:
    webhook.version += 1
    webhook.updated_at = now
    webhook.save(update_fields=[*columns, "version", "updated_at"])


def _locked(
    actor: Actor,
    webhook_id: UUID,
    expected: Expected = versions.ANY,
    *,
    with_key: bool = False,
) -> Webhook:
    found = seen_by(Webhook.objects.filter(pk=webhook_id), actor).with_row_columns()
    webhook = found.select_for_update(of=("self",), no_key=not with_key).first()
    if webhook is None:
        raise NotVisible
    expected.check(webhook.version)
    return webhook


def _enabled(webhook: Webhook) -> Webhook:
    if webhook.disabled_at:
        raise WebhookDisabled("Nothing is sent to this endpoint until it is enabled again.")
    return webhook


def _locked_delivery(actor: Actor, delivery_id: UUID) -> Delivery:
    found = seen_by(Delivery.objects.filter(pk=delivery_id), actor).with_row_columns()
    found = found.select_related("webhook", "event")
    delivery = found.select_for_update(of=("self",), no_key=True).first()
    if delivery is None:
        raise NotVisible
    return delivery


def _is_being_sent(delivery: Delivery, now: datetime) -> bool:
    return delivery.leased_until is not None and delivery.leased_until > now


def _make_due(delivery: Delivery, now: datetime) -> None:
    """A worker that still sends it although its lease is over has lost it: it is not its holder."""
    delivery.state, delivery.tries = Delivery.State.PENDING, 0
    delivery.next_try_at, delivery.ended_at = now, None
    delivery.holder = delivery.leased_until = None
    delivery.save(
        update_fields=["state", "tries", "next_try_at", "ended_at", "holder", "leased_until"]
    )
    transaction.on_commit(wakeup.notify, robust=True)
