"""Plain rules propose one thing for each message, give their reason, and earn their confidence."""

from __future__ import annotations

import dataclasses

import pytest

from agents.mailboxes import Mail
from agents.rules import Track, suggest

PLAIN = Mail(
    id="0" * 32, sender="Ada <ada@example.org>", address="ada@example.org", reply_to="ada@example.org",
    to="desk@example.org", subject="Hello", date="", message_id="<1@example.org>", text="I like it here.", bulk=False,
)  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "rule", "type_"),
    [
        ({}, "receipt", "mail.reply"),
        ({"text": "Hi,\nwhere is my order?\n"}, "question", "mail.reply"),
        ({"subject": "Invoice 7 for May"}, "bill", "mail.forward"),
        (
            {"address": "no-reply@example.org", "subject": "Invoice 7"},
            "automatic",
            "mail.archive",
        ),
        ({"bulk": True, "text": "Buy now?"}, "newsletter", "mail.archive"),
        ({"address": ""}, "automatic", "mail.archive"),
    ],
)
def test_the_first_rule_that_fits_proposes(changes: dict[str, object], rule: str, type_: str) -> None:
    found = suggest(dataclasses.replace(PLAIN, **changes), accounts="accounts@example.org")  # type: ignore[arg-type]
    assert (found.rule, found.type) == (rule, type_)
    assert found.reason.endswith(".")


def test_the_reason_quotes_the_line_that_asks() -> None:
    found = suggest(
        dataclasses.replace(PLAIN, text="Hi,\nwhere is my order?\nBye"),
        accounts="a@example.org",
    )
    assert found.reason == "It asks for something: “where is my order?”."


@pytest.mark.parametrize(
    ("approved", "decided", "confidence"),
    [(0, 0, 0.5), (8, 8, 0.9), (0, 8, 0.1), (3, 4, 4 / 6)],
)
def test_a_rules_confidence_is_its_record_with_the_reviewers(approved: int, decided: int, confidence: float) -> None:
    assert Track(approved, decided).confidence == pytest.approx(confidence)
