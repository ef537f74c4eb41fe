"""When a delivery is tried again: the ten tries of Standard Webhooks, over three days and more.

The jitter keeps the events of one outage from coming back all at once. The waits are for one
delivery; what spares an endpoint that is down from all of its deliveries is the breaker.
"""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

# Before each try, since the one before it: 75 h 35 min 5 s in all.
DELAYS: Final = (
    timedelta(0),
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
JITTER: Final = 0.2
LONGEST_RETRY_AFTER: Final = timedelta(hours=24)
# Only with these does Retry-After say when to come again (RFC 6585 §4, RFC 9110 §15.6.4).
ASKS_FOR_TIME: Final = frozenset({429, 503})
_DIGITS: Final = 5  # of the cap in seconds; a number of a thousand digits is not worth reading


def next_try_at(
    tries: int, now: datetime, *, retry_after: timedelta | None, chance: float
) -> datetime | None:
    """Return when to try next, None after the last try.

    Args:
        tries: how many there have been; 0 for a delivery that was just made.
        now: the end of the last one.
        retry_after: what the receiver asked for: not before that.
        chance: from 0 up to 1: where in the range of ± 20 % the wait lies.
    """
    if tries >= len(DELAYS):
        return None
    delay = DELAYS[tries] * (1 - JITTER + 2 * JITTER * chance)
    asked = min(retry_after or timedelta(0), LONGEST_RETRY_AFTER)
    return now + max(delay, asked)


def parse_retry_after(text: str | None, now: datetime) -> timedelta | None:
    """Read the header (RFC 9110 §10.2.3), seconds or a date; None for none and for nonsense.

    Capped at 24 hours, and a date that has passed is no wait.
    """
    text = (text or "").strip()
    if text.isascii() and text.isdigit():
        digits = text.lstrip("0") or "0"
        asked = timedelta(seconds=int(digits)) if len(digits) <= _DIGITS else LONGEST_RETRY_AFTER
    elif (date := _date(text)) is not None:
        asked = date - now
    else:
        return None
    return max(timedelta(0), min(asked, LONGEST_RETRY_AFTER))


def _date(text: str) -> datetime | None:
    """Read the three forms of an HTTP date; the oldest has no zone and means UTC."""
    try:
        date = parsedate_to_datetime(text)
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
