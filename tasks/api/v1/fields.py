"""Serializer fields that take a JSON value for what it is.

DRF's own are made for HTML forms: they read "3" as an integer, "yes" as true, 5 as a text, and
digits of any script in a date. A typed client that sends these has a mistake, and is told.
"""

import re
from collections.abc import Mapping
from datetime import date, time
from typing import Any, Final
from uuid import UUID

import orjson
from rest_framework import serializers

from tasks.ids import VERSION_7, parse_id
from tasks.schedule import zone_names

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME: Final = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?")
_VERSION_7: Final = re.compile(VERSION_7)


class StrictField(serializers.Field):
    """A field with one error, `invalid`, whose text says what the field takes.

    Attributes:
        takes: the words.
        schema: the same as JSON Schema, for the OpenAPI document.
    """

    takes: str
    schema: Mapping[str, Any]

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.error_messages["invalid"] = f"It takes {self.takes}."
        self.error_messages["null"] = f"It takes {self.takes}, not null."
        self.error_messages["required"] = f"It is required and takes {self.takes}."

    def to_representation(self, value: Any) -> Any:
        return value


class Text(StrictField):
    """A text of any lines, kept as it is; `most` bytes of UTF-8."""

    takes = "a text"

    def __init__(self, *, most: int, blank: bool = True, **kwargs: Any) -> None:
        self.most, self.blank = most, blank
        self.takes = f"a text of at most {most} bytes in UTF-8"
        self.schema = {"type": "string", "maxLength": most}
        if not blank:
            self.schema = {**self.schema, "not": {"pattern": r"^\s*$"}}
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str) or len(data.encode()) > self.most:
            self.fail("invalid")
        if not self.blank and not data.strip():
            raise serializers.ValidationError("It must not be blank.", code="blank")
        return data


class Line(StrictField):
    """One line, trimmed and not blank; `most` characters."""

    def __init__(self, *, most: int, **kwargs: Any) -> None:
        self.most = most
        self.takes = f"one line of 1 to {most} characters"
        control = r"\x00-\x1f\x7f-\x9f\u2028\u2029"
        pattern = rf"^[^{control}]*[^\s{control}][^{control}]*$"
        self.schema = {"type": "string", "minLength": 1, "maxLength": most, "pattern": pattern}
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        if len(data) > self.most or _CONTROL.search(data):
            self.fail("invalid")
        line = data.strip()
        if not line:
            raise serializers.ValidationError("It must not be blank.", code="blank")
        return line


class Flag(StrictField):
    takes = "true or false"
    schema: Mapping[str, Any] = {"type": "boolean"}

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid")
        return data


class Number(StrictField):
    """A whole number between two others; 3.0 is one (JSON Schema, draft 2020-12, §4.2.3)."""

    def __init__(self, *, least: int, most: int, **kwargs: Any) -> None:
        self.least, self.most = least, most
        self.takes = f"a whole number from {least} to {most}"
        self.schema = {"type": "integer", "minimum": least, "maximum": most}
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> int:
        if type(data) is float and data.is_integer():
            data = int(data)
        if type(data) is not int or not self.least <= data <= self.most:  # True is an int, too
            self.fail("invalid")
        return data


class OneOf(StrictField):
    """One of a few words."""

    def __init__(self, *, words: list[str], **kwargs: Any) -> None:
        self.words = words
        self.takes = f"one of: {', '.join(words)}"
        self.schema = {"type": "string", "enum": words}
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str) or data not in self.words:
            self.fail("invalid")
        return data


class Day(StrictField):
    """A date of ISO 8601, in the calendar from year 1 to 9999."""

    takes = "a date, like 2027-03-31"
    schema: Mapping[str, Any] = {"type": "string", "format": "date"}

    def to_internal_value(self, data: Any) -> date:
        if not isinstance(data, str) or not _DATE.fullmatch(data):
            self.fail("invalid")
        try:
            return date.fromisoformat(data)
        except ValueError:
            self.fail("invalid")


class ClockTime(StrictField):
    """A local time, to the second and without an offset."""

    takes = "a time, like 17:30 or 17:30:00"
    schema: Mapping[str, Any] = {
        "type": "string",
        "pattern": f"^{_TIME.pattern}$",
        "example": "17:30:00",
    }

    def to_internal_value(self, data: Any) -> time:
        if not isinstance(data, str) or not _TIME.fullmatch(data):
            self.fail("invalid")
        return time.fromisoformat(data)


class ZoneName(StrictField):
    takes = "the name of an IANA time zone, like Europe/Berlin"
    schema: Mapping[str, Any] = {
        "type": "string",
        "format": "iana-time-zone",
        "example": "Europe/Berlin",
    }

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str) or data not in zone_names():
            self.fail("invalid")
        return data


class Id(StrictField):
    """The id of something that exists, in canonical form."""

    takes = "a UUID in canonical form"
    schema: Mapping[str, Any] = {"type": "string", "format": "uuid"}

    def to_internal_value(self, data: Any) -> UUID:
        parsed = parse_id(data) if isinstance(data, str) else None
        if parsed is None:
            self.fail("invalid")
        return parsed


class NewId(Id):
    """An id that the client chooses."""

    takes = "a UUID of version 7 in canonical form"
    schema: Mapping[str, Any] = {"type": "string", "format": "uuid", "pattern": f"^{VERSION_7}$"}

    def to_internal_value(self, data: Any) -> UUID:
        if not isinstance(data, str) or not _VERSION_7.fullmatch(data):
            self.fail("invalid")
        return UUID(data)


class LabelNames(StrictField):
    """A list of names of labels."""

    takes = "a list of names"

    def __init__(self, *, most: int, longest: int, **kwargs: Any) -> None:
        self.most, self.longest = most, longest
        self.takes = f"a list of at most {most} names"
        self.name = Line(most=longest)
        self.schema = {"type": "array", "items": self.name.schema, "maxItems": most}
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> list[str]:
        if not isinstance(data, list) or len(data) > self.most:
            self.fail("invalid")
        names: list[str] = []
        errors: dict[str, Any] = {}
        for index, item in enumerate(data):
            try:
                names.append(self.name.run_validation(item))
            except serializers.ValidationError as error:
                errors[str(index)] = error.detail
        if errors:
            raise serializers.ValidationError(errors)
        return names


class Words(StrictField):
    """A flat object of texts: the client's own data, `most` bytes as JSON."""

    def __init__(self, *, most: int, **kwargs: Any) -> None:
        self.most = most
        self.takes = f"an object with texts as values, at most {most} bytes as JSON"
        self.schema = {"type": "object", "additionalProperties": {"type": "string"}}
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> Mapping[str, str]:
        if not isinstance(data, dict) or not all(isinstance(text, str) for text in data.values()):
            self.fail("invalid")
        if len(orjson.dumps(data)) > self.most:
            self.fail("invalid")
        return data
