"""Visits to the desk, and what makes lists of them quick."""

from django.contrib.auth.models import Group
from django.db import models
from django.db.models import Q
from django.db.models.functions import Cast, Floor, Least

from reviews.ids import new_id
from reviews.models.actions import Action
from reviews.models.people import ActionType, Principal, Queue, User
from reviews.models.words import one_of
from reviews.states import Purpose, Risk


class _Visit(models.Model):
    """One visit of something to the review queue; closed, never deleted."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    ref = models.BigIntegerField(unique=True)  # from a sequence by default, shown as ACT-<ref>
    action = models.ForeignKey(Action, on_delete=models.PROTECT, related_name="%(class)ss")
    # db_index=False: sql/0003_views.sql has the index that serves the queries, or a claim stays cheap for want of one.
    queue = models.ForeignKey(Queue, on_delete=models.PROTECT, related_name="%(class)ss", db_index=False)
    action_type = models.ForeignKey(ActionType, on_delete=models.PROTECT, related_name="+", db_index=False)
    principal = models.ForeignKey(Principal, on_delete=models.PROTECT, null=True, related_name="+")
    risk = models.CharField(max_length=12)
    risk_rank = models.GeneratedField(
        expression=models.Case(
            *[models.When(risk=r.value, then=models.Value(r.rank)) for r in Risk],
            default=models.Value(3),
        ),
        output_field=models.SmallIntegerField(),
        db_persist=True,
    )
    confidence = models.FloatField(null=True)
    # 20 buckets of confidence, -1 for unknown: a bar of the histogram, a column of the cube.
    cb = models.GeneratedField(
        expression=models.Case(
            models.When(confidence__isnull=True, then=models.Value(-1)),
            default=Least(models.Value(19), Cast(Floor(models.F("confidence") * 20.0), models.IntegerField())),
            output_field=models.IntegerField(),
        ),
        output_field=models.SmallIntegerField(),
        db_persist=True,
    )
    amount = models.BigIntegerField(null=True)  # minor units
    currency = models.CharField(max_length=3, blank=True)
    prio = models.BigIntegerField()  # smaller is more urgent, see queries.pack_prio
    breached = models.BooleanField(default=False)
    entered = models.DateTimeField()
    due = models.DateTimeField(null=True)
    question_open = models.BooleanField(default=False)
    deferred_until = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)
    waiting = models.GeneratedField(
        expression=models.Case(
            models.When(
                closed_at__isnull=True,
                question_open=False,
                deferred_until__isnull=True,
                then=models.Value(True),
            ),
            default=models.Value(False),
        ),
        output_field=models.BooleanField(),
        db_persist=True,
    )
    claimed_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+", db_index=False)
    claimed_until = models.DateTimeField(null=True)
    assignee = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+", db_index=False)
    escalated_to = models.ForeignKey(Group, on_delete=models.PROTECT, null=True, related_name="+", db_index=False)
    # Who wrote the present revision, cannot approve it, and has given it out of their hands: no list shows it to them.
    passed_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+", db_index=False)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"ACT-{self.ref}"


class Item(_Visit):
    """The visit with its purpose, which only the keeper and the auditor read."""

    purpose = models.CharField(max_length=12, default=Purpose.GATE)

    class Meta:
        constraints = [
            one_of("purpose", Purpose, "item_purpose"),
            one_of("risk", Risk, "item_risk"),
            # A gate and a question have one open item each.
            models.UniqueConstraint(
                fields=["action"],
                condition=Q(closed_at=None, purpose__in=["gate", "question"]),
                name="item_one_open_gate",
            ),
        ]


class DeskItem(_Visit):
    """The visit as web sees and changes it: an updatable view without `purpose`."""

    # It is over, and was seeded to see whether people look: part of no list, no statistic, no export.
    was_check = models.BooleanField(editable=False)

    class Meta:
        managed = False
        db_table = "reviews_item_desk"
        default_permissions = ()


class PendingCube(models.Model):
    """How many wait per queue, risk and confidence bucket; written by triggers alone.

    `low` and `low_at`: no waiting row of the cell sorts before them. Read `reviews_cube`.
    """

    pk = models.CompositePrimaryKey("queue", "risk", "cb")
    queue = models.CharField(max_length=63)
    risk = models.SmallIntegerField()
    cb = models.SmallIntegerField()
    n = models.BigIntegerField()
    low = models.BigIntegerField()
    low_at = models.DateTimeField(null=True)  # None: from the beginning

    class Meta:
        db_table = "reviews_pending_cube"

    def __str__(self) -> str:
        return f"{self.queue} {self.risk} {self.cb}: {self.n}"


class PendingDelta(models.Model):
    """A change of one cell that is not folded into the cube yet."""

    queue = models.CharField(max_length=63)
    risk = models.SmallIntegerField()
    cb = models.SmallIntegerField()
    dn = models.BigIntegerField()
    low = models.BigIntegerField(null=True)  # smallest `prio` that entered

    class Meta:
        db_table = "reviews_pending_delta"

    def __str__(self) -> str:
        return f"{self.queue} {self.risk} {self.cb}: {self.dn:+d}"


class QueueStamp(models.Model):
    """Raised after every commit that changed a queue; pages poll it, compared for equality."""

    queue = models.OneToOneField(Queue, on_delete=models.PROTECT, primary_key=True)
    n = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.queue_id} {self.n}"
