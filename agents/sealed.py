"""What a run is started with and ends with, as its row holds it: plain, or sealed to the run and to the agents.

Its columns have no salt beside them; `audit.seal` says how such a text is told from a plain one.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from audit import seal

HIDDEN = seal.MARK.decode()  # the key under which a JSON column holds what is sealed; no name of ours begins so
CLOSED = "(sealed)"


def sealer(run: UUID) -> seal.Sealer:
    """How the texts of this run are stored now."""
    return seal.Sealer(f"run:{run}")


def put(to: seal.Sealer, value: Mapping[str, Any], *, plain: Collection[str] = ()) -> dict[str, Any]:
    """A JSON column's value. The keys in `plain` stay readable; an empty object stays empty."""
    hidden = {key: one for key, one in value.items() if key not in plain}
    if not hidden or not seal.is_on():
        return dict(value)
    said = json.dumps(hidden, ensure_ascii=False, separators=(",", ":"))
    return {key: value[key] for key in plain if key in value} | {HIDDEN: to.text(said)}


def taken(value: Mapping[str, Any]) -> dict[str, Any]:
    """What `put` was given. Raises seal.CannotOpen."""
    if HIDDEN not in value:
        return dict(value)
    plain = {key: one for key, one in value.items() if key != HIDDEN}
    return plain | dict(json.loads(seal.unsealed_text(value[HIDDEN])))


def preview(words: str, agent: str) -> str:
    """A title in a list, which opens nothing: the kind of run it is, and that it lies sealed."""
    return f"{agent} {CLOSED}" if seal.is_sealed_text(words) else words
