"""Two OpenAPI documents: paths, operations, parameters, bodies, answers and who may call."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any, Final

from tests.compatibility import findings
from tests.compatibility.comparing import Comparison
from tests.compatibility.findings import (
    Finding,
    Json,
    Side,
    below,
    broken_promise,
    distinct,
    step,
    words,
)
from tests.compatibility.schemas import key_of, resolve

_METHODS: Final = ("get", "put", "post", "delete", "options", "head", "patch", "trace", "query")
_PROBLEM: Final = "application/problem+json"
# A client that does not ask for it does not get it (RFC 9110 §15.4.5).
_UNCHANGED: Final = "304"
_WORDS_OF_SCHEMES: Final = frozenset({"description", "bearerFormat"})


def compare(released: Json, present: Json, today: date) -> list[Finding]:
    """Return what may break a client of the released document, each change once.

    Raises:
        CannotRead: a reference leads out of a document, nowhere or in a circle.
    """
    return distinct(_Documents(released, present, today).all())


class _Documents(Comparison):
    """What is around the schemas."""

    def all(self) -> Iterator[Finding]:
        for path in self.released.get("paths", {}):
            item = resolve(self.released, self.released["paths"][path])
            now = resolve(self.present, self.present.get("paths", {}).get(path, {}))
            for method in _METHODS:
                if method in item:
                    place = step("#/paths", path, method)
                    found = self._operation(item, now, method, place)
                    yield from below(item[method], self.today, found)
        yield from self._security_schemes()
        now = self.present.get("webhooks", {})
        for name in self.released.get("webhooks", {}):
            yield from _same(self.released["webhooks"], now, name, "#/webhooks")

    def _operation(self, item: Json, now: Json, method: str, place: str) -> Iterator[Finding]:
        if method not in now:
            yield Finding(place, "there", findings.NOTHING, findings.GONE)
            return
        old, new = item[method], now[method]
        yield from broken_promise(old, new, place)
        for part in ("operationId", "callbacks"):
            yield from _same(old, new, part, place)
        yield from self._parameters(
            _parameters(self.released, item, old), _parameters(self.present, now, new), place
        )
        yield from self._body(
            resolve(self.released, old.get("requestBody")),
            resolve(self.present, new.get("requestBody")),
            step(place, "requestBody"),
        )
        yield from self._responses(old["responses"], new["responses"], step(place, "responses"))
        yield from self._security(old, new, step(place, "security"))

    # --- what clients send --------------------------------------------------------------------

    def _parameters(
        self, olds: Mapping[str, Json], news: Mapping[str, Json], place: str
    ) -> Iterator[Finding]:
        for name, old in olds.items():
            at = step(place, "parameters", *name.split(" ", 1))
            found = (
                self._parameter(old, news[name], at) if name in news else [_gone(at, "requests")]
            )
            yield from below(old, self.today, found)
        for name in news.keys() - olds.keys():
            if news[name].get("required"):
                at = step(place, "parameters", *name.split(" ", 1), "required")
                yield Finding(at, findings.NOTHING, "required", findings.DEMANDED, "requests")

    def _parameter(self, old: Json, new: Json, place: str) -> Iterator[Finding]:
        yield from broken_promise(old, new, place)
        if new.get("required") and not old.get("required"):
            at = step(place, "required")
            yield Finding(at, "optional", "required", findings.DEMANDED, "requests")
        for part in ("style", "explode", "allowReserved"):
            yield from _same(old, new, part, place, "requests")
        if "content" in old or "content" in new:
            yield from self._content(old, new, place, "requests")
        yield from self.schemas(
            old.get("schema", True), new.get("schema", True), step(place, "schema"), "requests"
        )

    def _body(self, old: Any, new: Any, place: str) -> Iterator[Finding]:
        if old is None:
            if new is not None and new.get("required"):
                at = step(place, "required")
                yield Finding(at, findings.NOTHING, "required", findings.DEMANDED, "requests")
        elif new is None:
            yield _gone(place, "requests")
        else:
            if new.get("required") and not old.get("required"):
                at = step(place, "required")
                yield Finding(at, "optional", "required", findings.DEMANDED, "requests")
            yield from self._content(old, new, place, "requests")

    # --- what clients get ---------------------------------------------------------------------

    def _responses(self, olds: Json, news: Json, place: str) -> Iterator[Finding]:
        for status, old in olds.items():
            at = step(place, str(status))
            if status in news:
                was, now = resolve(self.released, old), resolve(self.present, news[status])
                yield from self._content(was, now, at, "answers")
                yield from self._headers(was, now, step(at, "headers"))
            else:
                yield _gone(at, "answers")
        for status in news.keys() - olds.keys():
            if str(status)[0] in "23d" and str(status) != _UNCHANGED:
                at = step(place, str(status))
                yield Finding(at, findings.NOTHING, "there", findings.WIDER, "answers")

    def _headers(self, old: Json, new: Json, place: str) -> Iterator[Finding]:
        news = {name.lower(): header for name, header in new.get("headers", {}).items()}
        for name, header in old.get("headers", {}).items():
            at = step(place, name)
            if name.lower() not in news:
                yield _gone(at, "answers")
                continue
            was, now = resolve(self.released, header), resolve(self.present, news[name.lower()])
            if was.get("required") and not now.get("required"):
                yield Finding(
                    step(at, "required"), "always there", "optional", findings.CHANGED, "answers"
                )
            pair = was.get("schema", True), now.get("schema", True)
            yield from self.schemas(*pair, step(at, "schema"), "answers")

    def _content(self, old: Json, new: Json, place: str, side: Side) -> Iterator[Finding]:
        """Compare what is sent, or shown, in each media type."""
        news = new.get("content", {})
        for kind, content in old.get("content", {}).items():
            at = step(place, "content", kind)
            if kind not in news:
                yield _gone(at, side)
                continue
            pair = content.get("schema", True), news[kind].get("schema", True)
            inner: Side = "problems" if kind == _PROBLEM else side
            yield from self.schemas(*pair, step(at, "schema"), inner)

    # --- who may call -------------------------------------------------------------------------

    def _security(self, old: Json, new: Json, place: str) -> Iterator[Finding]:
        """Whoever could call before, by any of the ways, can do so still."""
        olds = old.get("security", self.released.get("security", [])) or [{}]
        news = new.get("security", self.present.get("security", [])) or [{}]
        for way in olds:
            if not any(_demands_no_more(other, way) for other in news):
                yield Finding(place, words(way), words(news), findings.TIGHTER, "requests")

    def _security_schemes(self) -> Iterator[Finding]:
        news = _schemes(self.present)
        for name, old in _schemes(self.released).items():
            place = step("#/components/securitySchemes", name)
            if name not in news:
                yield _gone(place, "requests")
                continue
            was, now = (
                {key: value for key, value in scheme.items() if key not in _WORDS_OF_SCHEMES}
                for scheme in (old, news[name])
            )
            for key in sorted(was.keys() | now.keys()):
                if not key.startswith("x-"):
                    yield from _same(was, now, key, place, "requests")


def _gone(place: str, side: Side) -> Finding:
    return Finding(place, "there", findings.NOTHING, findings.GONE, side)


def _same(
    old: Json, new: Json, part: str, place: str, side: Side | None = None
) -> Iterator[Finding]:
    """Yield a change of what may not change at all."""
    if key_of(old.get(part)) != key_of(new.get(part)):
        was, now = (words(each[part]) if part in each else findings.NOTHING for each in (old, new))
        yield Finding(step(place, part), was, now, findings.CHANGED, side or "")


def _parameters(document: Json, item: Json, operation: Json) -> dict[str, Json]:
    """Return the parameters of an operation and those of its path, by place and name."""
    found: Iterable[Any] = [*item.get("parameters", ()), *operation.get("parameters", ())]
    resolved = [resolve(document, each) for each in found]
    return {f"{each['in']} {_folded(each)}": each for each in resolved}


def _folded(parameter: Json) -> str:
    name = str(parameter["name"])
    return name.lower() if parameter["in"] == "header" else name


def _demands_no_more(new: Json, old: Json) -> bool:
    return all(name in old and set(new[name]) <= set(old[name]) for name in new)


def _schemes(document: Json) -> dict[str, Json]:
    found = document.get("components", {}).get("securitySchemes", {})
    return {name: resolve(document, scheme) for name, scheme in found.items()}
