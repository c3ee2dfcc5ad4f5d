"""News for people, kept until it went out by mail: written with what it tells, sent after the commit."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from reviews.models.items import Item
from reviews.models.people import User
from reviews.models.words import one_of
from reviews.notices import Kind, Posted


class Notice(models.Model):
    """Something that one person is told. Insert only; it holds no text of any case."""

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="notices", db_index=False)
    kind = models.CharField(max_length=12)
    item = models.ForeignKey(Item, on_delete=models.PROTECT, null=True, related_name="+", db_index=False)
    mark = models.CharField(max_length=40)  # which event of this kind: a step of the case, a message, a day
    at = models.DateTimeField(db_default=Now())

    class Meta:
        default_permissions = ()
        constraints = [
            one_of("kind", Kind, "notice_kind"),
            models.UniqueConstraint(fields=["user", "kind", "item", "mark"], name="notice_once", nulls_distinct=False),
        ]

    def __str__(self) -> str:
        return f"{self.kind} for {self.user_id}"


class Posting(models.Model):
    """What became of a notice; made by a trigger with it, changed by whoever sends."""

    notice = models.OneToOneField(Notice, on_delete=models.PROTECT, primary_key=True, related_name="posting")
    state = models.CharField(max_length=12, default=Posted.WAITING)
    tries = models.PositiveSmallIntegerField(default=0)
    next_at = models.DateTimeField(db_default=Now())
    why = models.CharField(max_length=120, blank=True)

    class Meta:
        default_permissions = ()
        constraints = [one_of("state", Posted, "posting_state")]
        indexes = [models.Index(fields=["next_at"], name="posting_due", condition=Q(state="waiting"))]

    def __str__(self) -> str:
        return f"{self.notice_id} {self.state}"
