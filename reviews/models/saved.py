"""Views of the queue that people keep for themselves or for their team."""

from django.contrib.auth.models import Group
from django.db import models
from django.db.models import Q

from reviews.ids import new_id
from reviews.models.people import User


class SavedView(models.Model):
    """A query with a name. It selects, and never widens what its reader may see."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    owner = models.ForeignKey(User, on_delete=models.PROTECT, related_name="saved_views")
    name = models.CharField(max_length=60)
    query = models.CharField(max_length=1000, blank=True)
    order = models.CharField(max_length=24, default="prio")
    team = models.ForeignKey(Group, on_delete=models.PROTECT, null=True, blank=True, related_name="saved_views")
    position = models.PositiveIntegerField(default=0)
    deleted_at = models.DateTimeField(null=True)  # taken back for a while, then removed

    class Meta:
        # Who may share with a team; the owner of a view needs no right to keep it.
        permissions = [("share_savedview", "May share views with a team")]
        default_permissions = ()
        constraints = [
            models.CheckConstraint(condition=~Q(name=""), name="saved_view_name"),
            models.UniqueConstraint(
                fields=["owner", "name"], condition=Q(deleted_at=None), name="saved_view_one_of_a_name"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class DefaultView(models.Model):
    """What /queue/ shows one person: a built-in view by its word, or a saved one."""

    user = models.OneToOneField(User, on_delete=models.PROTECT, primary_key=True, related_name="default_view")
    view = models.ForeignKey(SavedView, on_delete=models.PROTECT, null=True, related_name="+")
    builtin = models.CharField(max_length=20, blank=True)

    class Meta:
        default_permissions = ()
        constraints = [
            models.CheckConstraint(
                condition=Q(view=None, builtin__gt="") | Q(view__isnull=False, builtin=""), name="default_view_is_one"
            )
        ]

    def __str__(self) -> str:
        return self.builtin or str(self.view_id)
