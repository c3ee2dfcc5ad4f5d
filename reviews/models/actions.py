"""Actions, their bytes, what was said and shown about them."""

from django.db import models
from django.db.models import Q

from audit import seal
from reviews.ids import new_id
from reviews.models.people import ActionType, Principal, User
from reviews.models.words import choices_of, one_of
from reviews.states import Outcome, Status


class Action(models.Model):
    """One proposed operation. The case row: its lock serialises every verb."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    type = models.ForeignKey(ActionType, on_delete=models.PROTECT)
    type_version = models.PositiveIntegerField()
    proposer = models.ForeignKey(Principal, on_delete=models.PROTECT, null=True)
    requested_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    owner = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    agent_version = models.CharField(max_length=63, blank=True)
    run = models.UUIDField(null=True)
    dedup_key = models.CharField(max_length=200)
    confidence = models.FloatField(null=True)
    risk = models.CharField(max_length=12)
    reversibility = models.CharField(max_length=12)
    effect_mode = models.CharField(max_length=12)
    effect_queue = models.CharField(max_length=63)
    needed = models.PositiveSmallIntegerField(default=1)
    state = models.CharField(max_length=12, choices=choices_of(Status))
    revision = models.PositiveIntegerField(default=1)
    digest = models.BinaryField()  # sha256(salt || body) of the current revision
    outcome = models.CharField(max_length=24, null=True)  # noqa: DJ001  None: not routed yet
    floors = models.JSONField(default=list)  # [{"name","value","outcome"}], all that were looked at
    policy_version = models.PositiveIntegerField(null=True)
    created_at = models.DateTimeField()
    routed_at = models.DateTimeField(null=True)
    decide_by = models.DateTimeField(null=True)
    valid_until = models.DateTimeField(null=True)
    release_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)  # reached a final state
    fence = models.BigIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    worker = models.CharField(max_length=120, null=True)  # noqa: DJ001  None: nobody
    failures = models.PositiveSmallIntegerField(default=0)  # attempts that did not succeed
    retry_of = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="retries")
    reverses = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="reversals")
    plan = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="steps")
    plan_step = models.PositiveSmallIntegerField(null=True)
    case_seq = models.BigIntegerField(default=0)
    case_head = models.BinaryField()

    class Meta:
        constraints = [
            one_of("state", Status, "action_state"),
            one_of("outcome", Outcome, "action_outcome", null=True),
            models.CheckConstraint(
                # NaN compares greater than every number, so this refuses it too.
                condition=Q(confidence__isnull=True) | Q(confidence__gte=0, confidence__lte=1),
                name="action_confidence",
            ),
            models.CheckConstraint(condition=Q(needed__gte=1, needed__lte=5), name="action_needed"),
            models.CheckConstraint(
                condition=Q(proposer__isnull=False) | Q(requested_by__isnull=False),
                name="action_has_proposer",
            ),
            # The same proposer may not park the same thing twice.
            models.UniqueConstraint(
                fields=["proposer", "dedup_key"],
                condition=Q(requested_by=None),
                name="action_dedup",
            ),
            models.UniqueConstraint(
                fields=["requested_by", "dedup_key"],
                condition=Q(requested_by__isnull=False),
                name="action_dedup_person",
            ),
            # One live reversal for each original.
            models.UniqueConstraint(
                fields=["reverses"],
                condition=Q(reverses__isnull=False) & ~Q(state__in=["rejected", "expired", "withdrawn", "failed"]),
                name="action_one_reversal",
            ),
        ]
        indexes = [
            # services.execution.lease: the oldest released action of one effect queue.
            models.Index(
                fields=["effect_queue", "release_at", "id"],
                condition=Q(state="approved"),
                name="action_ready",
            ),
            # keeper: what waits to be routed.
            models.Index(fields=["id"], condition=Q(state="proposed"), name="action_proposed"),
            # keeper: what expires.
            models.Index(fields=["decide_by"], condition=Q(state="pending"), name="action_decide_by"),
            models.Index(fields=["valid_until"], condition=Q(state="approved"), name="action_valid_until"),
            # drain: leases to reap.
            models.Index(fields=["lease_until"], condition=Q(state="executing"), name="action_leased"),
            # In doubt: the view people settle from.
            models.Index(fields=["id"], condition=Q(state="in_doubt"), name="action_in_doubt"),
            models.Index(fields=["run", "id"], condition=Q(run__isnull=False), name="action_run"),
            models.Index(fields=["plan"], condition=Q(plan__isnull=False), name="action_plan"),
        ]

    def __str__(self) -> str:
        return f"{self.type_id} {self.id}"

    @property
    def case(self) -> str:
        return f"action:{self.id}"


class Revision(models.Model):
    """One version of an action's bytes; insert only. Number 1 is the proposal."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    action = models.ForeignKey(Action, on_delete=models.PROTECT, related_name="revisions")
    number = models.PositiveIntegerField()
    author = models.ForeignKey(User, on_delete=models.PROTECT, null=True)  # None: the agent
    digest = models.BinaryField()
    self_edit = models.BooleanField(default=False)  # the author's own vote may count
    event_id = models.UUIDField()
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["action", "number"], name="revision_number")]

    def __str__(self) -> str:
        return f"revision {self.number} of {self.action_id}"


class _Body(models.Model):
    """An erasable plaintext with its salt; scheme 0 is plain. Insert only."""

    salt = models.BinaryField()
    scheme = models.PositiveSmallIntegerField(default=0)
    body = models.BinaryField()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"body {self.pk}"

    @property
    def plain(self) -> bytes | None:
        """The text, opened where it lies sealed and compared with its digest; None where it cannot be had."""
        head = self._state.fields_cache.get(self._meta.pk.name)
        return seal.plain(self.salt, self.scheme, self.body, None if head is None else head.digest)


class RevisionBody(_Body):
    revision = models.OneToOneField(Revision, on_delete=models.PROTECT, primary_key=True, related_name="body")


class Message(models.Model):
    """One entry of an action's thread; insert only. Its text is in `MessageBody`."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    action = models.ForeignKey(Action, on_delete=models.PROTECT, related_name="messages")
    number = models.PositiveIntegerField()
    kind = models.CharField(max_length=12)  # reasoning, question, answer, comment, note
    author = models.ForeignKey(User, on_delete=models.PROTECT, null=True)  # None: the agent
    in_reply_to = models.ForeignKey("self", on_delete=models.PROTECT, null=True)
    digest = models.BinaryField()
    event_id = models.UUIDField()
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["action", "number"], name="message_number")]

    def __str__(self) -> str:
        return f"{self.kind} {self.number} of {self.action_id}"


class MessageBody(_Body):
    message = models.OneToOneField(Message, on_delete=models.PROTECT, primary_key=True, related_name="body")


class Evidence(models.Model):
    """What the agent acted on; insert only. The artefact itself is in `EvidenceBody`."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    action = models.ForeignKey(Action, on_delete=models.PROTECT, related_name="evidence")
    number = models.PositiveIntegerField()
    kind = models.CharField(max_length=20)  # conversation, text, record, source, file
    title = models.CharField(max_length=200)
    source = models.CharField(max_length=300, blank=True)
    conflict = models.BooleanField(default=False)  # contradicts the proposal: shown first
    media = models.CharField(max_length=40, db_default="text/plain")  # what its first bytes say
    author = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")  # None: the agent
    digest = models.BinaryField()
    event_id = models.UUIDField()
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["action", "number"], name="evidence_number")]

    def __str__(self) -> str:
        return f"evidence {self.number} of {self.action_id}"


class EvidenceBody(_Body):
    evidence = models.OneToOneField(Evidence, on_delete=models.PROTECT, primary_key=True, related_name="body")


class SearchText(models.Model):
    """Derived, erasable, never authoritative: the ask in words and what search reads."""

    action = models.ForeignKey(Action, on_delete=models.PROTECT, related_name="search_texts")
    revision = models.PositiveIntegerField()
    title = models.CharField(max_length=400)  # the ask in one sentence, hidden characters escaped
    text = models.TextField()
    fields = models.JSONField(null=True)  # values by dotted path, see reviews.searchable
    # `words tsvector` beside it, and the indexes of both, are made in sql/0003_views.sql.

    class Meta:
        constraints = [models.UniqueConstraint(fields=["action", "revision"], name="search_text_revision")]

    def __str__(self) -> str:
        return self.title
