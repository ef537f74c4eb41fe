"""Order keys: strings whose byte order is the order of the tasks (fractional indexing).

A new task goes to the end of its project. Its key is made from a fresh UUIDv7, so it sorts after
every key made before it and no row needs to be read or locked to find the end. Between any two
keys there is room for another one, so moving one task rewrites one row.
Source of the idea: Figma, "Realtime editing of ordered sequences" (2017).
"""

from typing import Final
from uuid import UUID

from tasks.ids import uuid7

DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
_LENGTH: Final = 25  # 36**25 > 2**128: each UUID has a key of its own
_FIRST: Final = "1"  # leaves room in front of every key: none begins with the lowest digit


def last() -> str:
    """Return a key behind every key made so far."""
    return key_of(uuid7())


def key_of(identifier: UUID) -> str:
    """Return the key of an identifier: the keys are in the order of the identifiers."""
    number, digits = identifier.int, []
    for _ in range(_LENGTH):
        number, digit = divmod(number, 36)
        digits.append(DIGITS[digit])
    return _FIRST + "".join(reversed(digits))
