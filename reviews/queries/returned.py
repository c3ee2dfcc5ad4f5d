"""What came back with the answer to a reviewer's question: the difference, before anything else is read again."""

from __future__ import annotations

from dataclasses import dataclass

from reviews.queries.detail import Detail
from reviews.queries.payload import Change, changes
from reviews.queries.texts import Note


@dataclass(frozen=True, slots=True)
class Returned:
    """One round: question, answer, what the answer changed in the payload, how much evidence came with it."""

    question: Note
    answer: Note
    changes: tuple[Change, ...]
    evidence: int
    round: int

    @property
    def summary(self) -> str:
        parts = [f"changed {len(self.changes)} value{_s(len(self.changes))}"] if self.changes else []
        parts += [f"added {self.evidence} piece{_s(self.evidence)} of evidence"] if self.evidence else []
        return " and ".join(parts) or "answered; the payload is as it was"


def _s(count: int) -> str:
    return "" if count == 1 else "s"


def returned(found: Detail) -> Returned | None:
    """The newest question and its answer, while people decide on what it brought."""
    asked = [note for note in found.notes if note.kind == "question"]
    if not asked or not found.pending:
        return None
    question = asked[-1]
    answer = next((n for n in found.notes if n.kind == "answer" and n.reply_to == question.id), None)
    if answer is None:
        return None
    before = [version for version in found.revisions if version.at <= question.at][-1:]
    known = before[0].payload if before else None
    differs = changes(known, found.payload, found.schema) if known is not None and found.payload is not None else []
    brought = sum(one.at > question.at for one in found.evidence)
    return Returned(question, answer, tuple(differs), brought, len(asked))


def changed_since(found: Detail, digest: str) -> list[Change]:
    """What was changed since the revision of this digest (hex) was shown; nothing where it is the newest or unknown."""
    shown = next((version for version in found.revisions if version.digest == digest), None)
    if shown is None or shown.payload is None or found.payload is None:
        return []
    return changes(shown.payload, found.payload, found.schema)
