"""What stands above single actions: stops, published policy and its drafts."""

from django.db import models
from django.db.models import Q

from reviews.ids import new_id
from reviews.models.people import ActionType, Principal, User
from reviews.models.words import choices_of
from reviews.states import StopScope


class Stop(models.Model):
    """While a row stands unlifted: no lease, no begin, no policy approval in its scope."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    scope = models.CharField(max_length=8, choices=choices_of(StopScope))
    action_type = models.ForeignKey(ActionType, on_delete=models.PROTECT, null=True, blank=True)
    principal = models.ForeignKey(Principal, on_delete=models.PROTECT, null=True, blank=True)
    reason = models.CharField(max_length=400)
    by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    lifted_at = models.DateTimeField(null=True)
    lifted_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    lift_reason = models.CharField(max_length=400, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(scope="all", action_type=None, principal=None)
                | Q(scope="type", action_type__isnull=False, principal=None)
                | Q(scope="agent", action_type=None, principal__isnull=False),
                name="stop_scope",
            )
        ]

    def __str__(self) -> str:
        return f"stop {self.action_type_id or self.principal_id or 'everything'}"


class PolicyVersion(models.Model):
    """A published policy document; insert only, never edited."""

    number = models.PositiveIntegerField(primary_key=True)
    document = models.JSONField()
    digest = models.BinaryField()  # sha256 of the canonical document
    reason = models.CharField(max_length=400)
    by = models.ForeignKey(User, on_delete=models.PROTECT, null=True)  # None: shipped default
    at = models.DateTimeField()
    restores = models.PositiveIntegerField(null=True)  # the version published again
    event_id = models.UUIDField(null=True)

    class Meta:
        ordering = ["-number"]

    def __str__(self) -> str:
        return f"policy {self.number}"


class PolicyDraft(models.Model):
    """What a lead is editing before it is published; one per person."""

    by = models.OneToOneField(User, on_delete=models.CASCADE)
    based_on = models.PositiveIntegerField()
    document = models.JSONField()
    changed_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"draft of {self.by}"
