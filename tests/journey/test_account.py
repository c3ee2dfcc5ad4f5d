"""The journey's own checker finds each thing that must not happen."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pytest

from agents.ledger import Row
from tests.journey.account import Account, against_the_log, against_the_truth, settle_up
from tests.journey.http import Page
from tests.journey.plan import SHORT_DEADLINE, Board, Done, choose, deadline
from tests.journey.plan import Row as Line
from tests.journey.record import Case, Vote
from tests.journey.reviewer import rows
from tests.journey.truth import Material, Unusable, read

CASE = Case("a", "c-1/2/x", "shop.cancel", "once", "succeeded", 1)
VOTE = Vote(
    "a", "c-1/2/x", "shop.cancel", 1, "approve", "ada", "", "single", "2026-01-01T00:00:00.000000+00:00", None,
    "d", "s", "b" * 64, "desk-a-1",
)  # fmt: skip
EFFECT = Row(1, "a", "desk-a-1", "b" * 64, "2026-01-01T00:00:02.500000+00:00")


def settled(cases: list[Case], votes: list[Vote], effects: list[Row], *doubted: str) -> Account:
    return settle_up(cases=cases, votes=votes, effects=effects, doubted=set(doubted), runs=1, edited=0)


def test_an_approved_call_that_happened_once_is_in_order() -> None:
    account = settled([CASE], [VOTE], [EFFECT])
    assert (account.approved, account.executed, account.complaints) == (1, 1, [])
    assert account.line(audit="VALID", seconds=61.4) == (
        "journey: runs=1 actions=1 approved=1 rejected=0 edited=0 expired=0 withdrawn=0 in_doubt=0 executed=1"
        " unapproved=0 lost=0 double=0 other_bytes=0 audit=VALID seconds=61"
    )


@pytest.mark.parametrize(
    ("name", "votes", "effects", "state"),
    [
        ("unapproved", [], [EFFECT], "succeeded"),
        ("unapproved", [VOTE._replace(retracted_at="2026-01-01T00:00:01.000000+00:00")], [EFFECT], "succeeded"),
        ("unapproved", [VOTE._replace(at="2026-01-01T00:00:03.000000+00:00")], [EFFECT], "succeeded"),
        ("unapproved", [VOTE._replace(key="desk-a-2")], [EFFECT], "succeeded"),
        ("unapproved", [VOTE._replace(verdict="reject")], [EFFECT], "rejected"),
        ("lost", [VOTE], [], "approved"),
        ("lost", [VOTE], [], "succeeded"),
        ("double", [VOTE], [EFFECT, EFFECT._replace(n=2)], "succeeded"),
        ("double", [VOTE], [EFFECT, EFFECT._replace(n=2, key="desk-a-9")], "succeeded"),
        ("other_bytes", [VOTE], [EFFECT._replace(sha256="c" * 64)], "succeeded"),
    ],
)
def test_each_wrong_is_counted_and_complained_about(
    name: str, votes: list[Vote], effects: list[Row], state: str
) -> None:
    account = settled([CASE._replace(state=state)], votes, effects)
    assert getattr(account, name) == 1
    assert any(name in complaint for complaint in account.complaints)


def test_an_idempotent_effect_may_be_repeated_under_the_same_key() -> None:
    account = settled([CASE._replace(mode="idempotent")], [VOTE], [EFFECT, EFFECT._replace(n=2)])
    assert (account.double, account.complaints) == (0, [])


@pytest.mark.parametrize("state", ["expired", "withdrawn"])
def test_an_approval_that_lapsed_or_was_taken_back_is_not_lost(state: str) -> None:
    account = settled([CASE._replace(state=state)], [VOTE], [])
    assert (account.lost, account.approved, getattr(account, state)) == (0, 0, 1)


def test_what_was_in_doubt_and_settled_as_not_done_is_not_lost() -> None:
    account = settled([CASE._replace(state="failed")], [VOTE], [], "a")
    assert (account.lost, account.in_doubt, account.executed, account.complaints) == (0, 1, 0, [])


def test_outcomes_that_do_not_add_up_are_complained_about() -> None:
    account = settled([CASE._replace(state="pending")], [], [])
    assert any("do not add up" in complaint for complaint in account.complaints)


def test_a_success_without_an_effect_is_complained_about() -> None:
    account = settled([CASE, CASE._replace(id="b", state="succeeded")], [VOTE], [EFFECT])
    assert any("without an effect" in complaint for complaint in account.complaints)


def test_the_approvals_must_be_those_of_the_log(tmp_path: Any) -> None:
    digest = "ab" * 32
    coded = base64.urlsafe_b64encode(bytes.fromhex(digest)).decode().rstrip("=")
    data = {"verdict": "approve", "digest": coded, "decision": "d-1", "revision": 1}
    approved = {"name": "decision.recorded", "case": {"id": "action:a"}, "data": data}
    (tmp_path / "events").write_text(json.dumps(approved) + "\n")
    vote = VOTE._replace(digest=digest)
    assert against_the_log([vote], tmp_path / "events") == []
    assert against_the_log([vote._replace(digest="00" * 32)], tmp_path / "events") != []
    assert against_the_log([vote._replace(retracted_at="2026")], tmp_path / "events") != []
    taken_back = {"name": "decision.retracted", "case": {"id": "action:a"}, "data": {"decision": "d-1"}}
    (tmp_path / "events").write_text(json.dumps(approved) + "\n" + json.dumps(taken_back) + "\n")
    assert against_the_log([vote], tmp_path / "events") != []
    assert against_the_log([vote._replace(retracted_at="2026")], tmp_path / "events") == []


def chat(name: str, *calls: tuple[str, str]) -> str:
    made = [
        f'{{"id": "{id}", "type": "function", "function": {{"name": "{tool}", "arguments": "{{}}"}}}}'
        for id, tool in calls
    ]
    return f'{{"conversation_id": "{name}", "messages": [{{"role": "assistant", "tool_calls": [{", ".join(made)}]}}]}}'


@pytest.fixture
def material(tmp_path: Any) -> Material:
    talks = [
        chat("c-1", ("a", "cancel"), ("b", "cancel"), ("c", "book")),
        chat("c-2", ("a", "cancel"), ("g", "get_x")),
        "{oops",
    ]
    (tmp_path / "t.jsonl").write_text("\n".join(talks))
    (tmp_path / "truth.json").write_text('{"c-1/0/a": true, "c-1/0/b": false, "c-2/0/a": true, "c-1/0/c": false}')
    return read(tmp_path / "t.jsonl", tmp_path / "truth.json")


def test_the_special_calls_are_chosen_apart_from_each_other(material: Material) -> None:
    special = choose(material)
    assert material.rarest == "book"
    assert (special.expire, special.edit, special.ask) == ("c-1/0/c", "c-1/0/b", "c-1/0/a")
    assert special.undo == {"c-2/0/a"}
    assert special.correction == {}


def test_where_there_is_only_one_tool_the_others_of_it_are_decided(tmp_path: Any) -> None:
    (tmp_path / "t.jsonl").write_text(chat("c-1", ("a", "cancel"), ("b", "cancel"), ("c", "cancel")))
    (tmp_path / "truth.json").write_text('{"c-1/0/a": true, "c-1/0/b": false, "c-1/0/c": false}')
    material = read(tmp_path / "t.jsonl", tmp_path / "truth.json")
    special = choose(material)
    assert (special.expire, special.edit, special.ask) == ("c-1/0/b", "c-1/0/c", "c-1/0/a")
    assert deadline(material) > SHORT_DEADLINE


def test_the_rest_follows_the_truth_and_an_unknown_call_is_not_right(material: Material) -> None:
    board = Board(material, replace(choose(material), edit=None, ask=None, undo=frozenset()), lambda action: action)
    assert [board.deed(key) for key in ("c-1/0/a", "c-1/0/b", "c-9/0/z")] == ["approve", "reject", "reject"]


def test_nobody_gets_an_item_that_another_has_and_nobody_the_one_that_expires(material: Material) -> None:
    board = Board(material, choose(material), lambda action: action)
    lines = [Line("ACT-1", "c-1/0/c", ""), Line("ACT-2", "c-1/0/a", "")]
    first = board.take(lines, "ada")
    assert first is not None
    assert first[1] == "c-1/0/a"
    assert board.take(lines, "grace") is None
    board.decline(first[0], "ada")
    assert board.take(lines, "ada") is None
    assert board.take(lines, "grace") is not None


def test_a_decision_against_the_truth_is_told(material: Material) -> None:
    against = VOTE._replace(call="c-1/0/b")
    assert against_the_truth([against], material, Done()) == ["c-1/0/b was decided against the truth: approve"]
    assert against_the_truth([against], material, Done(edited="a")) == []


@pytest.mark.parametrize("truth", ["[]", '{"c": "yes"}', "oops"])
def test_files_that_no_journey_can_be_made_of_are_said(tmp_path: Any, truth: str) -> None:
    (tmp_path / "t.jsonl").write_text(chat("c-1", ("a", "cancel")))
    (tmp_path / "truth.json").write_text(truth)
    with pytest.raises(Unusable):
        read(tmp_path / "t.jsonl", tmp_path / "truth.json")
    with pytest.raises(Unusable, match="cannot be read"):
        read(tmp_path / "none.jsonl", tmp_path / "truth.json")


def test_a_page_is_read_as_a_browser_would() -> None:
    text = """
    <tr id="row-ACT-1" data-ref="ACT-1" data-action="u-1" data-type="t"><td>x</td></tr>
    <form action="/a/ACT-1/claim/" method="post"><input type="hidden" name="csrf" value="&lt;1&gt;">
      <input type="checkbox" name="acts-0" value="1" checked><input type="checkbox" name="acts-1" value="1">
      <select name="risk-0"><option>low</option><option selected>medium</option></select>
      <select name="mode-0"><option value="i">idem</option><option>once</option></select>
      <textarea name="text">
two
lines</textarea><button name="go" value="1">Go</button></form>
    <div role="alert">too <b>early</b></div>"""
    page = Page("http://x/", 200, text, {}, 0.0, 0.0)
    assert rows(page) == [Line("ACT-1", "u-1", "t")]
    form = page.form("/claim/")
    assert form is not None
    assert form.fields == [
        ("csrf", "<1>"), ("acts-0", "1"), ("risk-0", "medium"), ("mode-0", "i"), ("text", "two\nlines"),
    ]  # fmt: skip
    assert page.alerts() == "too early"
