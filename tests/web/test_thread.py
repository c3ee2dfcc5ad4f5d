"""Asking, commenting, handing on, putting off, and what happens after the decision."""

from __future__ import annotations

from django.contrib.auth.models import Group

from reviews.models import DeskItem, Item, Message
from reviews.states import Status
from tests import build
from tests.web.pages import Browser, nothing_changes


def test_question_takes_the_item_off_the_list_until_the_owner_answers(house: build.House, ada: Browser) -> None:
    item = build.pending(house)
    assert ada.send(item, "ask", text="Which order is this about?").status == 303
    assert ada.get("/queue/").refs == []
    assert ada.get("/queue/?q=is:clarifying").refs == [f"ACT-{item.ref}"]
    page = ada.open(item)
    assert "Approve is off: a question is open" in page.plain
    assert "Which order is this about?" in page.plain
    noor = Browser(house.noor)
    assert "Your answer for the agent" in noor.open(item).plain
    assert noor.send(item, "answer", text="40-1187").status == 303
    assert ada.get("/queue/").refs == [f"ACT-{item.ref}"]
    assert "40-1187" in ada.open(item).plain
    assert ada.send(item, "decide", verdict="approve").status == 303


def test_question_without_words_or_with_one_choice_is_refused(house: build.House, ada: Browser) -> None:
    item = build.pending(house)
    with nothing_changes():
        assert ada.send(item, "ask", text=" ").status == 422
        assert ada.send(item, "ask", text="x", expects="choice", options="one").status == 422
        assert ada.send(item, "ask", text="x", expects="field").status == 422


def test_question_may_offer_choices(house: build.House, ada: Browser) -> None:
    item = build.pending(house)
    assert ada.send(item, "ask", text="Which one?", expects="choice", options="left\r\nright").status == 303
    assert Message.objects.filter(kind="question").count() == 1


def test_somebody_elses_question_is_not_answered_by_any_reviewer(
    house: build.House, ada: Browser, grace: Browser
) -> None:
    item = build.pending(house)
    ada.send(item, "ask", text="Which order?")
    with nothing_changes():
        assert grace.send(item, "answer", text="this one").status == 403


def test_comment_is_shown_to_the_next_reviewer(house: build.House, ada: Browser, grace: Browser) -> None:
    item = build.pending(house)
    assert ada.send(item, "comment", text="mind the <b>address</b>").status == 303
    page = grace.open(item)
    assert "mind the <b>address</b>" in page.plain
    assert "<b>address" not in page.text
    assert "Ada commented" in page.plain


def test_escalation_names_its_target_and_needs_a_reason(house: build.House, ada: Browser) -> None:
    item = build.pending(house)
    leads = Group.objects.get(name="leads")
    with nothing_changes():
        assert ada.send(item, "escalate", target=str(leads.pk)).status == 422
        assert ada.send(item, "escalate", target="99999", reason_code="above_me").status == 422
    assert ada.send(item, "escalate", target=str(leads.pk), reason_code="above_me").status == 303
    assert "escalated to leads" in ada.open(item).plain
    assert ada.get("/queue/?q=is:escalated").refs == [f"ACT-{item.ref}"]


def test_deferred_item_leaves_the_list_and_stays_pending(house: build.House, ada: Browser) -> None:
    item = build.pending(house)
    with nothing_changes():
        assert ada.send(item, "defer", until="").status == 422
        assert ada.send(item, "defer", until="-5").status == 422
        assert ada.send(item, "defer", until="999999").status == 422
    assert ada.send(item, "defer", until="2").status == 303
    assert ada.get("/queue/").refs == []
    assert ada.get("/queue/?q=is:deferred").refs == [f"ACT-{item.ref}"]
    build.state_of(item.action_id, Status.PENDING)


def test_claim_informs_others_and_is_given_back(house: build.House, ada: Browser, grace: Browser) -> None:
    item = build.pending(house)
    assert ada.send(item, "claim").status == 303
    assert "claimed by ada" in grace.get("/queue/").plain
    assert grace.get("/queue/?q=claimed:ada").refs == [f"ACT-{item.ref}"]
    assert grace.send(item, "claim").status == 409
    assert ada.send(item, "claim", release="1").status == 303
    assert DeskItem.objects.get(id=item.id).claimed_by is None
    assert grace.send(item, "decide", verdict="approve").status == 303


def test_item_is_given_to_somebody_who_sees_it(house: build.House, ada: Browser) -> None:
    item = build.pending(house)
    with nothing_changes():
        assert ada.send(item, "assign", user=str(house.mallory.pk)).status == 422
    assert ada.send(item, "assign", user=str(house.grace.pk)).status == 303
    assert ada.get("/queue/?q=assignee:grace").refs == [f"ACT-{item.ref}"]
    assert ada.send(item, "assign", user="").status == 303
    assert ada.get("/queue/?q=assignee:none").refs == [f"ACT-{item.ref}"]


def _after(item: Item, verb: str) -> str:
    return f"/action/{item.action_id}/{verb}/"


def test_pending_action_is_withdrawn_by_its_owner_with_a_reason(house: build.House) -> None:
    item = build.pending(house)
    noor = Browser(house.noor)
    assert noor.post(_after(item, "withdraw"), {"reason": "the customer called back"}).status == 303
    build.state_of(item.action_id, Status.WITHDRAWN)


def test_what_was_rejected_can_be_proposed_again(house: build.House, ada: Browser) -> None:
    action = build.rejected(house)
    build.wait_for_release(action.id)
    item = build.item_of(action.id)
    assert "Propose again" in ada.open(item).plain
    assert ada.post(_after(item, "again"), {}).status == 303
    build.route()
    fresh = Item.objects.exclude(id=item.id).get()
    assert fresh.action.retry_of_id == action.id


def test_doubt_is_settled_by_a_person_with_a_note(house: build.House, ada: Browser) -> None:
    action = build.in_doubt(house)
    item = build.item_of(action.id)
    page = ada.open(item)
    assert "Say whether it happened" in page.plain
    assert f"desk-{action.id}-1" in ada.get(_after(item, "settle")).plain
    with nothing_changes():
        assert ada.post(_after(item, "settle"), {"happened": "1", "note": ""}).status == 422
        assert ada.post(_after(item, "settle"), {"happened": "maybe", "note": "the provider shows it"}).status == 422
    assert ada.post(_after(item, "settle"), {"happened": "0", "note": "the provider shows no call"}).status == 303
    build.state_of(action.id, Status.FAILED)


def test_doubt_is_not_settled_from_out_of_reach(house: build.House, mallory: Browser) -> None:
    action = build.in_doubt(house)
    with nothing_changes():
        page = mallory.post(f"/action/{action.id}/settle/", {"happened": "1", "note": "I just know it"})
    assert page.status == 404


def test_effect_that_succeeded_is_reversed_through_the_desk(house: build.House, ada: Browser) -> None:
    action = build.finished(house, "refund.issue")
    item = build.item_of(action.id)
    assert "Start reversal" in ada.open(item).plain
    with nothing_changes():
        assert ada.post(_after(item, "reverse"), {"reason": ""}).status == 422
    assert ada.post(_after(item, "reverse"), {"reason": "the wrong customer was refunded"}).status == 303
    build.route()
    fresh = Item.objects.exclude(id=item.id).get()
    assert fresh.action.reverses_id == action.id
