"""When a task becomes overdue: from the dates people write to the instant a machine compares."""

from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

_BEGIN: Final = datetime(1, 1, 1, tzinfo=UTC)
_END: Final = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


@cache
def zone_names() -> frozenset[str]:
    """Return the names of the IANA time zone database that tasks may use."""
    return frozenset(available_timezones()) - {"Factory", "localtime"}


def due_at(due_date: date | None, due_time: time | None, zone: str) -> datetime | None:
    """Return the instant, in UTC, from which on an open task is overdue.

    With a time, that local time; in the hour that a change to summer time leaves out, the time as
    if the clock had not been changed, and in the hour that comes twice the first one (RFC 5545
    §3.3.5). Without a time the task is due all day: the end of the day in its zone.
    What lies outside the calendar from year 1 to 9999 is moved to its edge.
    """
    if due_date is None:
        return None
    if due_time is None:
        return day_bounds(due_date, zone)[1]
    return _instant(due_date, due_time, zone)


def day_bounds(day: date, zone: str) -> tuple[datetime, datetime]:
    """Return the first instant of a local day and that of the next day, in UTC."""
    if day == date.max:
        return _instant(day, time.min, zone), _END
    return _instant(day, time.min, zone), _instant(day + timedelta(days=1), time.min, zone)


def instants_around(day: date) -> tuple[datetime, datetime]:
    """Return two instants: what is due on this day, in whatever zone, is so between them."""
    first, last = day.toordinal() - 1, day.toordinal() + 2  # no zone is a day away from UTC
    since = date.fromordinal(first) if first >= 1 else date.min
    until = date.fromordinal(last) if last <= date.max.toordinal() else None
    return (
        datetime.combine(since, time.min, UTC),
        datetime.combine(until, time.min, UTC) if until else _END,
    )


def _instant(day: date, clock: time, zone: str) -> datetime:
    try:
        return datetime.combine(day, clock, ZoneInfo(zone)).astimezone(UTC)
    except OverflowError:  # in UTC it would be a day before the first or after the last
        return _BEGIN if day.year == date.min.year else _END
