"""Decisions and their retractions: insert only."""

from django.contrib.auth.models import Group
from django.db import models
from django.db.models import Q

from reviews.ids import new_id
from reviews.models.actions import Action
from reviews.models.items import Item
from reviews.models.people import User
from reviews.models.words import choices_of, one_of
from reviews.states import Purpose, Verdict


class Decision(models.Model):
    """One vote by a reviewer, or by policy, on one revision; insert only."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    action = models.ForeignKey(Action, on_delete=models.PROTECT, related_name="decisions")
    item = models.ForeignKey(Item, on_delete=models.PROTECT, null=True, related_name="decisions")
    revision = models.PositiveIntegerField()
    digest = models.BinaryField()
    reviewer = models.ForeignKey(User, on_delete=models.PROTECT, null=True)  # None: policy
    verdict = models.CharField(max_length=12, choices=choices_of(Verdict))
    purpose = models.CharField(max_length=12, default=Purpose.GATE)  # copied by trigger
    via = models.CharField(max_length=8)  # single, batch, policy
    risk = models.CharField(max_length=12)  # copied by trigger
    reason_code = models.CharField(max_length=63, blank=True)
    batch = models.UUIDField(null=True)
    round = models.PositiveSmallIntegerField(default=0)  # this reviewer's retractions so far
    seen_evidence = models.PositiveIntegerField(default=0)  # highest number shown
    seen_message = models.PositiveIntegerField(default=0)
    opened_at = models.DateTimeField(null=True)
    dwell_ms = models.PositiveIntegerField(null=True)
    target = models.ForeignKey(Group, on_delete=models.PROTECT, null=True)  # of an escalation
    event_id = models.UUIDField()
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            one_of("verdict", Verdict, "decision_verdict"),
            models.CheckConstraint(
                condition=Q(via__in=["single", "batch"], reviewer__isnull=False) | Q(via="policy", reviewer=None),
                name="decision_via",
            ),
            # High and critical risk are decided one by one.
            models.CheckConstraint(
                condition=~Q(verdict="approve", via="batch", risk__in=["high", "critical"]),
                name="decision_batch_risk",
            ),
            # One live verdict for each reviewer and revision.
            models.UniqueConstraint(
                fields=["action", "revision", "reviewer", "round"],
                condition=Q(verdict__in=["approve", "reject"]),
                name="decision_once",
                nulls_distinct=False,
            ),
        ]
        indexes = [models.Index(fields=["reviewer", "-created_at"], name="decision_by")]

    def __str__(self) -> str:
        return f"{self.verdict} on {self.action_id}"


class Retraction(models.Model):
    """Takes one vote back, before release only; insert only."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    decision = models.OneToOneField(Decision, on_delete=models.PROTECT, related_name="retraction")
    by = models.ForeignKey(User, on_delete=models.PROTECT, null=True)  # None: policy
    event_id = models.UUIDField()
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"retraction of {self.decision_id}"
