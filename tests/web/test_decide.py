"""Deciding through the pages, without a script: what is recorded, what is refused, and how it is said."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from reviews.models import Decision, User
from reviews.services import stamp_shown
from reviews.states import Status
from tests import build
from tests.web.pages import HX, Browser, nothing_changes


def test_approval_is_recorded_with_what_was_shown(house: build.House, ada: Browser) -> None:
    item = build.pending(house, "refund.issue", evidence=(build.evidence(),))
    page = ada.send(item, "decide", verdict="approve")
    assert (page.status, page.location) == (303, "/queue/")
    vote = Decision.objects.get()
    assert (vote.verdict, vote.reviewer, vote.seen_evidence, vote.via) == ("approve", house.ada, 1, "single")
    assert vote.dwell_ms is not None
    assert vote.dwell_ms > 50_000
    build.state_of(item.action_id, Status.APPROVED)


def test_next_page_says_what_was_done_and_offers_the_way_back(
    house: build.House, ada: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    build.timings(monkeypatch, undo_low=60.0)  # a slow machine must not close the window
    item = build.pending(house)
    ada.send(item, "decide", verdict="approve")
    page = ada.get("/queue/")
    assert f"Approved ACT-{item.ref}: Mail kim@example.org: Your order" in page.plain
    decision = Decision.objects.get()
    assert page.field("decision") == str(decision.id)
    back = ada.post(f"/a/ACT-{item.ref}/undo/", {"decision": str(decision.id)})
    assert back.status == 303
    build.state_of(item.action_id, Status.PENDING)
    assert ada.get("/queue/").refs == [f"ACT-{item.ref}"]


def test_rejection_needs_a_reason_and_keeps_what_was_typed(house: build.House, ada: Browser) -> None:
    item = build.pending(house)
    with nothing_changes():
        page = ada.send(item, "decide", verdict="reject")
    assert page.status == 422
    assert "a reason is needed" in page.alert.lower()
    with nothing_changes():
        page = ada.send(item, "decide", verdict="reject", reason_code="other", rationale="short")
    assert page.status == 422
    assert ">short</textarea>" in page.text
    page = ada.send(item, "decide", verdict="reject", reason_code="wrong_facts")
    assert page.status == 303
    assert Decision.objects.get().reason_code == "wrong_facts"


def test_high_risk_is_not_approved_without_words(house: build.House, ada: Browser) -> None:
    item = build.pending(house, "files.delete")
    with nothing_changes():
        assert ada.send(item, "decide", verdict="approve").status == 422
    assert ada.send(item, "decide", verdict="approve", rationale="compared with the backup list").status == 303


def test_loser_of_a_race_learns_who_won_and_keeps_the_words(house: build.House, ada: Browser, grace: Browser) -> None:
    item = build.pending(house)
    form = ada.form(item, verdict="reject", rationale="I think this goes to the wrong person")
    assert grace.send(item, "decide", verdict="approve").status == 303
    with nothing_changes():
        page = ada.post(f"/a/ACT-{item.ref}/decide/", form)
    assert page.status == 409
    assert "Already approved by Grace" in page.alert
    assert "Your decision was not recorded" in page.alert
    assert ">I think this goes to the wrong person</textarea>" in page.text


def test_loser_beside_the_list_gets_the_same_as_a_fragment(house: build.House, ada: Browser, grace: Browser) -> None:
    item = build.pending(house)
    form = ada.form(item, verdict="approve", rationale="my words")
    grace.send(item, "decide", verdict="reject", reason_code="not_needed")
    page = ada.post(f"/a/ACT-{item.ref}/decide/", form, **HX, **{"HX-Target": "toasts"})
    assert page.status == 409
    assert "<html" not in page.text
    assert 'role="alert"' in page.text
    assert "already rejected by Grace" in page.alert
    assert "my words" in page.text


def test_same_form_sent_twice_records_one_vote(house: build.House, ada: Browser) -> None:
    item = build.pending(house)
    form = ada.form(item, verdict="approve")
    assert ada.post(f"/a/ACT-{item.ref}/decide/", form).status == 303
    assert ada.post(f"/a/ACT-{item.ref}/decide/", form).status == 409
    assert Decision.objects.count() == 1


def test_page_that_is_out_of_date_decides_nothing(house: build.House, ada: Browser, grace: Browser) -> None:
    item = build.pending(house)
    form = ada.form(item, verdict="approve")
    grace.send(item, "comment", text="look at the order number again")
    with nothing_changes():
        page = ada.post(f"/a/ACT-{item.ref}/decide/", form)
    assert page.status == 409
    assert page.text.count('data-code="stale"') == 1


@pytest.mark.parametrize("missing", ["opened", "version", "digest", "evidence", "message"])
def test_form_must_say_what_was_shown(house: build.House, ada: Browser, missing: str) -> None:
    item = build.pending(house)
    form = ada.form(item, verdict="approve")
    del form[missing]
    with nothing_changes():
        assert ada.post(f"/a/ACT-{item.ref}/decide/", form).status == 422


@pytest.mark.parametrize(
    "change",
    [
        {"digest": "0" * 64}, {"digest": "zz"}, {"version": "-1"}, {"version": "1e3"}, {"version": "²"},
        {"evidence": "99"}, {"verdict": "escalate"}, {"verdict": ""}, {"verdict": "APPROVE"}, {"reason_code": "x" * 64},
        {"rationale": "x" * 4001}, {"rationale": "bell\x07"}, {"opened": "forged"},
    ],
)  # fmt: skip
def test_form_that_was_tampered_with_decides_nothing(house: build.House, ada: Browser, change: dict[str, Any]) -> None:
    item = build.pending(house)
    form = ada.form(item, verdict="approve") | change
    with nothing_changes():
        assert ada.post(f"/a/ACT-{item.ref}/decide/", form).status in (409, 422)


def test_stamp_of_another_person_or_another_item_does_not_count(house: build.House, ada: Browser) -> None:
    item, other = build.pending(house, "refund.issue"), build.pending(house, "refund.issue")
    for user, subject in ((house.grace, item.id), (house.ada, other.id), (house.ada, "list")):
        form = ada.form(item, verdict="approve", opened=stamp_shown(user, str(subject), build.long_ago()))
        with nothing_changes():
            assert ada.post(f"/a/ACT-{item.ref}/decide/", form).status == 422


def test_low_risk_may_be_approved_from_the_list(house: build.House, ada: Browser) -> None:
    item = build.pending(house)
    form = ada.form(item, verdict="approve", opened=stamp_shown(house.ada, "list", build.long_ago()))
    assert ada.post(f"/a/ACT-{item.ref}/decide/", form, **HX).status == 200


def test_too_short_a_look_is_refused_with_the_reason(house: build.House, ada: Browser) -> None:
    item = build.pending(house)
    form = ada.form(
        item, verdict="approve", opened=stamp_shown(house.ada, str(item.id), timezone.now() + timedelta(seconds=5))
    )
    with nothing_changes():
        page = ada.post(f"/a/ACT-{item.ref}/decide/", form)
    assert page.status == 422
    assert "Look first" in page.alert
    assert "Opened 0.0 s ago" in page.alert


def test_stamp_is_carried_from_the_page_to_the_form_of_the_verdict(house: build.House, ada: Browser) -> None:
    item = build.pending(house)
    opened = stamp_shown(house.ada, str(item.id), build.long_ago())
    page = ada.get(f"/a/ACT-{item.ref}/decide/?verdict=reject&opened={opened}")
    assert page.field("opened") == opened
    assert ada.get(f"/a/ACT-{item.ref}/decide/?verdict=reject&opened=forged").field("opened") != "forged"


def test_decision_without_its_token_or_by_get_is_refused(house: build.House, ada: Browser) -> None:
    item = build.pending(house)
    form = ada.form(item, verdict="approve")
    del form["csrfmiddlewaretoken"]
    with nothing_changes():
        assert ada.post(f"/a/ACT-{item.ref}/decide/", form, token=False).status == 403
        assert ada.get(f"/a/ACT-{item.ref}/decide/?verdict=approve").status == 200
        for url in (
            f"/a/ACT-{item.ref}/undo/",
            f"/a/ACT-{item.ref}/claim/",
            "/batch/",
            "/batch/preview/",
            "/settings/password/",
        ):
            assert ada.get(url).status == 405


def test_override_header_does_not_turn_get_into_post(house: build.House, ada: Browser) -> None:
    item = build.pending(house)
    with nothing_changes():
        assert ada.get(f"/a/ACT-{item.ref}/claim/", **{"X-HTTP-Method-Override": "POST"}).status == 405


def test_owner_of_the_agent_may_not_approve(house: build.House) -> None:
    item = build.pending(house)
    with nothing_changes():
        assert Browser(house.noor).send(item, "decide", verdict="approve").status == 403


def test_who_left_the_group_between_page_and_post_decides_nothing(house: build.House, ada: Browser) -> None:
    item = build.pending(house)
    form = ada.form(item, verdict="approve")
    house.ada.groups.clear()
    with nothing_changes():
        assert ada.post(f"/a/ACT-{item.ref}/decide/", form).status == 404


def test_who_lost_the_authority_is_refused_in_words(house: build.House, ada: Browser) -> None:
    item = build.pending(house)
    form = ada.form(item, verdict="approve")
    house.reviewers.authority.all().delete()
    with nothing_changes():
        page = ada.post(f"/a/ACT-{item.ref}/decide/", form)
        toast = ada.post(f"/a/ACT-{item.ref}/decide/", form, **HX, **{"HX-Target": "toasts"})
    assert page.status == toast.status == 403
    assert "no authority to decide" in page.plain and "no authority to decide" in toast.alert
    assert toast.response["Desk-Refusal"] == "not_permitted"  # a script shows it, whatever the status


def test_closed_account_is_signed_out(house: build.House, ada: Browser) -> None:
    item = build.pending(house)
    form = ada.form(item, verdict="approve")
    User.objects.filter(pk=house.ada.pk).update(is_active=False)
    with nothing_changes():
        assert ada.post(f"/a/ACT-{item.ref}/decide/", form, token=False).status in (302, 403)


def test_second_approval_is_refused_to_the_first_and_given_to_another(
    house: build.House, ada: Browser, grace: Browser
) -> None:
    item = build.pending(house, "files.delete")
    said = {"verdict": "approve", "rationale": "compared with the backup list"}
    page = ada.send(item, "decide", **said)
    assert page.status == 303
    assert "needs another approval" in ada.get("/queue/").plain
    with nothing_changes():
        assert ada.send(item, "decide", **said).status in (403, 409)
    assert grace.send(item, "decide", **said).status == 303
    build.state_of(item.action_id, Status.APPROVED)


def test_undo_after_release_says_that_it_is_released(house: build.House, ada: Browser) -> None:
    item = build.pending(house)
    ada.send(item, "decide", verdict="approve")
    build.wait_for_release(item.action_id)
    with nothing_changes():
        page = ada.post(f"/a/ACT-{item.ref}/undo/", {"decision": str(Decision.objects.get().id)})
    assert page.status == 409
    assert "released" in page.plain.lower()


def test_nobody_takes_back_what_another_decided(house: build.House, ada: Browser, grace: Browser) -> None:
    item = build.pending(house)
    ada.send(item, "decide", verdict="approve")
    with nothing_changes():
        assert grace.post(f"/a/ACT-{item.ref}/undo/", {"decision": str(Decision.objects.get().id)}).status == 404
        assert grace.post(f"/a/ACT-{item.ref}/undo/", {"decision": "no"}).status == 404


def test_forged_htmx_headers_change_the_form_of_the_answer_only(house: build.House, ada: Browser) -> None:
    item = build.pending(house)
    with nothing_changes():
        page = ada.post(f"/a/ACT-{item.ref}/decide/", ada.form(item, verdict="reject"), **HX, **{"HX-Target": "toasts"})
    assert page.status == 422
    assert f'data-refused="reason_needed" data-status="422" data-ref="ACT-{item.ref}"' in page.text


def test_expired_session_sends_a_script_to_sign_in_and_back(house: build.House) -> None:
    item = build.pending(house)
    page = Browser().get(f"/a/ACT-{item.ref}/", **HX, **{"HX-Current-URL": "http://testserver/queue/?q=a"})
    assert page.status == 401
    assert page.response["HX-Redirect"] == "/sign-in/?next=/queue/%3Fq%3Da"


@pytest.mark.parametrize(
    "url",
    [
        "//evil.example",
        "/\\evil.example",
        "https:evil.example",
        "javascript:alert(1)",
        "http://evil.example/",
        "\\\\evil.example",
        "/%5c/evil",
    ],
)
def test_next_leads_nowhere_else(house: build.House, ada: Browser, url: str) -> None:
    item = build.pending(house)
    page = ada.send(item, "decide", verdict="approve", next=url)
    assert page.status == 303
    assert page.location in ("/queue/", "/%5c/evil")


def test_next_within_the_site_is_followed(house: build.House, ada: Browser) -> None:
    item, other = build.pending(house), build.pending(house)
    page = ada.send(item, "decide", verdict="approve", next=f"/a/ACT-{other.ref}/")
    assert page.location == f"/a/ACT-{other.ref}/"
