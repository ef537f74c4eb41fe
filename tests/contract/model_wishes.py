"""What the users of the state machine wish for: bodies, conditions and keys, from a few values.

Few on purpose: two users must meet on the same label, and a body must happen to change nothing.
"""

from dataclasses import dataclass
from typing import Any, Final

from hypothesis import strategies as st

from tasks.ids import uuid7
from tests.contract.model import Refused

TITLES: Final = ["Pack", "  Call Ana ", "Ünïcode ✓"]
DESCRIPTIONS: Final = ["", "# Notes\n\n* one", "x"]
LABELS: Final = ["Home", "HOME ", "Garden", "garden", "ﬁne", "Fine", "Straße", "STRASSE"]
DAYS: Final = [None, "2027-03-28", "2027-03-29", "2027-12-31"]  # the first has no 02:30 in Berlin
ROLES: Final = ["viewer", "editor", "admin"]

_FIELDS: Final[dict[str, st.SearchStrategy[Any]]] = {
    "title": st.sampled_from(TITLES),
    "description": st.sampled_from(DESCRIPTIONS),
    "status": st.sampled_from(["todo", "in_progress", "done", "cancelled"]),
    "completed": st.booleans(),
    "priority": st.integers(0, 4),
    "start_date": st.sampled_from(DAYS[:3]),
    "due_date": st.sampled_from(DAYS),
    "due_time": st.sampled_from([None, "02:30", "17:30:15"]),
    "timezone": st.sampled_from(["UTC", "Europe/Berlin", "America/New_York"]),
    "labels": st.lists(st.sampled_from(LABELS), max_size=3),
    "external_id": st.sampled_from([None, "A-1", "A-2", "A-3"]),
    "metadata": st.sampled_from([{}, {"k": "v"}, {"k": "w", "ü": ""}]),
}
FULL_BODY: Final[dict[str, Any]] = {  # nothing is what it is by default
    "title": "Pack",
    "description": "# Notes\n\n* one",
    "status": "in_progress",
    "priority": 3,
    "start_date": "2027-03-28",
    "due_date": "2027-03-29",
    "due_time": "17:30:15",
    "timezone": "Europe/Berlin",
    "labels": ["Home", "ﬁne"],
    "external_id": "A-1",
    "metadata": {"k": "v"},
}
NAMES: Final = sorted(_FIELDS)
REFUSED_BODIES: Final[list[Any]] = [
    {"colour": "red"},
    {"title": "Pack", "version": 7},
    {"title": " "},
    {"priority": 5},
    {"due_date": "2027-02-29"},
    [],
]


@st.composite
def fields(draw: st.DrawFn, most: int = 4) -> dict[str, Any]:
    """Some fields of a task that stand for themselves."""
    names = draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=most))
    return {name: draw(_FIELDS[name]) for name in names}


def project_fields() -> st.SearchStrategy[dict[str, Any]]:
    """Some fields of a project."""
    wishes = {"name": st.sampled_from(TITLES), "description": st.sampled_from(DESCRIPTIONS)}
    return st.fixed_dictionaries({}, optional=wishes)


def new_id(draw: Any, known: list[str]) -> dict[str, str]:
    """No id, an id of the client's choice, or one that is taken."""
    kind = draw(st.sampled_from(["server's", "server's", "chosen", "taken"]))
    if kind == "taken" and known:
        return {"id": draw(st.sampled_from(known))}
    return {} if kind == "server's" else {"id": str(uuid7())}


@dataclass(frozen=True)
class Condition:
    """Headers with a condition on the version, and whether the version meets it.

    Attributes:
        readable: whether the headers can be read at all.
    """

    name: str
    headers: dict[str, str]
    holds: bool = True
    readable: bool = True

    def refuse_unreadable(self) -> None:
        if not self.readable:
            raise Refused(400, "malformed_request")


def conditions(version: int) -> list[Condition]:
    """Return every kind of condition on a thing that has this version, the usual ones often."""
    other = version - 1 if version > 1 else version + 1
    none, right = Condition("none", {}), Condition("right", {"If-Match": f'"{version}"'})
    listed = {"If-Match": f'"999", W/"{other}",  "{version}"'}
    both = {"If-Match": f'"{version}"', "If-None-Match": f'W/"{version}"'}
    return [
        *[none] * 10,
        *[right] * 6,
        Condition("star", {"If-Match": "*"}),
        Condition("listed", listed),
        Condition("stale", {"If-Match": f'"{other}"'}, holds=False),
        Condition("weak", {"If-Match": f'W/"{version}"'}, holds=False),
        Condition("absent", {"If-None-Match": "*"}, holds=False),
        Condition("unless this", both, holds=False),
        Condition("unless other", {"If-None-Match": f'"{other}"'}),
        Condition("unreadable", {"If-Match": str(version)}, readable=False),
    ]


def read_conditions(tag: str) -> list[tuple[str, bool]]:
    """Return values of `If-None-Match` on a read, and whether they name the tag."""
    return [
        (tag, True),
        (f"W/{tag}", True),
        ("*", True),
        (f'"other", {tag}', True),
        ('"other"', False),
        (tag.strip('"'), False),
    ]
