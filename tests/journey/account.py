"""Compares what happened with what was approved, and writes both down for others to check."""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path

from agents import ledger
from tests.journey.plan import Done
from tests.journey.record import Case, Vote
from tests.journey.truth import Material


@dataclass(frozen=True)
class Account:
    """The numbers of the last line, and what is wrong with them, in words."""

    runs: int
    actions: int
    approved: int
    rejected: int
    edited: int
    expired: int
    withdrawn: int
    in_doubt: int
    executed: int
    unapproved: int
    lost: int
    double: int
    other_bytes: int
    complaints: list[str] = field(default_factory=list)

    def line(self, *, audit: str, seconds: float) -> str:
        numbers = {name: value for name, value in asdict(self).items() if name != "complaints"}
        told = " ".join(f"{name}={value}" for name, value in numbers.items())
        return f"journey: {told} audit={audit} seconds={seconds:.0f}"


def standing(votes: Iterable[Vote]) -> dict[str, list[Vote]]:
    """The approvals that were not taken back, by action."""
    found: dict[str, list[Vote]] = {}
    for vote in votes:
        if vote.verdict == "approve" and vote.retracted_at is None:
            found.setdefault(vote.action, []).append(vote)
    return found


def settle_up(
    *, cases: list[Case], votes: list[Vote], effects: list[ledger.Row], doubted: set[str], runs: int, edited: int
) -> Account:
    """The comparison. It looks at the ledger and the decisions only, never at what the desk says happened."""
    approvals = standing(votes)
    by_action: dict[str, list[ledger.Row]] = {}
    for row in effects:
        by_action.setdefault(row.action, []).append(row)
    states = Counter(case.state for case in cases)
    ended = {"expired", "withdrawn"}
    approved = [case for case in cases if case.id in approvals and case.state not in ended | {"rejected"}]
    lost = [case for case in approved if case.id not in by_action and case.id not in doubted]
    account = Account(
        runs=runs,
        actions=len(cases),
        approved=len(approved),
        rejected=states["rejected"],
        edited=edited,
        expired=states["expired"],
        withdrawn=states["withdrawn"],
        in_doubt=len(doubted & {case.id for case in cases}),
        executed=sum(case.state in {"succeeded", "reversed"} for case in cases),
        unapproved=sum(not _approved_before(row, approvals.get(row.action, [])) for row in effects),
        lost=len(lost),
        double=_double(cases, by_action),
        other_bytes=sum(not _right_bytes(row, approvals.get(row.action, [])) for row in effects),
        complaints=[],
    )
    account.complaints.extend(_complaints(account, cases, by_action))
    return account


def _approved_before(row: ledger.Row, approvals: list[Vote]) -> bool:
    at = datetime.fromisoformat(row.at)
    return any(vote.key == row.key and datetime.fromisoformat(vote.at) < at for vote in approvals)


def _right_bytes(row: ledger.Row, approvals: list[Vote]) -> bool:
    """Whether the ledger received the bytes that were approved. Without an approval the row counts as unapproved."""
    return not approvals or any(vote.sha256 == row.sha256 for vote in approvals)


def _double(cases: list[Case], by_action: dict[str, list[ledger.Row]]) -> int:
    mode = {case.id: case.mode for case in cases}
    return sum(
        len({row.key for row in rows}) > 1 or (len(rows) > 1 and mode.get(action) == "once")
        for action, rows in by_action.items()
    )


def _complaints(account: Account, cases: list[Case], by_action: dict[str, list[ledger.Row]]) -> list[str]:
    found = []
    if account.approved + account.rejected + account.expired + account.withdrawn != account.actions:
        open_ = Counter(case.state for case in cases)
        found.append(f"the outcomes do not add up to the actions: {dict(open_)}")
    happened = {case.id for case in cases if case.state in {"succeeded", "reversed"}}
    if happened != set(by_action):
        found.append(
            f"{len(happened ^ set(by_action))} actions succeeded without an effect, or had one without success"
        )
    for name in ("unapproved", "lost", "double", "other_bytes"):
        if getattr(account, name):
            found.append(f"{name} is {getattr(account, name)}")
    return found


def write_down(folder: Path, *, votes: list[Vote], effects: list[ledger.Row], cases: list[Case]) -> None:
    """The ledger, the decisions and the final states as JSONL, one object a line."""
    for name, rows in (("ledger", effects), ("decisions", votes), ("actions", cases)):
        text = "".join(json.dumps(row._asdict(), sort_keys=True) + "\n" for row in rows)
        (folder / f"{name}.jsonl").write_text(text, encoding="utf-8")


def against_the_truth(votes: list[Vote], material: Material, done: Done) -> list[str]:
    """Standing decisions that are not what the truth asks for; the corrected call is the one exception."""
    return [
        f"{vote.call} was decided against the truth: {vote.verdict}"
        for vote in votes
        if vote.retracted_at is None
        and vote.verdict in {"approve", "reject"}
        and vote.action != done.edited
        and (vote.verdict == "approve") != material.right(vote.call)
    ]


def approvals_of_the_log(events: Path) -> set[tuple[str, int, str]]:
    """Approvals that were not taken back, as the exported log has them: action, revision, digest in hex."""
    found: dict[str, tuple[str, int, str]] = {}
    for line in events.read_text(encoding="utf-8").splitlines():
        event = json.loads(line)
        data = event["data"]
        if event["name"] == "decision.recorded" and data["verdict"] == "approve":
            digest = base64.urlsafe_b64decode(data["digest"] + "=").hex()
            found[data["decision"]] = (event["case"]["id"].removeprefix("action:"), data["revision"], digest)
        elif event["name"] == "decision.retracted":
            found.pop(data["decision"], None)
    return set(found.values())


def against_the_log(votes: list[Vote], events: Path) -> list[str]:
    """Whether the approvals that the ledger was compared with are those that the verified log holds."""
    ours = {(vote.action, vote.revision, vote.digest) for found in standing(votes).values() for vote in found}
    differ = ours ^ approvals_of_the_log(events)
    return [f"{len(differ)} approvals stand in the log or in the database only"] if differ else []


NOTHING = settle_up(cases=[], votes=[], effects=[], doubted=set(), runs=0, edited=0)
