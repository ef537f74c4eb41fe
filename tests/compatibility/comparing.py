"""Two schemas, keyword by keyword: is the present one as wide, or as narrow, as the released one?

In requests everything that was taken has to be taken still. In answers nothing may come that did
not come before, but for what `docs/api.md` says that clients must bear: new fields, longer texts
and lists, other patterns, new values of a problem's `code`.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, Final

from tests.compatibility import findings, schemas
from tests.compatibility.findings import NOTHING, Finding, Json, Side, below, step, words
from tests.compatibility.schemas import Plain, alternatives, by_type, key_of

_NUMERIC: Final = ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum")
_COMPARED: Final = frozenset(
    {"type", "enum", "format", "pattern", "uniqueItems", "items"}
    | {"properties", "required", "additionalProperties", *schemas.LOWER, *schemas.UPPER}
)


class Comparison:
    """The released document beside the present one.

    Args:
        today: the day until which a sunset has to have come.
    """

    def __init__(self, released: Json, present: Json, today: date) -> None:
        self.released = released
        self.present = present
        self.today = today
        self._active: set[tuple[Side, str, str]] = set()

    def schemas(self, old: Any, new: Any, place: str, side: Side) -> Iterator[Finding]:
        """Yield how a schema broke."""
        key = (side, key_of(old), key_of(new))
        if key in self._active:
            return  # It contains itself: what there is to find is being looked for.
        self._active.add(key)
        try:
            yield from below(_marks(old), self.today, self._schemas(old, new, place, side))
        finally:
            self._active.discard(key)

    def _schemas(self, old: Any, new: Any, place: str, side: Side) -> Iterator[Finding]:
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            place = _named(old, place)
            yield from findings.broken_promise(old, new, place)
            if side == "requests":
                yield from _default(old, new, place)
        yield from self._alternatives(old, new, place, side)

    def _alternatives(self, old: Any, new: Any, place: str, side: Side) -> Iterator[Finding]:
        olds, news = alternatives(self.released, old), alternatives(self.present, new)
        if len(olds) == len(news) == 1:
            yield from self._plain(olds[0], news[0], place, side)
            return
        olds = [each for plain in olds for each in by_type(plain)]
        news = [each for plain in news for each in by_type(plain)]
        covered, covering = (olds, news) if side == "requests" else (news, olds)
        for each in covered:
            near = [other for other in covering if other["type"] & each["type"]]
            pairs = [(each, other) if side == "requests" else (other, each) for other in near]
            tries = [list(self._plain(*pair, place, side)) for pair in pairs]
            if len(tries) == 1:
                yield from tries[0]
            elif all(tries):  # also where there are none
                yield _alternative(each, place, side)

    def _plain(self, old: Plain, new: Plain, place: str, side: Side) -> Iterator[Finding]:
        for rule in (_types, _enum, _limits, _texts, _opaque):
            yield from rule(old, new, place, side)
        shared = old["type"] & new["type"]
        if "array" in shared and ("items" in old or "items" in new):
            pair = old.get("items", True), new.get("items", True)
            yield from self.schemas(*pair, step(place, "items"), side)
        if "object" in shared:
            yield from self._objects(old, new, place, side)

    def _objects(self, old: Plain, new: Plain, place: str, side: Side) -> Iterator[Finding]:
        had, has = self._properties(old, side), self._properties(new, side, present=True)
        rest_was, rest = (each.get("additionalProperties", True) for each in (old, new))
        for name, was in had.items():
            at = step(place, "properties", name)
            if name in has:
                now = _without_new_values(was, has[name], name, side)
                yield from self.schemas(was, now, at, side)
            else:
                gone = Finding(at, "there", NOTHING, findings.GONE, side)
                yield from below(_marks(was), self.today, [gone])
        for name in sorted(has.keys() - had.keys()):
            if isinstance(rest_was, Mapping):  # what it could be before it had a name
                yield from self.schemas(rest_was, has[name], step(place, "properties", name), side)
        yield from self._required(old, new, had, place, side)
        yield from self._rest(rest_was, rest, place, side)

    def _properties(self, plain: Plain, side: Side, *, present: bool = False) -> dict[str, Any]:
        """Return the properties that this side knows."""
        other = "readOnly" if side == "requests" else "writeOnly"
        document = self.present if present else self.released
        return {
            name: schema
            for name, schema in plain.get("properties", {}).items()
            if not any(each.get(other) for each in alternatives(document, schema))
        }

    def _required(
        self, old: Plain, new: Plain, had: Json, place: str, side: Side
    ) -> Iterator[Finding]:
        was, now = set(old.get("required", ())), set(new.get("required", ()))
        changed = now - was if side == "requests" else was - now
        words_of = ("optional", "required") if side == "requests" else ("always there", "optional")
        remedy = findings.DEMANDED if side == "requests" else "Show it always, as before."
        for name in sorted(changed):
            if side != "requests" and name in had and name not in new.get("properties", {}):
                continue  # It is gone, and that was said.
            found = Finding(step(place, "required", name), *words_of, remedy, side)
            yield from below(_marks(had.get(name)), self.today, [found])

    def _rest(self, old: Any, new: Any, place: str, side: Side) -> Iterator[Finding]:
        """Yield what happened to the fields that have no name."""
        place = step(place, "additionalProperties")
        if side == "requests" and new is False and old is not False:
            yield Finding(place, words(old), words(new), findings.TIGHTER, side)
        elif new is not False and (isinstance(old, Mapping) or (side, old) == ("requests", True)):
            yield from self.schemas(old, new, place, side)


def _marks(schema: Any) -> Json:
    return schema if isinstance(schema, Mapping) else {}


def _named(schema: Json, place: str) -> str:
    """Return the place of a shared component, so that what breaks it is said once."""
    parts = schema.get("allOf", ())
    if "$ref" in schema:
        return str(schema["$ref"])
    return str(parts[0]["$ref"]) if len(parts) == 1 and "$ref" in parts[0] else place


def _default(old: Json, new: Json, place: str) -> Iterator[Finding]:
    """A default that is told for the first time may have been there before."""
    was, now = _both(old, new, "default", NOTHING)
    if "default" in old and was != now:
        yield Finding(step(place, "default"), was, now, findings.CHANGED, "requests")


def _without_new_values(old: Any, new: Any, name: str, side: Side) -> Any:
    """Return the schema of a problem's `code` as if it had no values but the released ones."""
    if (side, name) == ("problems", "code") and "enum" in _marks(old) and "enum" in _marks(new):
        return {**new, "enum": [value for value in new["enum"] if value in old["enum"]]}
    return new


def _alternative(plain: Plain, place: str, side: Side) -> Finding:
    shown = {key: value for key, value in plain.items() if key not in schemas.ANNOTATIONS}
    shown["type"] = sorted(plain["type"])
    if side == "requests":
        return Finding(place, words(shown), NOTHING, findings.TIGHTER, side)
    return Finding(place, NOTHING, words(shown), findings.WIDER, side)


# --- keyword by keyword -----------------------------------------------------------------------


def _remedy(side: Side) -> str:
    return findings.TIGHTER if side == "requests" else findings.WIDER


def _both(old: Json, new: Json, keyword: str, absent: str) -> tuple[str, str]:
    """Return a keyword as it was and as it is, in the words of a finding."""
    was, now = (words(each[keyword]) if keyword in each else absent for each in (old, new))
    return was, now


def _types(old: Plain, new: Plain, place: str, side: Side) -> Iterator[Finding]:
    lost, gained = old["type"] - new["type"], new["type"] - old["type"]
    if lost if side == "requests" else gained:
        pair = words(sorted(old["type"])), words(sorted(new["type"]))
        yield Finding(step(place, "type"), *pair, _remedy(side), side)


def _enum(old: Plain, new: Plain, place: str, side: Side) -> Iterator[Finding]:
    outer, inner = (new, old) if side == "requests" else (old, new)
    if "enum" not in outer:
        return
    allowed = {key_of(value) for value in outer["enum"]}
    if "enum" in inner and all(key_of(value) in allowed for value in inner["enum"]):
        return
    yield Finding(step(place, "enum"), *_both(old, new, "enum", "any value"), _remedy(side), side)


def _limits(old: Plain, new: Plain, place: str, side: Side) -> Iterator[Finding]:
    """In answers a number has to stay in its range; texts and lists may grow."""
    outer, inner = (new, old) if side == "requests" else (old, new)
    for keyword in (*schemas.LOWER, *schemas.UPPER):
        if keyword not in outer or (side != "requests" and keyword not in _NUMERIC):
            continue
        if keyword in inner:
            sign = 1 if keyword in schemas.LOWER else -1
            if sign * inner[keyword] >= sign * outer[keyword]:
                continue
        elif outer[keyword] == 0 and keyword in {"minLength", "minItems", "minProperties"}:
            continue
        pair = _both(old, new, keyword, "no limit")
        yield Finding(step(place, keyword), *pair, _remedy(side), side)


def _texts(old: Plain, new: Plain, place: str, side: Side) -> Iterator[Finding]:
    """The form of a value: patterns may change in answers, formats and uniqueness stay."""
    outer, inner = (new, old) if side == "requests" else (old, new)
    for keyword in ("pattern", "format"):
        if side != "requests" and keyword == "pattern":
            continue
        if set(outer.get(keyword, ())) - set(inner.get(keyword, ())):
            pair = _both(old, new, keyword, "any")
            yield Finding(step(place, keyword), *pair, _remedy(side), side)
    if outer.get("uniqueItems") and not inner.get("uniqueItems"):
        pair = _both(old, new, "uniqueItems", words(value=False))
        yield Finding(step(place, "uniqueItems"), *pair, _remedy(side), side)


def _opaque(old: Plain, new: Plain, place: str, side: Side) -> Iterator[Finding]:
    """Whatever else means something, and is not compared here, may not change unsaid."""
    for keyword in sorted(old.keys() | new.keys()):
        if keyword in _COMPARED or keyword in schemas.ANNOTATIONS or keyword.startswith("x-"):
            continue
        pair = _both(old, new, keyword, NOTHING)
        if pair[0] != pair[1]:
            yield Finding(step(place, keyword), *pair, findings.UNCLEAR, side)
