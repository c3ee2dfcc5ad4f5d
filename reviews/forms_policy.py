"""Admin forms for what people may set about an action type, and their way into the policy document.

Amounts are typed in whole units with decimals ("1250.00") and kept in minor
units; the model of the document judges what the form brings.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib.auth.models import Group
from django.forms.formsets import BaseFormSet, formset_factory

from reviews.policy import exponent
from reviews.policy.document import TypePolicy
from reviews.services.rights import REASON_LONGEST, REASON_SHORTEST
from reviews.states import Outcome, Reversibility, Risk

_UNSET = ("", "choose")
LIMITS = ("auto", "single", "pair", "cap")
_WORDS = {
    Outcome.AUTO_EXECUTE: "none: the other floors decide",
    Outcome.EXECUTE_AND_MONITOR: "execute and monitor",
    Outcome.HOLD_RESULT: "hold the result until released",
}


def outcome_choices() -> list[tuple[str, str]]:
    return [(o.value, _WORDS.get(o, o.value.replace("_", " "))) for o in Outcome]


def word_choices(words: type[Risk] | type[Reversibility]) -> list[tuple[str, str]]:
    return [(word.value, word.value) for word in words]


class ReasonField(forms.CharField):
    """Why; kept with the change and in the record."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("widget", forms.Textarea(attrs={"rows": 2, "cols": 80}))
        options.setdefault("help_text", "Kept with the change and in the record.")
        super().__init__(min_length=REASON_SHORTEST, max_length=REASON_LONGEST, **options)


class ReasonForm(forms.Form):
    """Ends with the reason, whatever else it asks for."""

    reason = ReasonField()

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["reason"] = self.fields.pop("reason")


def _money(label: str, hint: str) -> forms.DecimalField:
    return forms.DecimalField(label=label, help_text=hint, required=False, min_value=0, max_digits=15, decimal_places=3)


class TypePolicyForm(forms.Form):
    """Limits, marks and minimum of one action type."""

    currency = forms.RegexField(
        r"^[A-Z]{3}$",
        required=False,
        help_text="Three letters, e.g. EUR. Amounts in another currency go to escalation.",
        widget=forms.TextInput(attrs={"size": 4, "maxlength": 3}),
    )
    auto = _money("Unreviewed up to", "Above it, one person reviews.")
    single = _money("One person up to", "Above it, two people review.")
    pair = _money("Two people up to", "Above it, it is escalated.")
    cap = _money("Never above", "Above it, policy rejects. Leave all four empty for no limits.")
    low_mark = forms.DecimalField(
        label="Low mark",
        min_value=0,
        max_value=1,
        decimal_places=3,
        help_text="At high and critical risk, a confidence below this mark is escalated.",
    )
    minimum = forms.ChoiceField(
        label="Type minimum",
        choices=outcome_choices,
        help_text="Nothing of this type is treated less strictly, however good the record.",
    )
    deny = forms.CharField(
        label="Deny everything",
        required=False,
        max_length=200,
        widget=forms.TextInput(attrs={"size": 60}),
        help_text="While this holds a reason, policy rejects every proposal of this type.",
    )
    approve_low = forms.IntegerField(label="Batch approval, low risk", min_value=1, max_value=1000)
    approve_medium = forms.IntegerField(label="Batch approval, medium risk", min_value=1, max_value=1000)
    reject = forms.IntegerField(label="Batch rejection", min_value=1, max_value=1000)
    dwell = forms.IntegerField(
        label="Open for at least, seconds",
        required=False,
        min_value=0,
        max_value=600,
        help_text="Before a verdict on it counts. Less than the usual for its risk changes nothing.",
    )
    per_minute = forms.IntegerField(
        label="Decisions in a minute at most",
        required=False,
        min_value=1,
        max_value=90,
        help_text="One reviewer's, one by one. More than the usual for its risk changes nothing; empty is the usual.",
    )

    within = forms.IntegerField(
        label="Late after, minutes",
        required=False,
        min_value=1,
        max_value=43_200,
        help_text="From entering the queue. Empty: after half of its time to decide. Nothing is ever approved by time.",
    )
    to = forms.CharField(
        label="Then escalate to",
        required=False,
        max_length=150,
        help_text="A team that sees the queue. Empty: it is pushed up in its own queue.",
    )

    def clean_to(self) -> str:
        name: str = self.cleaned_data["to"]
        if name and not Group.objects.filter(name=name).exists():
            raise forms.ValidationError(f"There is no team {name}.")
        return name

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        given = [name for name in ("currency", *LIMITS) if data.get(name) not in (None, "")]
        if given and len(given) < 5 and not self.errors:
            raise forms.ValidationError("Fill in the currency and all four limits, or none.")
        return data


class OverrideForm(forms.Form):
    """One cell of the risk table, treated otherwise until a day."""

    risk = forms.ChoiceField(choices=lambda: [_UNSET, *word_choices(Risk)])
    reversibility = forms.ChoiceField(choices=lambda: [_UNSET, *word_choices(Reversibility)])
    outcome = forms.ChoiceField(choices=lambda: [_UNSET, *((o.value, o.value.replace("_", " ")) for o in Outcome)])
    expires = forms.DateTimeField(
        help_text="In your time zone; 90 days from now at most.",
        widget=forms.DateTimeInput(attrs={"placeholder": "2026-12-31 18:00"}),
    )
    reason = forms.CharField(
        min_length=REASON_SHORTEST, max_length=REASON_LONGEST, widget=forms.TextInput(attrs={"size": 50})
    )


OverrideFormSet: type[BaseFormSet[OverrideForm]] = formset_factory(
    OverrideForm, extra=1, max_num=len(Risk) * len(Reversibility), can_delete=True
)


def initial(policy: TypePolicy, currency: str) -> dict[str, Any]:
    """What the form shows for a policy. `currency`: the type's own, where none is set."""
    limits = policy.limits
    shown = {name: _major(getattr(limits, name), limits.currency) for name in LIMITS} if limits else {}
    return {
        **shown,
        "currency": limits.currency if limits else "",
        "low_mark": Decimal(policy.low_mark) / 1000,
        "minimum": policy.minimum.value,
        "deny": policy.deny,
        **policy.batch.model_dump(),
        **policy.pace.model_dump(),
        **policy.clock.model_dump(),
    }


def initial_overrides(policy: TypePolicy) -> list[dict[str, Any]]:
    return [{**o.model_dump(mode="json"), "expires": o.expires} for o in policy.overrides]


def to_plain(
    data: Mapping[str, Any],
    overrides: list[Mapping[str, Any]],
    *,
    before: TypePolicy,
    lead: str,
) -> dict[str, Any]:
    """Cleaned forms as JSON values of a `TypePolicy`. `lead` signs what differs from `before`."""
    signed = {_unsigned(o.model_dump(mode="json")): o.lead for o in before.overrides}
    plain: dict[str, Any] = {
        "low_mark": int(data["low_mark"] * 1000),
        "minimum": data["minimum"],
        "deny": data["deny"],
        "batch": {name: data[name] for name in ("approve_low", "approve_medium", "reject")},
        "clock": {"within": data["within"], "to": data["to"]},
        "pace": {"dwell": data["dwell"] or 0, "per_minute": data["per_minute"]},
        "overrides": [_override(o, signed, lead) for o in overrides],
    }
    if data["currency"]:
        minor = {name: _minor(data[name], data["currency"]) for name in LIMITS}
        plain["limits"] = {"currency": data["currency"], **minor}
    return plain


def _override(data: Mapping[str, Any], signed: Mapping[tuple[str, ...], str], lead: str) -> dict[str, Any]:
    expires = data["expires"].astimezone(UTC).isoformat().replace("+00:00", "Z")
    plain = {**{name: data[name] for name in _SIGNED[:-1]}, "expires": expires}
    return {**plain, "lead": signed.get(_unsigned(plain), lead)}


_SIGNED = ("risk", "reversibility", "outcome", "reason", "expires")


def _unsigned(plain: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(plain[name] for name in _SIGNED)


def _major(minor: int, currency: str) -> Decimal:
    return Decimal(minor).scaleb(-exponent(currency))


def _minor(major: Decimal, currency: str) -> int:
    return int(major.scaleb(exponent(currency)))
