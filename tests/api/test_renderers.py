"""What the pages for people show of an answer."""

import orjson
import pytest

from tasks.api.renderers import BrowsableRenderer

pytestmark = pytest.mark.once


def test_it_writes_each_field_on_a_line_of_its_own_for_eyes() -> None:
    """Also of what the answer holds as ready JSON: events, and a task's metadata."""
    indented = BrowsableRenderer().get_default_renderer(None)

    shown = indented.render({"results": [orjson.Fragment(b'{"id":1}')], "more": False})

    assert shown == b'{\n  "results": [\n    {\n      "id": 1\n    }\n  ],\n  "more": false\n}'
    assert indented.render(None) == b""
