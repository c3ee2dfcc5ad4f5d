"""What happened to an action, as its reviewers may know it: before a verdict nothing of other people's votes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from audit import seal
from reviews.queries.detail import Detail, Vote
from reviews.queries.texts import AGENT
from reviews.states import Status, Verdict

_SAID = {
    Verdict.APPROVE.value: ("approved", "good"),
    Verdict.REJECT.value: ("rejected", "bad"),
    Verdict.ESCALATE.value: ("escalated", "wait"),
    Verdict.ASK.value: ("asked the agent", "wait"),
}
_ENDED = {
    "succeeded": ("The effect succeeded", "good"),
    "not_done": ("The effect did not happen", "bad"),
    "unclear": ("Nobody knows whether the effect happened", "wait"),
    "lost": ("The worker was lost", "wait"),
}


@dataclass(frozen=True, slots=True)
class Entry:
    at: datetime
    tone: str
    what: str
    detail: str = ""
    receipt: UUID | None = None  # the event of one's own decision, whose signed receipt can be kept
    who: str = ""


def history(found: Detail) -> list[Entry]:
    """Oldest first."""
    entries = [Entry(found.action.created_at, "note", f"Proposed by {proposer(found)}")]
    entries += [Entry(v.at, "note", f"{v.author} wrote revision {v.number}", who=v.author) for v in found.revisions[1:]]
    for vote in found.votes:
        entries += _voted(vote, found)
    entries += _asked(found)
    entries += _brought(found)
    entries += _tried(found)
    entries += _ended(found)
    return sorted(entries, key=lambda entry: entry.at)


def latest(found: Detail, since: datetime | None) -> Entry | None:
    """The last thing that happened after `since`, as this reader may know it; None where nothing of it shows."""
    later = [entry for entry in history(found) if since is None or entry.at > since]
    return later[-1] if later else None


def proposer(found: Detail) -> str:
    action = found.action
    if action.requested_by:
        return str(action.requested_by)
    return f"{action.proposer} {action.agent_version}".strip()


def _voted(vote: Vote, found: Detail) -> list[Entry]:
    said, tone = _SAID.get(vote.verdict, (vote.verdict, "note"))
    to = f" to {vote.target}" if vote.target else ""
    how = " in a batch" if vote.via == "batch" else ""
    reason = vote.code.replace("_", " ")
    receipt = vote.event if vote.mine else None
    made = [Entry(vote.at, tone, f"{vote.who} {said}{to}{how}", reason, receipt, vote.who)]
    if vote.retracted:
        made.append(Entry(vote.retracted, "note", f"{vote.who} took that back", who=vote.who))
    return made


def _asked(found: Detail) -> list[Entry]:
    said = {"answer": "answered", "comment": "commented", "note": "noted"}
    return [Entry(n.at, "note", f"{n.author} {said[n.kind]}", who=n.author) for n in found.thread if n.kind in said]


def _brought(found: Detail) -> list[Entry]:
    """Evidence that people brought, or that came after the proposal."""
    soon = found.action.created_at + timedelta(seconds=1)
    later = [one for one in found.evidence if one.author != AGENT or one.at > soon]
    return [Entry(one.at, "note", f"{one.author} attached evidence", one.title, who=one.author) for one in later]


def _tried(found: Detail) -> list[Entry]:
    made = []
    for attempt in found.attempts:
        if attempt.effect_at:
            made.append(Entry(attempt.effect_at, "note", f"{attempt.worker} began the effect", attempt.key))
        if attempt.ended_at and attempt.end:
            what, tone = _ENDED[attempt.end]
            made.append(Entry(attempt.ended_at, tone, what, seal.text_or("", attempt.note)))
    return made


def _ended(found: Detail) -> list[Entry]:
    action = found.action
    words = {Status.EXPIRED.value: "Expired; nothing was done", Status.WITHDRAWN.value: "Withdrawn; nothing was done"}
    if action.state in words and action.closed_at:
        return [Entry(action.closed_at, "wait", words[action.state])]
    return []
