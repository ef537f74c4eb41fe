"""Order keys: strings whose byte order is the order of the tasks (fractional indexing).

A new task goes to the end of its project. Its key is the clock in ten digits, so it sorts after
every key made before it and no row needs to be read or locked to find the end. Between two keys
there is room for a third, which is longer where they are close; when it would be too long, the
keys around that place are dealt out anew (`spread`).

No key ends in the lowest digit: between "a" and "a0" nothing could be put.
Source of the idea: Figma, "Realtime editing of ordered sequences" (2017).
"""

import threading
import time
from collections.abc import Callable, Collection
from itertools import pairwise
from typing import Final

# In the order of their bytes, so that every database and every client sorts keys alike.
DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
BASE: Final = len(DIGITS)
WIDTH: Final = 10  # digits of a key from the clock
LONGEST: Final = 24  # what is longer is a reason to deal out keys anew
_TICK: Final = 16  # nanoseconds; ten digits then last until the year 2395
_STEP: Final = BASE**4  # ticks, a quarter of a second: between the first task and one put before it
_ROOM: Final = BASE**2  # places that `spread` leaves between two keys, where it can
_VALUES: Final = {digit: value for value, digit in enumerate(DIGITS)}


class Clock:
    """Makes keys from the time: each is behind all that this process made before.

    Two processes can make the same one, within 16 nanoseconds; the database refuses the second.
    """

    def __init__(self, nanoseconds: Callable[[], int] = time.time_ns) -> None:
        self._nanoseconds = nanoseconds
        self._newest = 0
        self._lock = threading.Lock()

    def last(self) -> str:
        """Return a key behind every key made so far."""
        with self._lock:
            self._newest = _whole(max(self._nanoseconds() // _TICK, self._newest + 1))
            return _text(self._newest, WIDTH)


last: Final = Clock().last


def before(key: str) -> str:
    """Return a key in front of the first one of a project."""
    number = _number(key, WIDTH) - _STEP
    return _text(_whole(number), WIDTH) if number > 0 else between("", key)


def behind(key: str) -> str:
    """Return a key behind the last one of a project: the clock's, unless the key is ahead of it."""
    now = last()
    if now > key:
        return now
    number = _number(key, WIDTH) + _STEP
    return _text(_whole(number), WIDTH) if number < BASE**WIDTH else spread(key, "", 1, room=1)[0]


def between(lower: str, upper: str) -> str:
    """Return the shortest key between two keys, in the middle of those of its length.

    Args:
        lower: empty for the beginning of all.
        upper: greater than `lower`.

    Raises:
        ValueError: it is not.
    """
    return spread(lower, upper, 1, room=1)[0]


def spread(
    lower: str, upper: str, count: int, *, taken: Collection[str] = (), room: int = _ROOM
) -> list[str]:
    """Return `count` keys between two keys, in order and evenly apart.

    Args:
        lower: empty for the beginning of all.
        upper: greater than `lower`; empty for no end.
        taken: keys that must not be among them.
        room: the least distance that they keep, in units of their last digit.

    Raises:
        ValueError: `upper` is not greater than `lower`.
    """
    if upper and lower >= upper:
        raise ValueError("There is no key between these.")
    length = 1
    while True:
        first, end = _free(lower, upper, length)
        apart = (end - first) // (count + 1)
        if apart >= room:
            keys = [_next(first + apart * place, length, taken) for place in range(1, count + 1)]
            if _rising([*keys, upper or "~"]):
                return keys
        length += 1


def _free(lower: str, upper: str, length: int) -> tuple[int, int]:
    """Return the numbers around those whose keys of this length lie between the two, exclusive."""
    first = _number(lower, length)
    if not upper:
        return first, BASE**length
    return first, _number(upper, length) + (len(upper) > length)


def _next(number: int, length: int, taken: Collection[str]) -> str:
    """Return the key of the number, or the next one that may be used."""
    while True:
        key = _text(_whole(number), length)
        if key not in taken:
            return key
        number = _whole(number) + 1


def _rising(keys: list[str]) -> bool:
    return all(one < other for one, other in pairwise(keys))


def _whole(number: int) -> int:
    """Return the number, or the next one if its key would end in the lowest digit."""
    return number if number % BASE else number + 1


def _number(key: str, length: int) -> int:
    """Return the number that the first digits of a key are, zeros added where it is shorter."""
    number = 0
    for place in range(length):
        number = number * BASE + (_VALUES[key[place]] if place < len(key) else 0)
    return number


def _text(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, BASE)
        digits.append(DIGITS[digit])
    return "".join(reversed(digits))
