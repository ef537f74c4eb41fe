"""What the log of events must be after any story: complete, in order, and true."""

from typing import Any

import orjson

from tasks.models import Event
from tests.events.making import sequence_all
from tests.operations.watching import as_json, versioned

_ALWAYS = {"version", "updated_at"}
_CROWDED = "position"  # The story writes it past the operations, to leave no room between two.
_LAST_WORDS = {"purged", "deleted", "removed"}


def check_log() -> None:
    """Fail unless each version of each object has one event, which tells of what differs.

    So whoever has one state of an object and reads on has the next one, and at the end of the log
    what is there now.
    """
    sequence_all()
    last: dict[tuple[str, ...], Any] = {}
    first = Event.objects.order_by("number").values_list("sequence", flat=True).first() or 1
    for place, event in enumerate(Event.objects.order_by("number"), first):
        assert event.sequence == place
        kind, verb = event.type.split(".")
        data = orjson.loads(event.data)
        owner = [data["project"]] if kind == "member" else []
        key = (kind, *owner, str(event.subject))
        before, after = last.get(key), data["object"]
        for shown in (after, data["changes"]):
            shown.pop(_CROWDED, None)
        if before is not None:
            assert after["version"] == before["version"] + (verb not in _LAST_WORDS)
            assert data["changes"] == {
                name: [before[name], after[name]]
                for name in after.keys() - _ALWAYS
                if before[name] != after[name]
            }
        last[key] = None if verb in _LAST_WORDS else after
    for key, (_, row) in versioned().items():
        now = as_json(row)
        now.pop(_CROWDED, None)
        assert last[key] == now
