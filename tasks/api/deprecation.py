"""Things that will go away: how they are declared, and how whoever still uses them is told.

What a client relies on is deprecated first and taken away later. A declaration stands beside the
thing itself, and the headers of RFC 9745 (`Deprecation`) and RFC 8594 (`Sunset`), the OpenAPI
document and the log follow from it:

- an operation: `deprecated` of its view, by action;
- a field: `deprecated` of its serializer, by name, for requests that send it and answers that
  show it;
- a query parameter: `deprecated` of its `Parameter`;
- a whole version: a line in `VERSIONS`.

What an action has to announce is found once per process. Where that is nothing, a request costs
one look into a dictionary.
"""

import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

from django.http.response import HttpResponseBase
from django.utils.http import http_date
from rest_framework.request import Request
from rest_framework.serializers import BaseSerializer, ListSerializer, Serializer

if TYPE_CHECKING:
    from tasks.api.query import Parameter
    from tasks.api.views import ApiView

logger: Final = logging.getLogger("tasks.api")

_REFUSED: Final = 400  # the first status that says so
_NO_CONTENT: Final = 204
# What may stand between `<` and `>` of a Link header (RFC 8288 §3).
_LINK: Final = re.compile(r"[!#-;=?-~]+")


@dataclass(frozen=True, slots=True)
class Deprecation:
    """An announcement that something will go away.

    Attributes:
        since: the day from which nobody should begin to use it; in UTC, as is `sunset`.
        link: the page that says what to use instead, absolute or relative to the host.
        sunset: the day from which it may be gone; None while that is not decided.

    Raises:
        ValueError: the notice is shorter than promised (RFC 9745 §4 demands that it is not
            negative), or the link is no link.
    """

    NOTICE: ClassVar[timedelta] = timedelta(days=184)  # six months, whichever they are

    since: date
    link: str
    sunset: date | None = None

    def __post_init__(self) -> None:
        if self.sunset is not None and self.sunset - self.since < self.NOTICE:
            earliest = self.since + self.NOTICE
            raise ValueError(f"The sunset {self.sunset} is too early: {earliest} keeps the notice.")
        if not _LINK.fullmatch(self.link):
            raise ValueError(f"{self.link!r} is not a link.")


@dataclass(frozen=True, slots=True)
class VersionDeprecation(Deprecation):
    """The same of a whole version; `since` is not before its successor is there."""

    NOTICE: ClassVar[timedelta] = timedelta(days=731)  # two years, a leap day included


# By the path that a version begins with: {"/api/v1/": VersionDeprecation(…)}.
VERSIONS: Final[dict[str, VersionDeprecation]] = {}


def of_version(path: str) -> VersionDeprecation | None:
    """Return what is announced of the version that a path belongs to."""
    return next((VERSIONS[start] for start in VERSIONS if path.startswith(start)), None)


def headers(deprecations: Iterable[Deprecation]) -> dict[str, str]:
    """Return the headers that announce all of these: the earliest days, and every link."""
    announced = list(deprecations)
    if not announced:
        return {}
    sunsets = [each.sunset for each in announced if each.sunset is not None]
    links = dict.fromkeys(link for each in announced for link in _links(each))
    found = {
        "Deprecation": f"@{_seconds(min(each.since for each in announced))}",
        "Link": ", ".join(links),
    }
    return {**found, "Sunset": http_date(_seconds(min(sunsets)))} if sunsets else found


def sunset_in_document(*deprecations: Deprecation | None) -> dict[str, str]:
    """Return the earliest day on which something may be gone, as the OpenAPI document says it."""
    sunsets = [each.sunset for each in deprecations if each is not None and each.sunset is not None]
    return {"x-sunset": min(sunsets).isoformat()} if sunsets else {}


def announce(view: "ApiView", request: Request, response: HttpResponseBase) -> None:
    """Put what a client has to know onto the answer, and into the log who it was.

    What a refused request held is not looked at: it got nothing that it will miss.
    """
    announced = _announced(view)
    version = of_version(request.path) if VERSIONS else None
    if announced is None and version is None:
        return
    uses = list(_uses(view, request, announced or _Announced(), version, response.status_code))
    for name, value in headers(use.deprecation for use in uses).items():
        existing = response.get(name) if name == "Link" else None
        response[name] = f"{existing}, {value}" if existing else value
    if response.status_code < _REFUSED:
        _log(request, uses)


# --- what is declared -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Announced:
    """What one action has to announce."""

    operation: Deprecation | None = None
    parameters: Mapping[str, Deprecation] = field(default_factory=dict)
    takes: Serializer | None = None  # if a request may send what is deprecated
    shows: tuple[Deprecation, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.operation or self.parameters or self.takes or self.shows)


_ANNOUNCED: Final[dict[tuple[type, str], _Announced | None]] = {}


def _announced(view: "ApiView") -> _Announced | None:
    """Return what the action of this request has to announce; None if it is nothing."""
    action = action_of(view)
    key = (type(view), action)
    if key not in _ANNOUNCED:
        if action == "options" or not hasattr(view, action):
            return None  # Whoever asks what there is uses none of it; others made the method up.
        _ANNOUNCED[key] = _find(view, action) or None
    return _ANNOUNCED[key]


def action_of(view: "ApiView") -> str:
    """Return the name of what a view does for its request."""
    method = str(view.request.method).lower()
    return getattr(view, "action", None) or {"head": "get"}.get(method, method)


def _find(view: "ApiView", action: str) -> _Announced:
    takes = view.takes.get(action)
    return _Announced(
        view.deprecated.get(action),
        of_parameters(view.parameters_of_action()),
        takes if takes is not None and any(_fields(takes)) else None,
        tuple(_fields(view.shown())) if hasattr(view, "shown") else (),
    )


def of_parameters(table: Mapping[str, "Parameter"]) -> dict[str, Deprecation]:
    """Return what is announced of query parameters, by name."""
    found = {name: parameter.deprecated for name, parameter in table.items()}
    return {name: deprecation for name, deprecation in found.items() if deprecation is not None}


def of_fields(serializer: Serializer) -> Mapping[str, Deprecation]:
    """Return what a serializer announces of its own fields.

    Raises:
        LookupError: it has no such field.
    """
    declared: Mapping[str, Deprecation] = getattr(serializer, "deprecated", {})
    if unknown := declared.keys() - serializer.fields.keys():
        raise LookupError(f"{type(serializer).__name__} has no {', '.join(sorted(unknown))}.")
    return declared


def _fields(serializer: Any) -> Iterator[Deprecation]:
    """Yield what is announced of the fields of a serializer, and of those inside them."""
    if isinstance(serializer, ListSerializer):
        yield from _fields(serializer.child)
        return
    yield from of_fields(serializer).values()
    for inner in serializer.fields.values():
        if isinstance(inner, BaseSerializer):
            yield from _fields(inner)


# --- what is used -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Use:
    """One deprecated thing that a request met.

    Attributes:
        kind: what it is; `shown` is a field of the answer, which nobody has asked for by name.
        name: of the parameter or field; inside other fields with a dot.
    """

    deprecation: Deprecation
    kind: Literal["version", "operation", "parameter", "field", "shown"]
    name: str = ""


def _uses(
    view: "ApiView",
    request: Request,
    announced: _Announced,
    version: Deprecation | None,
    status: int,
) -> Iterator[_Use]:
    if version is not None:
        yield _Use(version, "version")
    if announced.operation is not None:
        yield _Use(announced.operation, "operation")
    if status >= _REFUSED:
        return
    for name, deprecation in announced.parameters.items():
        if name in view.asked.values:
            yield _Use(deprecation, "parameter", name)
    if announced.takes is not None:
        # Read before, or it would have been refused; a replayed answer has read it too.
        for name, deprecation in dict(_sent(announced.takes, request.data)).items():
            yield _Use(deprecation, "field", name)
    if status != _NO_CONTENT:
        yield from (_Use(deprecation, "shown") for deprecation in announced.shows)


def _sent(serializer: Any, data: Any, before: str = "") -> Iterator[tuple[str, Deprecation]]:
    """Yield the deprecated fields that a body holds, by name."""
    if isinstance(serializer, ListSerializer):
        for item in data if isinstance(data, list) else ():
            yield from _sent(serializer.child, item, before)
    elif isinstance(data, dict):
        declared = of_fields(serializer)
        yield from ((before + name, declared[name]) for name in declared if name in data)
        for name, inner in serializer.fields.items():
            if isinstance(inner, BaseSerializer) and name in data:
                yield from _sent(inner, data[name], f"{before}{name}.")


def _log(request: Request, uses: Iterable[_Use]) -> None:
    """Say who still needs it: without this line nobody knows when it may go."""
    match = request.resolver_match
    shared = {
        "method": request.method,
        "route": match.route if match else None,
        "user": None if request.user.pk is None else str(request.user.pk),
    }
    for use in uses:
        if use.kind != "shown":
            fields = {**shared, "deprecated": use.kind, "field": use.name or None}
            logger.info("deprecated_use", extra=fields)


def _links(deprecation: Deprecation) -> Iterator[str]:
    yield f'<{deprecation.link}>; rel="deprecation"; type="text/html"'
    if deprecation.sunset is not None:
        yield f'<{deprecation.link}>; rel="sunset"; type="text/html"'


def _seconds(day: date) -> int:
    """Return the beginning of a day in UTC, as seconds of Unix time."""
    return int(datetime.combine(day, time(), UTC).timestamp())
