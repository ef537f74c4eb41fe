"""Who calls: what an access token's sign-in is worth now, known without a query for five seconds.

A signature proves that a token was good when it was made. Whether its user has since logged out,
changed the password, or been deactivated or deleted only the database knows, and asking it in each
request would cost more than the rest of the authentication together. So each process remembers the
answer for at most five seconds, which is how long such a change may take to count (CONTRACT §3.1);
a refusal is remembered as well. A change that is made in this process counts here at once.

Not for what must count from the next request: roles are read from the database with the data.
"""

import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import Any, ClassVar, Final
from uuid import UUID

from django.db.models import QuerySet
from django.utils.crypto import constant_time_compare

from tasks.models import TokenFamily, User
from tasks.rows import slot
from tasks.statements import statement

MAX_AGE: Final = 5.0  # seconds
MAX_ENTRIES: Final = 10_000  # about 2 kB each


@dataclass(frozen=True, slots=True)
class Caller:
    """The user of a request that came with an access token; stands in for a `User`.

    It answers what DRF and templates ask of a user and nothing that would need a query. It is
    never staff: the admin site is for browser sessions.
    """

    id: UUID
    username: str

    is_authenticated: ClassVar[bool] = True
    is_anonymous: ClassVar[bool] = False
    is_active: ClassVar[bool] = True
    is_staff: ClassVar[bool] = False

    @property
    def pk(self) -> UUID:
        return self.id

    def get_username(self) -> str:
        return self.username

    def __str__(self) -> str:
        return self.username


def load_caller(sid: UUID, now: datetime) -> Caller | None:
    """Return the user of a sign-in, in one query; None if it is over or the user is not welcome."""
    found = statement(("caller",), _living).rows({"sid": sid, "now": now})
    if not found:
        return None
    auth_hash, user_id, username, password = found[0]
    current = User(password=password).get_session_auth_hash()
    return Caller(user_id, username) if constant_time_compare(auth_hash, current) else None


type Load = Callable[[UUID, datetime], Caller | None]


@dataclass(frozen=True, slots=True)
class _Entry:
    """An answer, or the promise of one, as of the moment before the query was sent."""

    asked_at: float
    answer: Future[Caller | None]


class CallerCache:
    """The callers of this process, by sign-in.

    Threads that miss the same sign-in at once share one query. Entries are kept in the order of
    their age, so a full cache drops the oldest, which is the next to be worthless anyway.

    Args:
        load: asks the database.
        clock: monotonic seconds.
        max_entries: more sign-ins than that are asked for more often.
    """

    def __init__(
        self,
        load: Load = load_caller,
        clock: Callable[[], float] = time.monotonic,
        max_entries: int = MAX_ENTRIES,
    ) -> None:
        self._load = load
        self._clock = clock
        self._max_entries = max_entries
        self._entries: dict[UUID, _Entry] = {}
        self._lock = Lock()

    def get(self, sid: UUID, *, now: datetime) -> Caller | None:
        """Return the caller, as the database had it at most five seconds ago.

        Args:
            sid: from a verified token, so nobody can fill the cache with inventions.
            now: the instant at which the sign-in must be alive, if the database is asked.
        """
        entry = self._entries.get(sid)
        if entry is None or self._clock() - entry.asked_at >= MAX_AGE:
            entry, is_mine = self._promise(sid)
            if is_mine:
                self._keep_promise(sid, entry, now)
        return entry.answer.result()

    def forget(self, sid: UUID) -> None:
        """Ask the database at the next call; an answer that is on its way is not kept."""
        with self._lock:
            self._entries.pop(sid, None)

    def _promise(self, sid: UUID) -> tuple[_Entry, bool]:
        """Return the fresh entry, and whether this thread made it and owes its answer."""
        with self._lock:
            asked_at = self._clock()
            entry = self._entries.get(sid)
            if entry is not None and asked_at - entry.asked_at < MAX_AGE:
                return entry, False
            self._entries.pop(sid, None)  # to the end of the order
            if len(self._entries) >= self._max_entries:
                del self._entries[next(iter(self._entries))]
            entry = self._entries[sid] = _Entry(asked_at, Future())
            return entry, True

    def _keep_promise(self, sid: UUID, entry: _Entry, now: datetime) -> None:
        """Ask the database. An error goes to all who wait for the answer, and is not kept.

        One query for all of them also when it fails: if each tried in turn, a frozen database
        would cost the last of eight threads eight timeouts.
        """
        try:
            entry.answer.set_result(self._load(sid, now))
        except BaseException as error:  # noqa: BLE001 - passed on, to every waiting thread
            with self._lock:
                if self._entries.get(sid) is entry:
                    del self._entries[sid]
            entry.answer.set_exception(error)


def _living() -> QuerySet[TokenFamily, Any]:
    return TokenFamily.objects.filter(
        pk=slot(TokenFamily, "id", "sid"),
        ended_at=None,
        expires_at__gt=slot(TokenFamily, "expires_at", "now"),
        user__is_active=True,
    ).values_list("auth_hash", "user_id", "user__username", "user__password")


callers: Final = CallerCache()
