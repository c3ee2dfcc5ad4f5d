"""What the pages of the record are asked with."""

import re
from datetime import UTC
from typing import Any
from uuid import UUID

from django import forms
from django.core.validators import RegexValidator
from django.utils import timezone

from audit.erasable import Wanted
from audit.events import EventName
from audit.keeping import PRUNABLE, WORDS
from audit.privacy import BASES
from audit.queries import Filters
from audit.registry import case_named, veiled
from audit.retention import CEILING, FLOOR
from audit.seal import lookup_of
from audit.words import tokens

OPENABLE = [
    ("payload", "Payloads"), ("message", "Messages"), ("evidence", "Evidence"),
    ("reason", "Rationales, reasons and notes"), ("identity", "Names of people"),
]  # fmt: skip

NAMES = [("", "Any event"), *((str(name), str(name)) for name in EventName)]
MOMENT = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
VERDICTS = [("", "Any verdict"), ("approve", "approve"), ("reject", "reject"), ("escalate", "escalate"), ("ask", "ask")]


class Moment(forms.DateTimeField):
    """A time in UTC, as the record has it, whatever the reader's own zone is."""

    def to_python(self, value: Any) -> Any:
        with timezone.override(UTC):
            found = super().to_python(value)
        try:
            return found and found.astimezone(UTC)
        except OverflowError:
            raise forms.ValidationError("That is beyond the years that a calendar has.") from None

    def prepare_value(self, value: Any) -> Any:
        with timezone.override(UTC):
            return super().prepare_value(value)


NUMBER = re.compile(r"(?<!\S)[a-z]{2,8}-[0-9]{1,15}(?!\S)", re.IGNORECASE | re.ASCII)


CASE_HELP = "Such as ACT-1017, or action:019a…"
KIND_AND_ID = RegexValidator(r"^[a-z][a-z_]{0,30}:.{1,200}\Z", "There is no such case.")


class CaseField(forms.CharField):
    """A case by its own name, or by the number that people know it by: ACT-1017."""

    def __init__(self, **more: Any) -> None:
        super().__init__(required=False, max_length=231, label="Case", help_text=CASE_HELP, **more)

    def to_python(self, value: Any) -> Any:
        return case_named(str(super().to_python(value)))


class _Dressed(forms.Form):
    """Fields that look like those of the desk."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.visible_fields():
            if not isinstance(field.field, forms.BooleanField | forms.MultipleChoiceField):
                field.field.widget.attrs.setdefault("class", "input")


class SearchForm(_Dressed):
    """Filters in the URL; everything optional. Times are UTC."""

    case = CaseField()
    words = forms.CharField(required=False, max_length=200, label="Words in texts")
    name = forms.ChoiceField(required=False, choices=NAMES, label="Event")
    actor = forms.CharField(required=False, max_length=200, label="Person or program")
    verdict = forms.ChoiceField(required=False, choices=VERDICTS, label="Verdict")
    type = forms.CharField(required=False, max_length=63, label="Action type")
    agent = forms.CharField(required=False, max_length=200, label="Agent")
    reason = forms.RegexField(r"^[a-z][a-z0-9_.-]{0,62}$", required=False, label="Reason code")
    batch = forms.UUIDField(required=False, label="Batch")
    since = Moment(required=False, label="From (UTC)", widget=MOMENT)
    until = Moment(required=False, label="To (UTC)", widget=MOMENT)
    before = forms.IntegerField(required=False, min_value=1, max_value=2**63 - 1, widget=forms.HiddenInput)

    def __init__(self, *args: Any, may_open: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.refused = not may_open and bool(self.data.get("words"))
        if not may_open:
            del self.fields["words"]

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        if self.refused:
            raise forms.ValidationError("Who searches in texts may read them, and you may not.")
        for name, value in values.items():
            if isinstance(value, str) and "\0" in value:
                self.add_error(name, "A NUL cannot be searched for.")
        if values.get("words") and "words" not in self.errors:
            self._take_number(values)
        return values

    def _take_number(self, values: dict[str, Any]) -> None:
        """A number among the words names the case; what is left of them is looked for in it."""
        number = NUMBER.search(values["words"])
        named = case_named(number[0]) if number else ""
        if number and named != number[0] and not values.get("case"):
            values["case"], values["words"] = named, values["words"].replace(number[0], " ").strip()
        if values["words"] and not tokens(values["words"]):
            self.add_error("words", "There is no word of two letters or more in it.")

    def filters(self) -> Filters:
        """Of a valid form."""
        given = {k: v for k, v in self.cleaned_data.items() if k != "before" and v not in ("", None)}
        return Filters(**given | ({"words": tokens(given["words"])} if "words" in given else {}))


class ExportForm(_Dressed):
    """What to export, which texts to open, and why. Filters choose whole cases."""

    case = CaseField(validators=[KIND_AND_ID])
    type = forms.CharField(required=False, max_length=63, label="Action type", help_text="Such as refund.issue")
    agent = forms.CharField(required=False, max_length=200, label="Agent")
    since = Moment(required=False, label="From (UTC)", widget=MOMENT)
    until = Moment(required=False, label="To (UTC)", widget=MOMENT)
    opened = forms.MultipleChoiceField(
        required=False,
        choices=OPENABLE,
        label="Texts to open",
        widget=forms.CheckboxSelectMultiple,
        help_text="The others stay closed; the export still proves that they are there.",
    )
    reason = forms.CharField(max_length=1000, label="Reason", widget=forms.Textarea(attrs={"rows": 2}))

    def __init__(self, *args: Any, may_open: bool = True, reader: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.reader = reader
        if not may_open:
            del self.fields["opened"]

    def clean_case(self) -> str:
        case: str = self.cleaned_data["case"]
        if why := veiled(case, self.reader):
            raise forms.ValidationError(why)
        return case

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        if any("\0" in value for value in values.values() if isinstance(value, str)):
            raise forms.ValidationError("A NUL cannot be looked for.")
        if values.get("case") and any(values.get(name) for name in ("type", "agent", "since", "until")):
            raise forms.ValidationError("Name one case, or filter; not both.")
        return values

    def filters(self) -> dict[str, str]:
        """What narrows the export, as JSON keeps it."""
        given = {name: self.cleaned_data[name] for name in ("type", "agent", "since", "until")}
        return {name: getattr(value, "isoformat", lambda v=value: v)() for name, value in given.items() if value}


class FindForm(_Dressed):
    """Whose texts: exactly one way to find them."""

    case = CaseField()
    kind = forms.RegexField(
        r"^[a-z][a-z0-9_]{0,62}$", required=False, label="Kind of subject", help_text="The payload's field: customer_id"
    )
    value = forms.CharField(required=False, max_length=300, label="Its value", help_text="Such as 8812")
    person = forms.CharField(
        required=False, max_length=200, label="Person", help_text="A reviewer's sign-in or pseudonym: only their name"
    )
    words = forms.CharField(required=False, max_length=200, label="Words in the texts")

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        ways = [name for name in ("case", "value", "person", "words") if values.get(name)]
        if len(ways) != 1 and self.data:
            raise forms.ValidationError("Fill in one way to find the texts, and only one.")
        if bool(values.get("kind")) != bool(values.get("value")):
            raise forms.ValidationError("A subject is a kind and a value: customer_id and 8812.")
        if values.get("value") and lookup_of("customer_id", "8812") is None:
            raise forms.ValidationError(
                "The file `subjects` is not in this process's secrets: nobody can be looked up."
            )
        return values

    def wanted(self) -> Wanted:
        """Of a valid form. A subject is looked for by its keyed hash."""
        values = self.cleaned_data
        subject = lookup_of(values["kind"], values["value"]) if values["value"] else None
        return Wanted(
            case=values["case"], subject=subject, person=values["person"], words=tokens(values["words"])
        )  # fmt: skip


class EraseForm(_Dressed):
    """On what basis, why, and the word that is typed before anything goes."""

    basis = forms.ChoiceField(choices=[("", "Choose…"), *BASES.items()], label="Legal basis")
    reason = forms.CharField(max_length=1000, label="Reason", widget=forms.Textarea(attrs={"rows": 2}))
    sure = forms.RegexField(
        r"^(?i:erase)$", label="Type erase to confirm", error_messages={"invalid": "Type the word erase."}
    )
    seen = forms.CharField(widget=forms.HiddenInput, max_length=200_000)

    def slots(self) -> list[tuple[UUID, str]]:
        """What the preview showed."""
        pairs = [pair.partition(" ") for pair in self.cleaned_data["seen"].split(",")]
        return [(UUID(event), name) for event, _, name in pairs]

    def clean_seen(self) -> str:
        seen = str(self.cleaned_data["seen"])
        if not re.fullmatch(r"[0-9a-f-]{36} [a-z0-9_]{1,63}(,[0-9a-f-]{36} [a-z0-9_]{1,63})*", seen):
            raise forms.ValidationError("The preview was changed on its way; look again.")
        return seen


class HoldForm(_Dressed):
    """What a legal hold keeps."""

    scope = forms.ChoiceField(
        choices=[("case", "One case"), ("subject", "Everything about one subject"), ("type", "Every action of a type")],
        label="Keeps",
    )
    case = CaseField(validators=[KIND_AND_ID])
    kind = forms.RegexField(r"^[a-z][a-z0-9_]{0,62}$", required=False, label="Kind of subject", help_text="customer_id")
    value = forms.CharField(required=False, max_length=300, label="Its value")
    type = forms.CharField(required=False, max_length=63, label="Action type", help_text="Such as refund.issue")
    reason = forms.CharField(max_length=1000, label="Reason", widget=forms.Textarea(attrs={"rows": 2}))

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        needed = {"case": ["case"], "subject": ["kind", "value"], "type": ["type"]}.get(values.get("scope", ""), [])
        for name in needed:
            if not values.get(name) and name not in self.errors:
                self.add_error(name, "Say which.")
        return values

    def target(self) -> tuple[str, str]:
        """What is kept, as it is stored, and a subject also in words."""
        values = self.cleaned_data
        if values["scope"] != "subject":
            return values[values["scope"]], ""
        lookup = lookup_of(values["kind"], values["value"]) or b""
        return lookup.hex(), f"{values['kind']} {values['value']}"


class LiftForm(_Dressed):
    reason = forms.CharField(max_length=1000, label="Reason", widget=forms.Textarea(attrs={"rows": 2}))


class PeriodForm(_Dressed):
    """How long a class of events is kept at least, and why that changes."""

    days = forms.IntegerField(
        min_value=FLOOR,
        max_value=CEILING,
        label="Days",
        help_text=f"{FLOOR} (six months) at least; a shorter period prunes nothing by itself.",
    )
    reason = forms.CharField(max_length=1000, label="Reason", widget=forms.Textarea(attrs={"rows": 2}))


class PruneForm(_Dressed):
    """Which classes a pruning is about, and optionally where it ends."""

    classes = forms.MultipleChoiceField(
        choices=[(name, WORDS[name]) for name in PRUNABLE], label="Kinds of events", widget=forms.CheckboxSelectMultiple
    )
    below = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=2**53,
        label="Only entries below index",
        help_text="Left empty: as far as periods and holds allow.",
    )


class OrderForm(_Dressed):
    """Why, and the word that is typed before anything goes."""

    reason = forms.CharField(max_length=1000, label="Reason", widget=forms.Textarea(attrs={"rows": 2}))
    sure = forms.RegexField(
        r"^(?i:prune)$", label="Type prune to confirm", error_messages={"invalid": "Type the word prune."}
    )
    seen = forms.RegexField(r"^[0-9a-f]{64}$", widget=forms.HiddenInput)
