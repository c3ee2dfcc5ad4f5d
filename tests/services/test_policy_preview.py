"""What a change of policy would have done: the last actions again, on the facts they had then."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from reviews.models import ActionType
from reviews.policy.document import PolicyDocument, parse
from reviews.queries.policy import preview, would_route
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


def as_web(document: PolicyDocument) -> Any:
    with as_role("web"):
        return preview(document)


def test_nothing_moves_where_nothing_changes(desk: build.House) -> None:
    refund(desk, 12_950)
    effect = as_web(draft())
    assert effect.looked_at == 1
    assert effect.before == effect.after == {Outcome.REVIEW: 1}
    assert (effect.moved, effect.examples) == (0, ())


def test_limits_move_what_lies_above_them_and_only_that(desk: build.House) -> None:
    for amount in (9_000, 19_000, 29_000, 39_000, 49_000):
        refund(desk, amount)
    build.pending(desk, "mail.send")
    effect = as_web(draft(refund_issue={"limits": LIMITS}))
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
    (example,) = as_web(draft(refund_issue={"limits": LIMITS})).examples
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
    effect = as_web(draft(note_add={"minimum": "escalate"}))
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
    effect = as_web(draft(mail_send={"deny": "not this week"}))
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
    assert as_web(draft()).before == {Outcome.ESCALATE: 1}


def test_hidden_characters_still_count_when_policy_is_tried_again(desk: build.House) -> None:
    level(desk, Level.L4, "mail.send")
    hidden = {"to": "kim\u200b@example.org", "subject": "x", "body": ""}
    build.pending(desk, "mail.send", payload=hidden, confidence=0.95)
    (example,) = as_web(draft(mail_send={"minimum": "escalate"})).examples
    assert (example.before, example.after) == (Outcome.REVIEW, Outcome.ESCALATE)


def test_only_the_last_thousand_are_asked_and_what_is_not_routed_is_not(
    desk: build.House, django_assert_num_queries: Any
) -> None:
    for _ in range(3):
        build.pending(desk, "mail.send")
    build.proposed(desk, "mail.send")
    assert preview(draft(), limit=2).looked_at == 2
    assert preview(draft()).looked_at == 3
    with django_assert_num_queries(3):
        preview(draft())
    with django_assert_num_queries(5):
        preview(draft(mail_send={"deny": "no"}))


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
