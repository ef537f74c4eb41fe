"""An event as everybody outside gets it: CloudEvents 1.0, structured, as JSON.

The feed, RabbitMQ and the webhooks send these bytes and no others, whenever they send them: the
`data` is stored as it was written, and everything else is a column. Written here in place of a
library's: a dozen lines against a package that says of itself that it will break; the tests hold
the result against that package and the specification's schema.
"""

from datetime import datetime
from typing import Any, Final, Protocol
from uuid import UUID

import orjson

from tasks.events.catalogue import kind_of

MEDIA_TYPE: Final = "application/cloudevents+json"
_DIGITS: Final = 20


class Recorded(Protocol):
    """What is taken of a row of the log."""

    uid: UUID
    sequence: int | None
    type: str
    subject: UUID
    occurred_at: datetime
    traceparent: str
    data: str
    left_project: UUID | None


def cloud_event(event: Recorded, *, source: str, for_left: bool = False) -> bytes:
    """Return the event as a JSON document in UTF-8.

    Args:
        source: the CloudEvents attribute: who says this (`EVENT_SOURCE`).
        for_left: for somebody who sees only the project that a task has left: that it went, and
            neither where to nor what became of it there.
    """
    document = {
        "specversion": "1.0",
        "id": event.uid,
        "source": source,
        "type": event.type,
        "subject": str(event.subject),
        "time": event.occurred_at,
        "datacontenttype": "application/json",
        "dataschema": f"urn:tasks:events:v1:{kind_of(event.type)}",
        "sequence": sequence_text(event.sequence or 0),
    }
    if event.traceparent:
        document["traceparent"] = event.traceparent
    document["data"] = _of_leaving(event) if for_left else orjson.Fragment(event.data)
    return orjson.dumps(document, option=orjson.OPT_UTC_Z)


def sequence_text(sequence: int) -> str:
    """Return a sequence such that texts sort as the numbers do, as CloudEvents demands.

    Source: CloudEvents, "Sequence" extension.
    """
    return f"{sequence:0{_DIGITS}}"


def _of_leaving(event: Recorded) -> dict[str, Any]:
    whole = orjson.loads(event.data)
    left = str(event.left_project)
    return {**whole, "object": None, "changes": {"project": [left, None]}, "project": left}
