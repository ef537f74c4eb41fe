"""The log of one test, as the lines that the service would write."""

import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pytest_django import Settings

from config.logging import AddRequestId, JsonFormatter

type Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def log() -> Iterator[Lines]:
    """Return the lines so far, each parsed from its JSON."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    handler.addFilter(AddRequestId())
    logging.getLogger().addHandler(handler)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    logging.getLogger().removeHandler(handler)


@pytest.fixture
def stub_urls(settings: Settings) -> None:
    settings.ROOT_URLCONF = "tests.config.urls"
