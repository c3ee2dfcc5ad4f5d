"""report.gather: one source of a report is read. Nothing changes, but what is read leaves its place."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from django.conf import settings
from pydantic import Field

from agents.effects import EffectContext, NotDone
from agents.registry import ActionType, register
from reviews.schemas import Strict
from reviews.states import EffectMode, Reversibility, Risk

MOST_SOURCE = 12_000  # characters: in the worst script still within a result's 64 KiB
SAMPLE = Path(__file__).resolve().parent.parent / "sample" / "sources"

Source = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,60}\.(md|txt)$")]


class Gather(Strict):
    source: Source


def folders() -> tuple[Path, ...]:
    """Where sources lie: the installation's own folder first, then the shipped sample."""
    return Path(settings.STATE_DIR) / "sources", SAMPLE


def sources() -> list[str]:
    """The names of all sources that there are."""
    return sorted({path.name for folder in folders() for path in folder.glob("*.*") if path.suffix in {".md", ".txt"}})


def execute(payload: Gather, ctx: EffectContext) -> dict[str, Any]:
    for folder in folders():
        path = folder / payload.source
        if path.is_file() and not path.is_symlink():
            text = path.read_text(encoding="utf-8", errors="replace")[:MOST_SOURCE]
            return {"source": payload.source, "text": text}
    raise NotDone(f"there is no source {payload.source}")


REPORT_GATHER = register(
    ActionType(
        name="report.gather",
        label="Read a source",
        template="Read {source} for the report",
        model=Gather,
        risk=Risk.LOW,
        reversibility=Reversibility.REVERSIBLE,
        effect_mode=EffectMode.IDEMPOTENT,
        queue="reports",
        execute=execute,
    )
)
