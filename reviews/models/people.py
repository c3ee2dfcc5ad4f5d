"""Who looks and who proposes: people, queues, what they may see and decide, principals."""

import secrets

from django.contrib.auth.models import AbstractUser, Group
from django.db import models
from django.db.models import Q

from reviews.ids import new_id
from reviews.models.words import NAME, choices_of, one_of
from reviews.states import EffectMode, Reversibility, Risk
from reviews.states import Level as LevelName


def new_pseudonym() -> str:
    """`psn_` and 16 random hex digits: what the log says instead of a name."""
    return f"psn_{secrets.token_hex(8)}"


class User(AbstractUser):
    pseudonym = models.CharField(max_length=24, unique=True, default=new_pseudonym, editable=False)
    time_zone = models.CharField(max_length=64, default="UTC")
    # What differs from reviews.preferences.USUAL.
    preferences = models.JSONField(default=dict, db_default={}, blank=True)

    def __str__(self) -> str:
        return self.get_full_name() or self.username

    @property
    def theme(self) -> str:
        return str(self.preferences.get("theme", "system"))

    @property
    def character_keys(self) -> bool:
        return self.preferences.get("character_keys") is not False


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
    field_order = models.JSONField(db_default=[], default=list, blank=True)  # see reviews.field_order
    evidence_first = models.BooleanField(db_default=False, default=False)  # advice waits for a provisional verdict
    risk = models.CharField(max_length=12, choices=choices_of(Risk))
    reversibility = models.CharField(max_length=12, choices=choices_of(Reversibility))
    risk_floor = models.CharField(max_length=12, choices=choices_of(Risk))
    reversibility_floor = models.CharField(max_length=12, choices=choices_of(Reversibility))
    effect_mode = models.CharField(max_length=12, choices=choices_of(EffectMode))
    queue = models.ForeignKey(Queue, on_delete=models.PROTECT)  # the desk's queue
    effect_queue = models.CharField(max_length=63, default="default")  # the executors'
    amount_path = models.CharField(max_length=120, blank=True)  # dotted, minor units
    currency_path = models.CharField(max_length=120, blank=True)
    currency = models.CharField(max_length=3, blank=True)  # where the payload names none
    subject_path = models.CharField(max_length=120, blank=True, db_default="", default="")  # whom it is about
    subject_kind = models.CharField(max_length=63, blank=True, db_default="", default="")  # see reviews.subjects
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
            one_of("risk", Risk, "action_type_risk"),
            one_of("reversibility", Reversibility, "action_type_reversibility"),
            one_of("effect_mode", EffectMode, "action_type_effect_mode"),
        ]

    def __str__(self) -> str:
        return self.name


class Authority(models.Model):
    """What a group may decide. An action type of None means every type of its reach."""

    group = models.ForeignKey(Group, on_delete=models.PROTECT, related_name="authority")
    action_type = models.ForeignKey(ActionType, on_delete=models.PROTECT, null=True, blank=True)
    max_risk = models.CharField(max_length=12, choices=choices_of(Risk))
    max_amount = models.BigIntegerField(null=True, blank=True)  # minor units; None: no limit
    valid_until = models.DateTimeField(null=True, blank=True)
    qualification = models.CharField(max_length=120, blank=True)

    class Meta:
        verbose_name_plural = "authorities"
        constraints = [one_of("max_risk", Risk, "authority_risk")]

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
    level = models.CharField(max_length=2, choices=choices_of(LevelName))
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
            one_of("level", LevelName, "level_level"),
        ]

    def __str__(self) -> str:
        return f"{self.principal} {self.version} {self.action_type_id} {self.level}"
