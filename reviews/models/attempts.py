"""What executors tried, and which processes live."""

from django.db import models
from django.db.models import Q

from reviews.ids import new_id
from reviews.models.actions import Action
from reviews.models.people import ActionType
from reviews.models.words import choices_of, one_of
from reviews.states import AttemptEnd


class Attempt(models.Model):
    """One try at the effect. Opened by the lease, closed once; the intent is `effect_at`."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    action = models.ForeignKey(Action, on_delete=models.PROTECT, related_name="attempts")
    fence = models.BigIntegerField()
    worker = models.CharField(max_length=120)
    revision = models.PositiveIntegerField()
    digest = models.BinaryField()
    key = models.CharField(max_length=120)  # desk-<action>-<revision>, made by the database
    leased_at = models.DateTimeField()
    effect_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    end = models.CharField(max_length=12, null=True, choices=choices_of(AttemptEnd))  # noqa: DJ001  None: open
    result = models.BinaryField(null=True)  # canonical JSON, at most 64 KiB; plain or sealed
    note = models.TextField(blank=True)  # at most 4,000 characters; plain or sealed
    # done, not_done, unknown; None: not asked.
    probe = models.CharField(max_length=12, null=True)  # noqa: DJ001
    event_id = models.UUIDField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["action", "fence"], name="attempt_fence"),
            # One try at a time.
            models.UniqueConstraint(fields=["action"], condition=Q(ended_at=None), name="attempt_one_open"),
            one_of("end", AttemptEnd, "attempt_end", null=True),
        ]

    def __str__(self) -> str:
        return f"attempt {self.fence} at {self.action_id}"


class Circuit(models.Model):
    """Pauses a failing type: one probing lease a minute until one succeeds."""

    action_type = models.OneToOneField(ActionType, on_delete=models.PROTECT, primary_key=True)
    failures = models.PositiveIntegerField(default=0)  # in a row
    probe_at = models.DateTimeField(null=True)  # None: closed

    def __str__(self) -> str:
        return f"circuit {self.action_type_id}"


class Heartbeat(models.Model):
    """A sign of life of one process; `busy_at` is its last lease, route or signature."""

    name = models.CharField(max_length=120, primary_key=True)  # kind@host:pid
    kind = models.CharField(max_length=20)
    started_at = models.DateTimeField()
    at = models.DateTimeField()
    busy_at = models.DateTimeField(null=True)
    note = models.CharField(max_length=200, blank=True)

    def __str__(self) -> str:
        return self.name
