"""What a change of policy would have done: the last actions again, on the facts they had then."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from reviews.models import ActionType
from reviews.policy.document import PolicyDocument, parse
from reviews.queries.policy import would_route
from reviews.queries.preview import Preview, preview, preview_level
from reviews.services.levels import set_level
from reviews.services.policy import publish_policy
from reviews.services.stops import lift_stop, place_stop
from reviews.states import Level, Mode, Outcome
from tests import build
from tests.governance import REASON
from tests.logins import as_role

pytestmark = pytest.mark.django_db
LIMITS = {"currency": "EUR", "auto": 10_000, "single": 20_000, "pair": 30_000, "cap": 40_000}


def draft(**types: dict[str, Any]) -> PolicyDocument:
    return parse({"types": {name.replace("_", "."): policy for name, policy in types.items()}})


@pytest.fixture
def desk(db: None) -> build.House:
    return build.house()


def refund(desk: build.House, amount: int) -> Any:
    payload = {"customer": "8812", "amount": amount}
    return build.pending(desk, "refund.issue", payload=payload)


def as_web(desk: build.House, document: PolicyDocument, name: str = "lin") -> Preview:
    with as_role("web"):
        return preview(document, seen_by=desk.by(name).user)


def test_nothing_moves_where_nothing_changes(desk: build.House) -> None:
    refund(desk, 12_950)
    effect = as_web(desk, draft())
    assert effect.looked_at == 1
    assert effect.before == effect.after == {Outcome.REVIEW: 1}
    assert (effect.moved, effect.examples) == (0, ())


def test_limits_move_what_lies_above_them_and_only_that(desk: build.House) -> None:
    for amount in (9_000, 19_000, 29_000, 39_000, 49_000):
        refund(desk, amount)
    build.pending(desk, "mail.send")
    effect = as_web(desk, draft(refund_issue={"limits": LIMITS}))
    assert effect.before == {Outcome.REVIEW: 6}
    assert effect.after == {
        Outcome.REVIEW: 3,
        Outcome.TWO_PERSON_REVIEW: 1,
        Outcome.ESCALATE: 1,
        Outcome.REJECT: 1,
    }
    assert (effect.moved, effect.stricter, effect.looser) == (3, 3, 0)
    assert effect.moves[(Outcome.REVIEW, Outcome.ESCALATE)] == 1


def test_examples_name_the_action_and_the_floor_that_moves_it(desk: build.House) -> None:
    item = refund(desk, 49_000)
    (example,) = as_web(desk, draft(refund_issue={"limits": LIMITS})).examples
    assert (example.action, example.ref) == (item.action_id, item.ref)
    assert example.title == "Refund 490.00 EUR to 8812"
    assert (example.before, example.after) == (Outcome.REVIEW, Outcome.REJECT)
    assert example.why == "amount: 490.00 EUR > 400.00 EUR"


def test_level_counts_as_it_stood_when_the_action_was_routed(desk: build.House) -> None:
    build.pending(desk, "note.add", confidence=0.95)
    level(desk, Level.L4)
    ran = build.proposed(desk, "note.add", confidence=0.95)
    build.route()
    level(desk, Level.L0)
    assert build.state_of(ran).outcome == Outcome.AUTO_EXECUTE
    effect = as_web(desk, draft(note_add={"minimum": "escalate"}))
    assert effect.before == {Outcome.AUTO_EXECUTE: 1, Outcome.REVIEW: 1}
    assert effect.after == {Outcome.ESCALATE: 2}


def level(desk: build.House, wanted: Level, name: str = "note.add") -> None:
    with as_role("web"):
        set_level(
            principal=desk.agent,
            action_type=ActionType.objects.get(name=name),
            level=wanted,
            threshold=None if wanted is Level.L0 else 900,
            expires=timezone.now() + timedelta(days=1),
            reason=REASON,
            by=desk.by("lin"),
        )


def test_loosening_counts_as_looser_and_comes_first_among_the_examples(desk: build.House) -> None:
    publish(desk, draft(note_add={"minimum": "escalate"}))
    build.pending(desk, "note.add")
    build.pending(desk, "mail.send")
    effect = as_web(desk, draft(mail_send={"deny": "not this week"}))
    assert (effect.looser, effect.stricter) == (1, 1)
    assert [e.after for e in effect.examples] == [Outcome.REVIEW, Outcome.REJECT]


def publish(desk: build.House, document: PolicyDocument) -> None:
    with as_role("web"):
        publish_policy(document=document, based_on=0, reason=REASON, by=desk.by("lin"))


def test_stop_that_stood_then_still_counts_after_it_was_lifted(desk: build.House) -> None:
    with as_role("web"):
        stop = place_stop(reason=REASON, by=desk.by("lin"))
    build.pending(desk, "mail.send")
    with as_role("web"):
        lift_stop(stop=stop.id, reason=REASON, by=desk.by("lin"))
    assert as_web(desk, draft()).before == {Outcome.ESCALATE: 1}


def test_hidden_characters_still_count_when_policy_is_tried_again(desk: build.House) -> None:
    level(desk, Level.L4, "mail.send")
    hidden = {"to": "kim\u200b@example.org", "subject": "x", "body": ""}
    build.pending(desk, "mail.send", payload=hidden, confidence=0.95)
    (example,) = as_web(desk, draft(mail_send={"minimum": "escalate"})).examples
    assert (example.before, example.after) == (Outcome.REVIEW, Outcome.ESCALATE)


def test_only_the_last_thousand_are_asked_and_what_is_not_routed_is_not(
    desk: build.House, django_assert_num_queries: Any
) -> None:
    for _ in range(3):
        build.pending(desk, "mail.send")
    build.proposed(desk, "mail.send")
    lin = desk.by("lin").user
    assert preview(draft(), seen_by=lin, limit=2).looked_at == 2
    assert preview(draft(), seen_by=lin).looked_at == 3
    with django_assert_num_queries(3):
        preview(draft(), seen_by=lin)
    with django_assert_num_queries(6):
        preview(draft(mail_send={"deny": "no"}), seen_by=lin)


def test_example_out_of_the_reader_s_reach_is_counted_but_not_named(desk: build.House) -> None:
    build.pending(desk, "mail.send")
    (example,) = as_web(desk, draft(mail_send={"deny": "no"}), "mallory").examples
    assert (example.title, example.ref) == ("Send mail, out of your reach", None)
    assert (example.before, example.after) == (Outcome.REVIEW, Outcome.REJECT)


def trying(desk: build.House, wanted: Level, tau: float | None, name: str = "note.add") -> Preview:
    with as_role("web"):
        return preview_level(
            principal=desk.agent,
            action_type=ActionType.objects.get(name=name),
            level=wanted,
            tau=tau,
            seen_by=desk.by("lin").user,
        )


def test_threshold_is_tried_on_this_agent_s_actions_of_this_type_alone(desk: build.House) -> None:
    for confidence in (0.95, 0.9, 0.85, None):
        build.pending(desk, "note.add", confidence=confidence)
    build.pending(desk, "mail.send", confidence=0.95)
    effect = trying(desk, Level.L4, 0.9)
    assert effect.looked_at == 4
    assert effect.before == {Outcome.REVIEW: 4}
    assert effect.after == {Outcome.AUTO_EXECUTE: 2, Outcome.REVIEW: 2}
    assert (effect.looser, effect.stricter) == (2, 0)


def test_level_that_the_risk_table_overrules_moves_nothing(desk: build.House) -> None:
    build.pending(desk, "files.delete", confidence=1.0)
    assert trying(desk, Level.L4, 0.5, "files.delete").moved == 0


def test_taking_a_level_back_is_tried_against_what_ran(desk: build.House) -> None:
    level(desk, Level.L4)
    build.proposed(desk, "note.add", confidence=0.95)
    build.route()
    effect = trying(desk, Level.L0, None)
    assert effect.moves == {(Outcome.AUTO_EXECUTE, Outcome.REVIEW): 1}


def test_actions_of_another_version_of_the_agent_are_not_asked(desk: build.House) -> None:
    build.pending(desk, "note.add", confidence=0.95)
    desk.agent.version = "2"
    desk.agent.save()
    assert trying(desk, Level.L4, 0.9).looked_at == 0


def test_dry_run_says_what_would_happen_and_writes_nothing(desk: build.House) -> None:
    publish(desk, draft(refund_issue={"limits": LIMITS}))
    before = build.picture()
    with as_role("auditor"):
        routing = would_route(
            action_type=ActionType.objects.get(name="refund.issue"),
            payload={"customer": "8812", "amount": 45_000},
            confidence=0.99,
            now=timezone.now(),
            principal=desk.agent,
        )
    assert (routing.outcome, routing.mode) == (Outcome.REJECT, Mode.HITL)
    assert routing.policy_version == 1
    assert build.picture() == before
