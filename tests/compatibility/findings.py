"""What was found, and what of it is declared."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final, Literal

type Side = Literal["requests", "answers", "problems"]
type Json = Mapping[str, Any]

GONE: Final = "Keep it, or deprecate it and wait for its sunset."
DEMANDED: Final = "Do without it where it is not sent."
TIGHTER: Final = "Take everything that was taken before."
WIDER: Final = "Answer nothing that was not answered before: new things are told in a new field."
CHANGED: Final = "Leave it as it was."
UNCLEAR: Final = "This check does not know which is wider: leave it as it was, or declare it."
NOTHING: Final = "nothing"

_DECLARATION: Final = re.compile(r"- `(?P<name>.+)`: *(?P<reason>\S.*)")


@dataclass(frozen=True, slots=True)
class Finding:
    """One change that may break a client.

    Attributes:
        place: where in the document, like a JSON pointer.
        was: what is there in the released document.
        now: what is there at present.
        remedy: how to do without the break.
        side: who is concerned; empty for what concerns both.
        sunset: whether it was announced, and the announced day has come.
    """

    place: str
    was: str
    now: str
    remedy: str
    side: Side | Literal[""] = ""
    sunset: bool = False

    @property
    def name(self) -> str:
        """What a declaration quotes: it fits this change and no later one."""
        where = f"{self.place} in {self.side}" if self.side else self.place
        return f"{where}: was {self.was}, is {self.now}"

    def __str__(self) -> str:
        return f"{self.name}. {self.remedy}"


def words(value: Any) -> str:
    """Return a value as a finding shows it."""
    return json.dumps(value, ensure_ascii=False, default=as_json)


def as_json(value: Any) -> Any:
    """Return what JSON has for the sets that are made here and the dates that YAML makes."""
    return sorted(value) if isinstance(value, frozenset) else str(value)


def step(place: str, *names: str) -> str:
    """Return a place further down, escaped as in a JSON pointer (RFC 6901 §3)."""
    return "/".join([place, *(name.replace("~", "~0").replace("/", "~1") for name in names)])


def sunset_has_come(released: Json, today: date) -> bool:
    """Tell whether the released document announced that this may be gone by now."""
    sunset = released.get("x-sunset")
    if released.get("deprecated") is not True or sunset is None:
        return False
    return date.fromisoformat(str(sunset)) <= today


def below(released: Json, today: date, found: Iterable[Finding]) -> Iterator[Finding]:
    """Yield what was found below something, which its sunset excuses if that has come."""
    excused = sunset_has_come(released, today)
    yield from (replace(each, sunset=True) if excused else each for each in found)


def broken_promise(released: Json, now: Json, place: str) -> Iterator[Finding]:
    """Yield the sunset that was brought forward."""
    was, brought = released.get("x-sunset"), now.get("x-sunset")
    if was is not None and brought is not None and str(brought) < str(was):
        yield Finding(step(place, "x-sunset"), str(was), str(brought), CHANGED)


def distinct(found: Iterable[Finding]) -> list[Finding]:
    """Leave out what is found again, in what several operations share.

    It is excused if it is so everywhere: another operation still promises the same.
    """
    by_name: dict[str, Finding] = {}
    for each in found:
        known = by_name.setdefault(each.name, each)
        by_name[each.name] = replace(known, sunset=known.sunset and each.sunset)
    return list(by_name.values())


def declarations(text: str) -> dict[str, str]:
    """Read the declared breaks, by the name of the finding, with their reasons.

    Raises:
        ValueError: a line begins like one and has no name or no reason.
    """
    found = {}
    for line in text.splitlines():
        if line.startswith("- `"):
            match = _DECLARATION.fullmatch(line)
            if match is None:
                raise ValueError(f"This line takes a finding and a reason: {line}")
            found[match["name"]] = match["reason"]
    return found


def complaints(found: Iterable[Finding], declared: Mapping[str, str]) -> list[str]:
    """Return a line for each finding that is not declared and each declaration of nothing."""
    breaks = {each.name: each for each in found if not each.sunset}
    undeclared = [str(each) for name, each in breaks.items() if name not in declared]
    stale = [
        f"`{name}` is declared and not found. Take the declaration away."
        for name in declared
        if name not in breaks
    ]
    return undeclared + stale
