"""The order of the log: each committed event gets the next number, without a gap.

Numbers that a database hands out are taken before the commit, so they do not show the order of
commits: a reader who has seen 7 and asks for what is greater never sees 6, which commits later. In
two seconds of sixteen writers a third of all events were lost so. Therefore numbers are given once
more, to what is committed already, by one process at a time. A transaction that takes long gets its
place when it commits; nobody waits for it.

The order among those that wait is that of their insertion. For one object that is the order of its
changes, since whoever inserts an event holds the lock of the row that it tells of: the second
change begins when the first is committed, and is not visible without it.

One row of `Cursor` is lock and counter in one, so there is no moment at which two processes count,
and none after which a number is given twice: count and numbers are one transaction. It costs an
UPDATE of each event, and no write ever waits for it.
"""

from typing import Final

from django.db import connection

from tasks.events import cursors
from tasks.models import Event

BATCH: Final = 1_000

# The ORM has no UPDATE … FROM. Both databases take it as it stands.
_NUMBER = """
    UPDATE tasks_event SET sequence = %s + numbered.nth
    FROM (
        SELECT number, row_number() OVER (ORDER BY number) AS nth
        FROM (
            SELECT number FROM tasks_event WHERE sequence IS NULL ORDER BY number LIMIT %s
        ) AS waiting
    ) AS numbered
    WHERE tasks_event.number = numbered.number
"""


def sequence(limit: int = BATCH) -> int:
    """Give up to `limit` committed events their place; return how many.

    None if there are none, or if another process is at it.
    """
    if not Event.objects.filter(sequence=None).exists():
        return 0  # Asked often, and without a lock.
    with cursors.locked(cursors.SEQUENCER) as cursor:
        if cursor is None:
            return 0
        with connection.cursor() as database:
            database.execute(_NUMBER, [cursor.position, limit])
            count: int = database.rowcount
        if count:
            cursor.position += count
            cursor.save(update_fields=["position"])
    return count
