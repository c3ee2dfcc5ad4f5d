"""Random walks over the real logins: the database lets through exactly what the rules allow, and nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, ClassVar

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from audit import events
from audit.events import EventName
from tests.roles import lives
from tests.roles import world as w
from tests.roles.model import Case
from tests.roles.world import Session, World

PEOPLE = st.sampled_from(["ada", "grace", "lin", "olga", "mallory", "gone"])
VERDICTS = st.sampled_from(["approve", "reject"])
ENDS = st.sampled_from(["succeeded", "not_done", "unclear", "lost"])
TARGETS = st.sampled_from(["", "", "", "approved", "failed", "succeeded", "in_doubt"])
MOSTLY = st.sampled_from([True, True, True, False])
DEEP = ("begun", "begun", "executing", "approved", "window", "two", "pending", "rejected", "proposed")


class Walk(RuleBasedStateMachine):
    """One action, walked by whoever comes along; `case` predicts, the database decides."""

    world: ClassVar[World]
    visits: ClassVar[Counter[str]] = Counter()

    @initialize(start=st.sampled_from(DEEP), low=st.booleans())
    def start(self, start: str, low: bool) -> None:
        self.case = Case(low=low)
        self.action = lives.proposed(self.world, "note.add" if low else "mail.send")
        self.standing: Any = None
        if start != "proposed":
            self.route(two=start == "two")
        if start in ("approved", "window", "executing", "begun"):
            self.close(person="ada", verdict="approve", window=start == "window")
        if start == "rejected":
            self.close(person="ada", verdict="reject", window=True)
        if start in ("executing", "begun"):
            self.lease()
        if start == "begun":
            self.begin(holds=True)

    def attempt(self, role: str, expected: bool, step: Callable[[Session], object]) -> None:
        """The step goes through if and only if the rules expect it to."""
        s = self.world.signed_in(role)
        try:
            step(s)
            s.connection.commit()
            refused = ""
        except psycopg.Error as error:
            refused = f"{error.sqlstate} {error}"
        except LookupError:
            refused = "there is nothing to do it to"
        finally:
            s.connection.rollback()
        assert (not refused) == expected, refused or "it went through"

    # -- the way in

    @rule(two=st.booleans())
    def route(self, two: bool) -> None:
        outcome, needed = ("two_person_review", 2) if two else ("review", 1)
        self.attempt(
            "router", self.case.route(needed), lambda s: w.route(s, self.action, outcome=outcome, needed=needed)
        )

    @rule()
    def policy(self) -> None:
        self.attempt("router", self.case.policy(), lambda s: w.policy_approve(s, self.action))

    # -- votes

    @rule(person=PEOPLE, verdict=VERDICTS)
    def vote(self, person: str, verdict: str) -> None:
        self.attempt(
            "web", self.case.vote(person, verdict), lambda s: w.just_vote(s, self.action, self.world[person], verdict)
        )

    @rule(person=PEOPLE, verdict=VERDICTS, window=st.booleans())
    def close(self, person: str, verdict: str, window: bool) -> None:
        verb = w.approve if verdict == "approve" else w.reject
        expected = self.case.close(person, verdict, window)
        self.attempt("web", expected, lambda s: verb(s, self.action, self.world[person], window=3600 * window))

    @rule(person=PEOPLE)
    def escalate(self, person: str) -> None:
        self.attempt(
            "web", self.case.vote(person, "escalate"),
            lambda s: w.just_vote(
                s, self.action, self.world[person], "escalate", target_id=self.world["other"], reason_code="unsure"
            ),
        )  # fmt: skip

    @rule(person=PEOPLE)
    def ask(self, person: str) -> None:
        self.attempt("web", self.case.vote(person, "ask"), lambda s: w.ask(s, self.action, self.world[person]))

    @rule()
    def take_the_question_back(self) -> None:
        if not self.case.answered():
            return
        query = "UPDATE reviews_item_desk SET question_open = false WHERE action_id = %s"
        self.attempt("web", True, lambda s: s.run(query, self.action))

    @rule(person=PEOPLE, alone=st.booleans())
    def edit(self, person: str, alone: bool) -> None:
        expected = self.case.edit(person, alone)
        self.attempt("web", expected, lambda s: w.edit(s, self.action, self.world[person], self_edit=alone))

    @rule(person=PEOPLE)
    def undo(self, person: str) -> None:
        query = (
            "SELECT id FROM reviews_decision d WHERE action_id = %s AND reviewer_id = %s"
            " AND verdict IN ('approve', 'reject')"
            " AND NOT EXISTS (SELECT FROM reviews_retraction r WHERE r.decision_id = d.id)"
            " ORDER BY created_at DESC LIMIT 1"
        )
        s = self.world.signed_in("auditor")
        found = s.run(query, self.action, self.world[person])
        s.connection.rollback()
        if not found or self.case.state == "pending":
            return  # taking back a vote that closed nothing is another verb
        expected = self.case.undo(person)
        self.attempt("web", expected, lambda s: w.retract(s, found[0]["id"], self.world[person], self.action))

    @rule()
    def withdraw(self) -> None:
        def step(s: Session) -> None:
            entry = s.step(EventName.ACTION_WITHDRAWN, events.ActionWithdrawn(), self.action, "withdrawn")
            s.move(self.action, entry, "state = 'withdrawn'")
            s.run(w.CLOSE_ITEM, self.action)

        if self.case.state != "withdrawn":  # saying it again changes nothing
            self.attempt("web", self.case.withdraw(), step)

    @rule()
    def expire(self) -> None:
        def step(s: Session) -> None:
            entry = s.step(EventName.ACTION_EXPIRED, events.ActionExpired(), self.action, "expired")
            s.move(self.action, entry, "state = 'expired'")

        self.attempt("router", False, step)  # its time is never over in this walk

    # -- stops and effects

    @rule()
    def stop(self) -> None:
        if self.standing is None:
            with self.world.session("web") as s:
                self.standing = w.stop(s, self.world["lin"])
            self.case.stopped = True

    @rule()
    def lift(self) -> None:
        if self.standing is not None:
            with self.world.session("web") as s:
                s.run(
                    "UPDATE reviews_stop SET lifted_at = now(), lifted_by_id = %s, lift_reason = 'over' WHERE id = %s",
                    self.world["lin"], self.standing,
                )  # fmt: skip
            self.standing, self.case.stopped = None, False

    @rule()
    def lease(self) -> None:
        self.attempt("executor", self.case.lease(), lambda s: w.lease(s, self.action, seconds=600))

    @rule(holds=MOSTLY)
    def begin(self, holds: bool) -> None:
        fence = len(self.case.attempts) + (not holds)
        self.attempt("executor", self.case.begin(holds), lambda s: self.started(s, fence))

    def started(self, s: Session, fence: int) -> None:
        """`w.begin`, but where no attempt is found the fence is somebody else's."""
        w.begin(s, self.action, fence)
        if not s.run("SELECT 1 FROM reviews_attempt WHERE action_id = %s AND fence = %s", self.action, fence):
            raise LookupError

    @rule(end=ENDS, to=TARGETS, holds=MOSTLY)
    def finish(self, end: str, to: str, holds: bool) -> None:
        fence = len(self.case.attempts) + (not holds)
        expected = self.case.finish(end, to, holds)
        self.attempt("executor", expected, lambda s: w.finish(s, self.action, fence, end, to=to or None))

    @rule(to=st.sampled_from(["succeeded", "failed"]), note=MOSTLY)
    def settle(self, to: str, note: bool) -> None:
        if self.case.state == to:
            return
        expected = self.case.settle(to, note)
        self.attempt("web", expected, lambda s: w.settle(s, self.action, to, note="seen" if note else ""))

    def go_on(self, end: str) -> None:
        """The natural next step; without it a walk rarely gets far."""
        match self.case.state:
            case "proposed":
                self.route(two=False)
            case "pending":
                self.take_the_question_back()
                self.close(person="grace", verdict="approve", window=False)
            case "approved":
                self.lift()
                self.lease()
            case "executing" if not self.case.attempts[-1].begun:
                self.lift()
                self.begin(holds=True)
            case "executing":
                self.finish(end=end, to="", holds=True)
            case "in_doubt":
                self.settle(to="failed", note=True)

    @rule(end=ENDS)
    def walk_on(self, end: str) -> None:
        self.go_on(end)

    @rule()
    def walk_on_well(self) -> None:
        self.go_on("succeeded")

    @rule()
    def walk_on_unluckily(self) -> None:
        self.go_on("unclear")

    # -- what is always true

    @invariant()
    def the_row_is_where_the_rules_are(self) -> None:
        if not hasattr(self, "action"):
            return
        s = self.world.signed_in("auditor")
        row = s.one("SELECT state, revision, fence FROM reviews_action WHERE id = %s", self.action)
        s.connection.rollback()
        assert (row["state"], row["revision"], row["fence"]) == (
            self.case.state, self.case.revision, len(self.case.attempts)
        )  # fmt: skip
        self.visits[self.case.state] += 1

    def teardown(self) -> None:
        if hasattr(self, "standing"):
            self.lift()
            assert proof(self.world, self.action) == []


# Every change of state, as the log tells it, is an edge; and every begun effect follows an approval of its digest.
PROOF = """
SELECT 'not an edge: ' || coalesce(e.change_from, '') || '>' || e.change_to AS finding FROM audit.event e
WHERE e.case_id = 'action:' || %(action)s AND e.change_to IS NOT NULL AND NOT EXISTS (
    SELECT FROM reviews_action_edge g WHERE g.before IS NOT DISTINCT FROM e.change_from AND g.after = e.change_to)
UNION ALL
SELECT 'ends elsewhere' FROM reviews_action a WHERE a.id = %(action)s::uuid AND a.state IS DISTINCT FROM (
    SELECT e.change_to FROM audit.event e WHERE e.case_id = 'action:' || %(action)s AND e.change_to IS NOT NULL
    ORDER BY e.case_seq DESC LIMIT 1)
UNION ALL
SELECT 'chain' FROM reviews_action a JOIN audit.tip('action:' || %(action)s) t ON true
WHERE a.id = %(action)s::uuid AND (t.seq, t.head) IS DISTINCT FROM (a.case_seq, a.case_head)
UNION ALL
SELECT 'effect without approval' FROM reviews_attempt t WHERE t.action_id = %(action)s::uuid AND t.effect_at IS NOT NULL
AND NOT EXISTS (SELECT FROM reviews_decision d WHERE d.action_id = t.action_id AND d.digest = t.digest
                AND d.verdict = 'approve' AND d.created_at < t.effect_at)
UNION ALL
SELECT 'two successes' WHERE (SELECT count(*) FROM reviews_attempt t
                              WHERE t.action_id = %(action)s::uuid AND t."end" = 'succeeded') > 1
"""


def proof(world: World, action: object) -> list[Any]:
    s = world.signed_in("auditor")
    found = s.connection.execute(PROOF, {"action": str(action)}).fetchall()
    s.connection.rollback()
    return found


def walk(world: World, examples: int, steps: int) -> Counter[str]:
    """Runs the walks; how often each state was seen."""
    Walk.world, Walk.visits = world, Counter()
    run_state_machine_as_test(
        Walk,
        settings=settings(
            max_examples=examples, stateful_step_count=steps, deadline=None, derandomize=True, database=None,
            suppress_health_check=list(HealthCheck), phases=[Phase.generate],
        ),
    )  # fmt: skip
    return Walk.visits


WANTED = ("proposed", "pending", "approved", "rejected", "withdrawn", "executing", "succeeded", "failed", "in_doubt")


@pytest.mark.timeout(240)
def test_the_database_allows_exactly_what_the_rules_allow(world: World) -> None:
    visits = walk(world, 40, 25)
    assert set(visits) >= {"proposed", "pending", "approved", "rejected", "executing", "succeeded", "in_doubt"}


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_long_walks_see_every_state_fifty_times(world: World) -> None:
    visits = walk(world, 360, 30)
    assert {state: seen for state, seen in visits.items() if seen < 50} == {}
    assert set(visits) == set(WANTED)
