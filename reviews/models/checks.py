"""Seeded checks on whether people look, and the tags that people hang on cases."""

from django.db import models
from django.db.models import Q

from reviews.ids import new_id
from reviews.models.actions import Action
from reviews.models.people import User
from reviews.models.words import NAME


class Canary(models.Model):
    """What makes an action a seeded check. Written by functions alone; the web login reads none of it."""

    action = models.OneToOneField(Action, on_delete=models.PROTECT, primary_key=True, related_name="+")
    source = models.ForeignKey(Action, on_delete=models.PROTECT, related_name="+")  # what it was made from
    seeded_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    mutation = models.CharField(max_length=40)
    faults = models.JSONField(default=list)  # the fields that were made wrong
    answer = models.CharField(max_length=12)  # the verdict that is right
    note = models.CharField(max_length=1000)  # told to whoever decided it
    event_id = models.UUIDField()
    created_at = models.DateTimeField()
    verdict = models.CharField(max_length=12, null=True)  # noqa: DJ001  None: not decided
    reviewer = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    caught = models.BooleanField(null=True)
    taken_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "canaries"

    def __str__(self) -> str:
        return f"check {self.action_id}"


class Tag(models.Model):
    """A word on a case. Taken off it stays as a row: who hung it there, who took it off."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    action = models.ForeignKey(Action, on_delete=models.PROTECT, related_name="tags")
    name = models.CharField(max_length=63)
    by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    event_id = models.UUIDField()
    created_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True)
    removed_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    removed_event = models.UUIDField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(name__regex=NAME), name="tag_name"),
            models.UniqueConstraint(fields=["action", "name"], condition=Q(removed_at=None), name="tag_once"),
        ]
        # Search by tag.
        indexes = [models.Index(fields=["name", "action"], condition=Q(removed_at=None), name="tag_hanging")]

    def __str__(self) -> str:
        return self.name
