"""The desk's rows: fields, constraints, indexes. Verbs live in `services`.

What a row may become is held by the triggers in `sql/`; what a process may
try, by `grants`. Money is in minor units, times are UTC.
"""

import secrets
from typing import Any

from django.contrib.auth.models import AbstractUser, Group
from django.db import models
from django.db.models import Q
from django.db.models.functions import Cast, Floor, Least

from reviews.ids import new_id
from reviews.states import (
    AttemptEnd,
    EffectMode,
    Outcome,
    Purpose,
    Reversibility,
    Risk,
    Status,
    StopScope,
    Verdict,
)
from reviews.states import (
    Level as LevelName,
)

NAME = r"^[a-z0-9][a-z0-9_.-]{0,62}$"


def _choices(words: Any) -> list[tuple[str, str]]:
    return [(w.value, w.value.replace("_", " ")) for w in words]


def _one_of(field: str, words: Any, name: str, *, null: bool = False) -> models.CheckConstraint:
    ok = Q(**{f"{field}__in": [w.value for w in words]})
    if null:
        ok |= Q(**{f"{field}__isnull": True})
    return models.CheckConstraint(condition=ok, name=name)


def new_pseudonym() -> str:
    """`psn_` and 16 random hex digits: what the log says instead of a name."""
    return f"psn_{secrets.token_hex(8)}"


class User(AbstractUser):
    pseudonym = models.CharField(max_length=24, unique=True, default=new_pseudonym, editable=False)
    time_zone = models.CharField(max_length=64, default="UTC")
    theme = models.CharField(max_length=8, default="system")
    character_keys = models.BooleanField(default=True)

    def __str__(self) -> str:
        return self.get_full_name() or self.username


class Queue(models.Model):
    name = models.CharField(max_length=63, primary_key=True)
    title = models.CharField(max_length=120)
    help = models.TextField(blank=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(name__regex=NAME), name="queue_name")]

    def __str__(self) -> str:
        return self.title


class Reach(models.Model):
    """Which queue a group sees. Counts stay exact because nothing else hides items."""

    group = models.ForeignKey(Group, on_delete=models.PROTECT, related_name="reach")
    queue = models.ForeignKey(Queue, on_delete=models.PROTECT, related_name="reach")

    class Meta:
        verbose_name_plural = "reach"
        constraints = [models.UniqueConstraint(fields=["group", "queue"], name="reach_once")]

    def __str__(self) -> str:
        return f"{self.group} sees {self.queue_id}"


class ActionType(models.Model):
    """A kind of action. Code sets the floors; admin may only raise above them."""

    name = models.CharField(max_length=63, primary_key=True)
    version = models.PositiveIntegerField(default=1)  # of the payload schema
    source = models.CharField(max_length=12, default="code")  # code, admin, transcript
    label = models.CharField(max_length=120)
    template = models.CharField(max_length=300)  # the ask in words: "Refund {amount} to {customer}"
    schema = models.JSONField()  # JSON Schema of the payload
    risk = models.CharField(max_length=12, choices=_choices(Risk))
    reversibility = models.CharField(max_length=12, choices=_choices(Reversibility))
    risk_floor = models.CharField(max_length=12, choices=_choices(Risk))
    reversibility_floor = models.CharField(max_length=12, choices=_choices(Reversibility))
    effect_mode = models.CharField(max_length=12, choices=_choices(EffectMode))
    queue = models.ForeignKey(Queue, on_delete=models.PROTECT)  # the desk's queue
    effect_queue = models.CharField(max_length=63, default="default")  # the executors'
    amount_path = models.CharField(max_length=120, blank=True)  # dotted, minor units
    currency_path = models.CharField(max_length=120, blank=True)
    currency = models.CharField(max_length=3, blank=True)  # where the payload names none
    machine_paths = models.JSONField(default=list)  # machine-read fields: address, URL, path
    question = models.BooleanField(default=False)  # the outcome is an answer
    release = models.BooleanField(default=False)  # releases a prepared result
    plan = models.BooleanField(default=False)  # the payload is a list of steps
    has_undo = models.BooleanField(default=False)
    has_probe = models.BooleanField(default=False)
    has_handler = models.BooleanField(default=True)
    self_edit = models.BooleanField(null=True)  # None: by risk and reversibility
    reversal_needed = models.PositiveSmallIntegerField(default=1)
    effect_timeout = models.PositiveSmallIntegerField(null=True)  # seconds; None: profile
    undo_window = models.PositiveSmallIntegerField(null=True)  # seconds; None: profile by risk
    decide_within = models.PositiveIntegerField(null=True)  # seconds until expiry; None: profile
    valid_for = models.PositiveIntegerField(null=True)  # seconds an approval lasts; None: profile
    presets = models.JSONField(default=dict)  # verdict -> [{code, text}]
    active = models.BooleanField(default=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(name__regex=NAME), name="action_type_name"),
            _one_of("risk", Risk, "action_type_risk"),
            _one_of("reversibility", Reversibility, "action_type_reversibility"),
            _one_of("effect_mode", EffectMode, "action_type_effect_mode"),
        ]

    def __str__(self) -> str:
        return self.name


class Authority(models.Model):
    """What a group may decide. An action type of None means every type of its reach."""

    group = models.ForeignKey(Group, on_delete=models.PROTECT, related_name="authority")
    action_type = models.ForeignKey(ActionType, on_delete=models.PROTECT, null=True, blank=True)
    max_risk = models.CharField(max_length=12, choices=_choices(Risk))
    max_amount = models.BigIntegerField(null=True, blank=True)  # minor units; None: no limit
    valid_until = models.DateTimeField(null=True, blank=True)
    qualification = models.CharField(max_length=120, blank=True)

    class Meta:
        verbose_name_plural = "authorities"
        constraints = [_one_of("max_risk", Risk, "authority_risk")]

    def __str__(self) -> str:
        return f"{self.group} decides {self.action_type_id or 'every type'} to {self.max_risk}"


class Principal(models.Model):
    """Who may propose: an agent in code or an outside program."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=63, unique=True)
    kind = models.CharField(max_length=12, default="agent")  # agent, program
    label = models.CharField(max_length=120, blank=True)
    version = models.CharField(max_length=63, default="1")
    group = models.CharField(max_length=63, default="main")  # login agent_<group>
    owner = models.ForeignKey(User, on_delete=models.PROTECT, related_name="principals")
    plan_first = models.BooleanField(default=False)
    frame = models.JSONField(default=dict, blank=True)  # {"types": [...]|null, "per_run": n|null}
    active = models.BooleanField(default=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(name__regex=NAME), name="principal_name")]

    def __str__(self) -> str:
        return self.name


class Level(models.Model):
    """Autonomy of one agent version for one type. Insert only; the newest unexpired row acts."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    principal = models.ForeignKey(Principal, on_delete=models.PROTECT, related_name="levels")
    version = models.CharField(max_length=63)
    action_type = models.ForeignKey(ActionType, on_delete=models.PROTECT)
    level = models.CharField(max_length=2, choices=_choices(LevelName))
    tau = models.FloatField(null=True, blank=True)  # passes when tau <= confidence <= 1
    hand_set = models.BooleanField(default=True)
    reason = models.CharField(max_length=400)
    by = models.ForeignKey(User, on_delete=models.PROTECT, null=True)
    at = models.DateTimeField()
    expires = models.DateTimeField()

    class Meta:
        ordering = ["-at"]
        constraints = [
            models.CheckConstraint(condition=Q(tau__isnull=True) | Q(tau__gte=0, tau__lte=1), name="level_tau"),
            _one_of("level", LevelName, "level_level"),
        ]

    def __str__(self) -> str:
        return f"{self.principal} {self.version} {self.action_type_id} {self.level}"


class Stop(models.Model):
    """While a row stands unlifted: no lease, no begin, no policy approval in its scope."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    scope = models.CharField(max_length=8, choices=_choices(StopScope))
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
    state = models.CharField(max_length=12, choices=_choices(Status))
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
            _one_of("state", Status, "action_state"),
            _one_of("outcome", Outcome, "action_outcome", null=True),
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
    kind = models.CharField(max_length=20)  # conversation, text, record, source
    title = models.CharField(max_length=200)
    source = models.CharField(max_length=300, blank=True)
    conflict = models.BooleanField(default=False)  # contradicts the proposal: shown first
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

    class Meta:
        constraints = [models.UniqueConstraint(fields=["action", "revision"], name="search_text_revision")]

    def __str__(self) -> str:
        return self.title


class _Visit(models.Model):
    """One visit of something to the review queue; closed, never deleted."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    ref = models.BigIntegerField(unique=True)  # from a sequence by default, shown as ACT-<ref>
    action = models.ForeignKey(Action, on_delete=models.PROTECT, related_name="%(class)ss")
    queue = models.ForeignKey(Queue, on_delete=models.PROTECT, related_name="%(class)ss")
    action_type = models.ForeignKey(ActionType, on_delete=models.PROTECT, related_name="+")
    principal = models.ForeignKey(Principal, on_delete=models.PROTECT, null=True, related_name="+")
    risk = models.CharField(max_length=12)
    risk_rank = models.GeneratedField(
        expression=models.Case(
            *[models.When(risk=r.value, then=models.Value(r.rank)) for r in Risk],
            default=models.Value(3),
        ),
        output_field=models.SmallIntegerField(),
        db_persist=True,
    )
    confidence = models.FloatField(null=True)
    # 20 buckets of confidence, -1 for unknown: a bar of the histogram, a column of the cube.
    cb = models.GeneratedField(
        expression=models.Case(
            models.When(confidence__isnull=True, then=models.Value(-1)),
            default=Least(models.Value(19), Cast(Floor(models.F("confidence") * 20.0), models.IntegerField())),
            output_field=models.IntegerField(),
        ),
        output_field=models.SmallIntegerField(),
        db_persist=True,
    )
    amount = models.BigIntegerField(null=True)  # minor units
    currency = models.CharField(max_length=3, blank=True)
    prio = models.BigIntegerField()  # smaller is more urgent, see queries.pack_prio
    breached = models.BooleanField(default=False)
    entered = models.DateTimeField()
    due = models.DateTimeField(null=True)
    question_open = models.BooleanField(default=False)
    deferred_until = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)
    waiting = models.GeneratedField(
        expression=models.Case(
            models.When(
                closed_at__isnull=True,
                question_open=False,
                deferred_until__isnull=True,
                then=models.Value(True),
            ),
            default=models.Value(False),
        ),
        output_field=models.BooleanField(),
        db_persist=True,
    )
    claimed_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    claimed_until = models.DateTimeField(null=True)
    assignee = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    escalated_to = models.ForeignKey(Group, on_delete=models.PROTECT, null=True, related_name="+")
    version = models.PositiveIntegerField(default=1)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"ACT-{self.ref}"


class Item(_Visit):
    """The visit with its purpose, which only the keeper and the auditor read."""

    purpose = models.CharField(max_length=12, default=Purpose.GATE)

    class Meta:
        constraints = [
            _one_of("purpose", Purpose, "item_purpose"),
            _one_of("risk", Risk, "item_risk"),
            # A gate and a question have one open item each.
            models.UniqueConstraint(
                fields=["action"],
                condition=Q(closed_at=None, purpose__in=["gate", "question"]),
                name="item_one_open_gate",
            ),
        ]


class DeskItem(_Visit):
    """The visit as web sees and changes it: an updatable view without `purpose`."""

    class Meta:
        managed = False
        db_table = "reviews_item_desk"
        default_permissions = ()


class PendingCube(models.Model):
    """How many wait per queue, risk and confidence bucket; written by triggers alone.

    `low` and `low_at`: no waiting row of the cell sorts before them. Read `reviews_cube`.
    """

    pk = models.CompositePrimaryKey("queue", "risk", "cb")
    queue = models.CharField(max_length=63)
    risk = models.SmallIntegerField()
    cb = models.SmallIntegerField()
    n = models.BigIntegerField()
    low = models.BigIntegerField()
    low_at = models.DateTimeField(null=True)  # None: from the beginning

    class Meta:
        db_table = "reviews_pending_cube"

    def __str__(self) -> str:
        return f"{self.queue} {self.risk} {self.cb}: {self.n}"


class PendingDelta(models.Model):
    """A change of one cell that is not folded into the cube yet."""

    queue = models.CharField(max_length=63)
    risk = models.SmallIntegerField()
    cb = models.SmallIntegerField()
    dn = models.BigIntegerField()
    low = models.BigIntegerField(null=True)  # smallest `prio` that entered

    class Meta:
        db_table = "reviews_pending_delta"

    def __str__(self) -> str:
        return f"{self.queue} {self.risk} {self.cb}: {self.dn:+d}"


class Decision(models.Model):
    """One vote by a reviewer, or by policy, on one revision; insert only."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    action = models.ForeignKey(Action, on_delete=models.PROTECT, related_name="decisions")
    item = models.ForeignKey(Item, on_delete=models.PROTECT, null=True, related_name="decisions")
    revision = models.PositiveIntegerField()
    digest = models.BinaryField()
    reviewer = models.ForeignKey(User, on_delete=models.PROTECT, null=True)  # None: policy
    verdict = models.CharField(max_length=12, choices=_choices(Verdict))
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
            _one_of("verdict", Verdict, "decision_verdict"),
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


class Attempt(models.Model):
    """One try at the effect. Opened by the lease, closed once; the intent is `effect_at`."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    action = models.ForeignKey(Action, on_delete=models.PROTECT, related_name="attempts")
    fence = models.BigIntegerField()
    worker = models.CharField(max_length=120)
    revision = models.PositiveIntegerField()
    digest = models.BinaryField()
    key = models.CharField(max_length=120)  # desk-<action>-<revision>, made by the database
    leased_at = models.DateTimeField()
    effect_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    end = models.CharField(max_length=12, null=True, choices=_choices(AttemptEnd))  # noqa: DJ001  None: open
    result = models.BinaryField(null=True)  # canonical JSON, at most 64 KiB
    note = models.CharField(max_length=4000, blank=True)
    # done, not_done, unknown; None: not asked.
    probe = models.CharField(max_length=12, null=True)  # noqa: DJ001
    event_id = models.UUIDField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["action", "fence"], name="attempt_fence"),
            # One try at a time.
            models.UniqueConstraint(fields=["action"], condition=Q(ended_at=None), name="attempt_one_open"),
            _one_of("end", AttemptEnd, "attempt_end", null=True),
        ]

    def __str__(self) -> str:
        return f"attempt {self.fence} at {self.action_id}"


class Circuit(models.Model):
    """Pauses a failing type: one probing lease a minute until one succeeds."""

    action_type = models.OneToOneField(ActionType, on_delete=models.PROTECT, primary_key=True)
    failures = models.PositiveIntegerField(default=0)  # in a row
    probe_at = models.DateTimeField(null=True)  # None: closed

    def __str__(self) -> str:
        return f"circuit {self.action_type_id}"


class QueueStamp(models.Model):
    """Raised after every commit that changed a queue; pages poll it, compared for equality."""

    queue = models.OneToOneField(Queue, on_delete=models.PROTECT, primary_key=True)
    n = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.queue_id} {self.n}"


class Heartbeat(models.Model):
    """A sign of life of one process; `busy_at` is its last lease, route or signature."""

    name = models.CharField(max_length=120, primary_key=True)  # kind@host:pid
    kind = models.CharField(max_length=20)
    started_at = models.DateTimeField()
    at = models.DateTimeField()
    busy_at = models.DateTimeField(null=True)
    note = models.CharField(max_length=200, blank=True)

    def __str__(self) -> str:
        return self.name
