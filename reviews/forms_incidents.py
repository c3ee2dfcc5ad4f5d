"""Opening and closing an incident."""

from __future__ import annotations

import re
from uuid import UUID

from django import forms

from reviews.models import DeskItem
from reviews.services.incidents import MOST, OUTCOMES, SEVERITIES
from reviews.services.rights import REASON_LONGEST, REASON_SHORTEST

AREA = {"class": "input", "rows": 3}
SEVERE = {
    "serious": "serious: report within 15 days",
    "death": "a death: report within 10 days",
    "widespread": "widespread, or critical infrastructure: report within 2 days",
}
ENDED = {
    "reported": "reported to the authority",
    "not_reportable": "looked into, and no duty to report",
    "resolved": "resolved; a report was made before or elsewhere",
}


class OpenForm(forms.Form):
    severity = forms.ChoiceField(
        choices=[(name, SEVERE[name]) for name in SEVERITIES], widget=forms.Select(attrs={"class": "input"})
    )
    cases = forms.CharField(
        max_length=40 * MOST,
        widget=forms.Textarea(attrs=AREA),
        help_text="Items or actions, by number (ACT-1004) or id, apart by spaces.",
    )
    summary = forms.CharField(
        min_length=REASON_SHORTEST, max_length=REASON_LONGEST, widget=forms.Textarea(attrs=AREA),
        help_text="What happened, and when you became aware of it. Erasable, unlike the event.",
    )  # fmt: skip

    def clean_cases(self) -> list[UUID]:
        """Ids of the actions, in the order given."""
        words = re.split(r"[\s,;]+", self.cleaned_data["cases"].strip())
        return list(dict.fromkeys(_action(word) for word in words))


def _action(word: str) -> UUID:
    bare = word.removeprefix("action:")
    try:
        if re.fullmatch(r"(?i)ACT-[0-9]{1,18}", bare):
            return DeskItem.objects.get(ref=int(bare[4:])).action_id
        return UUID(bare)
    except (ValueError, DeskItem.DoesNotExist):
        raise forms.ValidationError(f"“{word[:60]}” is neither an item nor an action.") from None


class CloseForm(forms.Form):
    incident = forms.UUIDField(widget=forms.HiddenInput)
    outcome = forms.ChoiceField(
        choices=[(name, ENDED[name]) for name in OUTCOMES], widget=forms.Select(attrs={"class": "input"})
    )
    words = forms.CharField(
        min_length=REASON_SHORTEST, max_length=REASON_LONGEST, widget=forms.Textarea(attrs=AREA), label="What was found"
    )
