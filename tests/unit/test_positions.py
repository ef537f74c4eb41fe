"""Order keys: each behind all that were made before it, with room in front and between."""

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from tasks import positions
from tests.environment import CHECKOUT

LONGEST = 64  # the column's length
MADE_ELSEWHERE = "from tasks import positions; print(*(positions.last() for _ in range(500)))"


def test_it_makes_keys_in_order() -> None:
    made = [positions.last() for _ in range(5000)]

    assert all(earlier < later for earlier, later in pairwise(made))


def test_it_makes_keys_of_one_length_that_fit_the_column() -> None:
    made = {positions.last() for _ in range(100)}

    assert {len(key) for key in made} == {26}
    assert all(set(key) <= set(positions.DIGITS) for key in made)
    assert LONGEST > 26


def test_it_leaves_room_in_front_of_every_key() -> None:
    lowest = positions.DIGITS[0]

    assert all(not positions.last().startswith(lowest) for _ in range(100))


def test_it_makes_each_key_once_in_all_threads() -> None:
    def many(_: int) -> list[str]:
        return [positions.last() for _ in range(2000)]

    with ThreadPoolExecutor(8) as threads:
        batches = list(threads.map(many, range(8)))

    assert len({key for batch in batches for key in batch}) == 16_000
    assert all(batch == sorted(batch) for batch in batches)


def test_it_makes_keys_behind_those_of_an_earlier_process() -> None:
    run = subprocess.run(
        [sys.executable, "-c", MADE_ELSEWHERE],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
    )
    before = run.stdout.split()
    ended = time.time_ns() // 1_000_000
    while time.time_ns() // 1_000_000 == ended:  # one millisecond is one place in line
        pass

    assert len(set(before)) == 500
    assert max(before) < positions.last()


@given(st.lists(st.uuids(), min_size=2, unique=True))
def test_it_orders_keys_as_their_ids(ids: list[UUID]) -> None:
    keys = [positions.key_of(one) for one in sorted(ids)]

    assert all(earlier < later for earlier, later in pairwise(keys))
