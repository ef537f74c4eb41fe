"""Events that a reader went on without: to be looked at, and handled once more.

They are few and each is somebody's mistake: a broker's limit that is too low, or an event of ours
that is too large. Whoever has mended that releases them, by the command or in the admin site; the
reader then handles them as if they were new, out of their order.
"""

from django.db.models import QuerySet

from tasks.models import ParkedEvent


def release(parked: QuerySet[ParkedEvent, ParkedEvent]) -> int:
    """Let these be handled once more; return how many."""
    return parked.update(tries=0)


def due_again(reader: str, most_tries: int) -> ParkedEvent | None:
    """Return the first of a reader's that was released, with its event."""
    released = ParkedEvent.objects.filter(cursor=reader, tries__lt=most_tries)
    return released.select_related("event").order_by("event").first()
