"""Who says whether a message is right: CloudEvents, twice, and the AsyncAPI document.

The first schema is that of the specification's JSON format, with what its text demands of names and
times beside it. The second judge of CloudEvents is the `cloudevents` package. For AsyncAPI the
committed document counts, which is what consumers have.
"""

from datetime import datetime
from functools import cache
from typing import Any, Final

import orjson
import yaml
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from jsonschema import Draft202012Validator, FormatChecker

from config.env import uri_reference
from tests.environment import CHECKOUT

_TEXT: Final = {"type": "string", "minLength": 1}
CLOUD_EVENT: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "specversion": {"const": "1.0"},
        "id": _TEXT,
        "source": {**_TEXT, "format": "uri-reference"},
        "type": _TEXT,
        "subject": _TEXT,
        "time": {**_TEXT, "format": "date-time"},
        "datacontenttype": {**_TEXT, "pattern": r"^[\w.+-]+/[\w.+-]+$"},
        "dataschema": {**_TEXT, "pattern": r"^[a-z][a-z0-9+.-]*:", "format": "uri-reference"},
        "data": True,
        # Documented extensions: "Distributed Tracing" and "Sequence".
        "traceparent": {"pattern": "^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$"},
        "sequence": {"type": "string", "pattern": "^[0-9]{20}$"},
    },
    "required": ["specversion", "id", "source", "type"],
    "propertyNames": {"pattern": "^[a-z0-9]{1,20}$"},
    "additionalProperties": {"type": ["string", "boolean", "integer"]},
}
_FORMATS: Final = FormatChecker(FormatChecker.checkers)  # A copy, to add to.
_FORMATS.checks("uri-reference", raises=ValueError)(uri_reference)
_JUDGE: Final = Draft202012Validator(CLOUD_EVENT, format_checker=_FORMATS)


@cache
def asyncapi() -> dict[str, Any]:
    return dict(yaml.safe_load((CHECKOUT / "docs" / "asyncapi.yaml").read_text()))


@cache
def payload_of(message: str) -> Draft202012Validator:
    """Return what judges a message's body; fails for a message that the document does not have."""
    schema = asyncapi()["components"]["messages"][message]["payload"]
    return Draft202012Validator(
        {**schema, "components": asyncapi()["components"]}, format_checker=_FORMATS
    )


def read(body: bytes) -> dict[str, Any]:
    """Return the event of a body, as CloudEvents has it; fails if it is none."""
    event: dict[str, Any] = orjson.loads(body)
    _JUDGE.validate(event)
    other = JSONFormat().read(CloudEvent, body)
    attributes = other.get_attributes()
    assert attributes == {
        name: datetime.fromisoformat(value) if name == "time" else value
        for name, value in event.items()
        if name != "data"
    }
    assert other.get_data() == event["data"]
    return event


def judge(body: bytes) -> dict[str, Any]:
    """Return the event of a body that is as CloudEvents and the AsyncAPI document have it."""
    event = read(body)
    payload_of(event["type"]).validate(event)
    data = event["data"]
    if data["object"] is not None:  # More fields may come; today there are none but these.
        assert data["changes"].keys() <= data["object"].keys()
    return event
