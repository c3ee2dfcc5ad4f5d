"""What a run may know of its own action, under its lock. Agents read and write through functions alone."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID


class Own(NamedTuple):
    """What a run may know of its own action, under its lock."""

    state: str
    revision: int
    digest: bytes
    case_seq: int
    case_head: bytes
    last_message: int
    last_evidence: int
    question: UUID | None
    at: datetime


def lock_own(cursor: Any, action: UUID) -> Own:
    cursor.execute(
        "SELECT state, revision, digest, case_seq, case_head, last_message, last_evidence, question,"
        " at FROM reviews_lock_own(%s)",
        [action],
    )
    return Own(*cursor.fetchone())
