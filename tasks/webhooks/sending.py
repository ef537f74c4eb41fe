"""One attempt: build the body, sign it, post it. No connection to the database is held."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import connections

from tasks.events.envelope import MEDIA_TYPE, cloud_event
from tasks.webhooks import signing
from tasks.webhooks.addresses import Network
from tasks.webhooks.audience import View
from tasks.webhooks.claims import Claim
from tasks.webhooks.secrets import unseal
from tasks.webhooks.transport import Connection, PostFailed

logger: Final = logging.getLogger(__name__)

INTERNAL: Final = "internal"
"""The error word for what went wrong on our side, before anything was sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What became of an attempt.

    Attributes:
        status: None if there was no answer; then `error` is a word for it.
        retry_after: the header, as it was sent.
    """

    claim: Claim
    at: datetime
    duration_ms: int = 0
    status: int | None = None
    error: str = ""
    answer: str = ""
    retry_after: str | None = None

    @property
    def delivered(self) -> bool:
        return self.status is not None and 200 <= self.status < 300  # noqa: PLR2004 - HTTP's 2xx


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """How to send.

    Attributes:
        source: the CloudEvents attribute (EVENT_SOURCE).
        allowed: networks that are not public and may be posted to all the same.
        clock: returns the instant of an attempt.
    """

    source: str
    allowed: Sequence[Network]
    clock: Callable[[], datetime]

    def connection(self) -> Connection:
        """Return what the deliveries of one turn are sent over."""
        return Connection(self.allowed)

    def send(self, claim: Claim, connection: Connection, *, last: bool) -> Sent:
        """Send, and return what became of it; raises nothing, as it runs at the top of a thread.

        Args:
            last: whether it is the last one over this connection.
        """
        at = self.clock()
        try:
            return self._posted(claim, at, connection, last=last)
        except PostFailed as failure:
            return Sent(claim=claim, at=at, error=failure.code, duration_ms=failure.duration_ms)
        except Exception:
            logger.exception("webhook_send_failed", extra={"webhook": str(claim.webhook.pk)})
            return Sent(claim=claim, at=at, error=INTERNAL)

    def _posted(self, claim: Claim, at: datetime, connection: Connection, *, last: bool) -> Sent:
        _refuse_connection()
        event = claim.delivery.event
        body = cloud_event(event, source=self.source, for_left=claim.view is View.LEFT)
        headers = signing.headers(
            _secrets(claim, at), event_id=str(event.uid), at=at, body=body
        ) | {"Content-Type": f"{MEDIA_TYPE}; charset=utf-8"}
        if event.traceparent:
            headers["traceparent"] = event.traceparent
        answer = connection.post(claim.webhook.url, body=body, headers=headers, last=last)
        return Sent(
            claim=claim,
            at=at,
            duration_ms=answer.duration_ms,
            status=answer.status,
            answer=_text(answer.body),
            retry_after=answer.retry_after,
        )


def _secrets(claim: Claim, at: datetime) -> list[str]:
    """Return the secret, and for a while after its rotation the one before it too."""
    webhook = claim.webhook
    secrets = [unseal(webhook.secret)]
    if webhook.old_secret and webhook.old_secret_until and webhook.old_secret_until > at:
        secrets.append(unseal(webhook.old_secret))
    return secrets


def _text(answer: bytes) -> str:
    """Return an answer as it can be kept: PostgreSQL takes no NUL in a text."""
    return answer.decode(errors="replace").replace("\0", "\N{REPLACEMENT CHARACTER}")


def _refuse_connection() -> None:
    """Raise RuntimeError if this thread has a connection: it would be held as long as a receiver
    likes, and the pool has few.
    """
    if any(each.connection is not None for each in connections.all(initialized_only=True)):
        raise RuntimeError("nothing is posted by a thread that has a connection to the database")
