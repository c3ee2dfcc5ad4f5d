"""Editing by schema: types are kept, errors name the field, and edit and approve is one submit."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agents import registry as agents_registry
from agents.handlers import question_ask
from reviews.ids import new_id
from reviews.models import Decision, Item, Queue, Reach, Revision, RevisionBody
from reviews.registry import DeskType
from reviews.schemas import Proposal
from reviews.services import propose, sync_types
from reviews.states import EffectMode, Reversibility, Risk, Status
from tests import build
from tests.logins import as_role
from tests.web.pages import HX, Browser, nothing_changes

WHY = {"reason_code": "corrected"}


def body(item: Item, number: int) -> dict[str, Any]:
    row = RevisionBody.objects.get(revision__action=item.action_id, revision__number=number)
    return dict(json.loads(bytes(row.body)))


def test_form_shows_every_value_in_a_field_of_its_own(house: build.House, ada: Browser) -> None:
    page = ada.get(f"/a/ACT-{build.pending(house, 'refund.issue').ref}/edit/")
    assert 'name="f-amount" value="12950" inputmode="numeric"' in page.text
    assert 'name="f-customer" value="8812"' in page.text


def test_number_stays_a_number_and_untouched_fields_stay_as_they_were(house: build.House, ada: Browser) -> None:
    item = build.pending(house, "refund.issue")
    page = ada.send(item, "edit", **{"f-amount": "2950", **WHY})
    assert page.status == 303
    assert body(item, 2) == {"amount": 2950, "customer": "8812"}
    build.state_of(item.action_id, Status.PENDING)
    assert "Changed since it was proposed" in ada.open(item).plain
    assert "12950 → becomes 2950 (-77 %)" in ada.open(item).plain


def test_text_in_a_number_field_is_refused_at_the_field_and_kept(house: build.House, ada: Browser) -> None:
    item = build.pending(house, "refund.issue")
    with nothing_changes():
        page = ada.send(item, "edit", **{"f-amount": "a lot", **WHY})
    assert page.status == 422
    assert 'id="f-amount-error"' in page.text
    assert 'value="a lot"' in page.text
    assert "is not of type 'integer'" in page.alert


@pytest.mark.parametrize("typed", ["129.50", "1e9", "0x10", "１２", "", "99999999999999999999", " 12 monkeys"])
def test_what_is_no_whole_number_is_never_guessed_into_one(house: build.House, ada: Browser, typed: str) -> None:
    item = build.pending(house, "refund.issue")
    with nothing_changes():
        assert ada.send(item, "edit", **{"f-amount": typed, **WHY}).status == 422


def test_edit_and_approve_is_one_submit(house: build.House, ada: Browser) -> None:
    item = build.pending(house, "mail.send")
    page = ada.send(item, "edit", approve="1", **{"f-subject": "Your order 40-1187", **WHY})
    assert page.status == 303
    action = build.state_of(item.action_id, Status.APPROVED)
    assert action.revision == 2
    assert (Decision.objects.get().revision, Revision.objects.get(action=action, number=2).author) == (2, house.ada)


def test_edit_of_something_risky_is_saved_and_says_that_the_approval_does_not_count(
    house: build.House, ada: Browser, grace: Browser
) -> None:
    item = build.pending(house, "files.delete")
    said = {"rationale": "one folder is enough", "f-path": "/srv/reports/2019/a"}
    assert ada.send(item, "edit", approve="1", **said).status == 303
    page = ada.get("/queue/")
    assert "Your approval was not recorded" in page.plain
    assert Decision.objects.count() == 0
    build.state_of(item.action_id, Status.PENDING)
    assert "Approve is off: you wrote this revision" in ada.open(item).plain
    assert grace.send(item, "decide", verdict="approve", rationale="right").status == 303


def test_difference_is_shown_before_anything_is_saved(house: build.House, ada: Browser) -> None:
    item = build.pending(house, "refund.issue")
    form = ada.form(item, preview="1", **{"f-amount": "2950"})
    with nothing_changes():
        fragment = ada.post(f"/a/ACT-{item.ref}/edit/", form, **HX)
        page = ada.post(f"/a/ACT-{item.ref}/edit/", form)
        wrong = ada.post(f"/a/ACT-{item.ref}/edit/", form | {"f-amount": "x"}, **HX)
    assert "12950 → becomes 2950 (-77 %)" in fragment.plain
    assert "<html" not in fragment.text
    assert "12950 → becomes 2950 (-77 %)" in page.plain
    assert "Not saved" in wrong.alert


def test_whole_payload_may_be_sent_as_json(house: build.House, ada: Browser) -> None:
    item = build.pending(house, "refund.issue")
    assert ada.send(item, "edit", payload='{"customer": "8812", "amount": 100}', **WHY).status == 303
    assert body(item, 2) == {"amount": 100, "customer": "8812"}


@pytest.mark.parametrize(
    "payload",
    ["[]", "1", "{", '{"amount": NaN, "customer": "x"}', '{"amount": 1, "amount": 2, "customer": "x"}',
     '{"amount": 1.5, "customer": "x"}', '{"amount": "1", "customer": "x"}', '{"amount": true, "customer": "x"}',
     '{"amount": 1, "customer": "x", "state": "approved"}', '{"amount": 1, "customer": "a\\u0000b"}', "[" * 5000],
)  # fmt: skip
def test_json_that_does_not_fit_is_refused(house: build.House, ada: Browser, payload: str) -> None:
    item = build.pending(house, "refund.issue")
    with nothing_changes():
        assert ada.send(item, "edit", payload=payload, **WHY).status == 422


def test_edit_of_a_page_that_is_out_of_date_keeps_the_words(house: build.House, ada: Browser, grace: Browser) -> None:
    item = build.pending(house)
    form = ada.form(item, rationale="better words", **{"f-subject": "new"})
    grace.send(item, "decide", verdict="reject", reason_code="not_needed")
    with nothing_changes():
        page = ada.post(f"/a/ACT-{item.ref}/edit/", form)
    assert page.status == 409
    assert ">better words</textarea>" in page.text
    assert "Already rejected by Grace" in page.alert


def test_edit_voids_the_page_of_whoever_was_about_to_approve(house: build.House, ada: Browser, grace: Browser) -> None:
    item = build.pending(house)
    form = grace.form(item, verdict="approve")
    ada.send(item, "edit", **{"f-subject": "new", **WHY})
    with nothing_changes():
        assert grace.post(f"/a/ACT-{item.ref}/decide/", form).status == 409


@pytest.fixture
def question(house: build.House) -> Item:
    kind = question_ask.QUESTION_ASK
    with agents_registry.isolated(), as_role("web"):
        agents_registry.register(kind)
        sync_types(types=(*build.TYPES, kind.desk_half()), principals=())
    Reach.objects.create(group=house.reviewers, queue=Queue.objects.get(name="questions"))
    payload = {"prompt": "Which warehouse?", "options": ["north", "south"]}
    with as_role("web"):
        made = propose(
            proposal=Proposal(type="question.ask", payload=payload, dedup_key=str(new_id())), principal=house.agent.id
        )
    build.route()
    return build.item_of(made.id)


def test_question_is_answered_and_not_approved(house: build.House, ada: Browser, question: Item) -> None:
    page = ada.open(question)
    assert "Which warehouse?" in page.plain
    _, _, stands = page.text.partition('id="answer-question"')
    assert 'name="f-answer"' in stands.partition("</form>")[0]
    form = ada.get(f"/a/ACT-{question.ref}/edit/")
    assert "north" in form.plain
    assert "Save only" not in form.plain
    with nothing_changes():
        assert ada.send(question, "decide", verdict="approve").status in (409, 422)
    assert ada.send(question, "edit", approve="1", **{"f-answer": '"south"'}).status == 303
    build.state_of(question.action_id, Status.APPROVED)
    assert body(question, 2)["answer"] == "south"


def test_answer_that_is_no_option_is_refused(house: build.House, ada: Browser, question: Item) -> None:
    with nothing_changes():
        assert ada.send(question, "edit", approve="1", **{"f-answer": '"west"'}).status == 422


ORDER = DeskType(
    name="order.place", label="Order", template="Order for {customer}",
    schema={
        "type": "object", "additionalProperties": False, "required": ["customer", "lines"],
        "properties": {
            "customer": {"type": "string", "readOnly": True},
            "lines": {"type": "array", "maxItems": 3, "items": {
                "type": "object", "additionalProperties": False, "required": ["sku", "quantity"],
                "properties": {"sku": {"type": "string"}, "quantity": {"type": "integer", "maximum": 9}}}},
        },
    },
    risk=Risk.LOW, reversibility=Reversibility.REVERSIBLE, effect_mode=EffectMode.IDEMPOTENT, queue="support",
)  # fmt: skip


def test_rows_come_and_go_by_buttons_of_the_form_and_errors_stand_at_their_fields(
    house: build.House, ada: Browser
) -> None:
    with as_role("web"):
        sync_types(types=(*build.TYPES, ORDER), principals=[])
        payload = {"customer": "8812", "lines": [{"sku": "a", "quantity": 1}, {"sku": "b", "quantity": 2}]}
        made = propose(
            proposal=Proposal(type="order.place", payload=payload, dedup_key=str(new_id())), principal=house.agent.id
        )
    build.route()
    item = build.item_of(made.id)
    first = {"k-lines": "0,1", "f-lines[0].sku": "a", "f-lines[0].quantity": "1", "f-lines[1].sku": "b"}
    with nothing_changes():
        grown = ada.send(item, "edit", do="add:lines", **first)
        dropped = ada.send(item, "edit", do="drop:lines[0]", **first)
        wrong = ada.send(item, "edit", **{**first, "f-lines[1].quantity": "10"}, **WHY)
    assert (grown.status, grown.field("k-lines"), 'name="f-lines[2].sku"' in grown.text) == (200, "0,1,+", True)
    assert dropped.field("k-lines") == "1" and 'name="f-lines[0].sku" value="b"' in dropped.text
    assert wrong.status == 422 and 'id="f-lines[1].quantity-error"' in wrong.text and "to 9" in wrong.plain
    assert 'name="f-customer"' not in wrong.text
    saved = {"k-lines": "1,+", "f-lines[0].sku": "b", "f-lines[1].sku": "c", "f-lines[1].quantity": "3"}
    assert ada.send(item, "edit", **saved, **WHY).status == 303
    assert body(item, 2) == {"customer": "8812", "lines": [{"sku": "b", "quantity": 2}, {"sku": "c", "quantity": 3}]}


def test_passed_on_item_leaves_the_list_and_meets_the_next_reviewer_with_what_changed_and_why(
    house: build.House, ada: Browser, grace: Browser
) -> None:
    item = build.pending(house, "files.delete")
    why = {"approve": "1", "rationale": "2019 is still needed by the auditors"}
    page = ada.send(item, "edit", **{"f-path": "/srv/reports/2018", **why})
    assert page.status == 303
    after = ada.get("/queue/")
    assert after.refs == []
    assert "Your approval was not recorded: you wrote this revision; it is on the desk of" in after.plain
    assert "You passed it on" in ada.open(item).plain
    assert grace.get("/queue/").refs == [f"ACT-{item.ref}"]
    told = grace.open(item).plain
    assert "Ada wrote revision 2" in told
    assert told.index("/srv/reports/2019 → becomes /srv/reports/2018") < told.index("Review because")
    assert "“2019 is still needed by the auditors”" in told
    assert "passed it on" not in told


def test_open_page_of_the_editor_drops_the_row_and_that_of_others_keeps_it(
    house: build.House, ada: Browser, grace: Browser
) -> None:
    item = build.pending(house, "files.delete")
    shown = f"/queue/live/?refs={item.ref}"
    ada.send(item, "edit", **{"f-path": "/srv/reports/2018", "approve": "1", "rationale": "2019 is still needed"})
    left = f'<li data-ref="ACT-{item.ref}"'
    assert f'{left} data-state="pending" data-by="" data-mine>' in ada.get(shown, **HX).text
    assert left not in grace.get(shown, **HX).text
