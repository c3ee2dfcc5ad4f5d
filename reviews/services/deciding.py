"""Deciding one action, and taking a decision back before it is released."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.db import connection, transaction

from audit import events
from audit.events import EventName
from audit.services import now as database_clock
from audit.services import record
from reviews import clocks
from reviews.errors import (
    InvalidDecision,
    NotFound,
    NotPermitted,
    Released,
    StaleRevision,
    WrongState,
    desk_errors,
)
from reviews.ids import new_id
from reviews.models import Action, Decision, DeskItem, Retraction, Revision
from reviews.policy import Case as Matter
from reviews.policy import Grant, Parties, may_approve, may_decide
from reviews.policy.document import PaceIn, TypePolicy
from reviews.queries.policy import grants_of, policy_of
from reviews.queries.precedents import against
from reviews.queries.reasons import doubt
from reviews.reasons import why_required, worded
from reviews.registry import amount
from reviews.schemas import DecisionIn, Seen
from reviews.services.base import (
    By,
    Case,
    actor,
    after_commit,
    change_item,
    demand_pending,
    demand_seen,
    last_numbers,
    lock,
    locked_item,
    reached,
)
from reviews.services.canaries import close_canary, take_verdict
from reviews.services.pacing import demand_look, demand_pace
from reviews.services.proving import demand_fresh
from reviews.services.reading import demand_whole
from reviews.services.routing import Read, read_revision
from reviews.services.voting import CLOSING, Vote, insert_vote, vote_event
from reviews.services.windows import closing_dates, undo_seconds
from reviews.states import Risk, Status, Verdict
from reviews.visible import all_texts, hidden_at

_LONGEST_WAIT = timedelta(seconds=10)  # more than any lock is waited for


def decide(*, item: UUID, seen: Seen, decision: DecisionIn, by: By) -> Decision:
    """Approve or reject what the page showed. The loser of a race learns who won, and when.

    Raises StaleRevision, AlreadyDecided, NotPermitted, InvalidDecision,
    TooFast; then nothing is written. A rejection always closes; an approval
    when enough people have approved these very bytes.
    """
    if decision.verdict not in CLOSING:
        raise InvalidDecision(f"{decision.verdict} has a verb of its own")
    with desk_errors(), transaction.atomic():
        case, row = locked_item(item, by)
        demand_pending(case, row)
        demand_seen(case, row, version=seen.version, digest=seen.digest)
        read = read_revision(case.action, case.action.type)
        grant = demand_authority(case, read, by)
        policy = policy_of(case.action.type_id)
        words = reason_for(case.action, decision, by, policy)
        dwell = look(case, read, seen, by, policy.pace)
        vote = Vote(
            verdict=decision.verdict,
            code=decision.reason_code,
            rationale=words,
            seen=seen,
            dwell_ms=dwell,
            grant=grant,
        )
        if decision.verdict is Verdict.APPROVE:
            demand_approvable(case, row, read, by)
            demand_whole(case.action, read.payload, seen)
        made = cast(case, row, vote, by)
        after_commit([case.action.id], [row.queue_id])
        record(case.entries)
    return made


def reason_for(action: Action, decision: DecisionIn, by: By, policy: TypePolicy) -> str:
    """The words to record; asked for by the risk, by the agent's own doubt, by precedents that went the other way."""
    verdict = decision.verdict
    queues = reached(by.user).values_list("queue", flat=True)
    required = why_required(
        verdict, Risk(action.risk), doubted=doubt(action, policy), against=against(action, verdict.value, list(queues))
    )
    return worded(action.type, decision.verdict, decision.reason_code, decision.rationale, required=required)


def look(case: Case, read: Read, seen: Seen, by: By, pace: PaceIn) -> int:
    """Dwell and pace, and that nothing was added to what was shown."""
    evidence, message = last_numbers(case.action.id)
    if (seen.evidence, seen.message) != (evidence, message):
        raise StaleRevision("something was added since you opened it")
    demand_pace(user=by.user, action=case.action, now=case.now, most=pace.per_minute)
    words = len(all_texts(read.payload).split())
    return demand_look(action=case.action, user=by.user, opened_at=seen.opened_at, words=words, least=pace.dwell)


def demand_authority(case: Case, read: Read, by: By) -> Grant | None:
    """The line of this person's authority that covers type, risk and amount. NotPermitted without one."""
    permission = may_decide(matter_of(case, read), grants_of(by.user), now=case.now)
    if not permission.allowed:
        raise NotPermitted(permission.reason)
    return permission.grant


def matter_of(case: Case, read: Read) -> Matter:
    """What is to be decided, as authority is asked about it."""
    action = case.action
    found, currency = amount(action.type, read.payload)
    return Matter(
        type=action.type_id,
        risk=Risk(action.risk),
        has_amount=bool(action.type.amount_path),
        amount=found,
        currency=currency,
    )


def demand_approvable(case: Case, row: DeskItem, read: Read, by: By) -> None:
    """Everything that stands against an approval, each refusal in words."""
    action = case.action
    demand_fresh(Risk(action.risk), by)
    _demand_in_time(case)
    if row.question_open:
        raise WrongState("a question is open; it can be rejected, or answered first")
    if read.problem:
        raise InvalidDecision(f"it cannot be approved: {read.problem}")
    if action.type.question and action.revision == 1:
        raise InvalidDecision("a question is answered, not approved")
    hidden = hidden_at(read.payload, action.type.machine_paths)
    if hidden:
        raise InvalidDecision(f"it cannot be approved: hidden characters in {', '.join(hidden)}")
    permission = may_approve(by.user.id, parties_of(action))
    if not permission.allowed:
        raise NotPermitted(permission.reason)


def _demand_in_time(case: Case) -> None:
    """The lock may have been waited for: near the deadline the clock is read again."""
    deadline = case.action.decide_by
    if deadline is None or deadline - case.now > _LONGEST_WAIT:
        return
    if deadline <= database_clock():
        raise WrongState(f"its time was over at {clocks.short(deadline)}; it expires")


def parties_of(action: Action) -> Parties:
    """Who had a hand in it. Whoever asks for a reversal may approve it."""
    revision = Revision.objects.get(action=action, number=action.revision)
    escalators = Decision.objects.filter(action=action, verdict=Verdict.ESCALATE)
    reversal = action.reverses_id is not None and action.needed == 1
    author = revision.author_id if action.revision > 1 else None
    return Parties(
        proposer=None if reversal else action.requested_by_id,
        owner=action.owner_id,
        author=author,
        escalators=frozenset(escalators.values_list("reviewer_id", flat=True)),
        needed=action.needed,
        self_edit=revision.self_edit,
    )


def cast(case: Case, row: DeskItem, vote: Vote, by: By) -> Decision:
    """Write the vote and, where it closes the action, the state that follows. A seeded check ends with it."""
    caught = take_verdict([(case, row)], vote.verdict, by).get(row.id)
    if caught is not None:
        return close_canary(case, row, vote, by, caught=caught)
    action = case.action
    to = _leads_to(action, vote.verdict)
    made = new_id()
    entry = case.note(
        EventName.DECISION_RECORDED,
        vote_event(case, row, vote, by, made),
        to=to,
        content={"rationale": vote.rationale, "identity": str(by.user)},
    )
    decision = insert_vote(case, row, vote, by, made, entry.id)
    if to is None:
        case.move(entry)
        DeskItem.objects.filter(id=row.id, claimed_by=by.user).update(claimed_by=None, claimed_until=None)
    else:
        case.move(entry, state=to, **closing_dates(action, to, window=undo_seconds(action)))
        change_item(row, closed_at=case.now, claimed_by=None, claimed_until=None)
    return decision


def _leads_to(action: Action, verdict: Verdict) -> Status | None:
    if verdict is Verdict.REJECT:
        return Status.REJECTED
    return Status.APPROVED if _approvals(action) + 1 >= action.needed else None


def _approvals(action: Action) -> int:
    """Live approvals on the current bytes, of people who are entitled today: who has left counts no more."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT reviews_votes(%s)", [action.id])
        count: int = cursor.fetchone()[0]
    return count


def retract(*, decision: UUID, by: By) -> None:
    """Take back one's own vote before release: the action waits again. Released when it is too late."""
    with desk_errors(), transaction.atomic():
        vote = Decision.objects.filter(id=decision, reviewer=by.user).first()
        if vote is None:
            raise NotFound("there is no such decision of yours")
        case = lock(vote.action_id, by=actor(by), request=by.request)
        row = take_back(case, vote, by)
        after_commit([case.action.id], [row.queue_id])
        record(case.entries)


def take_back(case: Case, vote: Decision, by: By) -> DeskItem:
    """Write the retraction and reopen what the vote had closed."""
    demand_retractable(case, vote)
    action = case.action
    closed = action.state in (Status.APPROVED, Status.REJECTED)
    entry = case.note(
        EventName.DECISION_RETRACTED,
        events.DecisionRetracted(decision=str(vote.id), verdict=vote.verdict, revision=vote.revision, round=vote.round),
        to=Status.PENDING if closed else None,
    )
    Retraction.objects.create(decision=vote, by=by.user, event_id=entry.id, created_at=case.now)
    item = vote.item_id
    if item is None:
        raise WrongState("policy decided this; it is withdrawn, not undone")
    row = DeskItem.objects.get(id=item)
    if closed:
        case.move(entry, state=Status.PENDING, release_at=None, valid_until=None)
        change_item(row, closed_at=None)
    else:
        case.move(entry)
    return row


def demand_retractable(case: Case, vote: Decision) -> None:
    """Raises Released once the window is over, WrongState where there is nothing to take back."""
    action = case.action
    if vote.verdict not in CLOSING or Retraction.objects.filter(decision=vote).exists():
        raise WrongState("there is nothing left to take back")
    if vote.revision != action.revision:
        raise WrongState("that vote was on an earlier revision and counts no more")
    if action.state == Status.PENDING:
        return
    if action.state not in (Status.APPROVED, Status.REJECTED):
        raise Released(f"released: it is {action.state} now", state=action.state)
    if action.release_at is None or action.release_at <= case.now or action.fence:
        raise Released("released: the time to take it back is over", state=action.state)
