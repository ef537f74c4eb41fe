"""What every line of log and every problem of one request has in common."""

from contextvars import ContextVar

request_id: ContextVar[str] = ContextVar("request_id", default="")
