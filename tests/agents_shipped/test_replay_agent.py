"""The replay agent parks what a conversation did, and what is approved reaches the ledger byte for byte."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from django.conf import settings

from agents import ledger
from agents.services.importing import Imported, bring_in, open_file
from reviews.models import Action, ActionType, Evidence, RevisionBody
from tests.agents_shipped.chats import call, chat, lines
from tests.agents_shipped.office import Office, payload
from tests.logins import as_role

TWO = chat(
    "c-1",
    call("cancel_order", {"order_id": "A1"}, id="a"),
    call("get_order", {"order_id": "A1"}, id="b"),
    call("send_message", {"order_id": "A1", "text": "Done"}, id="c"),
    agreement={"2/a": 0.75},
)


def brought_in(office: Office, *rows: Any, **chosen: dict[str, Any]) -> Imported:
    opened = open_file(lines(*rows), name="shop_transcripts.jsonl")
    picked = chosen or {tool.name: {} for tool in opened.tools if tool.acts}
    with as_role("web"):
        return bring_in(opened=opened, chosen=picked, by=office.house.by("lin"))


def test_every_consequential_call_waits_and_those_that_look_do_not(office: Office) -> None:
    done = brought_in(office, TWO)
    run = office.onward(office.run(done.runs[0]))
    actions = {action.type_id: action for action in office.actions(run)}
    assert set(actions) == {"shop.cancel_order", "shop.send_message"}
    assert {action.state for action in actions.values()} == {"pending"}
    assert actions["shop.cancel_order"].confidence == 0.75
    assert actions["shop.send_message"].confidence is None
    assert run.state == "parked"


def test_the_conversation_so_far_is_the_evidence(office: Office) -> None:
    run = office.onward(office.run(brought_in(office, TWO).runs[0]))
    evidence = Evidence.objects.filter(action=office.actions(run)[0]).select_related("body").get()
    assert (evidence.kind, evidence.source) == ("conversation", "c-1/2/a")
    assert b"Please cancel order A1." in bytes(evidence.body.body)
    assert b"Done." not in bytes(evidence.body.body)


def test_an_approved_call_stands_in_the_ledger_with_the_bytes_that_were_approved(office: Office) -> None:
    run = office.onward(office.run(brought_in(office, TWO).runs[0]))
    first, second = office.actions(run)
    office.let_through(first)
    office.turn_down(second)
    (row,) = ledger.rows(settings.LEDGER)
    body = bytes(RevisionBody.objects.get(revision__action=first).body)
    assert (row.action, row.key, row.sha256) == (str(first.id), f"desk-{first.id}-1", hashlib.sha256(body).hexdigest())
    office.go(run)
    ended = office.run(run)
    assert ended.state == "finished"
    assert json.loads(bytes(ended.result or b""))["calls"] == {"2/a": "approved", "2/c": "rejected: wrong_facts"}


def test_a_reviewers_question_is_answered_from_the_recording(office: Office) -> None:
    run = office.onward(office.run(brought_in(office, TWO).runs[0]))
    first = office.actions(run)[0]
    office.ask(first, "What did the customer want?", "grace")
    office.go(run)
    office.route()
    answers = [m.body for m in first.messages.filter(kind="answer").select_related("body")]
    assert b"Please cancel order A1." in bytes(answers[0].body)
    office.let_through(*office.actions(run))
    office.go(run)
    assert office.run(run).state == "finished"


def test_an_edit_is_what_takes_effect_and_the_run_knows(office: Office) -> None:
    run = office.onward(office.run(brought_in(office, chat("c-1")).runs[0]))
    (action,) = office.actions(run)
    office.change(action, {"order_id": "A2"})
    office.execute_all()
    assert [row.sha256 for row in ledger.rows(settings.LEDGER)] == [hashlib.sha256(b'{"order_id":"A2"}').hexdigest()]
    office.go(run)
    assert json.loads(bytes(office.run(run).result or b""))["calls"] == {"2/call_1": "edited"}


def test_a_conversation_without_a_consequential_call_just_ends(office: Office) -> None:
    done = brought_in(office, chat("c-1", call("get_order", {"order_id": "A1"})), chat("c-2"))
    runs = [office.onward(office.run(run)) for run in done.runs]
    assert [run.state for run in runs] == ["finished", "parked"]
    assert Action.objects.count() == 1


def test_an_import_sets_what_the_person_chose_and_keeps_what_a_lead_set_later(office: Office) -> None:
    brought_in(office, chat("c-1"), cancel_order={"decide_within": 600})
    row = ActionType.objects.get(name="shop.cancel_order")
    assert (row.source, row.version, row.decide_within, row.queue_id) == ("transcript", 1, 600, "imported")
    brought_in(office, chat("c-2"), cancel_order={"decide_within": 30})
    row.refresh_from_db()
    assert (row.version, row.decide_within) == (1, 600)


def test_new_arguments_make_a_new_version_that_still_takes_the_old_ones(office: Office) -> None:
    brought_in(office, chat("c-1"))
    done = brought_in(office, chat("c-2", call("cancel_order", {"order_id": "A1", "fee": 5})))
    row = ActionType.objects.get(name="shop.cancel_order")
    assert row.version == 2
    assert row.schema["required"] == ["order_id"]
    run = office.onward(office.run(done.runs[0]))
    assert [action.type_version for action in office.actions(run)] == [2]
    again = brought_in(office, chat("c-3"))
    assert ActionType.objects.get(name="shop.cancel_order").version == 2
    assert len(again.runs) == 1


def test_a_fraction_reaches_the_ledger_as_it_was_written(office: Office) -> None:
    done = brought_in(office, chat("c-1", call("refund_order", '{"order_id": "A1", "amount": 12.50}')))
    run = office.onward(office.run(done.runs[0]))
    (action,) = office.actions(run)
    assert payload(action) == {"amount": "12.50", "order_id": "A1"}
    office.let_through(action)
    expected = hashlib.sha256(b'{"amount":"12.50","order_id":"A1"}').hexdigest()
    assert [row.sha256 for row in ledger.rows(settings.LEDGER)] == [expected]


def test_an_edited_fraction_is_taken_from_the_form_too(office: Office) -> None:
    done = brought_in(office, chat("c-1", call("refund_order", '{"order_id": "A1", "amount": 12.50}')))
    (action,) = office.actions(office.onward(office.run(done.runs[0])))
    office.change(action, {"order_id": "A1", "amount": "9.75"})
    office.execute_all()
    expected = hashlib.sha256(b'{"amount":"9.75","order_id":"A1"}').hexdigest()
    assert [row.sha256 for row in ledger.rows(settings.LEDGER)] == [expected]
