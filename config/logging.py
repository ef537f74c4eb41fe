"""Log lines as JSON objects: a fixed event name with fields, and the request id on each.

A filter on the handler takes the request id from the context variable, so that every line of a
request can be found by it, whoever wrote the line. JSON also keeps a newline that a client sent
from looking like a line of ours.
"""

import json
import logging
from typing import Any, Final, Literal

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.orjson import OrjsonFormatter

from tasks import context

type Configuration = dict[str, Any]

# Django puts the whole request onto its records; its text would bring the query into the log.
_NOT_FIELDS: Final = frozenset(
    {*RESERVED_ATTRS, "request", "server_time", "request_id", "trace_id"}
)
_TRACE_ID: Final = slice(3, 35)  # of a `traceparent`


class AddRequestId(logging.Filter):
    """Puts the ids of the running request and its trace onto the record; empty outside of one."""

    def filter(self, record: logging.LogRecord) -> Literal[True]:
        record.request_id = context.request_id.get()
        record.trace_id = context.traceparent.get()[_TRACE_ID]
        return True


class _WithoutRows(logging.Formatter):
    """Leaves out of a traceback what PostgreSQL says in detail: it may be a whole row, or a value.

    What was violated is in the first line of its message, which stays.
    """

    def formatException(self, ei: Any) -> str:  # noqa: N802 (logging's name)
        text = super().formatException(ei)
        error = ei[1]
        while error is not None:
            message = str(error)
            text = text.replace(message, message.partition("\nDETAIL:")[0])
            error = error.__cause__ or error.__context__
        return text


class JsonFormatter(_WithoutRows, OrjsonFormatter):
    """One JSON object per line: timestamp (RFC 3339), level, logger, event, ids, fields."""

    def __init__(self) -> None:
        super().__init__(
            ["levelname", "name", "message", "request_id", "trace_id"],
            rename_fields={"levelname": "level", "name": "logger", "message": "event"},
            reserved_attrs=sorted(_NOT_FIELDS),
            timestamp=True,
        )

    def jsonify_log_record(self, log_data: dict[str, Any]) -> str:
        """Return the line; orjson refuses lone surrogates and huge numbers, and no line is lost."""
        try:
            return super().jsonify_log_record(log_data)
        except TypeError:
            return json.dumps(log_data, default=str)


class ConsoleFormatter(_WithoutRows):
    """The same for eyes: time, level, event, fields."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s", datefmt="%H:%M:%S")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (logging's name)
        fields = (f"{key}={value}" for key, value in vars(record).items() if key not in _NOT_FIELDS)
        return " ".join((super().formatMessage(record), *fields))


def configuration(*, level: str, style: str) -> Configuration:
    """Return the `dictConfig` of Django and gunicorn alike.

    Args:
        level: the least severe level that is written.
        style: `json` or `console`.
    """
    # Each of these brings handlers of its own, which would write its lines a second time.
    through_root: Configuration = {"handlers": [], "propagate": True, "level": "NOTSET"}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"request_id": {"()": AddRequestId}},
        "formatters": {"line": {"()": JsonFormatter if style == "json" else ConsoleFormatter}},
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "formatter": "line",
                "filters": ["request_id"],
            }
        },
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            **dict.fromkeys(("django", "django.server", "gunicorn.error"), through_root),
            # A 4xx is the client's affair and is in the access line already; a 5xx is logged
            # here once, with its traceback.
            "django.request": {**through_root, "level": "ERROR"},
            # Anybody can send a wrong Host, at any rate: a 400 in the access line is enough.
            "django.security.DisallowedHost": {**through_root, "level": "CRITICAL"},
            # At DEBUG these write every statement, every file watched, every pooled connection.
            "django.db.backends": {**through_root, "level": "INFO"},
            "django.utils.autoreload": {**through_root, "level": "INFO"},
            "psycopg": {**through_root, "level": "WARNING"},
            # It writes seven sentences for each try to connect; ours are in tasks/events/link.py.
            "pika": {**through_root, "level": "CRITICAL"},
        },
    }
