"""Earlier cases beside a new one: what they are found by, what was found, and those that bind."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from reviews.ids import new_id
from reviews.models.actions import Action
from reviews.models.people import ActionType, User


class PrecedentText(models.Model):
    """A decided and released case as search reads it; insert only, erasable like the bytes it derives from.

    The column `lexemes`, which the database derives from both texts, is known to SQL alone.
    """

    action = models.OneToOneField(Action, on_delete=models.PROTECT, primary_key=True, related_name="precedent_text")
    action_type = models.ForeignKey(ActionType, on_delete=models.PROTECT, related_name="+")
    revision = models.PositiveIntegerField()
    verdict = models.CharField(max_length=12)
    words = models.TextField(blank=True)  # the payload's texts, normalised
    context = models.TextField(blank=True)  # those of its evidence; they weigh less
    fields = models.JSONField(default=dict)  # {path: value} of short values
    amount = models.BigIntegerField(null=True)
    currency = models.CharField(max_length=3, blank=True)

    class Meta:
        default_permissions = ()
        indexes = [models.Index(fields=["action_type", "-action"], name="precedent_newest")]

    def __str__(self) -> str:
        return f"precedent {self.action_id}"


class PrecedentSearch(models.Model):
    """That the keeper looked for precedents of one revision, and what is usual among them; insert only."""

    action = models.ForeignKey(Action, on_delete=models.PROTECT, related_name="precedent_searches")
    revision = models.PositiveIntegerField()
    at = models.DateTimeField(db_default=Now())
    looked_at = models.PositiveIntegerField(default=0)  # cases that were compared
    usual = models.JSONField(default=dict)  # {path: figures}, see reviews.usual

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["action", "revision"], name="precedent_search_once")]

    def __str__(self) -> str:
        return f"search for {self.action_id}, revision {self.revision}"


class Precedent(models.Model):
    """One earlier case found for a revision; insert only. Its verdict and fate are read from the case itself."""

    search = models.ForeignKey(PrecedentSearch, on_delete=models.PROTECT, related_name="found")
    place = models.PositiveSmallIntegerField()
    action = models.ForeignKey(Action, on_delete=models.PROTECT, related_name="+")
    similarity = models.FloatField()  # 0..1

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["search", "place"], name="precedent_place"),
            models.CheckConstraint(condition=Q(similarity__gte=0, similarity__lte=1), name="precedent_similarity"),
        ]

    def __str__(self) -> str:
        return f"{self.action_id} at {self.place}"


class PrecedentDue(models.Model):
    """Work for the keeper, written by a trigger: `find` precedents of a case, or `keep` it as one."""

    action = models.ForeignKey(Action, on_delete=models.PROTECT, related_name="+")
    what = models.CharField(max_length=4)
    at = models.DateTimeField(db_default=Now())

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["action", "what"], name="precedent_due_once")]
        indexes = [models.Index(fields=["what", "at"], name="precedent_due_at")]

    def __str__(self) -> str:
        return f"{self.what} {self.action_id}"


class BindingPrecedent(models.Model):
    """A case that a lead holds up for all of its type, until it expires or is lifted."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    action = models.ForeignKey(Action, on_delete=models.PROTECT, related_name="bindings")
    action_type = models.ForeignKey(ActionType, on_delete=models.PROTECT, related_name="+")
    note = models.CharField(max_length=400)
    by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    expires = models.DateTimeField()
    lifted_at = models.DateTimeField(null=True)
    lifted_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    lift_reason = models.CharField(max_length=400, blank=True)

    class Meta:
        ordering = ["-at"]
        default_permissions = ("view",)
        constraints = [
            # One at a time for each case.
            models.UniqueConstraint(fields=["action"], condition=Q(lifted_at=None), name="binding_once"),
            models.CheckConstraint(condition=~Q(note=""), name="binding_note"),
            models.CheckConstraint(condition=Q(expires__gt=models.F("at")), name="binding_expires"),
        ]

    def __str__(self) -> str:
        return f"binding precedent {self.action_id}"
