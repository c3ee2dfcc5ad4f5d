"""Inbox: for each message in a mailbox one proposal by plain rules, with real effects.

The pattern: an agent that learns from its reviewers without a model. What it proposes comes from a rule,
and how sure it is from how that rule's earlier proposals fared.
"""

from __future__ import annotations

from typing import Any

from agents import mailboxes, records, rules
from agents.handlers.mail import inbox as mailbox_path
from agents.mailboxes import Mail
from agents.outcomes import Asked, Handle
from agents.registry import agent
from agents.rules import Suggestion, Track
from agents.runs import Run
from reviews.schemas import EvidenceIn


@agent("inbox", version="1", label="Inbox")
def inbox(run: Run, accounts: str = "accounts@example.org", limit: int = 50) -> dict[str, Any]:
    """Proposes for each new message; bills are forwarded to `accounts`. At most `limit` messages a run."""
    ids = run.step("look into the mailbox", _look, limit)
    known = set(run.step("which are known", records.known_sources, str(run.id), [_source(id) for id in ids]))
    mails = [Mail(**run.step("read a message", _read, id)) for id in ids if _source(id) not in known]
    suggestions = [rules.suggest(mail, accounts=accounts) for mail in mails]
    past = run.step("how the rules fared", records.rule_records, str(run.id), sorted({s.rule for s in suggestions}))
    parked = {_propose(run, mail, s, Track(*past[s.rule])): s for mail, s in zip(mails, suggestions, strict=True)}
    outcomes = run.wait_all(*parked, on_asked=lambda handle, asked: _answer(run, parked, handle, asked))
    return {"messages": len(ids), "proposed": len(parked), "done": sum(outcome.ok for outcome in outcomes)}


def _look(limit: int) -> list[str]:
    return mailboxes.ids(mailbox_path(), limit=max(1, min(limit, 500)))


def _read(id: str) -> dict[str, Any]:
    return mailboxes.one(mailbox_path(), id).plain()


def _source(id: str) -> str:
    return f"mail:{id}"


def _propose(run: Run, mail: Mail, suggestion: Suggestion, track: Track) -> Handle:
    letter = f"From: {mail.sender}\nTo: {mail.to}\nDate: {mail.date}\nSubject: {mail.subject}\n\n{mail.text}"
    evidence = [
        EvidenceIn(kind="source", title=f"The message: {mail.subject}"[:200], source=_source(mail.id), text=letter),
        EvidenceIn(kind="record", title=f"Rule: {suggestion.rule}", source=f"rule:{suggestion.rule}", text=str(track)),
    ]
    return run.propose(
        suggestion.type,
        suggestion.payload,
        confidence=track.confidence,
        reasoning=f"{suggestion.reason} {track}",
        evidence=evidence,
    )


def _answer(run: Run, parked: dict[Handle, Suggestion], handle: Handle, asked: Asked) -> None:
    rule = parked[handle]
    run.answer(asked, f"The rule “{rule.rule}” proposed this: {rule.reason} It knows nothing beyond the message.")
