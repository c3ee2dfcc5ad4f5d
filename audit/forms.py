"""What the pages of the record are asked with."""

from typing import Any

from django import forms

from audit.events import EventName
from audit.queries import Filters

NAMES = [("", "Any event"), *((str(name), str(name)) for name in EventName)]
MOMENT = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
VERDICTS = [("", "Any verdict"), ("approve", "approve"), ("reject", "reject"), ("escalate", "escalate"), ("ask", "ask")]


class _Dressed(forms.Form):
    """Fields that look like those of the desk."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.visible_fields():
            if not isinstance(field.field, forms.BooleanField):
                field.field.widget.attrs.setdefault("class", "input")


class SearchForm(_Dressed):
    """Filters in the URL; everything optional. Times are UTC."""

    case = forms.CharField(required=False, max_length=231, label="Case")
    name = forms.ChoiceField(required=False, choices=NAMES, label="Event")
    actor = forms.CharField(required=False, max_length=200, label="Actor")
    verdict = forms.ChoiceField(required=False, choices=VERDICTS, label="Verdict")
    type = forms.CharField(required=False, max_length=63, label="Action type")
    agent = forms.CharField(required=False, max_length=200, label="Agent")
    batch = forms.UUIDField(required=False, label="Batch")
    since = forms.DateTimeField(required=False, label="From (UTC)", widget=MOMENT)
    until = forms.DateTimeField(required=False, label="To (UTC)", widget=MOMENT)
    before = forms.IntegerField(required=False, min_value=1, max_value=2**63 - 1, widget=forms.HiddenInput)

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        for name, value in values.items():
            if isinstance(value, str) and "\0" in value:
                self.add_error(name, "A NUL cannot be searched for.")
        return values

    def filters(self) -> Filters:
        """Of a valid form."""
        return Filters(**{k: v for k, v in self.cleaned_data.items() if k != "before" and v not in ("", None)})


class ExportForm(_Dressed):
    """What to export, and why."""

    case = forms.CharField(required=False, max_length=231, label="Case", help_text="Empty: the whole log.")
    opened = forms.BooleanField(required=False, label="Include the texts (rationales, messages, payloads)")
    reason = forms.CharField(max_length=1000, label="Reason", widget=forms.Textarea(attrs={"rows": 2}))
