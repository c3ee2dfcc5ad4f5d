"""Talk around a case: who follows it, who was mentioned, and what somebody thought before the advice."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from reviews.models.actions import Action, Message
from reviews.models.people import User


class Follow(models.Model):
    """Somebody wants to hear of a case, and how far they have read."""

    action = models.ForeignKey(Action, on_delete=models.PROTECT, related_name="followers")
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="follows")
    at = models.DateTimeField(db_default=Now())
    active = models.BooleanField(default=True)
    seen_message = models.PositiveIntegerField(default=0)  # highest number read
    seen_evidence = models.PositiveIntegerField(default=0)

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["action", "user"], name="follow_once")]

    def __str__(self) -> str:
        return f"{self.user} follows {self.action_id}"


class Mention(models.Model):
    """A person named in a message; insert only."""

    message = models.ForeignKey(Message, on_delete=models.PROTECT, related_name="mentions")
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="mentions")

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["message", "user"], name="mention_once")]

    def __str__(self) -> str:
        return f"{self.user} in {self.message_id}"


class ProvisionalVerdict(models.Model):
    """What a reviewer thought of a revision before the agent's advice was shown; insert only, no vote."""

    action = models.ForeignKey(Action, on_delete=models.PROTECT, related_name="provisional")
    revision = models.PositiveIntegerField()
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    verdict = models.CharField(max_length=12)
    at = models.DateTimeField(db_default=Now())

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["action", "revision", "user"], name="provisional_once"),
            models.CheckConstraint(
                condition=Q(verdict__in=["approve", "reject", "unsure"]), name="provisional_verdict"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.verdict} on {self.action_id}"
