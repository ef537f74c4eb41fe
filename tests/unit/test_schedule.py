"""When a task becomes overdue, in every zone and on the strange days."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.schedule import day_bounds, due_at, instants_around, zone_names


def utc(
    year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0
) -> datetime:
    return datetime(year, month, day, hour, minute, second, tzinfo=UTC)


@pytest.mark.parametrize(
    ("day", "clock", "zone", "expected"),
    [
        (None, None, "UTC", None),
        (None, time(9), "UTC", None),
        (date(2026, 7, 1), time(9), "UTC", utc(2026, 7, 1, 9)),
        (date(2026, 7, 1), time(9), "Europe/Berlin", utc(2026, 7, 1, 7)),
        (date(2026, 1, 1), time(9), "Europe/Berlin", utc(2026, 1, 1, 8)),
        (date(2026, 7, 1), time(0), "Asia/Kolkata", utc(2026, 6, 30, 18, 30)),
        (date(2026, 7, 1), time(23, 59, 59), "Pacific/Kiritimati", utc(2026, 7, 1, 9, 59, 59)),
        (date(2026, 7, 1), time(12), "Australia/Lord_Howe", utc(2026, 7, 1, 1, 30)),
    ],
)
def test_it_turns_a_local_time_into_an_instant(
    day: date | None, clock: time | None, zone: str, expected: datetime | None
) -> None:
    assert due_at(day, clock, zone) == expected


@pytest.mark.parametrize(
    ("day", "zone", "expected"),
    [
        (date(2026, 7, 1), "UTC", utc(2026, 7, 2)),
        (date(2026, 12, 31), "UTC", utc(2027, 1, 1)),
        (date(2026, 7, 1), "America/New_York", utc(2026, 7, 2, 4)),
        (date(2026, 7, 1), "Pacific/Kiritimati", utc(2026, 7, 1, 10)),
        # The day of a change is an hour shorter or longer.
        (date(2026, 3, 29), "Europe/Berlin", utc(2026, 3, 29, 22)),
        (date(2026, 10, 25), "Europe/Berlin", utc(2026, 10, 25, 23)),
        # Midnight itself was left out: summer time began with the day.
        (date(2018, 11, 3), "America/Sao_Paulo", utc(2018, 11, 4, 3)),
        # Midnight came twice: the first one ends the day before.
        (date(2020, 10, 31), "America/Havana", utc(2020, 11, 1, 4)),
        # Samoa had no 30 December 2011: it ends as it begins.
        (date(2011, 12, 30), "Pacific/Apia", utc(2011, 12, 30, 10)),
    ],
)
def test_it_is_due_all_day_without_a_time(day: date, zone: str, expected: datetime) -> None:
    assert due_at(day, None, zone) == expected


def test_it_reads_a_time_that_is_left_out_as_if_the_clock_had_not_changed() -> None:
    assert due_at(date(2026, 3, 29), time(2, 30), "Europe/Berlin") == utc(2026, 3, 29, 1, 30)


def test_it_reads_a_time_that_comes_twice_as_the_first() -> None:
    assert due_at(date(2026, 10, 25), time(2, 30), "Europe/Berlin") == utc(2026, 10, 25, 0, 30)


@pytest.mark.parametrize(
    ("day", "clock", "zone", "expected"),
    [
        (date.max, None, "UTC", utc(9999, 12, 31, 23, 59, 59)),
        (date.max, None, "Pacific/Kiritimati", utc(9999, 12, 31, 23, 59, 59)),
        (date.max, time(23), "America/New_York", utc(9999, 12, 31, 23, 59, 59)),
        (date.max, time(23), "UTC", utc(9999, 12, 31, 23)),
        (date(9999, 12, 30), None, "UTC", utc(9999, 12, 31)),
        (date.min, time(0), "UTC", utc(1, 1, 1)),
        (date.min, time(0), "Asia/Tokyo", utc(1, 1, 1)),
        (date.min, None, "UTC", utc(1, 1, 2)),
    ],
)
def test_it_ends_with_the_calendar(
    day: date, clock: time | None, zone: str, expected: datetime
) -> None:
    assert due_at(day, clock, zone) == expected


ZONES = st.sampled_from(sorted(zone_names()))
CLOCKS = st.none() | st.times()
EDGES = st.sampled_from([date.min, date(1, 1, 2), date(9999, 12, 30), date.max])


@settings(deadline=None)
@given(st.dates() | EDGES, CLOCKS, ZONES)
def test_it_answers_for_every_date_time_and_zone(day: date, clock: time | None, zone: str) -> None:
    instant = due_at(day, clock, zone)

    assert instant is not None
    assert instant.tzinfo is UTC
    nearest = utc(day.year, day.month, day.day)
    assert max(instant, nearest) - min(instant, nearest) <= timedelta(days=3)


@settings(deadline=None)
@given(st.dates(date(1970, 1, 3), date(2100, 1, 1)), st.times(), ZONES)
def test_it_says_the_same_time_as_the_clock_on_the_wall(day: date, clock: time, zone: str) -> None:
    instant = due_at(day, clock, zone)
    assert instant is not None
    local = instant.astimezone(ZoneInfo(zone))

    # Different only in an hour, or a day, that the zone has left out.
    wanted = datetime.combine(day, clock, tzinfo=ZoneInfo(zone))
    left_out = wanted.astimezone(UTC).astimezone(ZoneInfo(zone)).time() != clock or (
        wanted.astimezone(UTC).astimezone(ZoneInfo(zone)).date() != day
    )
    assert left_out or (local.date(), local.time().replace(fold=0)) == (day, clock)


@settings(deadline=None)
@given(st.dates(date(1, 1, 2), date(9999, 12, 29)), ZONES)
def test_it_ends_a_day_where_the_next_begins(day: date, zone: str) -> None:
    start, end = day_bounds(day, zone)

    assert start <= end
    assert end == day_bounds(day + timedelta(days=1), zone)[0]


@given(day=st.dates(), clock=st.none() | st.times(), zone=st.sampled_from(sorted(zone_names())))
def test_it_knows_between_which_instants_a_day_ends_anywhere(
    day: date, clock: time | None, zone: str
) -> None:
    since, until = instants_around(day)
    due = due_at(day, clock, zone)
    assert due is not None
    assert since <= due <= until
    assert until - since <= timedelta(days=3)


@pytest.mark.parametrize("day", [date.min, date.max - timedelta(days=1), date.max])
def test_it_knows_them_at_both_ends_of_the_calendar(day: date) -> None:
    since, until = instants_around(day)
    for zone in ("Pacific/Kiritimati", "Etc/GMT+12", "UTC"):
        for due in (due_at(day, None, zone), due_at(day, time(23, 59), zone)):
            assert due is not None
            assert since <= due <= until


def test_it_offers_the_zones_that_people_live_in() -> None:
    names = zone_names()

    assert {"UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"} <= names
    assert not {"Factory", "localtime", "posixrules", ""} & names
    assert max(map(len, names)) <= 64  # the column's length
