"""What a report is asked with. Days are UTC, as in the log."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils import timezone

from audit.registry import case_named
from audit.report import Query, Report

BACK, LONGEST = 30, 366  # days
DAY = forms.DateInput(attrs={"type": "date", "class": "input"}, format="%Y-%m-%d")
TEXT = forms.TextInput(attrs={"class": "input"})
ONE_LINE = r"^[^\x00-\x1f\x7f]*$"


class ReportForm(forms.Form):
    """Filters in the URL, everything optional; only those that the report understands are there."""

    since = forms.DateField(required=False, label="From (UTC)", widget=DAY)
    until = forms.DateField(required=False, label="To, included (UTC)", widget=DAY)
    case = forms.RegexField(ONE_LINE, required=False, max_length=231, label="Case", widget=TEXT)
    type = forms.RegexField(ONE_LINE, required=False, max_length=63, label="Action type", widget=TEXT)
    after = forms.RegexField(ONE_LINE, required=False, max_length=120, widget=forms.HiddenInput)
    format = forms.ChoiceField(
        required=False, choices=[("", ""), ("csv", "CSV"), ("jsonl", "JSON Lines")], widget=forms.HiddenInput
    )

    def __init__(self, data: QueryDict, *, report: Report) -> None:
        super().__init__(_dated(data))
        self.report = report
        for name in {"case", "type"} - report.asks:
            del self.fields[name]

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        last = given.get("until") or timezone.now().astimezone(UTC).date()
        first = given.get("since") or last - timedelta(days=BACK - 1)
        if first > last:
            self.add_error("since", "It begins after it ends.")
        elif last - first > timedelta(days=LONGEST):
            self.add_error("since", f"At most {LONGEST} days at once; take a shorter stretch.")
        elif last.year > 9998:
            self.add_error("until", "That day is too far away.")
        return given | {"first": first, "last": last}

    def query(self, *, chunk: int, opened: bool) -> Query:
        """Of a valid form. A case is named by its number, or by its id; without a kind that is an action's."""
        given = self.cleaned_data
        case = case_named((given.get("case") or "").strip())
        return Query(
            since=_midnight(given["first"]),
            until=_midnight(given["last"] + timedelta(days=1)),
            case=case if ":" in case or not case else f"action:{case}",
            type=given.get("type") or "",
            after=given.get("after") or "",
            chunk=chunk,
            opened=opened,
        )

    def used(self, given: QueryDict) -> list[str]:
        """Names of the filters that somebody filled in; what was typed stays out of the log's leaf."""
        return sorted(name for name in ("since", "until", "case", "type") if name in self.fields and given.get(name))


def _dated(given: QueryDict) -> QueryDict:
    """Without a date the form says which ones it takes."""
    if given.get("since") or given.get("until"):
        return given
    today = timezone.now().astimezone(UTC).date()
    filled = given.copy()
    filled["since"], filled["until"] = (today - timedelta(days=BACK - 1)).isoformat(), today.isoformat()
    return filled


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)
