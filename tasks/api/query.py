"""Query parameters: a table for each list says what may be asked, and documents it.

Whatever is unknown, empty or sent twice is refused by name: a misspelt filter that is ignored
answers more than was asked for, and nobody notices.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Final
from uuid import UUID

from django.http import QueryDict

from tasks.api.deprecation import Deprecation
from tasks.errors import FieldError, Invalid
from tasks.ids import parse_id
from tasks.reads import Condition
from tasks.schedule import zone_names

MOST_LIMIT: Final = 200
DEFAULT_LIMIT: Final = 50
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_INSTANT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?"
    r"([Zz]|[+-][0-9]{2}:[0-9]{2})"
)


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks and when: what the meaning of a parameter may depend on."""

    user: UUID
    now: datetime
    zone: str = "UTC"


class Unreadable(ValueError):
    """A value does not say what its parameter takes; the text says what it takes."""


type Reader = Callable[[str], Any]
type Meaning = Callable[[Sequence[Any], Asking], Condition]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One query parameter.

    Attributes:
        read: turns the text into a value or raises Unreadable.
        means: turns the values into a condition; None for parameters that steer (`limit`).
        schema: its JSON Schema, for the documentation.
        many: whether it may be repeated.
        most: how often, then.
        deprecated: the announcement, if it will go away.
    """

    name: str
    description: str
    schema: dict[str, Any]
    read: Reader
    means: Meaning | None = None
    many: bool = False
    most: int = 100
    deprecated: Deprecation | None = None


@dataclass(slots=True)
class Asked:
    """The values that a request sent, by parameter."""

    values: dict[str, list[Any]] = field(default_factory=dict)

    def one(self, name: str, default: Any = None) -> Any:
        """Return the value of a parameter that is not repeated."""
        return self.values[name][0] if name in self.values else default


def read(query: QueryDict, table: Mapping[str, Parameter]) -> Asked:
    """Read a query string by a table.

    Raises:
        Invalid: with one error for each parameter that is unknown, empty, repeated or unreadable.
    """
    asked, errors = Asked(), []
    for name, texts in query.lists():
        try:
            asked.values[name] = _values(table.get(name), texts)
        except Unreadable as error:
            code = "invalid" if name in table else "unknown"
            errors.append(FieldError(name, code, str(error), in_query=True))
    if errors:
        raise Invalid("The query has parameters that are not right.", errors=errors)
    return asked


def conditions(asked: Asked, table: Mapping[str, Parameter], asking: Asking) -> Iterable[Condition]:
    """Return the conditions that the parameters mean, in the order of the table.

    The table's order and not the query's: `?a&b` and `?b&a` are one shape of SQL.
    """
    for name, parameter in table.items():
        if name in asked.values and parameter.means is not None:
            yield parameter.means(asked.values[name], asking)


def _values(parameter: Parameter | None, texts: Sequence[str]) -> list[Any]:
    if parameter is None:
        raise Unreadable("There is no such parameter here.")
    if len(texts) > 1 and not parameter.many:
        raise Unreadable("It takes one value.")
    if parameter.many and len(texts) > parameter.most:
        raise Unreadable(f"It takes at most {parameter.most} values.")
    if not all(texts):
        raise Unreadable("It is empty: give a value or leave it out.")
    if any(_CONTROL.search(text) for text in texts):
        raise Unreadable("It holds a control character.")
    return list(dict.fromkeys(parameter.read(text) for text in texts))


# --- readers: from text to values -----------------------------------------------------------------


def an_id(text: str) -> UUID:
    parsed = parse_id(text)
    if parsed is None:
        raise Unreadable("It takes a UUID in canonical form.")
    return parsed


def a_flag(text: str) -> bool:
    if text not in {"true", "false"}:
        raise Unreadable("It takes `true` or `false`.")
    return text == "true"


def a_number(least: int, most: int) -> Reader:
    """Return a reader of whole numbers, in ASCII digits."""

    def reader(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", text) or not least <= int(text) <= most:
            raise Unreadable(f"It takes a whole number from {least} to {most}.")
        return int(text)

    return reader


def one_of(choices: Iterable[str]) -> Reader:
    allowed = list(choices)

    def reader(text: str) -> str:
        if text not in allowed:
            raise Unreadable(f"It takes one of: {', '.join(allowed)}.")
        return text

    return reader


def a_text(most: int) -> Reader:
    def reader(text: str) -> str:
        if len(text) > most:
            raise Unreadable(f"It takes at most {most} characters.")
        return text

    return reader


def text_schema(most: int) -> dict[str, Any]:
    """Return the JSON Schema of what `a_text` reads."""
    return {"type": "string", "minLength": 1, "maxLength": most, "pattern": r"^[^\x00-\x1f\x7f]+$"}


def a_zone(text: str) -> str:
    if text not in zone_names():
        raise Unreadable("It takes the name of an IANA time zone, like Europe/Berlin.")
    return text


def a_date(text: str) -> date:
    try:
        if _DATE.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise Unreadable("It takes a date, like 2027-03-31.")


def a_date_or_instant(text: str) -> date | datetime:
    """Read a day or an instant of RFC 3339 §5.6, in UTC."""
    try:
        if _DATE.fullmatch(text):
            return date.fromisoformat(text)
        if _INSTANT.fullmatch(text):
            return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise Unreadable(
        "It takes a date, like 2027-03-31, or an instant of RFC 3339, like 2027-03-31T08:00:00Z "
        "(a `+` of the offset is written %2B)."
    )
