"""The envelope: CloudEvents 1.0 by the specification's schema and by another implementation."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import jsonschema
import orjson
import pytest
from cloudevents.core.exceptions import CloudEventValidationError

from tasks.events.catalogue import TYPES, kind_of
from tasks.events.envelope import MEDIA_TYPE, cloud_event, sequence_text
from tests.events.judging import CLOUD_EVENT, read

pytestmark = pytest.mark.once

OLD, NEW = UUID("0193b2e8-91d4-7c1b-a2f6-0d9e8c7b6a55"), UUID(int=7)
ID, TASK = (
    UUID("0193b2f4-7d7e-7a41-8c0b-5a3f9d1e6b72"),
    UUID("0193b2e9-0c55-7f0e-9d3a-6b1c2e8f4a90"),
)
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def data(**changes: Any) -> str:
    whole = {
        "object": {"title": "Schlüssel \U0001f511 \"'<&>"},
        "changes": {"title": ["Keys", "Schlüssel"], "project": [str(OLD), str(NEW)]},
        "actor": "0193b2e8-0000-7000-8000-000000000001",
        "request_id": "6f1c0a52d5e94b5f",
        "project": str(NEW),
    }
    return orjson.dumps({**whole, **changes}).decode()


@dataclass
class Row:
    """What the envelope takes of a row of the log."""

    uid: UUID = ID
    sequence: int | None = 412
    type: str = "task.moved"
    subject: UUID = TASK
    occurred_at: datetime = datetime(2026, 11, 24, 12, 0, 0, 123456, tzinfo=UTC)
    traceparent: str = TRACE
    data: str = field(default_factory=data)
    left_project: UUID | None = OLD


def sent(row: Row, *, for_left: bool = False) -> dict[str, Any]:
    return read(cloud_event(row, source="/tasks", for_left=for_left))


def test_it_says_what_happened_when_and_to_what() -> None:
    row = Row()

    event = sent(row)

    assert event == {
        "specversion": "1.0",
        "id": "0193b2f4-7d7e-7a41-8c0b-5a3f9d1e6b72",
        "source": "/tasks",
        "type": "task.moved",
        "subject": "0193b2e9-0c55-7f0e-9d3a-6b1c2e8f4a90",
        "time": "2026-11-24T12:00:00.123456Z",
        "datacontenttype": "application/json",
        "dataschema": "urn:tasks:events:v1:task",
        "sequence": "00000000000000000412",
        "traceparent": TRACE,
        "data": orjson.loads(row.data),
    }
    assert MEDIA_TYPE == "application/cloudevents+json"


@pytest.mark.parametrize("name", TYPES)
def test_it_is_a_cloud_event_of_each_type(name: str) -> None:
    event = sent(replace(Row(), type=name))
    assert event["dataschema"] == f"urn:tasks:events:v1:{kind_of(name)}"


def test_it_leaves_out_a_trace_that_there_was_not() -> None:
    assert "traceparent" not in sent(replace(Row(), traceparent=""))


def test_it_sends_the_data_byte_by_byte_as_it_was_stored() -> None:
    stored = '{"object": {"b":1,  "a":1.50}, "changes": {}, "\\u00e4": "\\u00e4"}'
    assert cloud_event(replace(Row(), data=stored), source="/tasks").endswith(
        f'"data":{stored}}}'.encode()
    )


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (datetime(2026, 1, 2, tzinfo=UTC), "2026-01-02T00:00:00Z"),
        (
            datetime(2026, 1, 2, 1, tzinfo=timezone(timedelta(hours=2))),
            "2026-01-02T01:00:00+02:00",
        ),
    ],
)
def test_it_writes_times_as_rfc_3339_has_them(at: datetime, text: str) -> None:
    assert sent(replace(Row(), occurred_at=at))["time"] == text


def test_it_writes_sequences_whose_texts_sort_as_the_numbers() -> None:
    numbers = [1, 9, 10, 99, 100, 2**31, 2**63 - 1]
    texts = [sequence_text(number) for number in numbers]
    assert texts == sorted(texts)
    assert {len(text) for text in texts} == {20}
    assert [int(text) for text in texts] == numbers


def test_it_tells_those_who_were_left_neither_where_to_nor_what() -> None:
    row = Row()

    event = sent(row, for_left=True)

    assert event["data"] == {
        "object": None,
        "changes": {"project": [str(OLD), None]},
        "actor": "0193b2e8-0000-7000-8000-000000000001",
        "request_id": "6f1c0a52d5e94b5f",
        "project": str(OLD),
    }
    whole = cloud_event(row, source="/tasks", for_left=True).decode()
    assert str(NEW) not in whole
    assert "Schl" not in whole
    assert {**event, "data": None} == {**sent(row), "data": None}


# --- The judges: one that finds nothing is worth nothing ----------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"id": ""},
        {"source": "a b"},
        {"source": None},
        {"specversion": "0.3"},
        {"time": "2026-11-24 12:00"},
        {"time": "2026-11-24T12:00:00"},
        {"request_id": "x"},
        {"requestId": "x"},
        {"other": {"a": "b"}},
        {"sequence": "412"},
        {"dataschema": "/relative"},
    ],
)
def test_it_would_be_found_if_it_were_wrong(changes: dict[str, Any]) -> None:
    event = orjson.loads(cloud_event(Row(), source="/tasks")) | changes
    with pytest.raises((jsonschema.ValidationError, CloudEventValidationError)):
        read(orjson.dumps(event))


def test_it_would_be_found_if_something_were_missing() -> None:
    for name in CLOUD_EVENT["required"]:
        event = orjson.loads(cloud_event(Row(), source="/tasks"))
        del event[name]
        with pytest.raises(jsonschema.ValidationError, match=f"'{name}' is a required property"):
            read(orjson.dumps(event))
