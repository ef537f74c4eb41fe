"""What follows from attempts, in one transaction: their rows, the deliveries' states, the breaker.

All of it only while the claim is still there: who has lost it, after a minute of silence, has been
overtaken by another sender, whose word counts. The endpoint's row is locked only where something
went wrong, so deliveries to a healthy endpoint do not wait for each other.
"""

import logging
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import F

from tasks import metrics
from tasks.events.log import record_event
from tasks.models import Attempt, Delivery, Webhook
from tasks.webhooks.backoff import ASKS_FOR_TIME, next_try_at, parse_retry_after
from tasks.webhooks.breaker import Breaker, should_disable
from tasks.webhooks.claims import withhold
from tasks.webhooks.rows import told
from tasks.webhooks.sending import INTERNAL, Sent

logger: Final = logging.getLogger(__name__)

# Of a claim: a sender that was overtaken by itself has two for one delivery.
type _Name = tuple[UUID, UUID]

_ENDED: Final[dict[str, Any]] = {"next_try_at": None, "holder": None, "leased_until": None}


def mark_delivered(successes: Sequence[Sent], *, now: datetime) -> None:
    """Write down attempts that succeeded, all in one transaction: most are of this kind."""
    with transaction.atomic():
        # The endpoints first, see claims.py. They have answered, whether a claim is lost or not.
        _close_breakers({sent.claim.webhook.pk for sent in successes})
        ours = _end_ours(successes, now)
        kept = [sent for sent in successes if _name(sent) in ours]
        Attempt.objects.bulk_create(map(_attempt, kept))
    for sent in successes:
        _tell(sent, str(Delivery.State.DELIVERED) if _name(sent) in ours else _LOST)


def mark_failed(sent: Sent, *, now: datetime, chance: float) -> str:
    """Write down an attempt that failed; return the delivery's outcome, as the metrics name it.

    Args:
        now: the end of the attempt.
        chance: from 0 up to 1: where in its range the next wait lies.
    """
    with transaction.atomic():
        outcome = _failed(sent, now, chance)
    _tell(sent, outcome)
    return outcome


def _tell(sent: Sent, outcome: str) -> None:
    metrics.WEBHOOK_DELIVERIES.labels(outcome).inc()
    logger.info("webhook_attempt", extra=_fields(sent, outcome))


def _close_breakers(webhooks: set[UUID]) -> None:
    failing = Webhook.objects.filter(pk__in=webhooks, failures__gt=0).order_by("pk")
    locked = list(failing.select_for_update(no_key=True).values_list("pk", flat=True))
    if locked:
        Webhook.objects.filter(pk__in=locked).update(**Breaker().succeeded().columns())


def _end_ours(successes: Iterable[Sent], now: datetime) -> Collection[_Name]:
    """End the deliveries whose claims are still there, and return the names of those claims."""
    claims = {_name(sent) for sent in successes}
    rows = Delivery.objects.filter(pk__in={pk for pk, _ in claims}).order_by("pk")
    found = rows.select_for_update(no_key=True).values_list("pk", "holder")
    ours = claims.intersection(found)
    Delivery.objects.filter(pk__in={pk for pk, _ in ours}).update(
        tries=F("tries") + 1, state=Delivery.State.DELIVERED, ended_at=now, **_ENDED
    )
    return ours


def _name(sent: Sent) -> _Name:
    return sent.claim.delivery.pk, sent.claim.holder


def _failed(sent: Sent, now: datetime, chance: float) -> str:
    rows = Webhook.objects.filter(pk=sent.claim.webhook.pk).with_row_columns()
    webhook = rows.select_for_update(of=("self",), no_key=True).first()
    if webhook is None or not _still_ours(sent):
        return _LOST
    if sent.error != INTERNAL:  # which is not the endpoint's failure
        _note_failure(webhook, sent, now)
    if webhook.disabled_at:
        return _write(sent, state=Delivery.State.WITHHELD, ended_at=now, **_ENDED)
    again = next_try_at(
        sent.claim.delivery.tries + 1, now, retry_after=_asked(sent, now), chance=chance
    )
    if again is None:
        return _write(sent, state=Delivery.State.EXHAUSTED, ended_at=now, **_ENDED)
    return _write(sent, **{**_ENDED, "next_try_at": again})


_LOST: Final = "lost"
_RETRIED: Final = "failed"


def _still_ours(sent: Sent) -> bool:
    claim = sent.claim
    return Delivery.objects.filter(pk=claim.delivery.pk, holder=claim.holder).exists()


def _write(sent: Sent, **columns: Any) -> str:
    """Write the delivery and its attempt, if the claim is still there."""
    claim = sent.claim
    mine = Delivery.objects.filter(pk=claim.delivery.pk, holder=claim.holder)
    if not mine.update(tries=F("tries") + 1, **columns):
        return _LOST
    _attempt(sent).save(force_insert=True)
    state: str = columns.get("state", _RETRIED)
    return str(state)


def _attempt(sent: Sent) -> Attempt:
    return Attempt(
        delivery=sent.claim.delivery,
        at=sent.at,
        duration_ms=sent.duration_ms,
        status=sent.status,
        error=sent.error,
        answer=sent.answer,
    )


def _asked(sent: Sent, now: datetime) -> Any:
    return parse_retry_after(sent.retry_after, now) if sent.status in ASKS_FOR_TIME else None


def _note_failure(webhook: Webhook, sent: Sent, now: datetime) -> None:
    """Move the breaker, and disable an endpoint that is gone or has failed for days."""
    before = Breaker(webhook.failures, webhook.failing_since, webhook.open_until)
    after = before.failed(now, probe=sent.claim.probe)
    if after != before:
        Webhook.objects.filter(pk=webhook.pk).update(**after.columns())
    if before.open_until is None and after.open_until is not None:
        metrics.WEBHOOK_BREAKER_OPENINGS.inc()
        logger.warning("webhook_breaker_opened", extra={"webhook": str(webhook.pk)})
    if webhook.disabled_at is None:
        if sent.status == HTTPStatus.GONE:
            _disable(webhook, "gone", now)
        elif should_disable(after.failing_since, now):
            _disable(webhook, "failing", now)


def _disable(webhook: Webhook, reason: str, now: datetime) -> None:
    webhook.disabled_at, webhook.disabled_because = now, reason
    webhook.version, webhook.updated_at = webhook.version + 1, now
    webhook.save(update_fields=["disabled_at", "disabled_because", "version", "updated_at"])
    withhold(Delivery.objects.filter(webhook=webhook), now=now)
    record_event(
        "webhook.disabled",
        subject=webhook.pk,
        project=None,
        shown=told(webhook),
        changes={"enabled": (True, False), "disabled_because": (None, reason)},
        actor=None,
        now=now,
        user=webhook.owner_id,
    )
    metrics.WEBHOOKS_DISABLED.labels(reason).inc()
    logger.warning("webhook_disabled", extra={"webhook": str(webhook.pk), "reason": reason})


def _fields(sent: Sent, outcome: str) -> dict[str, Any]:
    """The fields of the log line; the URL is not among them, since it can hold a secret."""
    claim = sent.claim
    return {
        "webhook": str(claim.webhook.pk),
        "delivery": str(claim.delivery.pk),
        "event_id": str(claim.delivery.event.uid),
        "outcome": outcome,
        "status": sent.status,
        "error": sent.error,
        "tries": claim.delivery.tries + 1,
        "duration_ms": sent.duration_ms,
    }
