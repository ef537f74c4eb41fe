"""What a caller takes the version of a thing to be, said before it is written.

Each written thing has a `version`; its entity tag is the version in quotes. A condition is decided
where the row is locked: decided earlier, two writers could both be right and one would be lost.
Source: RFC 9110 §13.1; `If-Match` compares strongly, so a weak tag is none of these.
"""

from dataclasses import dataclass
from typing import Final

from tasks.errors import VersionMismatch


@dataclass(frozen=True, slots=True)
class Expected:
    """A condition on the version that a write finds.

    Attributes:
        among: the versions that will do, as text; None if any will.
        unless: the versions that will not.
        absent: whether none will: the caller expects that there is nothing.
    """

    among: frozenset[str] | None = None
    unless: frozenset[str] = frozenset()
    absent: bool = False

    @classmethod
    def exactly(cls, version: int) -> "Expected":
        return cls(among=frozenset({str(version)}))

    def check(self, version: int) -> None:
        """Raise VersionMismatch, which tells the version that is there, unless it is expected."""
        found = str(version)
        fits = self.among is None or found in self.among
        if not fits or self.absent or found in self.unless:
            raise VersionMismatch(version)


ANY: Final = Expected()
