"""Publishing policy: versioned, reasoned, told to the record with before and after."""

import hashlib
import json
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from audit.models import Event
from reviews.errors import InvalidDecision, InvalidPayload, NotPermitted, StaleRevision
from reviews.models import PolicyDraft, PolicyVersion
from reviews.policy.document import DEFAULT_POLICY, PolicyDocument, parse
from reviews.queries.policy import current_policy, draft_of
from reviews.services.policy import discard_draft, publish_policy, restore_policy, save_draft
from tests.governance import REASON, Office, leaf_of

pytestmark = pytest.mark.django_db

LIMITS = {"currency": "EUR", "auto": 100, "single": 200, "pair": 300, "cap": 400}


def document(**policy: Any) -> PolicyDocument:
    return parse({"types": {"refund.issue": policy}})


def published(office: Office, number: int = 1, **policy: Any) -> PolicyVersion:
    with office.as_web():
        return publish_policy(document=document(**policy), based_on=number - 1, reason=REASON, by=office.lead)


def test_shipped_default_is_in_force_until_something_is_published() -> None:
    current = current_policy()
    assert (current.number, current.document) == (0, DEFAULT_POLICY)


def test_lead_publishes_a_version_with_its_reason_digest_and_event(office: Office) -> None:
    row = published(office, limits=LIMITS, minimum="review")
    current = current_policy()
    assert current.number == row.number == 1
    assert current.document == document(limits=LIMITS, minimum="review")
    assert bytes(row.digest) == hashlib.sha256(current.document.canonical()).digest()
    assert (row.reason, row.by, row.restores) == (REASON, office.lead.user, None)
    event = Event.objects.get(id=row.event_id)
    assert (event.name, event.case_id, event.case_seq) == ("policy.published", "policy:desk", 1)


def test_event_holds_before_and_after_but_no_typed_word(office: Office) -> None:
    published(office, low_mark=300, deny="the fraud wave of May")
    published(office, 2, low_mark=350, minimum="review")
    first, second = (leaf_of(n) for n in Event.objects.order_by("n").values_list("n", flat=True))
    assert first["data"]["after"] == {
        "refund.issue.deny": True,
        "refund.issue.low_mark": 300,
    }
    assert second["data"]["before"] == {
        "refund.issue.deny": True,
        "refund.issue.low_mark": 300,
        "refund.issue.minimum": None,
    }
    assert second["data"]["after"]["refund.issue.low_mark"] == 350
    assert second["data"]["previous"] == 1
    assert second["case"]["seq"] == 2
    written = json.dumps([first, second])
    assert "fraud" not in written
    assert REASON not in written
    assert set(first["commit"]) == {"reason", "document"}


def test_draft_begun_on_an_older_version_is_refused_and_the_publisher_named(office: Office) -> None:
    published(office, minimum="review")
    with office.as_web(), pytest.raises(StaleRevision, match="policy 1 was published by Lin Lead"):
        publish_policy(document=document(low_mark=100), based_on=0, reason=REASON, by=office.other_lead)
    assert PolicyVersion.objects.count() == 1
    assert Event.objects.count() == 1


@pytest.mark.parametrize("reason", ["", "   ", "too short", "x" * 401])
def test_no_policy_without_a_proper_reason(office: Office, reason: str) -> None:
    with office.as_web(), pytest.raises(InvalidDecision, match="a reason of 10 to 400"):
        publish_policy(document=document(low_mark=1), based_on=0, reason=reason, by=office.lead)
    assert not PolicyVersion.objects.exists()
    assert not Event.objects.exists()


def test_reviewer_may_neither_publish_nor_restore_nor_draft(office: Office) -> None:
    published(office, minimum="review")
    verbs = (
        lambda: publish_policy(document=document(low_mark=1), based_on=1, reason=REASON, by=office.reviewer),
        lambda: restore_policy(based_on=1, reason=REASON, by=office.reviewer),
        lambda: save_draft(document={}, by=office.reviewer),
        lambda: discard_draft(by=office.reviewer),
    )
    for verb in verbs:
        with office.as_web(), pytest.raises(NotPermitted):
            verb()
    assert PolicyVersion.objects.count() == 1
    assert Event.objects.count() == 1


def test_publishing_what_is_in_force_already_is_refused(office: Office) -> None:
    published(office, minimum="review")
    with office.as_web(), pytest.raises(InvalidDecision, match="nothing would change"):
        publish_policy(document=document(minimum="review"), based_on=1, reason=REASON, by=office.lead)


def test_policy_for_a_type_that_does_not_exist_is_refused(office: Office) -> None:
    stray = parse({"types": {"no.such": {"low_mark": 1}}})
    with office.as_web(), pytest.raises(InvalidPayload) as refusal:
        publish_policy(document=stray, based_on=0, reason=REASON, by=office.lead)
    assert refusal.value.errors == [{"path": "types.no.such", "message": "there is no such action type"}]


def override(days: int) -> dict[str, Any]:
    return {
        "risk": "low",
        "reversibility": "reversible",
        "outcome": "execute_and_monitor",
        "lead": "psn_1",
        "reason": "after the incident of May",
        "expires": (timezone.now() + timedelta(days=days)).isoformat(),
    }


def test_override_lasts_ninety_days_at_most(office: Office) -> None:
    with office.as_web(), pytest.raises(InvalidPayload, match="lasts too long"):
        publish_policy(document=document(overrides=[override(91)]), based_on=0, reason=REASON, by=office.lead)
    assert published(office, overrides=[override(89)]).number == 1


def test_previous_version_is_published_again_as_a_new_one(office: Office) -> None:
    published(office, minimum="review")
    published(office, 2, minimum="escalate")
    with office.as_web():
        row = restore_policy(based_on=2, reason=REASON, by=office.lead)
    assert (row.number, row.restores) == (3, 1)
    assert current_policy().document == document(minimum="review")
    assert PolicyVersion.objects.count() == 3
    event = leaf_of(Event.objects.order_by("-n").values_list("n", flat=True)[0])
    assert event["data"]["republishes"] == 1


def test_first_version_goes_back_to_the_shipped_default(office: Office) -> None:
    published(office, minimum="review")
    with office.as_web():
        row = restore_policy(based_on=1, reason=REASON, by=office.lead)
    assert (row.number, row.restores) == (2, 0)
    assert current_policy().document == DEFAULT_POLICY


def test_nothing_to_restore_before_the_first_version(office: Office) -> None:
    with office.as_web(), pytest.raises(InvalidDecision, match="no earlier version"):
        restore_policy(based_on=0, reason=REASON, by=office.lead)


def test_restoring_twice_from_one_page_is_refused(office: Office) -> None:
    published(office, minimum="review")
    with office.as_web():
        restore_policy(based_on=1, reason=REASON, by=office.lead)
    with office.as_web(), pytest.raises(StaleRevision):
        restore_policy(based_on=1, reason=REASON, by=office.other_lead)
    assert PolicyVersion.objects.count() == 2


def test_draft_is_one_s_own_keeps_its_base_and_ends_with_publishing(office: Office) -> None:
    with office.as_web():
        save_draft(document={"types": {"refund.issue": {"low_mark": 100}}}, by=office.lead)
    published(office, minimum="review")
    assert draft_of(office.lead.user) is None
    with office.as_web():
        save_draft(document={"types": {"refund.issue": {"low_mark": 200}}}, by=office.other_lead)
    published(office, 2, minimum="escalate")
    with office.as_web():
        draft = save_draft(document={"types": {"refund.issue": {"low_mark": 250}}}, by=office.other_lead)
    assert draft.based_on == 1
    assert draft.document == {"types": {"refund.issue": {"low_mark": 250}}}
    assert PolicyDraft.objects.count() == 1
    with office.as_web():
        discard_draft(by=office.other_lead)
    assert not PolicyDraft.objects.exists()


def test_draft_that_is_no_policy_is_refused(office: Office) -> None:
    with office.as_web(), pytest.raises(InvalidPayload):
        save_draft(document={"types": {"refund.issue": {"low_mark": 5000}}}, by=office.lead)
    assert not PolicyDraft.objects.exists()
