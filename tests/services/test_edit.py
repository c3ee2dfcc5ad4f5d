"""Editing: new bytes void old votes, policy only gets stricter, and one's own edit seldom counts twice."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from audit.models import Content, Event
from reviews import services
from reviews.errors import InvalidDecision, InvalidPayload, NotFound, StaleRevision
from reviews.models import ActionType, Decision, Item, Revision, SearchText
from reviews.queries import counting
from reviews.queries.reach import Reader
from reviews.schemas import DecisionIn, decode
from reviews.services import EditResult
from reviews.services.absences import record_absence
from reviews.states import Status, Verdict
from reviews.views.listed import Listing
from tests import build
from tests.build import APPROVE
from tests.logins import as_role
from tests.trust import LIMITS, publish

pytestmark = pytest.mark.django_db

WITH_WORDS = DecisionIn(verdict=Verdict.APPROVE, rationale="the order was smaller")


def edit(
    house: build.House,
    item: Item,
    payload: dict[str, Any],
    decision: DecisionIn | None = None,
    name: str = "ada",
    rationale: str = "the order was smaller",
    **stale: Any,
) -> EditResult:
    shown = build.seen(item, **stale)
    with as_role("web"):
        return services.edit(
            item=item.id, seen=shown, payload=payload, decision=decision, by=house.by(name), rationale=rationale
        )


def refund(amount: int) -> dict[str, Any]:
    return {"customer": "8812", "amount": amount}


def test_an_edit_is_a_new_revision_of_canonical_bytes() -> None:
    house = build.house()
    item = build.pending(house, "refund.issue")
    assert edit(house, item, refund(2_950)) == EditResult(2, approved=False)
    row = build.state_of(item.action_id, Status.PENDING)
    revision = Revision.objects.select_related("body").get(action=row, number=2)
    assert (row.revision, bytes(row.digest)) == (2, bytes(revision.digest))
    assert bytes(revision.body.body) == b'{"amount":2950,"customer":"8812"}'
    assert (revision.author, revision.self_edit) == (house.ada, True)
    assert Revision.objects.filter(action=row).count() == 2


def test_the_list_shows_what_it_would_be_now() -> None:
    house = build.house()
    item = build.pending(house, "refund.issue")
    edit(house, item, refund(2_950))
    row = Item.objects.get(id=item.id)
    assert (row.amount, row.version) == (2_950, item.version + 1)
    assert row.prio > item.prio
    assert SearchText.objects.get(action=item.action, revision=2).title == "Refund 29.50 EUR to 8812"


def test_an_edit_voids_earlier_votes() -> None:
    house = build.house()
    item = build.pending(house, "files.delete")
    build.decide(house, item, name="grace")
    edit(house, item, {"path": "/srv/reports/2018"})
    build.decide(house, item, name="grace")
    build.state_of(item.action_id, Status.PENDING)
    build.decide(house, item, name="lin")
    build.state_of(item.action_id, Status.APPROVED)


def test_edit_and_approve_is_one_persons_decision_where_little_is_at_stake() -> None:
    house = build.house()
    item = build.pending(house, "refund.issue")
    assert edit(house, item, refund(2_950), WITH_WORDS) == EditResult(2, approved=True)
    row = build.state_of(item.action_id, Status.APPROVED)
    vote = Decision.objects.get(action=row)
    assert (vote.revision, bytes(vote.digest), vote.reviewer) == (2, bytes(row.digest), house.ada)
    assert build.events_of(row.id) == [
        "action.proposed",
        "action.routed",
        "action.edited",
        "action.routed",
        "decision.recorded",
    ]


def test_at_high_risk_the_edit_is_saved_and_the_editors_approval_is_not_recorded() -> None:
    house = build.house()
    item = build.pending(house, "files.delete")
    result = edit(house, item, {"path": "/srv/reports/2018"}, WITH_WORDS)
    assert (result.revision, result.approved) == (2, False)
    assert "you wrote this revision" in result.why_not
    assert not Decision.objects.exists()
    build.state_of(item.action_id, Status.PENDING)


def test_a_type_may_forbid_approving_ones_own_edit() -> None:
    house = build.house()
    ActionType.objects.filter(name="refund.issue").update(self_edit=False)
    item = build.pending(house, "refund.issue")
    assert not edit(house, item, refund(2_950), WITH_WORDS).approved
    build.decide(house, item, name="grace")
    build.state_of(item.action_id, Status.APPROVED)


def test_above_the_single_limit_two_others_must_approve() -> None:
    house = build.house()
    publish(house, {"types": {"refund.issue": {"limits": LIMITS}}})
    item = build.pending(house, "refund.issue")
    result = edit(house, item, refund(30_000), WITH_WORDS)
    assert not result.approved
    assert result.why_not.startswith("it now needs 2 others; it is on the desk of ")
    row = build.state_of(item.action_id, Status.PENDING)
    assert (row.outcome, row.needed) == ("two_person_review", 2)
    build.decide(house, item, name="grace")
    build.state_of(item.action_id, Status.PENDING)
    build.decide(house, item, name="lin")
    build.state_of(item.action_id, Status.APPROVED)


def test_an_edit_downwards_never_loosens_what_was_asked_for() -> None:
    house = build.house()
    publish(house, {"types": {"refund.issue": {"limits": LIMITS}}})
    item = build.pending(house, "refund.issue", payload=refund(30_000))
    edit(house, item, refund(100))
    row = build.state_of(item.action_id)
    assert (row.outcome, row.needed) == ("two_person_review", 2)


def test_above_the_cap_the_edit_itself_is_refused() -> None:
    house = build.house()
    publish(house, {"types": {"refund.issue": {"limits": LIMITS}}})
    item = build.pending(house, "refund.issue")
    with build.refused(InvalidDecision, "policy refuses"):
        edit(house, item, refund(90_001))


@pytest.mark.parametrize("payload", [{"customer": "8812"}, {"customer": "8812", "amount": "29.50"}, {}])
def test_bytes_that_do_not_fit_are_refused(payload: dict[str, Any]) -> None:
    house = build.house()
    item = build.pending(house, "refund.issue")
    with build.refused(InvalidPayload):
        edit(house, item, payload)


def test_an_edit_that_changes_nothing_is_none() -> None:
    house = build.house()
    item = build.pending(house, "refund.issue")
    with build.refused(InvalidDecision, "nothing was changed"):
        edit(house, item, refund(12_950))


def test_an_edit_says_why() -> None:
    house = build.house()
    item = build.pending(house, "refund.issue")
    with build.refused(InvalidDecision, "a reason is needed"):
        edit(house, item, refund(1), rationale="")
    with build.refused(InvalidDecision, "a reason is needed"):
        edit(house, item, refund(1), DecisionIn(verdict=Verdict.APPROVE))
    edit(house, item, refund(1), APPROVE)
    event = Event.objects.get(case_id=f"action:{item.action_id}", name="action.edited")
    kept = Content.objects.get(event_id=event.id, field="rationale")
    assert decode(bytes(kept.body))[1] == "Checked against the evidence; it is right."


def test_read_only_fields_stay_as_they_were_proposed() -> None:
    house = build.house()
    kind = ActionType.objects.get(name="refund.issue")
    kind.schema["properties"]["customer"]["readOnly"] = True
    ActionType.objects.filter(name=kind.name).update(schema=kind.schema)
    item = build.pending(house, "refund.issue")
    with build.refused(InvalidPayload, "customer: cannot be edited"):
        edit(house, item, {"customer": "1", "amount": 1})


def test_the_page_must_show_what_is_there() -> None:
    house = build.house()
    item = build.pending(house, "refund.issue")
    with build.refused(StaleRevision):
        edit(house, item, refund(1), version=9)
    with build.refused(NotFound):
        edit(house, item, refund(1), name="mallory")


def test_the_next_reviewer_sees_the_old_page_refused() -> None:
    house = build.house()
    item = build.pending(house, "refund.issue")
    before = build.seen(item)
    edit(house, item, refund(1))
    with build.refused(StaleRevision) as caught, as_role("web"):
        services.decide(item=item.id, seen=before, decision=APPROVE, by=house.by("grace"))
    assert caught.value.detail["revision"] == 2


def test_hidden_characters_put_in_by_an_edit_are_saved_and_not_approved() -> None:
    house = build.house()
    item = build.pending(house)
    result = edit(house, item, {"to": "kim\u200b@example.org", "subject": "x"}, WITH_WORDS)
    assert (result.revision, result.approved) == (2, False)
    assert "hidden characters in to" in result.why_not


def test_what_nobody_else_may_approve_is_passed_to_the_team_that_may_most() -> None:
    house = build.house()
    item = build.pending(house, "files.delete")
    build.Authority.objects.filter(group=house.leads).update(max_risk="critical")
    house.grace.groups.clear()
    result = edit(house, item, {"path": "/srv/reports/2018"}, decision=build.APPROVE)
    assert "escalated" not in result.why_not  # lin may approve it
    build.Authority.objects.filter(group=house.leads).update(max_risk="medium")
    again = edit(house, item, {"path": "/srv/reports/2017"}, decision=build.APPROVE)
    assert again.why_not.endswith("nobody else who sees this queue may approve it: escalated to leads")
    assert build.Item.objects.get(id=item.id).escalated_to == house.leads
    assert build.events_of(item.action_id)[-1] == "decision.recorded"


def on_whose_desk(item: Item) -> str:
    row = Item.objects.select_related("assignee").get(id=item.id)
    return row.assignee.username if row.assignee else ""


def in_list_of(user: build.User, text: str = "") -> list[str]:
    """The references that somebody's list shows, with the count beside it."""
    reader = Reader(user)
    with as_role("web"):
        found = Listing(reader, text)
        refs = [row.ref for row in found.rows]
        assert counting.tally(found.wanted, found.cells).n == len(refs)
    return refs


def test_what_its_editor_may_not_approve_goes_to_the_least_busy_who_may() -> None:
    house = build.house()
    busy = build.pending(house)
    with as_role("web"):
        services.assign(item=busy.id, assignee=house.grace, by=house.by("lin"))
    item = build.pending(house, "files.delete")
    result = edit(house, item, {"path": "/srv/reports/2018"}, WITH_WORDS)
    assert result.why_not == "you wrote this revision; it is on the desk of Lin now"
    assert on_whose_desk(item) == "lin"
    assert build.events_of(item.action_id)[-2:] == ["action.routed", "action.assigned"]


def test_it_leaves_the_list_and_the_counts_of_its_editor_alone() -> None:
    house = build.house()
    item, other = build.pending(house, "files.delete"), build.pending(house, "files.delete")
    edit(house, item, {"path": "/srv/reports/2018"}, WITH_WORDS)
    ref, left = f"ACT-{item.ref}", f"ACT-{other.ref}"
    for text in ("", "risk:high", "type:files.delete", "conf:0.8..0.85", "reports"):
        assert in_list_of(house.ada, text) == [left], text
        assert set(in_list_of(house.grace, text)) == {ref, left}, text
    assert ref in in_list_of(house.ada, "is:open")
    assert in_list_of(house.ada, ref) == [ref]


def test_it_stays_with_whoever_has_it_and_may_approve_it() -> None:
    house = build.house()
    item = build.pending(house, "files.delete")
    with as_role("web"):
        services.assign(item=item.id, assignee=house.lin, by=house.by("grace"))
    edit(house, item, {"path": "/srv/reports/2018"}, WITH_WORDS)
    assert on_whose_desk(item) == "lin"
    assert build.events_of(item.action_id).count("action.assigned") == 1


def test_it_comes_back_when_it_is_given_back_or_written_anew() -> None:
    house = build.house()
    item = build.pending(house, "files.delete")
    edit(house, item, {"path": "/srv/reports/2018"}, WITH_WORDS)
    assert in_list_of(house.ada) == []
    with as_role("web"):
        services.assign(item=item.id, assignee=house.ada, by=house.by("lin"))
    assert in_list_of(house.ada, "assignee:@me") == [f"ACT-{item.ref}"]
    with as_role("web"):
        services.assign(item=item.id, assignee=None, by=house.by("lin"))
    assert in_list_of(house.ada) == []
    edit(house, item, {"path": "/srv/reports/2017"}, WITH_WORDS, name="grace")
    assert in_list_of(house.ada) == [f"ACT-{item.ref}"]
    assert in_list_of(house.grace) == []


def test_saving_alone_gives_nothing_away() -> None:
    house = build.house()
    item = build.pending(house, "files.delete")
    edit(house, item, {"path": "/srv/reports/2018"})
    assert on_whose_desk(item) == ""
    assert in_list_of(house.ada) == [f"ACT-{item.ref}"]


def test_what_its_editor_has_to_mend_stays_with_them() -> None:
    house = build.house()
    item = build.pending(house)
    edit(house, item, {"to": "kim\u200b@example.org", "subject": "x"}, WITH_WORDS)
    assert on_whose_desk(item) == ""
    assert in_list_of(house.ada) == [f"ACT-{item.ref}"]


def test_whoever_is_away_gets_nothing_passed_on() -> None:
    house = build.house()
    item = build.pending(house, "files.delete")
    later = timezone.now() + timedelta(days=2)
    for name in ("grace", "noor"):
        with as_role("web"):
            record_absence(
                user=getattr(house, name), starts=timezone.now(), ends=later, substitute=None, by=house.by(name)
            )
    edit(house, item, {"path": "/srv/reports/2018"}, WITH_WORDS)
    assert on_whose_desk(item) == "lin"


def test_it_is_not_escalated_to_the_same_team_twice() -> None:
    house = build.house()
    item = build.pending(house, "files.delete")
    build.Authority.objects.filter(group=house.leads).update(max_risk="medium")
    house.grace.groups.clear()
    edit(house, item, {"path": "/srv/reports/2018"}, WITH_WORDS)
    edit(house, item, {"path": "/srv/reports/2017"}, WITH_WORDS)
    assert Decision.objects.filter(action=item.action_id, verdict="escalate", target=house.leads).count() == 1
    assert in_list_of(house.ada) == []
