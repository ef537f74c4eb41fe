"""Identifiers: made in the order of time, read in one spelling only."""

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.ids import parse_id, uuid7
from tests.environment import CHECKOUT

TEXT = "01a20c87-fdb5-7570-b0d9-ddeed1463b1b"

# A server forks its workers after it has made ids. What the parent knew of chance, both know.
FORKED = """
import os, sys
from tasks.ids import uuid7
uuid7()
reading, writing = os.pipe()
for _ in range(2):
    if os.fork() == 0:
        made = "\\n".join(str(uuid7()) for _ in range(100))
        os.write(writing, (made + "\\n").encode())
        os._exit(0)
os.close(writing)
with open(reading) as pipe:
    print(pipe.read(), end="")
for _ in range(2):
    os.wait()
"""


def test_it_makes_version_7() -> None:
    made = uuid7()

    assert (made.version, made.variant) == (7, "specified in RFC 4122")
    assert type(made) is UUID


def test_it_makes_ids_in_the_order_of_time() -> None:
    made = [uuid7() for _ in range(5000)]

    assert all(earlier < later for earlier, later in pairwise(made))


def test_it_makes_each_id_once_in_all_threads() -> None:
    def many(_: int) -> list[UUID]:
        return [uuid7() for _ in range(2000)]

    with ThreadPoolExecutor(8) as threads:
        made = [one for batch in threads.map(many, range(8)) for one in batch]

    assert len(set(made)) == 16_000


def test_it_makes_each_id_once_in_all_processes() -> None:
    run = subprocess.run(
        [sys.executable, "-c", FORKED], cwd=CHECKOUT, capture_output=True, text=True, check=True
    )
    made = run.stdout.split()

    assert (len(made), len(set(made))) == (200, 200)


@given(st.uuids())
def test_it_reads_the_canonical_form_of_any_uuid(value: UUID) -> None:
    assert parse_id(str(value)) == value


SPELLINGS: dict[str, Callable[[str], str]] = {
    "upper case": str.upper,
    "without hyphens": lambda text: text.replace("-", ""),
    "braces": lambda text: f"{{{text}}}",
    "urn": lambda text: f"urn:uuid:{text}",
    "space before": lambda text: f" {text}",
    "space after": lambda text: f"{text} ",
    "line end": lambda text: f"{text}\n",
    "one digit less": lambda text: text[:-1],
    "one digit more": lambda text: f"{text}0",
    "full-width digits": lambda text: text.replace("0", "０"),
    "another letter": lambda text: text.replace("b", "g"),
    "empty": lambda text: "",
    "a number": lambda text: "1",
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_it_reads_no_other_spelling(spelling: str) -> None:
    assert parse_id(SPELLINGS[spelling](TEXT)) is None


@given(st.text(max_size=60))
def test_it_reads_nothing_that_it_would_not_write(text: str) -> None:
    parsed = parse_id(text)

    assert parsed is None or str(parsed) == text
