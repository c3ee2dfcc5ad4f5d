"""Whatever people, keeper and workers do in whatever order, the gate is never surprised and nothing is lost.

A refusal in the desk's own words is fine; a refusal that only the database
found (`GateRefused`) means that a verb let something through.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from audit.models import Event
from reviews import services
from reviews.errors import DeskError, GateRefused
from reviews.models import Action, Decision, Item, Message
from reviews.schemas import DecisionIn, Seen
from reviews.services import Lease
from reviews.states import AttemptEnd, Status, Verdict
from tests import build
from tests.logins import as_role

pytestmark = pytest.mark.django_db

PEOPLE = ("ada", "ada", "grace", "grace", "lin", "lin", "noor", "mallory", "root")
STEPS = 240
Step = Callable[["Walk"], Any]


class Walk:
    """One desk and a source of chance; each method is one thing that somebody tries."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.house = build.house()
        self.leases: list[Lease] = []
        self.met: Counter[str] = Counter()

    def go(self, steps: int) -> None:
        for _ in range(steps):
            step = self.chance.choice(STEPS_OF)
            try:
                step(self)
                self.met[step.__name__] += 1
            except GateRefused as exc:
                pytest.fail(f"{step.__name__} reached the gate: {exc} [{exc.sqlstate}]")
            except DeskError as exc:
                self.met[f"{step.__name__}: {exc.code}"] += 1

    def by(self) -> services.By:
        return self.house.by(self.chance.choice(PEOPLE))

    def item(self) -> Item:
        """Any item, the open ones more often."""
        rows = list(Item.objects.order_by("id").select_related("action"))
        if not rows:
            raise DeskError("nothing there yet")
        open_ = [row for row in rows if row.closed_at is None]
        return self.chance.choice(open_ if open_ and self.chance.random() < 0.8 else rows)

    def action(self, *states: Status) -> Action:
        rows = list(Action.objects.filter(state__in=states).order_by("id") if states else Action.objects.order_by("id"))
        if not rows:
            raise DeskError("nothing there yet")
        return self.chance.choice(rows)

    def seen(self, item: Item) -> Seen:
        """What a page shows; now and then an old page."""
        old = {"version": 99} if self.chance.random() < 0.1 else {}
        return build.seen(item, **old)

    def lease(self) -> Lease:
        if not self.leases:
            raise DeskError("nothing leased")
        return self.leases[-1] if self.chance.random() < 0.8 else self.chance.choice(self.leases)

    def payload(self, type_name: str) -> dict[str, Any]:
        payload = dict(build.PAYLOADS[type_name])
        field = self.chance.choice(sorted(payload))
        payload[field] = self.chance.randint(1, 9_999) if field == "amount" else f"text {self.chance.random()}"
        return payload


def proposing(walk: Walk) -> None:
    kind = walk.chance.choice(sorted(build.PAYLOADS))
    given = build.proposal(kind, payload=walk.payload(kind), dedup_key=str(walk.chance.randint(1, 60)))
    if walk.chance.random() < 0.7:
        who: dict[str, Any] = {"principal": walk.house.agent.pk}
    else:
        who = {"by": walk.by()}
    with as_role("web"):
        services.propose(proposal=given, **who)


def keeping(walk: Walk) -> None:
    verb = walk.chance.choice([services.expire_due, services.wake_deferred, services.flip_breached])
    with as_role("router"):
        verb()


def routing(_: Walk) -> None:
    with as_role("router"):
        services.route_due()


def deciding(walk: Walk) -> None:
    item, by = walk.item(), walk.by()
    shown = walk.seen(item)
    verdict = walk.chance.choice([Verdict.APPROVE, Verdict.APPROVE, Verdict.REJECT])
    code = {Verdict.APPROVE: "checked", Verdict.REJECT: "unclear"}[verdict]
    with as_role("web"):
        services.decide(item=item.id, seen=shown, decision=DecisionIn(verdict=verdict, reason_code=code), by=by)


def batching(walk: Walk) -> None:
    rows = list(Item.objects.select_related("action").order_by("id"))
    some = walk.chance.sample(rows, min(len(rows), 4))
    chosen = [(i.id, i.version, bytes(i.action.digest)) for i in some]
    decision, by = walk.chance.choice([build.APPROVE, build.REJECT]), walk.by()
    with as_role("web"):
        services.batch_decide(items=chosen, decision=decision, by=by, opened_at=build.long_ago())


def undoing(walk: Walk) -> None:
    votes = list(Decision.objects.exclude(reviewer=None).order_by("-created_at")[:5])
    if not votes:
        raise DeskError("nothing decided")
    vote = walk.chance.choice(votes)
    assert vote.reviewer is not None
    with as_role("web"):
        if vote.batch:
            services.retract_batch(batch=vote.batch, by=services.By(vote.reviewer))
        else:
            services.retract(decision=vote.id, by=services.By(vote.reviewer))


def editing(walk: Walk) -> None:
    item, by = walk.item(), walk.by()
    shown, payload = walk.seen(item), walk.payload(item.action.type_id)
    decision = build.APPROVE if walk.chance.random() < 0.5 else None
    with as_role("web"):
        services.edit(item=item.id, seen=shown, payload=payload, decision=decision, by=by, rationale="as it should be")


def asking(walk: Walk) -> None:
    item, by = walk.item(), walk.by()
    shown = walk.seen(item)
    with as_role("web"):
        services.ask(item=item.id, seen=shown, text="which one?", by=by)


def answering(walk: Walk) -> None:
    questions = list(Message.objects.filter(kind="question").order_by("-number"))
    if not questions:
        raise DeskError("nothing asked")
    question = walk.chance.choice(questions)
    payload = walk.payload(question.action.type_id) if walk.chance.random() < 0.5 else None
    with as_role("web"):
        services.answer(
            action=question.action_id, question=question.id, text="this one", payload=payload, by=walk.house.by("noor")
        )


def talking(walk: Walk) -> None:
    item, by = walk.item(), walk.by()
    with as_role("web"):
        services.comment(item=item.id, text="look at this", by=by)


def escalating(walk: Walk) -> None:
    item, by = walk.item(), walk.by()
    shown = walk.seen(item)
    with as_role("web"):
        services.escalate(item=item.id, seen=shown, target=walk.house.leads, rationale="above my head", by=by)


def holding(walk: Walk) -> None:
    item, by, one = walk.item(), walk.by(), walk.chance.randint(0, 3)
    until = timezone.now() + timedelta(seconds=walk.chance.choice([-1, 1, 10**6]))
    with as_role("web"):
        if one == 0:
            services.claim(item=item.id, by=by)
        elif one == 1:
            services.release_claim(item=item.id, by=by)
        elif one == 2:
            services.assign(item=item.id, assignee=walk.by().user, by=by)
        else:
            services.defer(item=item.id, until=until, by=by)


def withdrawing(walk: Walk) -> None:
    action, by = walk.action(), walk.by()
    with as_role("web"):
        services.withdraw(action=action.id, by=by, reason="not this one, please")


def leasing(walk: Walk) -> None:
    with as_role("executor"):
        held = services.lease(queue="default", types=build.types(), worker="w@walk")
    if held is not None:
        walk.leases.append(held)


def beginning(walk: Walk) -> None:
    held = walk.lease()
    with as_role("executor"):
        if held.unclear and walk.chance.random() < 0.7:
            services.record_probe(lease=held, answer=walk.chance.choice(["done", "not_done", "unknown"]))
        services.begin(lease=held)


def finishing(walk: Walk) -> None:
    held, end = walk.lease(), walk.chance.choice(list(AttemptEnd)[:3])
    with as_role("executor"):
        services.finish(lease=held, end=end, result=b'"x"')


def renewing(walk: Walk) -> None:
    held = walk.lease()
    with as_role("executor"):
        services.reap()
        services.renew(lease=held)


def settling(walk: Walk) -> None:
    action, by = walk.action(Status.IN_DOUBT), walk.by()
    with as_role("web"):
        services.settle(action=action.id, happened=walk.chance.random() < 0.5, note="asked the provider", by=by)


def again(walk: Walk) -> None:
    action, by = walk.action(*(s for s in Status if s not in (Status.PROPOSED, Status.PENDING))), walk.by()
    with as_role("web"):
        if walk.chance.random() < 0.5:
            services.propose_again(action=action.id, by=by)
        else:
            services.reverse(action=action.id, by=by, reason="it was the wrong one")


STEPS_OF: tuple[Step, ...] = (
    proposing, proposing, routing, routing, keeping, deciding, deciding, deciding, deciding, batching, undoing, editing,
    asking, answering, talking, escalating, holding, withdrawing, leasing, leasing, leasing, beginning, beginning,
    finishing, finishing, renewing, settling, again,
)  # fmt: skip


@pytest.mark.parametrize("seed", [1, 2, *(pytest.param(n, marks=pytest.mark.slow) for n in range(3, 11))])
def test_no_order_of_verbs_surprises_the_gate(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    build.timings(monkeypatch, undo_low=0.05, undo_high=0.05, dwell_low=0.0, retry_delays=(0.01,) * 5, lease=30.0)
    monkeypatch.setattr("reviews.services.finishing.CIRCUIT_OPENS_AT", 1_000)
    walk = Walk(seed)
    walk.go(STEPS)
    assert len(walk.met) > 30, walk.met
    for row in Action.objects.all():
        _told_to_the_end(row)
        _approved_by_people(row)


def _told_to_the_end(row: Action) -> None:
    """The record has no gap and ends in the state that the row has; what waits has its item, what does not has none."""
    told = Event.objects.filter(case_id=f"action:{row.id}").order_by("case_seq")
    assert [e.case_seq for e in told] == list(range(1, row.case_seq + 1))
    changes = [(e.change_from, e.change_to) for e in told if e.change_to]
    assert [before for before, _ in changes] == [None, *(after for _, after in changes[:-1])]
    assert changes[-1][1] == row.state
    assert Item.objects.filter(action=row, closed_at=None).exists() == (row.state == Status.PENDING)


def _approved_by_people(row: Action) -> None:
    """Whatever went on to be carried out was approved, as it is, by as many as were needed."""
    if row.fence == 0:
        return
    live = Decision.objects.filter(action=row, revision=row.revision, verdict="approve", retraction=None)
    approvers = {d.reviewer_id for d in live}
    assert len(approvers) >= row.needed
    assert all(bytes(d.digest) == bytes(row.digest) for d in live)
    assert row.owner_id not in approvers
