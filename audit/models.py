"""The record's tables, as Django sees them. Unmanaged: migrations run frozen SQL, and `flush` leaves them alone.

The columns of `Event` beyond `leaf` are derived by a trigger; nothing here is ever saved through the ORM.
"""

from django.db import models


class Event(models.Model):
    """One append-only record; a leaf of the Merkle log. Read through the view that every reader may use."""

    n = models.BigIntegerField(primary_key=True)
    id = models.UUIDField(unique=True)
    name = models.TextField()
    at = models.DateTimeField()
    case_id = models.TextField("case")
    case_seq = models.BigIntegerField()
    change_from = models.TextField(null=True)  # noqa: DJ001  null means none, as in the leaf
    change_to = models.TextField(null=True)  # noqa: DJ001  null means none, as in the leaf
    actor_ref = models.TextField("actor")
    batch_id = models.UUIDField(null=True)
    writer = models.TextField()
    leaf_hash = models.BinaryField()
    leaf = models.BinaryField()

    class Meta:
        managed = False
        default_permissions = ("view",)
        db_table = '"audit"."event_web"'
        permissions = (
            ("view_audit", "May read the record: search, timeline, integrity"),
            ("open_content", "May open texts of decided cases and put them into exports"),
            ("export_audit", "May export the record"),
            ("verify_audit", "May start a verification"),
            ("erase_content", "May erase committed texts"),
            ("hold_content", "May place and lift legal holds"),
            ("prune_audit", "May set how long events are kept, and order prunings"),
        )

    def __str__(self) -> str:
        return f"{self.name} {self.case_id}#{self.case_seq}"


class Leaf(models.Model):
    """An event's place in the tree."""

    leaf_index = models.BigIntegerField(primary_key=True)
    n = models.BigIntegerField(unique=True)
    leaf_hash = models.BinaryField()

    class Meta:
        managed = False
        default_permissions = ("view",)
        db_table = '"audit"."leaf"'

    def __str__(self) -> str:
        return f"leaf {self.leaf_index}"


class Checkpoint(models.Model):
    """A tree head. `signature` holds the note's signature lines, written once, after the commit."""

    size = models.BigIntegerField(primary_key=True)
    root = models.BinaryField()
    body = models.TextField()
    signature = models.TextField(null=True)  # noqa: DJ001  null means none, as in the leaf
    at = models.DateTimeField()

    class Meta:
        managed = False
        default_permissions = ("view",)
        db_table = '"audit"."checkpoint"'

    def __str__(self) -> str:
        return f"checkpoint {self.size}"


class Content(models.Model):
    """A committed text with its salt. Only the erase function deletes it."""

    pk = models.CompositePrimaryKey("event_id", "field")
    event_id = models.UUIDField()
    field = models.TextField()
    salt = models.BinaryField()
    scheme = models.SmallIntegerField()
    body = models.BinaryField()

    class Meta:
        managed = False
        default_permissions = ("view",)
        db_table = '"audit"."content"'

    def __str__(self) -> str:
        return f"{self.field} of {self.event_id}"


class Job(models.Model):
    """An export, a verification or a pruning that somebody asked for; the keeper carries it out."""

    id = models.UUIDField(primary_key=True)
    kind = models.TextField()
    state = models.TextField(default="waiting")
    requested_by = models.TextField()
    params = models.JSONField(default=dict)
    progress = models.JSONField(default=dict)
    result = models.JSONField(default=dict)
    created = models.DateTimeField()
    started = models.DateTimeField(null=True)
    finished = models.DateTimeField(null=True)

    class Meta:
        managed = False
        default_permissions = ("view",)
        db_table = '"audit"."job"'

    def __str__(self) -> str:
        return f"{self.kind} {self.state}"
