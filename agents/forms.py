"""The form that starts a run: the agent's own arguments, and the frame that the person sets."""

import json
from collections.abc import Mapping
from typing import Any

from django import forms

from agents.models import Agent
from reviews.forms_json import read_json
from reviews.models import ActionType

MOST_ACTIONS = 1_000_000


class StartForm(forms.Form):
    """Built from the JSON Schema of the agent's arguments; what it cannot show as a field is asked as JSON."""

    title = forms.CharField(max_length=200, required=False, label="Title", help_text="What the list of runs shows.")
    types = forms.MultipleChoiceField(
        required=False,
        label="What it may propose",
        help_text="None ticked: whatever the agent's own frame allows. Everything else is held for review or refused.",
        widget=forms.CheckboxSelectMultiple,
    )
    per_run = forms.IntegerField(
        min_value=0,
        max_value=MOST_ACTIONS,
        required=False,
        label="Most actions",
        help_text="Empty: no limit but the agent's own.",
    )

    def __init__(self, data: Mapping[str, Any] | None, *, agent: Agent) -> None:
        super().__init__(data)
        names = ActionType.objects.filter(active=True).order_by("name").values_list("name", "label")
        self.fields["types"].choices = [(name, f"{label} ({name})") for name, label in names]  # type: ignore[attr-defined]
        self.arguments: dict[str, str] = {}
        schema = agent.schema
        for name, part in schema.get("properties", {}).items():
            self.arguments[f"a-{name}"] = name
            self.fields[f"a-{name}"] = _field(name, part, required=name in schema.get("required", ()))
        self.order_fields(["title", *self.arguments, "types", "per_run"])
        for field in self.fields.values():
            if not isinstance(field, forms.BooleanField | forms.MultipleChoiceField):
                field.widget.attrs["class"] = "input"

    def args(self) -> dict[str, Any]:
        """The agent's arguments; what was left empty is left to its default."""
        given = {name: self.cleaned_data.get(field) for field, name in self.arguments.items()}
        return {name: value for name, value in given.items() if value not in (None, "")}

    def frame(self) -> dict[str, Any]:
        return {"types": self.cleaned_data["types"] or None, "per_run": self.cleaned_data["per_run"]}


class JsonField(forms.CharField):
    """JSON as text; what it cannot read is an error of the field."""

    def __init__(self, **options: Any) -> None:
        super().__init__(widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}), **options)

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        return read_json(text) if text else None


def _field(name: str, part: Mapping[str, Any], *, required: bool) -> forms.Field:
    title, initial = part.get("title") or name, part.get("default")
    words = {"label": title, "help_text": part.get("description", ""), "initial": initial}
    kind = part.get("type")
    if kind == "boolean":
        return forms.BooleanField(required=False, **words)
    if "enum" in part:
        return forms.ChoiceField(choices=[(v, v) for v in part["enum"]], required=required, **words)
    if kind == "integer":
        return forms.IntegerField(
            min_value=part.get("minimum"), max_value=part.get("maximum"), required=required, **words
        )
    if kind == "string":
        return forms.CharField(max_length=part.get("maxLength", 20_000), required=required, **words)
    words.pop("initial")
    return JsonField(required=required, initial=None if initial is None else json.dumps(initial), **words)
