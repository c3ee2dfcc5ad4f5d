"""Many decisions in one transaction: as many statements for a thousand as for one.

Rows are locked in the order of their keys, each item is judged by the rules
of a single decision, what is refused is left out and told why, and the rest
is written from arrays under one batch id.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection, transaction

from audit import events
from audit.events import EventName
from audit.services import Entry, record
from reviews import clocks
from reviews.errors import InvalidDecision, desk_errors
from reviews.ids import new_id
from reviews.models import ActionType, Decision
from reviews.policy import BatchItem, batch_block_reason, may_approve, may_decide
from reviews.policy import Case as Matter
from reviews.queries.policy import Current, current_policy, grants_of
from reviews.queries.precedents import items_against
from reviews.reasons import doubt_of, worded
from reviews.registry import amount
from reviews.schemas import DecisionIn, ItemResult, Seen
from reviews.services.base import By, after_commit, digest_of, reached
from reviews.services.batch_lock import Judged, lock_all
from reviews.services.canaries import close_canary, take_verdict
from reviews.services.pacing import demand_batch_look
from reviews.services.voting import CLOSING, Vote, case_facts
from reviews.services.windows import undo_seconds, valid_seconds
from reviews.states import Reversibility, Risk, Status, Verdict
from reviews.visible import hidden_at

NO_PRESETS = ActionType(presets={})
Selected = tuple[UUID, int, bytes]  # item, the version and the digest that the page showed


class BatchResult(NamedTuple):
    """One id for the whole batch, and what became of each item, in the order given.

    `checks`: the items that were seeded checks. `bounced`: one of them was
    approved, and therefore nothing was applied.
    """

    batch: UUID
    results: list[ItemResult]
    checks: tuple[UUID, ...] = ()
    bounced: bool = False

    @property
    def applied(self) -> int:
        return sum(r.result == "applied" for r in self.results)


def batch_decide(
    *,
    items: Sequence[Selected],
    decision: DecisionIn,
    by: By,
    opened_at: datetime | None,
    notes: Mapping[UUID, str] | None = None,
    against: Mapping[UUID, str] | None = None,
) -> BatchResult:
    """Approve or reject what was selected; each item whole or not at all, told apart in the result.

    InvalidDecision, and nothing written, where the batch as a whole is not
    allowed: too many, too fast, no reason. `notes`: what is said of single
    items beside the reason for all. `against`: items whose shown precedents
    went the other way, as the preview told; None: they are looked up here.
    """
    if decision.verdict not in CLOSING:
        raise InvalidDecision(f"{decision.verdict} is not done in batches")
    dwell = demand_batch_look(count=len(items), opened_at=opened_at)
    batch = new_id()
    told = _against(items, decision, by) if against is None else against
    with desk_errors(), transaction.atomic():
        found = lock_all([item for item, _, _ in items], by, batch)
        vote = _vote(decision, found, opened_at, dwell)
        own = {item: worded(NO_PRESETS, "note", "", note, required=False) for item, note in (notes or {}).items()}
        _judge_all(items, found, vote, by, told)
        chosen = [one for one in found.values() if one.result is None]
        for one in chosen:
            one.rationale = "\n".join(filter(None, (vote.rationale, own.get(one.item.id, ""))))
        checks, bounced = _close_checks(chosen, vote, by)
        applied = [one for one in chosen if one.result is None]
        _write(applied, vote, by)
        after_commit([one.case.action.id for one in chosen], {o.item.queue_id for o in chosen})
        record([entry for one in chosen for entry in one.case.entries])
    results = [_result(found.get(item), item) for item, _, _ in items]
    return BatchResult(batch, results, checks, bounced)


def _against(items: Sequence[Selected], decision: DecisionIn, by: By) -> Mapping[UUID, str]:
    """Asked before any row is locked, and only where an approval says nothing: a rejection always has its reason."""
    if decision.verdict is not Verdict.APPROVE or decision.reason_code or decision.rationale.strip():
        return {}
    queues = list(reached(by.user).values_list("queue", flat=True))
    return items_against([item for item, _, _ in items], decision.verdict.value, queues)


def _close_checks(chosen: Sequence[Judged], vote: Vote, by: By) -> tuple[tuple[UUID, ...], bool]:
    """End the seeded checks among them. Approving one that is wrong bounces the whole batch."""
    if not chosen:
        return (), False
    verdicts = take_verdict([(one.case, one.item) for one in chosen], vote.verdict, by)
    missed = vote.verdict is Verdict.APPROVE and not all(verdicts.values())
    for one in chosen:
        caught = verdicts.get(one.item.id)
        if caught is not None:
            seen = vote.seen.model_copy(update={"evidence": one.evidence, "message": one.message})
            close_canary(one.case, one.item, replace(vote, seen=seen, rationale=one.rationale), by, caught=caught)
            one.result = _told(one, "check", "this was a check")
        elif missed:
            one.result = _told(one, "blocked", f"one of these {len(chosen)} was a check: nothing was applied")
    return tuple(verdicts), missed


def _result(one: Judged | None, item: UUID) -> ItemResult:
    if one is None:
        return ItemResult(item, 0, "blocked", "there is no such item, or it is out of your reach")
    return one.result or ItemResult(item, one.item.ref, "applied")


def _vote(decision: DecisionIn, found: Mapping[UUID, Judged], opened_at: datetime | None, dwell: int) -> Vote:
    """One rationale for all; rejecting always needs one. A type's own reasons count where all are of one type."""
    kinds = {one.case.action.type for one in found.values()}
    words = decision.rationale.strip()
    if kinds:
        kind = kinds.pop() if len(kinds) == 1 else NO_PRESETS
        required = decision.verdict is Verdict.REJECT
        words = worded(kind, decision.verdict, decision.reason_code, words, required=required)
    return Vote(
        verdict=decision.verdict,
        code=decision.reason_code,
        rationale=words,
        seen=Seen(version=0, digest=b"", opened_at=opened_at),
        dwell_ms=dwell,
        via="batch",
    )


def _judge_all(
    items: Sequence[Selected], found: Mapping[UUID, Judged], vote: Vote, by: By, against: Mapping[UUID, str]
) -> None:
    policy, grants = current_policy(), grants_of(by.user)
    pending = [o for o in found.values() if o.case.action.state == Status.PENDING]
    kind = _kind(pending)
    _demand_size(len(items), kind, pending, vote.verdict, policy)
    winners = _winners([o for o in found.values() if o.case.action.state != Status.PENDING])
    for item, version, digest in items:
        one = found.get(item)
        if one is None or one.result is not None:
            continue
        one.result = (
            _conflict(one, version, digest, winners)
            or _not_yours(one, grants, by)
            or _blocked(one, vote, kind, policy, by)
            or _against_precedents(one, vote, against)
        )


def _kind(pending: Sequence[Judged]) -> str:
    """The batch's type: that of the first selected, passing over what is blocked for its risk."""
    by_risk = sorted(pending, key=lambda one: Risk(one.case.action.risk).rank > Risk.MEDIUM.rank)
    return by_risk[0].case.action.type_id if by_risk else ""


def _demand_size(count: int, kind: str, pending: Sequence[Judged], verdict: Verdict, policy: Current) -> None:
    if not pending:
        return
    # What is of higher risk is blocked by itself; the limit is that of the riskiest that may stay.
    usual = [Risk(o.case.action.risk) for o in pending]
    allowed = [r for r in usual if r.rank <= Risk.MEDIUM.rank] or [Risk.LOW]
    highest = max(allowed, key=lambda risk: risk.rank)
    most = policy.document.of(kind).batch_limit(verdict, highest)
    if count > most:
        raise InvalidDecision(f"{most} at a time is the most here, these are {count}")


def _winners(late: Sequence[Judged]) -> dict[UUID, tuple[str, datetime]]:
    """Who decided what is no longer pending, and when."""
    if not late:
        return {}
    made = (
        Decision.objects.filter(action__in=[o.case.action.id for o in late], verdict__in=CLOSING, retraction=None)
        .select_related("reviewer")
        .order_by("created_at")
    )
    return {d.action_id: (str(d.reviewer or "policy"), d.created_at) for d in made}


def _conflict(
    one: Judged,
    version: int,
    digest: bytes,
    winners: Mapping[UUID, tuple[str, datetime]],
) -> ItemResult | None:
    action = one.case.action
    if action.state != Status.PENDING or one.item.closed_at is not None:
        who, at = winners.get(action.id, ("", None))
        words = f"already {action.state}" + (f" by {who} at {clocks.short(at)}" if at else "")
        return _told(one, "conflict", words)
    if (version, digest) != (one.item.version, digest_of(action)):
        return _told(one, "conflict", "changed since you opened it")
    return None


def _told(one: Judged, result: Any, reason: str) -> ItemResult:
    return ItemResult(one.item.id, one.item.ref, result, reason)


def _not_yours(one: Judged, grants: Any, by: By) -> ItemResult | None:
    action = one.case.action
    found, currency = amount(action.type, one.read.payload)
    matter = Matter(
        type=action.type_id,
        risk=Risk(action.risk),
        has_amount=bool(action.type.amount_path),
        amount=found,
        currency=currency,
    )
    permission = may_decide(matter, grants, now=one.case.now)
    return None if permission.allowed else _told(one, "blocked", permission.reason)


def _blocked(one: Judged, vote: Vote, kind: str, policy: Current, by: By) -> ItemResult | None:
    reason = batch_block_reason(vote.verdict, _as_batch_item(one, policy, by), batch_type=kind)
    if reason is None and vote.verdict is Verdict.APPROVE:
        reason = _not_approvable(one, vote, policy, by)
    return _told(one, "blocked", reason) if reason else None


def _against_precedents(one: Judged, vote: Vote, against: Mapping[UUID, str]) -> ItemResult | None:
    words = "" if vote.rationale else against.get(one.item.id, "")
    return _told(one, "blocked", f"{words}; give a reason") if words else None


def _not_approvable(one: Judged, vote: Vote, policy: Current, by: By) -> str:
    """What else stands against this approval; the agent's own doubt does unless a reason is given."""
    action = one.case.action
    hidden = hidden_at(one.read.payload, action.type.machine_paths)
    if hidden:
        return f"hidden characters in {', '.join(hidden)}"
    doubted = doubt_of(action.confidence, policy.document.of(action.type_id).rules().low_mark)
    if doubted and not vote.rationale:
        return f"{doubted}; give a reason"
    return may_approve(by.user.pk, one.parties).reason


def _as_batch_item(one: Judged, policy: Current, by: By) -> BatchItem:
    action, row = one.case.action, one.item
    found, currency = amount(action.type, one.read.payload)
    claimed = row.claimed_by if row.claimed_until and row.claimed_until > one.case.now else None
    return BatchItem(
        type=action.type_id,
        risk=Risk(action.risk),
        reversibility=Reversibility(action.reversibility),
        amount=found,
        currency=currency,
        limits=policy.document.of(action.type_id).rules().limits,
        needed=action.needed,
        is_question=action.type.question,
        question_open=row.question_open,
        claimed_by_other=str(claimed) if claimed and claimed != by.user else "",
        loaded=not one.read.problem,
    )


def _write(chosen: Sequence[Judged], vote: Vote, by: By) -> None:
    """Decisions, states, items: three statements from arrays. Events are the caller's last one."""
    if not chosen:
        return
    to = Status.APPROVED if vote.verdict is Verdict.APPROVE else Status.REJECTED
    for one in chosen:
        one.entry = _entry(one, vote, by, to)
    with connection.cursor() as cursor:
        _insert_decisions(cursor, chosen, vote, by)
        _move_actions(cursor, chosen, to)
        _close_items(cursor, chosen)


def _entry(one: Judged, vote: Vote, by: By, to: Status) -> Entry:
    data = events.DecisionRecorded(
        verdict=vote.verdict.value,
        single=False,
        reason_code=vote.code,
        decision=str(one.decision),
        reviewer=by.user.pseudonym,
        round=one.round,
        evidence_seen=one.evidence,
        messages_seen=one.message,
        opened_at=vote.seen.opened_at,
        shown_ms=vote.dwell_ms,
        deadline=one.case.action.decide_by,
        item=f"ACT-{one.item.ref}",
        **case_facts(one.case.action),
    )
    content = {"rationale": one.rationale, "identity": str(by.user)}
    return one.case.note(EventName.DECISION_RECORDED, data, to=to, content=content)


def _insert_decisions(cursor: Any, chosen: Sequence[Judged], vote: Vote, by: By) -> None:
    cursor.execute(
        "INSERT INTO reviews_decision (id, action_id, item_id, revision, digest, reviewer_id,"
        " verdict, via, reason_code, batch, seen_evidence, seen_message, opened_at, dwell_ms,"
        " event_id)"
        " SELECT d, a, i, r, g, %s, %s, 'batch', %s, %s, e, m, %s, %s, v"
        " FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[], %s::int[], %s::bytea[], %s::int[],"
        " %s::int[], %s::uuid[]) AS x (d, a, i, r, g, e, m, v)",
        [
            by.user.pk, vote.verdict.value, vote.code, chosen[0].case.batch, vote.seen.opened_at,
            vote.dwell_ms, [o.decision for o in chosen], [o.case.action.id for o in chosen],
            [o.item.id for o in chosen], [o.case.action.revision for o in chosen],
            [digest_of(o.case.action) for o in chosen], [o.evidence for o in chosen],
            [o.message for o in chosen], [o.entry.id for o in chosen if o.entry],
        ],
    )  # fmt: skip


def _move_actions(cursor: Any, chosen: Sequence[Judged], to: Status) -> None:
    windows = [undo_seconds(one.case.action) for one in chosen]
    lasts = [valid_seconds(one.case.action) for one in chosen]
    cursor.execute(
        "UPDATE reviews_action a SET state = %s, case_seq = x.s, case_head = x.h,"
        " release_at = clock_timestamp() + make_interval(secs => x.w),"
        " valid_until = CASE WHEN %s THEN clock_timestamp() + make_interval(secs => x.w + x.l) END"
        " FROM unnest(%s::uuid[], %s::bigint[], %s::bytea[], %s::float8[], %s::float8[])"
        " AS x (id, s, h, w, l)"
        " WHERE a.id = x.id AND a.state = 'pending' AND a.case_seq = x.s - 1",
        [
            to.value, to is Status.APPROVED, [o.case.action.id for o in chosen], [o.case.chain.seq for o in chosen],
            [o.case.chain.head for o in chosen], windows, lasts,
        ],
    )  # fmt: skip
    if cursor.rowcount != len(chosen):
        raise RuntimeError("a row that was locked has changed")


def _close_items(cursor: Any, chosen: Sequence[Judged]) -> None:
    cursor.execute(
        "UPDATE reviews_item_desk SET closed_at = clock_timestamp(), claimed_by_id = NULL,"
        " claimed_until = NULL, version = version + 1 WHERE id = ANY(%s)",
        [[one.item.id for one in chosen]],
    )
