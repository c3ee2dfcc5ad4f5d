"""Editing what was proposed: a new revision, judged by policy at once, and perhaps approved with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection, transaction

from audit import events
from audit.events import EventName
from audit.services import Entry, record
from reviews.errors import DeskError, InvalidDecision, InvalidPayload, NotPermitted, desk_errors
from reviews.facts import gather
from reviews.models import Action, ActionType, DeskItem
from reviews.policy import Routing, route, strictest
from reviews.policy.document import TypePolicy
from reviews.prio import pack_prio
from reviews.queries.manning import Candidate, candidates, stronger_team
from reviews.queries.policy import current_policy, policy_of
from reviews.reasons import worded
from reviews.registry import amount, canonical
from reviews.schemas import DecisionIn, Seen
from reviews.services.base import (
    By,
    Case,
    after_commit,
    change_item,
    demand_pending,
    demand_seen,
    digest_of,
    locked_item,
)
from reviews.services.deciding import (
    cast,
    demand_approvable,
    demand_authority,
    look,
    matter_of,
    parties_of,
    reason_for,
)
from reviews.services.holding import halfway, put_on_desk, write_escalation
from reviews.services.proposing import Text, revision_rows, text_of
from reviews.services.proving import demand_fresh
from reviews.services.routing import Read, read_revision, routed_event
from reviews.services.search_text import write_search_text
from reviews.services.sql import together
from reviews.services.talk import follow_quietly
from reviews.services.voting import Vote
from reviews.states import Outcome, Reversibility, Risk, Verdict


class EditResult(NamedTuple):
    """The revision saved, whether the editor's approval was recorded with it, and if not, why and who has it now."""

    revision: int
    approved: bool
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class Judged:
    """A new payload and what policy says about it beside the old one."""

    payload: dict[str, Any]
    body: bytes
    routing: Routing
    outcome: Outcome
    needed: int
    raised: bool  # some floor is stricter than for the old payload


def edit(
    *,
    item: UUID,
    seen: Seen,
    payload: Mapping[str, Any],
    decision: DecisionIn | None = None,
    by: By,
    rationale: str = "",
    reason_code: str = "",
) -> EditResult:
    """Save `payload` as a new revision; with a `decision` to approve, vote on it in the same breath.

    The revision is saved even where the vote cannot count: `why_not` says so.
    Votes on the old revision are void. Policy may only get stricter by it.
    """
    if decision is not None and decision.verdict is not Verdict.APPROVE:
        raise InvalidDecision("an edit is saved, or saved and approved")
    with desk_errors(), transaction.atomic():
        case, row = locked_item(item, by)
        demand_pending(case, row)
        demand_seen(case, row, version=seen.version, digest=seen.digest)
        old = read_revision(case.action, case.action.type)
        demand_authority(case, old, by)
        policy = policy_of(case.action.type_id)
        words = _edit_reason(case.action, decision, rationale, reason_code, by, policy)
        if decision is not None:
            demand_fresh(Risk(case.action.risk), by)
        dwell = look(case, old, seen, by, policy.pace) if decision else None
        judged = judge(case, old, payload)
        more = judged.needed > case.action.needed
        own = may_self_edit(case.action.type, case.action) and judged.needed == 1 and not judged.raised
        text = text_of(judged.body)
        entry = edited_event(case, judged, text, old, by, words, self_edit=own)
        revise(case, row, judged, by, text, entry, self_edit=own)
        refusal = _approve(case, row, judged, _vote(decision, words, seen, dwell), by) if decision else None
        said = [str(refusal)] if refusal is not None else []
        # What the editor themselves has to mend stays with them; what is for others to approve does not.
        others = isinstance(refusal, NotPermitted)
        if (others or not own) and not case.action.type.question:
            passed = _pass_on(case, row, judged, seen, by, out_of_hand=others)
            said = [*_briefly(said, judged.needed if more else 0), *([passed] if passed else [])]
        after_commit([case.action.id], [row.queue_id])
        record(case.entries)
    return EditResult(case.action.revision, decision is not None and refusal is None, "; ".join(said))


def _edit_reason(
    action: Action, decision: DecisionIn | None, rationale: str, reason_code: str, by: By, policy: TypePolicy
) -> str:
    """Why it was edited. An answer to a question needs no reason beside itself."""
    required = not action.type.question
    if decision is not None and decision.reason_code and not decision.rationale.strip():
        return reason_for(action, decision, by, policy)
    words = decision.rationale if decision is not None else rationale
    return worded(action.type, "edit", reason_code, words, required=required)


def _vote(decision: DecisionIn, words: str, seen: Seen, dwell: int | None) -> Vote:
    return Vote(
        verdict=Verdict.APPROVE,
        code=decision.reason_code,
        rationale=words,
        seen=seen,
        dwell_ms=dwell,
    )


def judge(case: Case, old: Read, payload: Mapping[str, Any]) -> Judged:
    """Validate a new payload and let policy look at it. Writes nothing."""
    action, kind = case.action, case.action.type
    if old.problem:
        raise InvalidDecision(f"it cannot be edited: {old.problem}")
    value, body = canonical(kind, dict(payload), stored=True)
    if value == old.payload:
        raise InvalidDecision("nothing was changed")
    _demand_writable(kind, old.payload, value)
    policy = current_policy()
    before = route(gather(action, kind, old.payload, policy, case.now))
    after = route(gather(action, kind, value, policy, case.now))
    if after.outcome is Outcome.REJECT:
        raise InvalidDecision(f"policy refuses this: {after.why[0].name} {after.why[0].value}")
    outcome = strictest(Outcome(action.outcome or Outcome.REVIEW), after.outcome)
    needed = max(action.needed, after.needed)
    return Judged(value, body, after, outcome, needed, _stricter(before, after))


def _demand_writable(kind: ActionType, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """Fields that the schema calls read-only stay as they were proposed."""
    fields = kind.schema.get("properties", {})
    fixed = [name for name, field in fields.items() if field.get("readOnly")]
    changed = [name for name in fixed if old.get(name) != new.get(name)]
    if changed:
        errors = [{"path": name, "message": "cannot be edited"} for name in changed]
        raise InvalidPayload(f"{changed[0]}: cannot be edited", errors)


def _stricter(before: Routing, after: Routing) -> bool:
    was = {floor.name: floor.outcome.rank for floor in before.floors}
    return after.needed > before.needed or any(floor.outcome.rank > was.get(floor.name, 0) for floor in after.floors)


def may_self_edit(kind: ActionType, action: Action) -> bool:
    """Whether the type lets an author's own vote count; by default only where little is at stake."""
    if kind.self_edit is not None:
        return kind.self_edit
    harmless = Risk(action.risk).rank <= Risk.MEDIUM.rank
    return harmless and action.reversibility != Reversibility.IRREVERSIBLE


def revise(case: Case, row: DeskItem, judged: Judged, by: By, text: Text, entry: Entry, *, self_edit: bool) -> None:
    """Write the revision that `entry` brings, what policy says of it, and what the queue shows."""
    number = case.action.revision + 1
    with connection.cursor() as cursor:
        together(
            cursor,
            *revision_rows(
                action=case.action.id,
                number=number,
                author=by.user.pk,
                text=text,
                event=entry,
                self_edit=self_edit,
            ),
        )
    case.move(entry, revision=number, digest=text.digest)
    reroute(case, judged, self_edit=self_edit)
    show(case, row, judged)
    write_search_text(case.action, case.action.type, judged.payload)


def edited_event(
    case: Case, judged: Judged, text: Text, old: Read, by: By, rationale: str, *, self_edit: bool
) -> Entry:
    fields = case.action.type.schema.get("properties", {})
    changed = [f for f in sorted(fields) if old.payload.get(f) != judged.payload.get(f)]
    return case.note(
        EventName.ACTION_EDITED,
        events.ActionEdited(
            revision=case.action.revision + 1,
            digest=text.digest,
            previous_digest=digest_of(case.action),
            self_edit=self_edit,
            changed=changed,
        ),
        content={"rationale": rationale, "identity": str(by.user)},
        commit={"payload": text.digest},
    )


def reroute(case: Case, judged: Judged, *, self_edit: bool | None = None) -> None:
    """Policy's answer to a changed payload: outcome and needed votes only rise."""
    data = routed_event(case, judged.routing, needed=judged.needed, outcome=judged.outcome, self_edit=self_edit)
    entry = case.note(EventName.ACTION_ROUTED, data)
    case.move(entry, outcome=judged.outcome.value, needed=judged.needed)


def show(case: Case, row: DeskItem, judged: Judged) -> None:
    """What the list needs of a changed payload."""
    found, currency = amount(case.action.type, judged.payload)
    prio = pack_prio(
        risk=Risk(case.action.risk),
        amount=found,
        currency=currency,
        confidence=case.action.confidence,
        breached=row.breached,
    )
    # Whoever wrote the revision before may decide again on this one.
    change_item(row, amount=found, currency=currency, prio=prio, passed_by=None)


def _briefly(said: list[str], needed: int) -> list[str]:
    """Why the editor's vote does not count, without what is said better by who has it now. `needed`: if it rose."""
    return [f"it now needs {needed} others" if needed else words.partition(";")[0] for words in said]


def _pass_on(case: Case, row: DeskItem, judged: Judged, seen: Seen, by: By, *, out_of_hand: bool) -> str:
    """Who has it now, in words. `out_of_hand`: its editor wanted it approved and may not do that themselves.

    Then it leaves their queue for the desk of somebody who may. Where nobody else here may, a team gets it.
    """
    row.refresh_from_db()
    everybody = candidates(row, matter_of(case, Read(judged.payload)), parties_of(case.action))
    others = [one for one in everybody if one.entitled and one.user.pk != by.user.pk]
    if others:
        return _hand_on(case, row, others, by) if out_of_hand else ""
    target = stronger_team(row.queue_id, policy_of(case.action.type_id).clock.to, by.user)
    if target is None:
        return "nobody else who sees this queue may approve it"
    if row.escalated_to_id != target.pk:
        words = "Nobody else who sees this queue may approve what was edited."
        vote = Vote(verdict=Verdict.ESCALATE, code="", rationale=words, seen=seen)
        write_escalation(case, row, vote, target, by)
        change_item(row, escalated_to=target, due=halfway(case), assignee=None, claimed_by=None, claimed_until=None)
    if out_of_hand:
        _leave(case, row, by)
    return f"nobody else who sees this queue may approve it: escalated to {target}"


def _hand_on(case: Case, row: DeskItem, others: Sequence[Candidate], by: By) -> str:
    """It stays with whoever has it and may approve it; otherwise the least busy gets it, if somebody is free."""
    holder = next((one.user for one in others if one.user.pk == row.assignee_id), None)
    person = holder or next((one.user for one in others if not one.full), None)
    if row.assignee_id != (person.pk if person else None):
        put_on_desk(case, row, person)
    _leave(case, row, by)
    return f"it is on the desk of {person} now" if person else "it waits for another reviewer"


def _leave(case: Case, row: DeskItem, by: By) -> None:
    """Out of the editor's queue; they follow it, so that they hear what becomes of it."""
    mine = {"claimed_by": None, "claimed_until": None} if row.claimed_by_id == by.user.pk else {}
    change_item(row, seen=False, passed_by=by.user, **mine)
    follow_quietly(case.action.id, by.user.pk)


def _approve(case: Case, row: DeskItem, judged: Judged, vote: Vote, by: By) -> DeskError | None:
    """The editor's own vote on the new bytes; the refusal where it could not count."""
    read = Read(judged.payload)
    try:
        vote = replace(vote, grant=demand_authority(case, read, by))
        demand_approvable(case, row, read, by)
    except DeskError as refusal:
        return refusal
    cast(case, row, vote, by)
    return None
