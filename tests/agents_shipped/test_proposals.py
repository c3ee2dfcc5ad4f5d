"""Files of proposals are read strictly: bad rows are refused by name and line, the rest is read."""

from __future__ import annotations

import json

import pytest

from agents import proposals
from agents.proposals import Row
from agents.transcripts import Refusal
from tests.agents_shipped.chats import lines

GOOD = {
    "text": "Where is my card?",
    "proposed_intent": "card_arrival",
    "confidence": 0.91,
    "true_intent": "lost_card",
}


def read(data: bytes, type_name: str = "route.question") -> list[Row | Refusal]:
    return list(proposals.read(data, type_name=type_name))


def test_a_classifiers_row_becomes_a_proposal_without_its_true_label() -> None:
    (row,) = read(lines(GOOD | {"alternatives": [{"intent": "lost_card", "confidence": 0.05}]}))
    assert isinstance(row, Row)
    assert row.proposal.payload == {
        "text": "Where is my card?",
        "intent": "card_arrival",
    }
    assert row.proposal.confidence == 0.91
    assert [(e.title, e.text) for e in row.proposal.evidence] == [("Next best intents", "lost_card 0.05")]
    (bare,) = read(lines(GOOD))
    assert "lost_card" not in repr(bare)


@pytest.mark.parametrize(
    ("row", "name", "reason"),
    [
        ('{"text": "broken"', "row 2", "is not JSON"),
        (GOOD | {"confidence": 1.5}, "Where is my card?", "confidence"),
        ('{"text": "x", "proposed_intent": "y", "confidence": NaN}', "row 2", "NaN"),
        (GOOD | {"confidence": "0.9"}, "Where is my card?", "confidence"),
        (GOOD | {"confidence": True}, "Where is my card?", "confidence"),
        ({"text": "Where?", "id": 7}, "7", "proposed_intent"),
        ([GOOD], "row 2", "not a JSON object"),
        ({"key": "k", "payload": [1]}, "k", "payload"),
        ("x" * 300_000, "row 2", "300,000 bytes"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_bad_row_is_refused_by_name_and_line_and_the_rest_is_read(row: object, name: str, reason: str) -> None:
    found = read(lines(GOOD, row, GOOD | {"text": "Again?"}))
    assert [each.line for each in found if isinstance(each, Row)] == [1, 3]
    (refusal,) = [each for each in found if isinstance(each, Refusal)]
    assert (refusal.name, refusal.line) == (name, 2)
    assert reason in refusal.reason


def test_a_missing_confidence_is_unknown() -> None:
    (row,) = read(lines({"text": "Where?", "proposed_intent": "card_arrival"}))
    assert isinstance(row, Row)
    assert row.proposal.confidence is None


def test_the_same_file_gives_the_same_keys_and_equal_rows_have_keys_of_their_own() -> None:
    first, second = (read(lines(GOOD, GOOD)) for _ in range(2))
    keys = [row.proposal.dedup_key for row in first if isinstance(row, Row)]
    assert keys == [row.proposal.dedup_key for row in second if isinstance(row, Row)]
    assert len(set(keys)) == 2


def test_any_type_reads_rows_of_the_general_form() -> None:
    row = {
        "payload": {"to": "ada@example.org"},
        "reasoning": "because",
        "evidence": [{"title": "t", "text": "x"}],
        "key": "k-1",
    }
    (found,) = read(json.dumps(row).encode(), "mail.reply")
    assert isinstance(found, Row)
    assert (found.proposal.type, found.proposal.dedup_key) == ("mail.reply", "k-1")
    assert found.proposal.evidence[0].text == "x"
