"""When a delivery is tried again: ten tries, ± 20 %, and never before the receiver asked."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.webhooks.backoff import DELAYS, next_try_at, parse_retry_after

pytestmark = pytest.mark.once

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
DAY = timedelta(hours=24)
CHANCES = st.floats(0, 1, exclude_max=True)
WAITS = st.timedeltas(timedelta(0), timedelta(days=30))


def wait(tries: int, *, retry_after: timedelta | None = None, chance: float = 0.5) -> timedelta:
    at = next_try_at(tries, NOW, retry_after=retry_after, chance=chance)
    assert at is not None
    return at - NOW


def test_it_tries_ten_times_over_75_hours_35_minutes_5_seconds() -> None:
    waits = [wait(tries) for tries in range(10)]
    assert [each.total_seconds() for each in waits] == [
        *(0, 5, 5 * 60, 30 * 60),
        *(hours * 3600 for hours in (2, 5, 10, 14, 20, 24)),
    ]
    assert sum(waits, timedelta()) == timedelta(hours=75, minutes=35, seconds=5)


@pytest.mark.parametrize("tries", [10, 11, 32767])
@pytest.mark.parametrize("retry_after", [None, timedelta(seconds=1), DAY])
def test_it_gives_up_after_ten_whatever_the_receiver_asks(
    tries: int, retry_after: timedelta | None
) -> None:
    assert next_try_at(tries, NOW, retry_after=retry_after, chance=0.5) is None


@pytest.mark.parametrize(
    ("tries", "chance", "seconds"),
    [
        (0, 0, 0),
        (0, 0.999, 0),
        (1, 0, 4),
        (1, 0.75, 5.5),
        (2, 0, 240),
        (2, 0.25, 270),
        (9, 0, 69120),
    ],
)
def test_it_spreads_the_tries(tries: int, chance: float, seconds: float) -> None:
    assert wait(tries, chance=chance) == timedelta(seconds=seconds)


@given(tries=st.integers(0, 9), chance=CHANCES)
def test_it_stays_within_a_fifth_of_the_wait(tries: int, chance: float) -> None:
    low, high = DELAYS[tries] * 0.8, DELAYS[tries] * 1.2
    assert low <= wait(tries, chance=chance) <= high


@given(tries=st.integers(0, 9), chance=CHANCES, retry_after=WAITS)
def test_it_waits_as_long_as_asked_and_not_less_than_it_would(
    tries: int, chance: float, retry_after: timedelta
) -> None:
    plain = wait(tries, chance=chance)
    assert wait(tries, chance=chance, retry_after=retry_after) == max(plain, min(retry_after, DAY))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("120", 120),
        (" 120\t", 120),
        ("00000000000000000120", 120),
        ("86399", 86399),
        ("86400", 86400),
        ("86401", 86400),
        ("9" * 5000, 86400),
        ("Tue, 24 Nov 2026 12:02:00 GMT", 120),
        ("Tuesday, 24-Nov-26 12:02:00 GMT", 120),
        ("Tue Nov 24 12:02:00 2026", 120),
        ("Tue, 24 Nov 2026 11:59:59 GMT", 0),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 0),
        ("Thu, 26 Nov 2026 12:00:00 GMT", 86400),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 86400),
    ],
)
def test_it_reads_seconds_and_dates_up_to_a_day(text: str, seconds: int) -> None:
    assert parse_retry_after(text, NOW) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text",
    [
        *(None, "", " ", "-1", "1.5", "+1", "1e3", "0x10", "soon", "120 s", "²", "١٢"),
        *("Tue, 31 Feb 2026 12:00:00 GMT", "Tue, 24 Nov 2026 25:00:00 GMT"),
        *("Tue, 24 Nov 99999 12:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 -2359"),
        "Tue, 24 Nov 2026 12:00:00 +99999999",
    ],
)
def test_it_does_not_guess_what_nonsense_means(text: str | None) -> None:
    assert parse_retry_after(text, NOW) is None


@given(
    at=st.datetimes(datetime(1970, 1, 1), timezones=st.just(UTC)).map(  # noqa: DTZ001
        lambda at: at.replace(microsecond=0)
    )
)
def test_it_reads_every_date_that_a_server_may_write(at: datetime) -> None:
    asked = parse_retry_after(format_datetime(at, usegmt=True), NOW)
    assert asked == max(timedelta(0), min(at - NOW, DAY))


# What the parts of a date, in any order and number, could make of its reader.
PARTS = st.sampled_from(
    [
        "Tue",
        ",",
        "24",
        "Nov",
        "2026",
        "12:02:00",
        "GMT",
        "+0100",
        "-",
        ":",
        "9" * 30,
        "(",
        ")",
        "\\",
    ]
)


@given(text=st.one_of(st.text(), st.lists(PARTS).map(" ".join)))
def test_it_never_fails_on_what_a_receiver_writes(text: str) -> None:
    asked = parse_retry_after(text, NOW)
    assert asked is None or timedelta(0) <= asked <= DAY
