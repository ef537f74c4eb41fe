"""Whatever the schemas are: what passes the check fits, by the word of another validator."""

import json
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openapi_schema_validator import OAS31Validator

from tests.compatibility.findings import Side
from tests.compatibility.making import answer, body
from tests.compatibility.test_compatibility import breaks

pytestmark = pytest.mark.once

type Json = dict[str, Any]

EXAMPLES: Final = settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TEXTS: Final = st.sampled_from(["", "a", "b", "aa", "bbbb"])
NUMBERS: Final = st.integers(-1, 4)
NAMES: Final = st.sampled_from(["x", "y", "z"])
SCALARS: Final = st.one_of(TEXTS, NUMBERS, st.none(), st.booleans(), st.just(1.5))
VALUES: Final = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=3)),
    max_leaves=5,
)


def some(**keywords: st.SearchStrategy[Any]) -> st.SearchStrategy[Json]:
    """Any of the keywords, with or without the others."""
    return st.fixed_dictionaries({}, optional=keywords)


def typed(kind: Any, **keywords: st.SearchStrategy[Any]) -> st.SearchStrategy[Json]:
    return st.fixed_dictionaries({"type": st.just(kind)}, optional=keywords)


def leaves(*, texts_may_grow: bool) -> st.SearchStrategy[Json]:
    limits = {} if texts_may_grow else {
        "minLength": NUMBERS, "maxLength": NUMBERS, "pattern": st.sampled_from(["^a", "b$"])
    }  # fmt: skip
    return st.one_of(
        typed("string", enum=st.lists(TEXTS, min_size=1, max_size=3, unique=True)),
        typed("string", **limits),
        typed("integer", minimum=NUMBERS, maximum=NUMBERS),
        typed("number", minimum=NUMBERS, exclusiveMaximum=NUMBERS),
        typed(["string", "null"], **limits),
        typed("boolean"),
        some(enum=st.lists(SCALARS, min_size=1, max_size=3)),
        some(const=SCALARS),
    )


def containers(inner: st.SearchStrategy[Json], *, side: Side) -> st.SearchStrategy[Json]:
    lengths = {"minItems": NUMBERS, "maxItems": NUMBERS} if side == "requests" else {}
    # An open body may get a field that has a type: that is allowed, though it takes less.
    rest = {"additionalProperties": st.just(False)} if side == "requests" else {}
    return st.one_of(
        typed("array", items=inner, uniqueItems=st.booleans(), **lengths),
        st.fixed_dictionaries(
            {
                "type": st.just("object"),
                "properties": st.dictionaries(NAMES, inner, max_size=3),
                "required": st.lists(NAMES, max_size=2, unique=True),
                **rest,
            }
        ),
        st.fixed_dictionaries({"anyOf": st.lists(inner, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"allOf": st.lists(inner, min_size=1, max_size=2)}),
    )


def schemas(side: Side) -> st.SearchStrategy[Json]:
    return st.recursive(
        leaves(texts_may_grow=side != "requests"),
        lambda inner: containers(inner, side=side),
        max_leaves=4,
    )


def fits(value: Any, schema: Json) -> bool:
    return bool(OAS31Validator(schema).is_valid(value))


def close(one: Json) -> st.SearchStrategy[Json]:
    """Schemas that have a chance to be compatible: the same, and unions with it."""
    return st.one_of(st.just(one), schemas("requests").map(lambda other: {"anyOf": [one, other]}))


@EXAMPLES
@given(schemas("requests"))
def test_it_is_compatible_with_itself(schema: Json) -> None:
    again = json.loads(json.dumps(schema))
    assert breaks(body(schema), body(again)) == []
    assert breaks(answer(schema), answer(again)) == []


@EXAMPLES
@given(was=schemas("requests"), data=st.data(), values=st.lists(VALUES, max_size=20))
def test_it_takes_still_what_it_took(was: Json, data: st.DataObject, values: list[Any]) -> None:
    now = data.draw(st.one_of(schemas("requests"), close(was)))
    if not breaks(body(was), body(now)):
        assert [value for value in values if fits(value, was) and not fits(value, now)] == []


@EXAMPLES
@given(now=schemas("answers"), data=st.data(), values=st.lists(VALUES, max_size=20))
def test_it_shows_nothing_that_it_did_not_show(
    now: Json, data: st.DataObject, values: list[Any]
) -> None:
    was = data.draw(st.one_of(schemas("answers"), close(now)))
    if not breaks(answer(was), answer(now)):
        assert [value for value in values if fits(value, now) and not fits(value, was)] == []
