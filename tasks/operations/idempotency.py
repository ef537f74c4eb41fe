"""Requests that are sent again: done once, answered alike (CONTRACT §4).

A client that lost an answer cannot know whether its request was carried out, and sends it again
with the same key. The key's row, the change and whatever else the change writes are one
transaction: there is no moment at which one is there without the other, and a process that dies in
the middle leaves nothing behind, no lock either. Only successes are kept; whatever failed may be
tried again with the same key.

It costs two statements and an INSERT for each request with a key, and nothing for one without.
Sources: draft-ietf-httpapi-idempotency-key-header; M. Featonby, "Making retries safe with
idempotent APIs" (Amazon Builders' Library).
"""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock
from typing import Final
from uuid import UUID

from django.db import connection, transaction

from tasks import context
from tasks.errors import KeyInUse, KeyReused
from tasks.models import IdempotencyKey
from tasks.operations.access import Actor, get_project
from tasks.policies import Action
from tasks.statements import insert

KEPT_FOR: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Kept:
    """What a success answered.

    Attributes:
        body: a JSON document, empty for none.
        headers: those that belong to the answer itself, like `Location`.
        replayed: whether it was answered before.
    """

    status: int
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    replayed: bool = False


def once(
    *, actor: Actor, now: datetime, key: str, fingerprint: str, act: Callable[[], Kept]
) -> Kept:
    """Return what `act` answers, or what it answered before to this user's key.

    Args:
        fingerprint: a digest of the request; the same key belongs to the same request.
        act: makes the change, and raises whatever it refuses.

    Raises:
        KeyInUse: the first request with the key has not ended. (With SQLite, a request of another
            process waits for it in place of that: there is one writer.)
        KeyReused: the first request with the key was another one.
        NotVisible, NotAllowed, InTrash: what the first request was allowed is not any more.
    """
    with _alone_here(actor.id, key), transaction.atomic():
        _claim(actor.id, key)
        kept = IdempotencyKey.objects.filter(user=actor.id, key=key).first()
        if kept is not None and kept.created_at <= now - KEPT_FOR:
            kept.delete()
            kept = None
        if kept is None:
            return _first(actor, now, key, fingerprint, act)
    if kept.fingerprint != fingerprint:
        raise KeyReused
    _authorise(actor, kept)
    return Kept(kept.status, kept.body, kept.headers, replayed=True)


@contextmanager
def _alone_here(user_id: UUID, key: str) -> Iterator[None]:
    """Hold the key against the other threads of this process; raises KeyInUse."""
    claim = (user_id, key)
    with _lock:
        if claim in _running:
            raise KeyInUse
        _running.add(claim)
    try:
        yield
    finally:
        with _lock:
            _running.discard(claim)


_running: Final[set[tuple[UUID, str]]] = set()
_lock: Final = Lock()


def _claim(user_id: UUID, key: str) -> None:
    """Hold the key against the other processes until the transaction ends; raises KeyInUse.

    An INSERT of the key would make a second request wait for the first one, and hold a connection.
    """
    if connection.vendor != "postgresql":
        return
    digest = hashlib.blake2b(f"{user_id}:{key}".encode(), digest_size=8).digest()
    number = int.from_bytes(digest, signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [number])
        if not cursor.fetchone()[0]:
            raise KeyInUse


def _first(
    actor: Actor, now: datetime, key: str, fingerprint: str, act: Callable[[], Kept]
) -> Kept:
    with _collected() as grants:
        answer = act()
    insert(
        IdempotencyKey(
            user_id=actor.id,
            key=key,
            fingerprint=fingerprint,
            status=answer.status,
            headers=answer.headers,
            body=answer.body,
            grants=[[str(project), action.name] for project, action in dict.fromkeys(grants)],
            created_at=now,
        )
    )
    return answer


@contextmanager
def _collected() -> Iterator[list[tuple[UUID, Action]]]:
    grants: list[tuple[UUID, Action]] = []
    token = context.granted.set(grants)
    try:
        yield grants
    finally:
        context.granted.reset(token)


def _authorise(actor: Actor, kept: IdempotencyKey) -> None:
    """Raise what the first request would raise now, if the actor's role does not reach any more.

    A project that was put into the trash can still be seen, but nothing in it. Whoever has left a
    project is not asked whether they may leave it.
    """
    for project_id, name in kept.grants:
        action = Action[name]
        if action is not Action.LEAVE:
            get_project(actor, UUID(project_id), action, trashed=action in _OF_THE_PROJECT)


_OF_THE_PROJECT: Final = frozenset({Action.READ, Action.MANAGE_PROJECT})
