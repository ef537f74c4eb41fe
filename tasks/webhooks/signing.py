"""The headers of a webhook, signed by the specification's own package (Standard Webhooks 1.0).

While a secret is being replaced the request carries a signature of each, so that the receiver can
change over whenever it likes.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from standardwebhooks import Webhook


def headers(secrets: Sequence[str], *, event_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """Return `webhook-id`, `webhook-timestamp` and `webhook-signature`.

    Args:
        secrets: those that sign, the newest first.
        event_id: the same for each try, by which the receiver knows what it has had.
        at: the instant of this try. Any zone: the package overwrites the zone in place of
            converting, so it must be given nothing but UTC.
        body: the bytes as they are sent, UTF-8.

    Raises:
        ValueError: no secret, an instant without a zone, or bytes that are not UTF-8.
    """
    if not secrets or at.tzinfo is None:
        raise ValueError("Signing takes a secret and an instant with a zone.")
    moment, text = at.astimezone(UTC).replace(microsecond=0), body.decode()
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": " ".join(
            Webhook(secret).sign(event_id, moment, text) for secret in secrets
        ),
    }
