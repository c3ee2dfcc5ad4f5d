"""Every type that came from a transcript: its effect is a line in the ledger, and nothing else."""

from __future__ import annotations

import time
from typing import Any

from django.conf import settings

from agents import ledger
from agents.effects import Answer, EffectContext
from agents.registry import source_handler

# The journey's outside system takes its time, so that a worker can be killed in the middle of an effect.
_SLOW = 0.4 if settings.PROFILE == "journey" else 0.0


def execute(payload: dict[str, Any], ctx: EffectContext) -> dict[str, Any]:
    time.sleep(_SLOW)
    row = ledger.append(settings.LEDGER, action=str(ctx.action), key=ctx.key, body=ctx.body)
    time.sleep(_SLOW)
    return {"row": row.n, "sha256": row.sha256}


def probe(payload: dict[str, Any], ctx: EffectContext) -> Answer:
    """The ledger can be asked, so that a type whose mode is `probe` is never in doubt."""
    return "done" if ledger.rows(settings.LEDGER, key=ctx.key) else "not_done"


source_handler("transcript", execute, probe=probe)
