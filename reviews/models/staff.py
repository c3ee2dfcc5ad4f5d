"""People come, go and rest: what they are qualified for, when they are away, and who is invited."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from reviews.ids import new_id
from reviews.models.items import Item
from reviews.models.people import User


class Qualification(models.Model):
    """What somebody was found competent for, and until when. Insert only: the newest row of a name acts."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="qualifications")
    name = models.CharField(max_length=120)
    valid_from = models.DateTimeField()
    valid_until = models.DateTimeField()
    recorded_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    event_id = models.UUIDField()
    at = models.DateTimeField()

    class Meta:
        ordering = ["-at"]
        indexes = [models.Index(fields=["user", "name", "-at"], name="qualification_newest")]
        constraints = [
            models.CheckConstraint(condition=Q(valid_until__gte=F("valid_from")), name="qualification_dates"),
            models.CheckConstraint(condition=~Q(name=""), name="qualification_named"),
            models.CheckConstraint(condition=~Q(user=F("recorded_by")), name="qualification_by_another"),
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.name} until {self.valid_until:%Y-%m-%d}"


class Absence(models.Model):
    """Somebody is away, and perhaps somebody stands in. Work passes on, authority does not."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="absences")
    substitute = models.ForeignKey(User, on_delete=models.PROTECT, null=True, blank=True, related_name="stands_in")
    starts = models.DateTimeField()
    ends = models.DateTimeField()
    recorded_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    event_id = models.UUIDField()
    at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)  # taken back, or over before its time

    class Meta:
        ordering = ["-starts"]
        indexes = [models.Index(fields=["user", "ends"], name="absence_of", condition=Q(ended_at=None))]
        constraints = [
            models.CheckConstraint(condition=Q(ends__gt=F("starts")), name="absence_dates"),
            models.CheckConstraint(
                condition=Q(substitute=None) | ~Q(substitute=F("user")), name="absence_substitute_is_another"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} away until {self.ends:%Y-%m-%d}"


class Handover(models.Model):
    """What lay on somebody's desk was passed on when their absence began. Once for each absence."""

    absence = models.OneToOneField(Absence, on_delete=models.PROTECT, primary_key=True, related_name="handover")
    at = models.DateTimeField(db_default=Now())
    told_at = models.DateTimeField(null=True)  # when they were back and heard of it

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"what {self.absence} left"


class PassedOn(models.Model):
    """One item that an absence took off a desk, and whose it was then; None: nobody's. Insert only."""

    absence = models.ForeignKey(Absence, on_delete=models.PROTECT, related_name="passed_on")
    item = models.ForeignKey(Item, on_delete=models.PROTECT, related_name="+", db_index=False)
    to = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+", db_index=False)
    at = models.DateTimeField(db_default=Now())

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["absence", "item"], name="passed_on_once")]

    def __str__(self) -> str:
        return f"{self.item_id} to {self.to_id}"


class Invitation(models.Model):
    """A link with which an account that an administrator made gets its name and password: once, and not for long."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="invitations")
    by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    event_id = models.UUIDField()
    at = models.DateTimeField()
    expires = models.DateTimeField()
    used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-at"]
        constraints = [
            models.CheckConstraint(condition=Q(expires__gt=F("at")), name="invitation_expires"),
            models.UniqueConstraint(
                fields=["user"], condition=Q(used_at=None, revoked_at=None), name="invitation_one_open"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user}, invited {self.at:%Y-%m-%d}"
