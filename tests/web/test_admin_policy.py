"""Policy in admin: draft, preview, publish with a reason, and the way back in one click."""

import time
from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from audit.models import Event
from reviews.models import PolicyDraft, PolicyVersion
from reviews.policy.document import parse
from reviews.queries.policy import current_policy
from reviews.services.policy import publish_policy
from tests.governance import REASON, Office
from tests.web.admin_pages import Browser, text

pytestmark = pytest.mark.django_db

DRAFT = "/admin/reviews/policyversion/draft/"
LIST = "/admin/reviews/policyversion/"
TYPE = f"{DRAFT}refund.issue/"

FORM: dict[str, Any] = {
    "currency": "EUR",
    "auto": "10.00",
    "single": "1250.50",
    "pair": "5000",
    "cap": "10000",
    "low_mark": "0.3",
    "minimum": "review",
    "deny": "",
    "approve_low": "50",
    "approve_medium": "25",
    "reject": "100",
    "overrides-TOTAL_FORMS": "1",
    "overrides-INITIAL_FORMS": "0",
    # A browser sends the empty row as well.
    "overrides-0-risk": "",
    "overrides-0-reversibility": "",
    "overrides-0-outcome": "",
    "overrides-0-expires": "",
    "overrides-0-reason": "",
}


def one_override(**changed: str) -> dict[str, str]:
    fields = {
        "risk": "low",
        "reversibility": "reversible",
        "outcome": "execute_and_monitor",
        "expires": (timezone.now() + timedelta(days=20)).strftime("%Y-%m-%d %H:%M"),
        "reason": "after the incident of May",
        **changed,
    }
    return {f"overrides-0-{name}": value for name, value in fields.items()}


def test_addresses_are_the_ones_the_docs_name() -> None:
    assert reverse("admin:reviews_policy_draft") == DRAFT
    assert reverse("admin:reviews_policyversion_changelist") == LIST


def test_lead_drafts_and_publishes_in_two_steps(office: Office) -> None:
    lead = Browser(office.lead.user)
    assert "Nothing is changed yet" in text(lead.get(DRAFT))
    kept = lead.post(TYPE, {**FORM, **one_override()})
    assert (kept.status_code, kept["Location"]) == (302, "../")
    assert not PolicyVersion.objects.exists()
    page = text(lead.get(DRAFT))
    assert "refund.issue.limits" in page
    assert "Publish" in page
    done = lead.post(DRAFT, {"reason": REASON})
    assert (done.status_code, done["Location"]) == (302, LIST)
    row = PolicyVersion.objects.get()
    policy = current_policy().document.of("refund.issue")
    assert (row.number, row.by, row.reason) == (1, office.lead.user, REASON)
    assert policy.limits is not None
    assert (policy.limits.auto, policy.limits.single) == (1_000, 125_050)
    assert (policy.low_mark, policy.minimum, policy.batch.approve_low) == (300, "review", 50)
    assert policy.overrides[0].lead == office.lead.user.pseudonym
    assert Event.objects.filter(name="policy.published").count() == 1
    assert not PolicyDraft.objects.exists()


def test_publishing_without_a_reason_changes_nothing_and_says_so(office: Office) -> None:
    lead = Browser(office.lead.user)
    lead.post(TYPE, FORM)
    refused = lead.post(DRAFT, {"reason": "short"})
    assert refused.status_code == 422
    assert "at least 10 characters" in text(refused)
    assert not PolicyVersion.objects.exists()
    assert PolicyDraft.objects.count() == 1


def test_rules_are_widened_only_after_a_fresh_proof_and_what_was_typed_stays(office: Office) -> None:
    office.lead.user.set_password("secret")  # type: ignore[union-attr]
    office.lead.user.save()
    lead = Browser(office.lead.user)
    lead.post(TYPE, FORM)
    session = lead.client.session
    session["proved"] = ["password", time.time() - 301]
    session.save()
    reason = "limits as agreed in the office"
    refused = lead.post(DRAFT, {"reason": reason})
    assert refused.status_code == 422
    assert "publishing a policy needs a sign-in within the last 5 min" in text(refused)
    assert 'href="/confirm/" target="_blank"' in refused.content.decode()
    assert reason in refused.content.decode()
    assert not PolicyVersion.objects.exists()
    lead.post("/confirm/", {"confirm": "secret"})
    assert lead.post(DRAFT, {"reason": reason}).status_code == 302
    assert PolicyVersion.objects.get().reason == reason


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"single": "5"}, "the limits must rise"),
        ({"cap": ""}, "all four limits, or none"),
        ({"currency": "euro"}, "Enter a valid value"),
        ({"low_mark": "1.2"}, "less than or equal to 1"),
        ({"approve_low": "1001"}, "less than or equal to 1000"),
        ({"minimum": "yolo"}, "Select a valid choice"),
        (one_override(outcome="auto_execute", reversibility="irreversible"), "never looser"),
        (one_override(reason="short"), "at least 10 characters"),
        (one_override(expires="soon"), "Enter a valid date/time"),
    ],
)
def test_bad_draft_is_refused_on_the_form(office: Office, changed: dict[str, str], message: str) -> None:
    refused = Browser(office.lead.user).post(TYPE, {**FORM, **changed})
    assert refused.status_code == 422
    assert message in text(refused)
    assert not PolicyDraft.objects.exists()


def test_override_beyond_ninety_days_is_refused_when_published(office: Office) -> None:
    lead = Browser(office.lead.user)
    late = (timezone.now() + timedelta(days=100)).strftime("%Y-%m-%d %H:%M")
    lead.post(TYPE, {**FORM, **one_override(expires=late)})
    refused = lead.post(DRAFT, {"reason": REASON})
    assert refused.status_code == 422
    assert "90 days at most" in text(refused)
    assert not PolicyVersion.objects.exists()


def test_override_keeps_the_lead_who_signed_it_and_can_be_taken_out(office: Office) -> None:
    lead, other = Browser(office.lead.user), Browser(office.other_lead.user)
    lead.post(TYPE, {**FORM, **one_override()})
    lead.post(DRAFT, {"reason": REASON})
    shown = other.get(TYPE).context["overrides"].initial_forms[0].initial
    again = {**one_override(), "overrides-0-expires": shown["expires"].strftime("%Y-%m-%d %H:%M")}
    counts = {"overrides-TOTAL_FORMS": "1", "overrides-INITIAL_FORMS": "1"}
    other.post(TYPE, {**FORM, **again, **counts, "low_mark": "0.2"})
    draft = parse(PolicyDraft.objects.get().document).of("refund.issue")
    assert [o.lead for o in draft.overrides] == [office.lead.user.pseudonym]
    other.post(TYPE, {**FORM, **again, **counts, "overrides-0-DELETE": "on"})
    draft = parse(PolicyDraft.objects.get().document).of("refund.issue")
    assert draft.overrides == ()


def publish(office: Office, number: int, **policy: Any) -> None:
    with office.as_web():
        publish_policy(
            document=parse({"types": {"refund.issue": policy}}),
            based_on=number - 1,
            reason=REASON,
            by=office.lead,
        )


def test_previous_version_is_published_again_in_one_click(office: Office) -> None:
    publish(office, 1, minimum="review")
    publish(office, 2, minimum="escalate")
    lead = Browser(office.lead.user)
    form = lead.get(LIST).context["restore"]
    click = {"based_on": form["based_on"].value(), "reason": form["reason"].value()}
    done = lead.post(f"{LIST}restore/", click, page=LIST)
    assert done.status_code == 302
    row = PolicyVersion.objects.get(number=3)
    assert (row.restores, row.reason) == (
        1,
        "Back to policy 1: policy 2 did not do what we wanted",
    )
    assert current_policy().document.of("refund.issue").minimum == "review"


def test_stale_click_on_restore_is_refused_with_the_publisher_s_name(office: Office) -> None:
    publish(office, 1, minimum="review")
    publish(office, 2, minimum="escalate")
    lead = Browser(office.other_lead.user)
    lead.post(f"{LIST}restore/", {"based_on": 1, "reason": REASON}, page=LIST)
    page = text(lead.get(LIST))
    assert "Policy 2 was published by Lin Lead meanwhile" in page
    assert PolicyVersion.objects.count() == 2


def test_draft_overtaken_by_another_version_says_so_and_is_not_published(office: Office) -> None:
    lead = Browser(office.other_lead.user)
    lead.post(TYPE, FORM)
    publish(office, 1, minimum="escalate")
    assert "Policy 1 was published while this draft" in text(lead.get(DRAFT))
    refused = lead.post(DRAFT, {"reason": REASON})
    assert refused.status_code == 422
    assert "policy 1 was published by Lin Lead meanwhile" in text(refused)
    assert PolicyVersion.objects.count() == 1
    lead.post(f"{DRAFT}discard/", {}, page=DRAFT)
    assert not PolicyDraft.objects.exists()


def test_version_shows_its_reason_and_what_it_changed(office: Office) -> None:
    publish(office, 1, minimum="review")
    publish(office, 2, minimum="escalate")
    page = text(Browser(office.lead.user).get(f"{LIST}2/change/"))
    assert REASON in page
    assert "refund.issue.minimum review escalate" in page


@pytest.mark.parametrize("who", ["reviewer", "nobody"])
@pytest.mark.parametrize("url", [LIST, DRAFT, TYPE, f"{DRAFT}discard/", f"{LIST}restore/"])
def test_who_is_no_lead_sees_and_does_nothing(office: Office, who: str, url: str) -> None:
    publish(office, 1, minimum="review")
    if who == "reviewer":
        answer = Browser(office.reviewer.user).get(url)
        assert answer.status_code in {403, 405}
    else:
        from django.test import Client

        answer = Client().get(url)
        assert answer.status_code == 302
        assert "sign-in" in answer["Location"] or "login" in answer["Location"]
    assert PolicyVersion.objects.count() == 1


def test_nothing_is_changed_by_reading_or_without_the_token(office: Office) -> None:
    publish(office, 1, minimum="review")
    lead = Browser(office.lead.user)
    assert lead.get(f"{LIST}restore/").status_code == 405
    assert lead.get(f"{DRAFT}discard/").status_code == 405
    for url in (DRAFT, TYPE, f"{LIST}restore/", f"{DRAFT}discard/"):
        assert lead.post_without_token(url, {**FORM, "reason": REASON}).status_code == 403
    assert PolicyVersion.objects.count() == 1
    assert not PolicyDraft.objects.exists()


def test_unknown_type_and_unknown_version_are_not_found(office: Office) -> None:
    lead = Browser(office.lead.user)
    assert lead.get(f"{DRAFT}no.such/").status_code == 404
    assert lead.get(f"{LIST}99/change/").status_code == 404
