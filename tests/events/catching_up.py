"""What the worker does beside the requests: giving events their places."""

from tasks.events.sequencer import sequence
from tasks.models import Event


def catch_up() -> None:
    """Let the log hold all that is committed."""
    while Event.objects.filter(sequence=None).exists():
        sequence()
