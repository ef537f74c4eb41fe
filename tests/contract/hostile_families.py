"""The register of families: kinds of hostility, each a maker of requests out of a target."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Final

from tests.contract.hostile import Shot
from tests.contract.hostile_targets import Target

type Make = Callable[[Random, Target], Shot]


@dataclass(frozen=True)
class Family:
    """One kind of hostility.

    Attributes:
        make: makes a request; what it is comes from the random numbers alone.
        applies: whether an operation can be tried with it.
    """

    name: str
    make: Make
    applies: Callable[[Target], bool]


FAMILIES: Final[list[Family]] = []


def family(
    name: str, applies: Callable[[Target], bool] = lambda target: True
) -> Callable[[Make], Make]:
    """Register a maker."""

    def register(make: Make) -> Make:
        FAMILIES.append(Family(name, make, applies))
        return make

    return register
