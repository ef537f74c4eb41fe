"""Conditions on a version: which pass, which do not."""

import pytest

from tasks.errors import VersionMismatch
from tasks.versions import ANY, Expected

pytestmark = pytest.mark.once


@pytest.mark.parametrize(
    ("expected", "passes"),
    [
        (ANY, True),
        (Expected.exactly(3), True),
        (Expected.exactly(2), False),
        (Expected(among=frozenset({"2", "3"})), True),
        (Expected(among=frozenset()), False),
        (Expected(among=frozenset({"03", "3.0", "+3", ""})), False),
        (Expected(unless=frozenset({"2"})), True),
        (Expected(unless=frozenset({"2", "3"})), False),
        (Expected(absent=True), False),
        (Expected(among=frozenset({"3"}), unless=frozenset({"3"})), False),
    ],
)
def test_it_passes_what_is_expected(expected: Expected, passes: bool) -> None:
    if passes:
        expected.check(3)
        return
    with pytest.raises(VersionMismatch) as caught:
        expected.check(3)
    assert caught.value.version == 3
