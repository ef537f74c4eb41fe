"""What is handed on of a `traceparent`: the trace, a span of our own, and whether it is sampled."""

import re

import pytest

from tasks.traces import traceparent_below

pytestmark = pytest.mark.once

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.mark.parametrize(
    ("given", "flags"),
    [
        (f"00-{TRACE}-{SPAN}-01", "01"),
        (f"00-{TRACE}-{SPAN}-00", "00"),
        (f"00-{TRACE}-{SPAN}-03", "01"),  # of the flags, level 1 knows one
        (f"01-{TRACE}-{SPAN}-01-more", "01"),  # a later version, as far as we can read it
    ],
)
def test_it_continues_the_trace_by_a_span_of_its_own(given: str, flags: str) -> None:
    one, other = traceparent_below(given), traceparent_below(given)

    assert re.fullmatch(rf"00-{TRACE}-[0-9a-f]{{16}}-{flags}", one)
    assert one != other
    assert SPAN not in one


@pytest.mark.parametrize(
    "given",
    [
        None,
        "",
        "nonsense",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01\n",
        f" 00-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-0٣",
    ],
)
def test_it_begins_a_trace_where_there_is_none_that_can_be_read(given: str | None) -> None:
    begun = traceparent_below(given)

    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-00", begun)
    assert TRACE not in begun
