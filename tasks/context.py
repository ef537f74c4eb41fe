"""What goes with one request through all layers, without being handed on by each."""

from contextvars import ContextVar
from uuid import UUID

from tasks.policies import Action

request_id: ContextVar[str] = ContextVar("request_id", default="")

# The span of this request, as a W3C `traceparent`; empty outside of one.
traceparent: ContextVar[str] = ContextVar("traceparent", default="")

# What the policy has granted so far: pairs of a project and an action. A list is there only while
# somebody collects: an answer that is kept for a replay is authorised by these once more.
granted: ContextVar[list[tuple[UUID, Action]] | None] = ContextVar("granted", default=None)
