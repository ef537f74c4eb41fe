"""`/api/v1/events`, `/api/v1/tasks/{id}/events` and `/api/v1/changes`"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Final
from urllib.parse import urlencode
from uuid import UUID

import orjson
from django.conf import settings
from django.core.signing import BadSignature, Signer
from rest_framework.request import Request
from rest_framework.response import Response

from tasks.api import pagination, query
from tasks.api.pagination import InvalidCursor
from tasks.api.query import Parameter, Unreadable
from tasks.api.v1.event_bodies import ChangesShown, EventsShown
from tasks.api.v1.filters import table
from tasks.api.views import ApiView, path_id, see_all
from tasks.events import changes, feed
from tasks.events.catalogue import TYPES, kind_of
from tasks.models import Project, Task

_UUID: Final = {"type": "string", "format": "uuid"}
_SEQUENCE: Final = "0{0,2}[0-9]{1,18}"
_SIGNED: Final = r"[0-9]{1,18}\.[A-Za-z0-9_-]{43}"
_PATTERNS: Final = sorted({f"{kind_of(name)}.*" for name in TYPES} | TYPES.keys())


def like(pattern: str, words: str) -> query.Reader:
    """Return a reader of texts that fit a pattern; `words` say what it takes."""

    def reader(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise Unreadable(words)
        return text

    return reader


def types_like(patterns: Iterable[str]) -> list[str]:
    """Return the types of events that some patterns mean: `task.moved`, or `task.*`."""
    wanted = set(patterns)
    return [name for name in TYPES if name in wanted or f"{kind_of(name)}.*" in wanted]


_AFTER: Final = Parameter(
    "after",
    "The `sequence` of the last event that you have read; left out, or 0, for the oldest.",
    {"type": "string", "format": "sequence", "pattern": f"^{_SEQUENCE}$"},
    like(_SEQUENCE, "It takes the `sequence` of an event, or 0."),
)
_LIMIT: Final = pagination.PARAMETERS["limit"]
_FEED: Final = table(
    [
        _AFTER,
        _LIMIT,
        Parameter(
            "project", "Only what happened in these projects.", _UUID, query.an_id, many=True
        ),
        Parameter(
            "type",
            "Only events of these types; `task.*` for all about tasks.",
            {"type": "string", "enum": _PATTERNS},
            query.one_of(_PATTERNS),
            many=True,
        ),
    ]
)
_SINCE: Final = Parameter(
    "since",
    "The `next` of the answer before; left out, to begin.",
    {"type": "string", "format": "token", "pattern": f"^{_SIGNED}$"},
    like(_SIGNED, "It takes the `next` of an answer of yours, as it came."),
)


class EventsView(ApiView):
    """The log of what happened in your projects, and to you, in one order for everybody."""

    shown = EventsShown
    fails: ClassVar = {"get": ("not_found", "events_expired")}

    def parameters_of_action(self) -> Mapping[str, Parameter]:
        return _FEED

    def get(self, request: Request) -> Response:
        """Read the log of events.

        Events are never changed, and you see those that you may see now. What happened behind the
        last one comes with `next`, which you may keep and ask again.
        """
        projects: list[UUID] = self.asked.values.get("project", [])
        see_all(Project, self.user_id, "project", set(projects))
        found = feed.feed(
            user=self.user_id,
            source=settings.EVENT_SOURCE,
            after=int(self.asked.one("after", "0")),
            limit=self.asked.one("limit", query.DEFAULT_LIMIT),
            projects=projects,
            types=types_like(self.asked.values.get("type", ())),
        )
        return _answer(found, request)


class HistoryView(ApiView):
    """What happened to one task, and to the comments on it."""

    shown = EventsShown
    fails: ClassVar = {"get": ("not_found",)}

    def parameters_of_action(self) -> Mapping[str, Parameter]:
        return table([_AFTER, _LIMIT])

    def get(self, request: Request, pk: str) -> Response:
        """Read the history of a task.

        The oldest event first. What happened in a project that you do not see is not shown, and
        neither is what is older than 90 days.
        """
        task = path_id(pk)
        see_all(Task, self.user_id, "", {task})
        found = feed.history(
            user=self.user_id,
            source=settings.EVENT_SOURCE,
            task=task,
            after=int(self.asked.one("after", "0")),
            limit=self.asked.one("limit", query.DEFAULT_LIMIT),
        )
        return _answer(found, request)


class ChangesView(ApiView):
    """What to do to a copy of all that you see, to keep it as it is here."""

    shown = ChangesShown
    fails: ClassVar = {"get": ("invalid_cursor", "events_expired")}

    def parameters_of_action(self) -> Mapping[str, Parameter]:
        return table([_SINCE, _LIMIT])

    def get(self, request: Request) -> Response:
        """Read what has changed.

        Without `since` you get a token and no changes: take it, then load the lists, then ask with
        it. Each object is told of once, as you see it now.
        """
        token = self.asked.one("since")
        if token is None:
            found = changes.Changes([], changes.newest(), more=False)
        else:
            found = changes.changes(
                user=self.user_id,
                after=self._position_in(token),
                limit=self.asked.one("limit", query.DEFAULT_LIMIT),
            )
        body = {"changes": found.changes, "next": self._token(found.position), "more": found.more}
        return Response(body)

    def _token(self, position: int) -> str:
        return self._signer.sign(str(position))

    def _position_in(self, token: str) -> int:
        try:
            return int(self._signer.unsign(token))
        except BadSignature:
            raise InvalidCursor(
                "`since` takes the `next` of an answer of yours, as it came."
            ) from None

    @property
    def _signer(self) -> Signer:
        """Signs for this user only: a place in the log says how much happens in it."""
        return Signer(sep=".", salt=f"tasks.api.v1.changes {self.user_id}")


def _answer(found: feed.Stretch, request: Request) -> Response:
    parameters = [
        (name, value)
        for name, values in request.query_params.lists()
        if name != "after"
        for value in values
    ]
    onwards: dict[str, Any] = {
        "results": [orjson.Fragment(event) for event in found.events],
        "next": request.build_absolute_uri(
            f"{request.path}?{urlencode([*parameters, ('after', found.position)])}"
        ),
        "more": found.more,
    }
    return Response(onwards)
