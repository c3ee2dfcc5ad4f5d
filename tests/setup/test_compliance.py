"""Every page, report and field that docs/compliance.md names is there, and it promises nothing."""

from __future__ import annotations

import re

import pytest
from django.urls import Resolver404, resolve

from audit import events
from audit.registry import reports
from audit.reports import trail
from config.state import ROOT

TEXT = (ROOT / "docs" / "compliance.md").read_text(encoding="utf-8")
QUOTED = re.findall(r"`([^`\n]+)`", TEXT)


def test_pages_exist() -> None:
    pages = [word for word in QUOTED if re.fullmatch(r"/[a-z/]*", word)]
    assert len(pages) >= 8
    for page in pages:
        try:
            resolve(page)
        except Resolver404:
            pytest.fail(f"there is no page {page}")


def test_every_report_is_named_and_every_name_is_a_report() -> None:
    ids = {report.id for report in reports()}
    assert set(re.findall(r"\bR\d+\b", TEXT)) == ids
    told = TEXT.partition("## The reports")[2].partition("## ")[0]
    assert re.findall(r"^\| (R\d+) \|", told, re.MULTILINE) == [f"R{n}" for n in range(1, 15)]


def test_fields_are_fields_of_their_events() -> None:
    named = [re.fullmatch(r"([a-z]+\.[a-z_]+)\.([a-z_]+)", word) for word in QUOTED]
    found = [match.groups() for match in named if match]
    assert len(found) >= 30
    for event, field in found:
        model = events.MODELS[events.EventName(event)]
        assert field in model.model_fields, f"{event} has no {field}"


def test_the_drafts_fields_are_those_that_r14_writes() -> None:
    told = TEXT.partition("## R14")[2]
    assert re.findall(r"^\| `([a-z_]+)` \|", told, re.MULTILINE) == [column.name for column in trail.COLUMNS]


def test_it_claims_no_compliance() -> None:
    words = TEXT.lower()
    assert "not legal advice" in words
    assert "check the official journal" in words
    for claim in ("compliant", "certified", "guarantee", "ensures compliance", "tamper-proof", "immutable"):
        assert claim not in words, claim
    for article in ("12(1)", "14(4)", "14(5)", "19(1)", "26(2)", "26(5)", "26(6)", "72", "73", "86"):
        assert article in TEXT
