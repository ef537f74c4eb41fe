"""Log lines: one JSON object each, whatever is in them."""

import json
import logging
import logging.config

import pytest

from config.logging import ConsoleFormatter, JsonFormatter, configuration
from tasks import context
from tests.config.conftest import Lines

pytestmark = pytest.mark.once


def test_it_writes_an_event_with_its_fields_and_the_request_id(log: Lines) -> None:
    token = context.request_id.set("abc")
    span = context.traceparent.set("00-" + "a" * 32 + "-" + "b" * 16 + "-01")
    logging.getLogger("somewhere").warning("disk_full", extra={"free_bytes": 12})
    context.request_id.reset(token)
    context.traceparent.reset(span)
    [line] = log()
    assert line.pop("timestamp").endswith("+00:00")
    assert line == {
        "level": "WARNING",
        "logger": "somewhere",
        "event": "disk_full",
        "request_id": "abc",
        "trace_id": "a" * 32,
        "free_bytes": 12,
    }


@pytest.mark.parametrize("value", ["a\nb\x1b[31m", "\ud800", 2**70, b"\xff", object])
def test_it_loses_no_line_and_starts_none_for_odd_values(log: Lines, value: object) -> None:
    logging.getLogger("somewhere").warning("odd", extra={"value": value})
    assert [line["event"] for line in log()] == ["odd"]


ROW = """null value in column "email" violates not-null constraint
DETAIL:  Failing row contains (md5$salt$hash, null, two

lines)."""


@pytest.mark.parametrize("formatter", [JsonFormatter, ConsoleFormatter])
def test_it_tells_of_no_row_that_the_database_refused(
    formatter: type[logging.Formatter],
) -> None:
    record = logging.makeLogRecord({"msg": "crashed", "request_id": "", "trace_id": ""})
    try:
        refuse_as_psycopg_and_django()
    except OSError as error:
        record.exc_info = (OSError, error, error.__traceback__)
    text = formatter().format(record)
    assert "md5" not in text
    assert "lines)" not in text
    assert "RuntimeError: null value in column" in text
    assert "OSError: null value in column" in text
    assert "test_logging.py" in text


def refuse_as_psycopg_and_django() -> None:
    try:
        raise RuntimeError(ROW)  # noqa: TRY301 - that is what is tested
    except RuntimeError as refused:
        raise OSError(ROW) from refused


def test_it_writes_the_same_for_eyes() -> None:
    record = logging.makeLogRecord(
        {"msg": "disk_full", "levelname": "WARNING", "free_bytes": 12, "request_id": "abc"}
    )
    assert ConsoleFormatter().format(record)[8:] == " WARNING disk_full free_bytes=12"


def test_it_writes_each_line_of_django_and_gunicorn_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    names = ("django.request", "django.server", "gunicorn.error", "access", "tasks.somewhere")
    before = {name: logging.getLogger(name).handlers[:] for name in ("", *names)}
    level = logging.getLogger().level
    logging.config.dictConfig(configuration(level="INFO", style="json"))
    for name in names:
        logging.getLogger(name).error("once")
    written = [json.loads(line)["logger"] for line in capsys.readouterr().err.splitlines()]
    for name, handlers in before.items():
        logging.getLogger(name).handlers[:] = handlers
    logging.getLogger().setLevel(level)
    assert written == list(names)
