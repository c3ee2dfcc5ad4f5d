"""report.release: a report that lies ready is published. It can be taken back, but not unread."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from django.conf import settings
from pydantic import Field

from agents.effects import EffectContext, NotDone
from agents.registry import ActionType, register
from reviews.schemas import Strict
from reviews.states import EffectMode, Reversibility, Risk

FileName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,80}\.md$")]


class Report(Strict):
    title: Annotated[str, Field(min_length=1, max_length=200)]
    file: FileName
    text: Annotated[str, Field(min_length=1, max_length=100_000)]


def published() -> Path:
    return Path(settings.STATE_DIR) / "reports"


def execute(payload: Report, ctx: EffectContext) -> dict[str, Any]:
    """Writes the file beside its place and renames it, so that readers see all of it or nothing."""
    folder = published()
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f".{payload.file}.{ctx.key}"
    draft.write_text(f"# {payload.title}\n\n{payload.text}\n", encoding="utf-8")
    draft.replace(folder / payload.file)
    return {"file": payload.file, "bytes": (folder / payload.file).stat().st_size}


def undo(payload: Report, ctx: EffectContext, result: Any) -> dict[str, Any]:
    path = published() / payload.file
    if not path.exists():
        raise NotDone("the report is not there any more")
    path.unlink()
    return {"file": payload.file, "taken_back": True}


REPORT_RELEASE = register(
    ActionType(
        name="report.release",
        label="Release a report",
        template="Release the report “{title}”",
        model=Report,
        risk=Risk.MEDIUM,
        reversibility=Reversibility.COMPENSABLE,
        effect_mode=EffectMode.IDEMPOTENT,
        queue="reports",
        release=True,
        self_edit=True,
        execute=execute,
        undo=undo,
    )
)
