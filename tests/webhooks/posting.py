"""One post over a connection of its own."""

from collections.abc import Mapping, Sequence

from tasks.webhooks.addresses import Network
from tasks.webhooks.transport import Answer, Connection


def post(
    url: str,
    *,
    body: bytes = b"{}",
    headers: Mapping[str, str] | None = None,
    allowed: Sequence[Network],
    seconds: float = 15.0,
) -> Answer:
    with Connection(allowed) as connection:
        return connection.post(url, body=body, headers=headers or {}, last=True, seconds=seconds)
