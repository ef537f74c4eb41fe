"""Secrets of a local run: one per directory, whoever comes first, readable by the owner only."""

import multiprocessing
from pathlib import Path

import pytest

from config import local_secrets
from tests.config.processes import STRONG

pytestmark = pytest.mark.once


def test_it_makes_a_secret_once_and_keeps_it(tmp_path: Path) -> None:
    path = tmp_path / "secret-key"
    made = local_secrets.generated(path)
    assert made.startswith("generated-")
    assert len(made) == 74
    assert path.read_text() == made
    assert path.stat().st_mode & 0o777 == 0o600
    assert local_secrets.generated(path) == made


def test_it_gives_the_same_secret_to_processes_that_start_together(tmp_path: Path) -> None:
    path = tmp_path / "secret-key"
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        secrets = pool.map(local_secrets.generated, [path] * 40, chunksize=1)
    assert len(set(secrets)) == 1
    assert [kept.name for kept in tmp_path.iterdir()] == ["secret-key"]


def test_it_loses_the_race_to_a_file_that_appears_meanwhile(tmp_path: Path) -> None:
    winner, loser = tmp_path / "winner", tmp_path / "loser"
    winner.write_text("the first")
    loser.write_text("the second")
    local_secrets._link(loser, winner)
    assert winner.read_text() == "the first"


@pytest.mark.parametrize(
    ("secret", "weakness"),
    [
        (STRONG, ""),
        (STRONG[:32], ""),
        (STRONG[:31], "is shorter than 32 bytes."),
        (f"generated-{STRONG}", "was generated for a local run."),
        (f"Django-Insecure-{STRONG}", "is one that others could guess."),
        (f"secret{STRONG}", "is one that others could guess."),
        ("abcdefg" * 10, "is one that others could guess."),
    ],
)
def test_it_says_why_a_secret_is_weak(secret: str, weakness: str) -> None:
    assert local_secrets.weakness_of(secret) == weakness
