"""The event log, and how far each of its readers has come.

An event is a row that is written in the transaction of the change it tells of, and never changed
but for one thing: its `sequence`, which it gets after the commit (tasks/events/sequencer.py). No
row of the log refers to what it tells of by a foreign key, since the log outlives it.
"""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from tasks.ids import uuid7
from tasks.querysets import EventQuerySet

_SEQUENCED = Q(sequence__isnull=False)


class Event(models.Model):
    """Something that happened. `uid` is its `id` to everybody outside: Django wants that name."""

    number = models.BigAutoField(primary_key=True)
    uid = models.UUIDField(unique=True, default=uuid7, editable=False)
    sequence = models.BigIntegerField(null=True, editable=False)
    type = models.CharField(max_length=40)
    subject = models.UUIDField(help_text="The object that it happened to.")
    project = models.UUIDField(null=True, help_text="Its members see the event.")
    left_project = models.UUIDField(
        null=True, help_text="Where a task was moved away from: its members see that it went."
    )
    task = models.UUIDField(null=True, help_text="The task whose history it belongs to.")
    user = models.UUIDField(null=True, help_text="Whom it is about, who sees it in any case.")
    occurred_at = models.DateTimeField()
    traceparent = models.CharField(max_length=55, blank=True)
    data = models.TextField(help_text="The JSON object `data`, as every reader gets it.")

    objects = EventQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["sequence"], name="event_sequence_once", condition=_SEQUENCED
            ),
        ]
        # Those that wait for a sequence are few, and found at once; the others are looked for by
        # who may see them, in the order of the log.
        indexes: ClassVar = [
            models.Index(fields=["number"], name="event_unsequenced", condition=Q(sequence=None)),
            *(
                models.Index(
                    fields=[name, "sequence"],
                    name=f"event_by_{name}",
                    condition=_SEQUENCED & Q(**{f"{name}__isnull": False}),
                )
                for name in ("project", "left_project", "task", "user")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.subject}"


class Cursor(models.Model):
    """How far one reader of the log has come, and who reads for it at the moment.

    Whoever works outside a transaction (RabbitMQ) holds the cursor by a lease and moves it only
    while it is still theirs; all others hold the lock of its row.
    """

    name = models.CharField(max_length=20, primary_key=True)
    position = models.BigIntegerField(default=0)
    holder = models.UUIDField(null=True)
    leased_until = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.name} at {self.position}"


class ParkedEvent(models.Model):
    """An event that a reader could not handle five times, and went on without."""

    cursor = models.ForeignKey(Cursor, on_delete=models.CASCADE, db_index=False)
    event = models.ForeignKey(Event, on_delete=models.CASCADE)
    tries = models.PositiveIntegerField()
    error = models.CharField(max_length=500)
    parked_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["cursor", "event"], name="parked_event_once"),
        ]

    def __str__(self) -> str:
        return f"{self.event_id} for {self.cursor_id}"


class ReceivedEvent(models.Model):
    """An event of another service that was handled: it comes at least once, and counts once."""

    id = models.BigAutoField(primary_key=True)
    source = models.CharField(max_length=255)
    event_id = models.CharField(max_length=255)
    received_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["source", "event_id"], name="received_event_once"),
        ]
        indexes: ClassVar = [models.Index(fields=["received_at"], name="received_event_at")]

    def __str__(self) -> str:
        return f"{self.source} {self.event_id}"


class Worker(models.Model):
    """A worker process that has said lately that it is alive."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kinds = models.CharField(max_length=60, help_text="What it does, comma-separated.")
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["seen_at"], name="worker_seen_at")]

    def __str__(self) -> str:
        return f"{self.id} ({self.kinds})"
