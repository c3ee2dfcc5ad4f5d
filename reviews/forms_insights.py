"""Which stretch of time, queue and type an insight page is about."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any, cast

from django import forms
from django.http import QueryDict
from django.utils import timezone

from reviews.queries.numbers import Window
from reviews.queries.reach import Reader

LONGEST = 92  # days in one page
DAY = forms.DateInput(attrs={"type": "date", "class": "input"}, format="%Y-%m-%d")
SELECT = {"class": "input"}


class WindowForm(forms.Form):
    """Everything optional; `days` is how far back an empty `from` reaches. Days are the reader's own."""

    since = forms.DateField(required=False, label="From", widget=DAY)
    until = forms.DateField(required=False, label="To, included", widget=DAY)
    queue = forms.ChoiceField(required=False, label="Queue", widget=forms.Select(attrs=SELECT))
    type = forms.ChoiceField(required=False, label="Type", widget=forms.Select(attrs=SELECT))

    def __init__(self, data: QueryDict, *, reader: Reader, days: int) -> None:
        super().__init__(_dated(data, days))
        self.reader, self.back = reader, days
        self._offer("queue", "Every queue", reader.queues)
        self._offer("type", "Every type", reader.types)

    def _offer(self, name: str, every: str, known: dict[str, str]) -> None:
        field = cast(forms.ChoiceField, self.fields[name])
        field.choices = [("", every), *known.items()]
        field.error_messages["invalid_choice"] = f"There is no {name} of this name within your reach."

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        today = timezone.localdate()
        last = given.get("until") or today
        first = given.get("since") or last - timedelta(days=self.back - 1)
        if first > last:
            self.add_error("since", "It begins after it ends.")
        elif last - first >= timedelta(days=LONGEST):
            self.add_error("since", f"At most {LONGEST} days at once; take a shorter stretch.")
        elif last > today + timedelta(days=1):
            self.add_error("until", "That day has not come yet.")
        return given | {"first": first, "last": last}

    def window(self) -> Window:
        """Of a valid form."""
        given = self.cleaned_data
        queues = (given["queue"],) if given["queue"] else tuple(self.reader.queues)
        types = (given["type"],) if given["type"] else tuple(self.reader.types)
        return Window(
            since=_midnight(given["first"]),
            until=_midnight(given["last"] + timedelta(days=1)),
            queues=queues,
            types=types,
            zone=timezone.get_current_timezone_name(),
        )


def _dated(given: QueryDict, days: int) -> QueryDict:
    """Without a date the form says which ones it takes."""
    if given.get("since") or given.get("until"):
        return given
    today = timezone.localdate()
    filled = given.copy()
    filled["since"], filled["until"] = (today - timedelta(days=days - 1)).isoformat(), today.isoformat()
    return filled


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))
