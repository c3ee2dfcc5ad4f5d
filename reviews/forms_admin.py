"""Admin forms of the verbs: levels, stops, types, agents, queues, reach, authority, people."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib.auth.models import Group, Permission
from django.utils import timezone

from reviews.forms_json import StrictJSON
from reviews.forms_policy import ReasonForm, word_choices
from reviews.models import ActionType, Principal, Queue, User
from reviews.states import EffectMode, Level, Reversibility, Risk, Verdict
from reviews.subjects import KIND

NAME = r"^[a-z0-9][a-z0-9_.-]{0,62}$"
NAME_HELP = "Lower-case letters, digits, dots, dashes, underscores."


def _in_thirty_days() -> Any:
    return (timezone.now() + timedelta(days=30)).replace(second=0, microsecond=0)


class LevelForm(ReasonForm):
    """A level and a threshold by hand, for the present version of one agent."""

    principal = forms.ModelChoiceField(Principal.objects.order_by("name"), label="Agent", to_field_name="name")
    action_type = forms.ModelChoiceField(ActionType.objects.order_by("name"), label="Action type", to_field_name="name")
    level = forms.ChoiceField(
        choices=[
            ("L0", "L0: everything is reviewed"),
            ("L1", "L1: results are held until released"),
            ("L2", "L2: runs, monitored"),
            ("L3", "L3: runs, monitored less"),
            ("L4", "L4: low and reversible runs by itself"),
        ],
        help_text="The other floors still hold: nothing irreversible ever runs unreviewed.",
    )
    threshold = forms.DecimalField(
        required=False,
        min_value=0,
        max_value=1,
        decimal_places=3,
        help_text="A confidence below it, or none at all, is reviewed. Empty at level 0.",
    )
    expires = forms.DateTimeField(
        initial=_in_thirty_days, help_text="In your time zone; 90 days from now at most, then it is L0 again."
    )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        threshold = data.get("threshold")
        data["threshold"] = None if threshold is None else int(threshold * 1000)
        if "level" in data:
            data["level"] = Level(data["level"])
        return data


class StopForm(ReasonForm):
    """Stop a type, an agent, or everything."""

    scope = forms.ChoiceField(
        choices=[("type", "one action type"), ("agent", "one agent"), ("all", "everything")],
        widget=forms.RadioSelect,
    )
    action_type = forms.ModelChoiceField(ActionType.objects.order_by("name"), required=False, to_field_name="name")
    principal = forms.ModelChoiceField(
        Principal.objects.order_by("name"), required=False, label="Agent", to_field_name="name"
    )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        wanted = {"type": "action_type", "agent": "principal"}.get(data.get("scope", ""))
        for name in ("action_type", "principal"):
            if name == wanted and not data.get(name):
                self.add_error(name, "Say which.")
            if name != wanted and data.get(name):
                self.add_error(name, "Leave this empty for the scope you chose.")
        return data


class QueueForm(ReasonForm):
    """The words on a queue."""

    title = forms.CharField(max_length=120)
    help_text = forms.CharField(label="Help", required=False, max_length=2000, widget=forms.Textarea(attrs={"rows": 3}))


class NewQueueForm(QueueForm):
    name = forms.RegexField(NAME, help_text=NAME_HELP)
    field_order = ("name",)


class ReachForm(ReasonForm):
    group = forms.ModelChoiceField(Group.objects.order_by("name"))
    queue = forms.ModelChoiceField(Queue.objects.order_by("name"))


class AuthorityForm(ReasonForm):
    """What a group may decide among what it sees."""

    group = forms.ModelChoiceField(Group.objects.order_by("name"))
    action_type = forms.ModelChoiceField(
        ActionType.objects.order_by("name"),
        required=False,
        to_field_name="name",
        empty_label="every type it sees",
    )
    max_risk = forms.ChoiceField(label="Up to risk", choices=lambda: word_choices(Risk))
    max_amount = forms.IntegerField(
        label="Up to amount",
        required=False,
        min_value=0,
        help_text="In minor units (cents) of the type's currency. Empty: no limit.",
    )
    valid_until = forms.DateTimeField(required=False, help_text="Empty: until taken back.")
    qualification = forms.CharField(
        required=False,
        max_length=120,
        help_text="Holds only for members with this qualification, as the page People records it. Empty: for all.",
    )

    def clean_max_risk(self) -> Risk:
        return Risk(self.cleaned_data["max_risk"])


def _seconds(label: str) -> forms.IntegerField:
    return forms.IntegerField(label=label, required=False, min_value=1, help_text="Seconds. Empty: the usual.")


def _subject_path() -> forms.CharField:
    return forms.CharField(
        label="Field that names the subject",
        required=False,
        max_length=120,
        help_text="Dotted path of the field that says whose data this is, such as customer_id or to. "
        "Erasure, holds and sealing go by it. Empty: each action is by itself.",
    )


def _subject_kind() -> forms.RegexField:
    return forms.RegexField(
        rf"^{KIND.pattern}$",
        label="Kind of subject",
        required=False,
        max_length=63,
        help_text="What that value is called in every type that has it: customer_id, mail. Empty: the field's name.",
    )


class ActionTypeForm(ReasonForm):
    """The rules of a type that people may change."""

    label = forms.CharField(max_length=120)
    risk = forms.ChoiceField(choices=lambda: word_choices(Risk), help_text="May only be raised above the code's.")
    reversibility = forms.ChoiceField(
        choices=lambda: word_choices(Reversibility), help_text="May only be made stricter."
    )
    queue = forms.ModelChoiceField(Queue.objects.order_by("name"))
    currency = forms.RegexField(r"^([A-Z]{3})?$", required=False, help_text="Where the payload names none.")
    self_edit = forms.TypedChoiceField(
        label="Editor may approve alone",
        required=False,
        choices=[("", "by risk"), ("True", "yes"), ("False", "no")],
        coerce=lambda value: value == "True",
        empty_value=None,
        help_text="By risk: yes at low and medium risk unless irreversible.",
    )
    reversal_needed = forms.IntegerField(label="Approvals for a reversal", min_value=1, max_value=2)
    evidence_first = forms.BooleanField(
        required=False, help_text="The agent's reasoning waits until a reviewer has said what the evidence tells them."
    )
    undo_window = _seconds("Undo window")
    decide_within = _seconds("Decide within")
    valid_for = _seconds("Approval valid for")
    subject_path = _subject_path()
    subject_kind = _subject_kind()
    presets = StrictJSON(
        required=False,
        help_text='Preset reasons: {"reject": [{"code": "duplicate", "text": "Charged twice"}]}.',
    )
    active = forms.BooleanField(required=False, help_text="Inactive types take no proposals.")

    def clean_presets(self) -> dict[str, list[dict[str, str]]]:
        presets = self.cleaned_data["presets"] or {}
        if not isinstance(presets, dict) or not all(_is_preset(k, v) for k, v in presets.items()):
            raise forms.ValidationError("An object from verdict to at most 9 entries with a code and a text.")
        return presets


def _is_preset(verdict: object, entries: object) -> bool:
    return (
        verdict in {*Verdict, "edit"}
        and isinstance(entries, list)
        and len(entries) <= 9
        and all(isinstance(e, dict) and _is_entry(e) for e in entries)
    )


def _is_entry(entry: dict[str, Any]) -> bool:
    code, text = entry.get("code"), entry.get("text")
    named = isinstance(code, str) and 0 < len(code) <= 63
    return set(entry) == {"code", "text"} and named and isinstance(text, str) and 0 < len(text) <= 200


class NewActionTypeForm(ReasonForm):
    """A type known only by its JSON Schema."""

    name = forms.RegexField(NAME, help_text=NAME_HELP)
    label = forms.CharField(max_length=120)
    template = forms.CharField(max_length=300, help_text="The ask in words: Refund {amount} to {customer}")
    schema = StrictJSON(help_text="JSON Schema of the payload.")
    risk = forms.ChoiceField(choices=lambda: word_choices(Risk), initial=Risk.HIGH)
    reversibility = forms.ChoiceField(choices=lambda: word_choices(Reversibility), initial=Reversibility.IRREVERSIBLE)
    effect_mode = forms.ChoiceField(
        choices=[
            (EffectMode.ONCE, "once: neither repeated nor asked about"),
            (EffectMode.PROBE, "probe: the outside can be asked whether it happened"),
            (EffectMode.IDEMPOTENT, "idempotent: safe to repeat with the same key"),
        ],
        initial=EffectMode.ONCE,
    )
    queue = forms.ModelChoiceField(Queue.objects.order_by("name"))
    amount_path = forms.CharField(
        required=False, max_length=120, help_text="Dotted path of a whole number of minor units."
    )
    currency_path = forms.CharField(required=False, max_length=120)
    currency = forms.RegexField(r"^([A-Z]{3})?$", required=False)
    subject_path = _subject_path()
    subject_kind = _subject_kind()


class PrincipalForm(ReasonForm):
    """What people set about an agent or an outside program."""

    label = forms.CharField(required=False, max_length=120)
    owner = forms.ModelChoiceField(
        User.objects.filter(is_active=True).order_by("username"),
        help_text="Answers for it, and never approves what it proposes.",
    )
    plan_first = forms.BooleanField(required=False, help_text="Its runs propose nothing before an approved plan.")
    types = forms.ModelMultipleChoiceField(
        ActionType.objects.order_by("name"),
        required=False,
        label="May propose only",
        to_field_name="name",
        help_text="None chosen: every type.",
    )
    per_run = forms.IntegerField(required=False, min_value=1, label="Actions per run", help_text="Empty: no limit.")
    active = forms.BooleanField(required=False, help_text="Inactive agents propose nothing.")

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        types = data.pop("types", None)
        frame = {"types": [t.name for t in types] if types else None, "per_run": data.pop("per_run", None)}
        data["frame"] = {name: value for name, value in frame.items() if value is not None}
        return data


class GroupForm(ReasonForm):
    name = forms.CharField(max_length=150)
    permissions = forms.ModelMultipleChoiceField(
        Permission.objects.filter(content_type__app_label__in=["reviews", "audit", "agents"])
        .select_related("content_type")
        .order_by("content_type__app_label", "codename"),
        required=False,
        widget=forms.SelectMultiple(attrs={"size": 16}),
    )


class UserForm(ReasonForm):
    """An account. What decisions name is a pseudonym that never changes."""

    username = forms.CharField(max_length=150)
    first_name = forms.CharField(required=False, max_length=150)
    last_name = forms.CharField(required=False, max_length=150)
    email = forms.EmailField(required=False)
    groups = forms.ModelMultipleChoiceField(Group.objects.order_by("name"), required=False)
    is_active = forms.BooleanField(required=False, initial=True, label="May sign in")
    is_staff = forms.BooleanField(required=False, label="May open this administration")
    is_superuser = forms.BooleanField(required=False, label="Administrator: every right")
    password = forms.CharField(
        required=False,
        label="New password",
        help_text="Empty: unchanged.",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
