"""Order keys: new ones behind all others, room between any two, short for a long time."""

import subprocess
import sys
from bisect import insort
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks import positions
from tests.environment import CHECKOUT

pytestmark = pytest.mark.once

COLUMN = 64  # the column's length
MADE_ELSEWHERE = "from tasks import positions; print(*(positions.last() for _ in range(500)))"
# As they were made before keys had ten digits.
OLD_KEYS = ("10w5d3g1m2k4j6h8f0a9s7d5g3", "10w5d3g1m2k4j6h8f0a9s7d5g4")


def key() -> st.SearchStrategy[str]:
    """Any key: digits, of which the last is not the lowest."""
    head = st.text(positions.DIGITS, max_size=12)
    return st.tuples(head, st.sampled_from(positions.DIGITS[1:])).map("".join)


def test_it_sorts_its_digits_as_bytes_do() -> None:
    assert sorted(positions.DIGITS) == list(positions.DIGITS)
    assert positions.DIGITS.isascii()
    assert positions.DIGITS.isalnum()
    assert len(set(positions.DIGITS)) == positions.BASE == 62


class TestTheEnd:
    def test_it_makes_keys_in_order(self) -> None:
        made = [positions.last() for _ in range(5000)]

        assert all(earlier < later for earlier, later in pairwise(made))
        assert {len(key) for key in made} == {10}
        assert not any(key.endswith("0") for key in made)

    def test_it_goes_on_where_the_clock_is_set_back(self) -> None:
        instants = iter([1_800_000_000_000_000_000, 1_700_000_000_000_000_000, 0])
        clock = positions.Clock(lambda: next(instants))

        first, second, third = (clock.last() for _ in range(3))

        assert first < second < third

    def test_it_makes_each_key_once_in_all_threads(self) -> None:
        def many(_: int) -> list[str]:
            return [positions.last() for _ in range(2000)]

        with ThreadPoolExecutor(8) as threads:
            batches = list(threads.map(many, range(8)))

        assert len({key for batch in batches for key in batch}) == 16_000
        assert all(batch == sorted(batch) for batch in batches)

    def test_it_makes_keys_behind_those_of_an_earlier_process(self) -> None:
        run = subprocess.run(
            [sys.executable, "-c", MADE_ELSEWHERE],
            cwd=CHECKOUT,
            capture_output=True,
            text=True,
            check=True,
        )
        before = run.stdout.split()

        assert len(set(before)) == 500
        assert max(before) < positions.last()

    def test_it_comes_behind_the_last_one_also_where_that_is_ahead_of_the_clock(self) -> None:
        assert positions.behind("") < positions.behind("1") < positions.last()
        for ahead in ("zz", "z" * 10, "z" * 12):
            assert positions.behind(ahead) > ahead
        assert all(positions.last() > old for old in OLD_KEYS)


class TestTheBeginning:
    def test_it_stays_short_however_often_something_comes_first(self) -> None:
        first = newest = positions.last()
        for _ in range(50_000):
            earlier = positions.before(newest)
            assert earlier < newest
            assert len(earlier) == 10
            newest = earlier
        assert newest < first

    @pytest.mark.parametrize("first", ["1", "01", "0000000001", "00000000001", "zz", *OLD_KEYS])
    def test_it_finds_room_in_front_of_any_key(self, first: str) -> None:
        assert "" < positions.before(first) < first


class TestBetween:
    @given(key(), key())
    def test_it_finds_room_between_any_two(self, one: str, other: str) -> None:
        lower, upper = sorted([one, other])
        if lower == upper:
            with pytest.raises(ValueError, match="no key between"):
                positions.between(lower, upper)
            return
        made = positions.between(lower, upper)

        assert lower < made < upper
        assert not made.endswith("0")
        assert len(made) <= max(len(lower), len(upper)) + 1

    @given(key(), key(), st.integers(1, 300), st.data())
    def test_it_spreads_many_in_order(
        self, one: str, other: str, count: int, data: st.DataObject
    ) -> None:
        lower, upper = min(one, other), max(one, other)
        if lower == upper:
            return
        plain = positions.spread(lower, upper, count)
        taken = set(data.draw(st.lists(st.sampled_from(plain))))
        made = positions.spread(lower, upper, count, taken=taken)

        for keys in (plain, made):
            assert len(keys) == count
            assert [lower, *keys, upper] == sorted({lower, *keys, upper})
            assert not any(key.endswith("0") for key in keys)
        assert not taken & set(made)

    def test_it_spreads_where_there_is_no_end(self) -> None:
        assert positions.spread("", "", 3) == sorted(positions.spread("", "", 3))
        assert min(positions.spread("zz", "", 100)) > "zz"

    @pytest.mark.parametrize(
        ("lower", "upper", "expected"),
        [
            ("1", "3", "2"),
            ("1", "2", "1V"),
            ("", "1", "0V"),
            ("1", "11", "10V"),
            ("8abcdefghi", "8abcdefghk", "8abcdefghj"),
            ("8abcdefghi", "8abcdefghj", "8abcdefghiV"),
            ("8a00000001", "8z00000001", "8n"),
        ],
    )
    def test_it_is_as_short_as_can_be(self, lower: str, upper: str, expected: str) -> None:
        assert positions.between(lower, upper) == expected


MIXES: dict[str, Callable[[Random, list[str]], int]] = {
    "anywhere": lambda chance, keys: chance.randrange(len(keys) + 1),
    "first, last or anywhere": lambda chance, keys: chance.choice(
        [0, len(keys), chance.randrange(len(keys) + 1)]
    ),
    "mostly near the top": lambda chance, keys: min(int(chance.expovariate(0.1)), len(keys)),
}


@pytest.mark.parametrize("mix", MIXES)
def test_it_keeps_keys_short_through_fifty_thousand_inserts(mix: str) -> None:
    """Without dealing out a single key anew, which is tested with the operation (`move_task`)."""
    chance = Random(7)
    keys = [positions.last()]
    for _ in range(50_000):
        place = MIXES[mix](chance, keys)
        lower = keys[place - 1] if place else ""
        if place == len(keys):
            made = positions.behind(lower)
        elif not place:
            made = positions.before(keys[0])
        else:
            made = positions.between(lower, keys[place])
        insort(keys, made)
        assert keys[place] == made
    assert sum(map(len, keys)) / len(keys) < 12
    assert max(map(len, keys)) <= COLUMN
