"""The forms of an import: which file, and which of its tools act on the world."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django import forms

from agents import uploads
from agents.tools import Tool
from reviews.states import EffectMode, Reversibility, Risk

LONGEST_WITHIN = 30 * 24 * 3600


class FileForm(forms.Form):
    """One of the two: a file from one's own machine, or one that lies ready."""

    file = forms.FileField(required=False)
    ready = forms.CharField(required=False, max_length=200)

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        if bool(given.get("file")) == bool(given.get("ready")):
            raise forms.ValidationError("Choose one file: your own, or one that lies ready.")
        return given

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file and file.size > uploads.MOST_BYTES:
            raise forms.ValidationError(f"The file is larger than {uploads.MOST_BYTES // 2**20} MiB.")
        return file

    def bytes_and_name(self) -> tuple[bytes, str] | None:
        """The chosen file, or None where what was chosen does not lie ready any more."""
        file = self.cleaned_data["file"]
        if file:
            return file.read(), file.name
        found = next((each for each in uploads.offered() if each.key == self.cleaned_data["ready"]), None)
        return (found.path.read_bytes(), found.name) if found else None


@dataclass
class ToolRow:
    """One tool of the file as the page asks about it: what is set, and what is wrong with that."""

    number: int
    tool: Tool
    acts: bool
    risk: str
    reversibility: str
    effect_mode: str
    within: str = ""
    error: str = ""
    choices: dict[str, Sequence[str]] = field(
        default_factory=lambda: {
            "risk": [word.value for word in Risk],
            "reversibility": [word.value for word in Reversibility],
            "effect_mode": [word.value for word in EffectMode],
        }
    )

    def chosen(self) -> dict[str, Any]:
        """What the person set, as fields of a desk type."""
        fields: dict[str, Any] = {
            "risk": Risk(self.risk),
            "reversibility": Reversibility(self.reversibility),
            "effect_mode": EffectMode(self.effect_mode),
        }
        return fields | ({"decide_within": int(self.within)} if self.within else {})


def guessed_rows(tools: Sequence[Tool]) -> list[ToolRow]:
    """The rows as they are proposed, before anybody has said anything."""
    return [
        ToolRow(n, tool, tool.acts, tool.guess.risk.value, tool.guess.reversibility.value, tool.guess.effect_mode.value)
        for n, tool in enumerate(tools)
    ]


def posted_rows(tools: Sequence[Tool], data: Mapping[str, Any]) -> list[ToolRow]:
    """The rows as they were sent; a word that is none of the choices is an error of its row."""
    rows = guessed_rows(tools)
    for row in rows:
        row.acts = f"acts-{row.number}" in data
        for name in row.choices:
            setattr(row, name, str(data.get(f"{name}-{row.number}", getattr(row, name))))
        row.within = str(data.get(f"within-{row.number}", "")).strip()
        row.error = _wrong(row)
    return rows


def _wrong(row: ToolRow) -> str:
    for name, words in row.choices.items():
        if getattr(row, name) not in words:
            return f"{name.replace('_', ' ')}: choose one of {', '.join(words)}"
    if row.within and not (re.fullmatch(r"[0-9]{1,7}", row.within) and 5 <= int(row.within) <= LONGEST_WITHIN):
        return f"decide within: a whole number of seconds from 5 to {LONGEST_WITHIN:,}"
    return ""
