"""Runs and their journals. What a row may become is held by the triggers in `sql/`."""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q

from reviews.ids import new_id
from reviews.models import Principal

OPEN = ("runnable", "running", "parked")
CLOSED = ("finished", "failed", "blocked", "cancelled")
STATES = OPEN + CLOSED


class Agent(models.Model):
    """What code says about an agent beside its principal; written by `sync_registry`."""

    principal = models.OneToOneField(Principal, on_delete=models.PROTECT, primary_key=True, related_name="agent")
    schema = models.JSONField(default=dict)  # JSON Schema of the start form
    starts = models.JSONField(default=list)  # names of agents whose runs it may start

    def __str__(self) -> str:
        return self.principal.name


class Run(models.Model):
    """One durable execution of an agent. The case row of `run:<id>`."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    agent = models.ForeignKey(Principal, on_delete=models.PROTECT, related_name="runs")
    agent_version = models.CharField(max_length=63)  # pinned: only workers that have it take the run
    parent = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="children")
    forked_from = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="forks")
    continues = models.OneToOneField("self", on_delete=models.PROTECT, null=True, related_name="continuation")
    title = models.TextField(blank=True)  # at most 200 characters; this and the other texts plain or sealed
    args = models.JSONField(default=dict)
    frame = models.JSONField(default=dict)  # {"types": [...]|null, "per_run": n|null}
    state = models.CharField(max_length=12, choices=[(s, s) for s in STATES])
    waiting_on = models.JSONField(null=True)  # {"mode", "on": [ids], "asked", "seen": [question ids]}
    steps = models.PositiveIntegerField(default=0)  # rows in the journal
    stalls = models.PositiveSmallIntegerField(default=0)  # leases lost in a row without a new row
    fence = models.BigIntegerField(default=0)
    lease = models.FloatField(default=60)  # seconds; a journal write renews it
    lease_until = models.DateTimeField(null=True)
    worker = models.CharField(max_length=120, blank=True)
    wake_at = models.DateTimeField(null=True)  # runnable: since when; parked: when to look again
    result = models.BinaryField(null=True)
    error = models.TextField(blank=True)  # at most 4,000 characters
    blocked = models.JSONField(null=True)  # {"seq", "cause", "recorded", "found"}
    started_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    case_seq = models.BigIntegerField(default=0)
    case_head = models.BinaryField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(state__in=STATES), name="run_state"),
        ]
        indexes = [
            # services.lease_run: the run that has been runnable longest.
            models.Index(fields=["wake_at", "id"], condition=Q(state="runnable"), name="run_ready"),
            # services.lease_run: runs whose runner went silent.
            models.Index(fields=["lease_until"], condition=Q(state="running"), name="run_leased"),
            # keeper: runs that asked to be woken at a time.
            models.Index(fields=["wake_at"], condition=Q(state="parked"), name="run_timer"),
            # queries.runs: the list, newest first.
            models.Index(fields=["-created_at", "-id"], name="run_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.agent} {self.id}"

    @property
    def case(self) -> str:
        return f"run:{self.id}"

    @property
    def is_open(self) -> bool:
        return self.state in OPEN


class JournalEntry(models.Model):
    """One recorded step; insert only, and only through `agents_append`, which checks the fence."""

    run = models.ForeignKey(Run, on_delete=models.PROTECT, related_name="journal")
    seq = models.PositiveIntegerField()
    kind = models.CharField(max_length=12)
    name = models.CharField(max_length=200)
    args_digest = models.BinaryField()  # sha256 of the canonical arguments
    result = models.BinaryField()  # JSON, at most 64 KiB
    at = models.DateTimeField()

    class Meta:
        db_table = "agents_journal"
        ordering = ["run", "seq"]
        constraints = [models.UniqueConstraint(fields=["run", "seq"], name="journal_seq")]

    def __str__(self) -> str:
        return f"{self.seq} {self.kind} {self.name}"


class News(models.Model):
    """Something that a run may wait for has happened. Filled by triggers, drained by the keeper."""

    target = models.UUIDField()  # an action or a run
    at = models.DateTimeField()  # not to be told before

    class Meta:
        db_table = "agents_news"
        indexes = [models.Index(fields=["at"], name="news_due")]

    def __str__(self) -> str:
        return f"news of {self.target}"


def waiting_for(run: Run) -> list[str]:
    """Ids of the actions and runs that a parked run waits for."""
    known: dict[str, Any] = run.waiting_on or {}
    return list(known.get("on", []))
