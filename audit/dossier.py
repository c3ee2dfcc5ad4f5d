"""The printable story of single cases, with a cover, as one HTML file that needs nothing else."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.conf import settings
from django.template.loader import render_to_string

from audit.keeping import is_pruned
from audit.registry import short_names_of
from audit.timeline import CommittedText, TimelineRow, timeline


def dossier(
    cases: Sequence[str], filters: Mapping[str, Any], made: datetime, size: int, may_open: Callable[[str], bool]
) -> str:
    """Every event of these cases in words. Texts that stay closed say so; erased ones say by which event."""
    known = short_names_of(cases)
    stories = [_story(case, timeline(case, opened=True), may_open) | {"known": known.get(case, "")} for case in cases]
    context = {
        "stories": [story for story in stories if story["rows"] or story["cut"]],
        "filters": dict(filters),
        "made": made,
        "size": size,
        "origin": settings.LOG_ORIGIN,
    }
    return render_to_string("audit/dossier.html", context)


def _story(case: str, rows: Sequence[TimelineRow], may_open: Callable[[str], bool]) -> dict[str, Any]:
    shown = [replace(row, texts=[_closed(text, may_open) for text in row.texts]) for row in rows]
    changes = [row.change[1] for row in shown if row.change]
    decided = [row for row in shown if row.name == "decision.recorded"]
    told = {"case": case, "cut": is_pruned(case), "rows": shown, "decided": decided}
    return told | {"state": changes[-1] if changes else ""}


def _closed(text: CommittedText, may_open: Callable[[str], bool]) -> CommittedText:
    return text if may_open(text.field) else replace(text, value=None)
