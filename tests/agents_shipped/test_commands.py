"""propose parks a file's rows, dry_run shows what policy would do and changes nothing."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from reviews.models import Action, ActionType, Item, Principal, Revision
from reviews.services.levels import set_level
from reviews.states import Level
from tests import build
from tests.agents_shipped.chats import call, chat, lines
from tests.agents_shipped.office import Office
from tests.logins import as_role

ROWS = (
    {"text": "Where is my card?", "proposed_intent": "card_arrival", "confidence": 0.91, "true_intent": "lost_card"},
    '{"text": "broken',
    {"text": "Too sure", "proposed_intent": "card_arrival", "confidence": 1.01},
    {"text": "Bad intent", "proposed_intent": "../card arrival", "confidence": 0.5},
    {"text": "Which fee?", "proposed_intent": "fee"},
)


def run(command: str, *args: Any, role: str = "web", **options: Any) -> tuple[str, str]:
    out, err = StringIO(), StringIO()
    with as_role(role):
        call_command(command, *args, stdout=out, stderr=err, **options)
    return out.getvalue(), err.getvalue()


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    path = tmp_path / "questions.jsonl"
    path.write_bytes(lines(*ROWS))
    return path


def test_good_rows_are_parked_and_bad_ones_named_with_their_line(office: Office, questions: Path) -> None:
    out, err = run("propose", questions, type="route.question")
    assert "2 parked, 0 known, 3 refused" in out
    refused = [line.split("):")[0] for line in err.splitlines()]
    assert refused == ["refused: row 2 (line 2", "refused: Too sure (line 3", "refused: Bad intent (line 4"]
    assert list(Action.objects.order_by("id").values_list("confidence", flat=True)) == [0.91, None]
    assert build.route() == 2
    assert set(Item.objects.values_list("queue", "confidence")) == {("support", 0.91), ("support", None)}


def test_the_same_file_parks_nothing_twice(office: Office, questions: Path) -> None:
    run("propose", questions, type="route.question")
    out, _ = run("propose", questions, type="route.question")
    assert "0 parked, 2 known, 3 refused" in out
    assert Action.objects.count() == 2


def test_receipts_of_what_was_parked_are_written_and_printed(office: Office, questions: Path, tmp_path: Path) -> None:
    run("propose", questions, type="route.question", receipts=tmp_path / "receipts")
    kept = (tmp_path / "receipts").read_text()
    proposals = Revision.objects.order_by("created_at").values_list("event_id", flat=True)
    assert re.findall(r"^assentry-receipt/v1\n.*\n(.*)$", kept, re.MULTILINE) == [str(event) for event in proposals]
    assert kept.count("\n\n") == 2
    out, _ = run("propose", questions, type="route.question", receipts=Path("-"))
    assert "assentry-receipt" not in out  # nothing new was parked


def test_a_limit_is_kept(office: Office, questions: Path) -> None:
    run("propose", questions, type="route.question", limit=1)
    assert Action.objects.count() == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [({"type": "no.type"}, "no action type"), ({"type": "route.question", "principal": "nobody"}, "nobody called")],
)
def test_an_unknown_type_or_proposer_is_said(
    office: Office, questions: Path, options: dict[str, str], words: str
) -> None:
    with pytest.raises(CommandError, match=words):
        run("propose", questions, **options)
    assert Action.objects.count() == 0


def test_a_missing_file_is_said(office: Office, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot be read"):
        run("propose", tmp_path / "nothing", type="route.question")


@pytest.fixture
def transcripts(tmp_path: Path) -> Path:
    path = tmp_path / "shop_transcripts.jsonl"
    talk = chat(
        "c-1", call("delete_account", {"id": "7"}, id="a"), call("get_order", {}, id="b"), agreement={"2/a": 0.2}
    )
    path.write_bytes(lines(talk, chat("c-2"), "{broken"))
    return path


def test_a_dry_run_of_transcripts_counts_outcomes_by_type_and_changes_nothing(
    office: Office, transcripts: Path
) -> None:
    before = build.picture(), ActionType.objects.count()
    out, _ = run("dry_run", transcripts, role="auditor")
    assert (build.picture(), ActionType.objects.count()) == before
    assert "shop.delete_account *" in out
    assert "shop.cancel_order *" in out
    assert "shop.get_order" not in out
    assert "1 refused" in out
    assert "line 3" in out


def test_a_dry_run_tells_floors_and_examples(office: Office, transcripts: Path) -> None:
    out, _ = run("dry_run", transcripts, role="auditor", json=True)
    told = json.loads(out)
    deleting = told["types"]["shop.delete_account"]
    assert deleting["outcomes"] == {"escalate": 1}
    assert "confidence" in deleting["floors"]
    assert deleting["examples"]["escalate"][0].startswith("c-1/2/a: Delete account 7")
    assert told["types"]["shop.cancel_order"]["outcomes"] == {"review": 1}


def test_a_dry_run_of_proposals_judges_each_row(office: Office, questions: Path) -> None:
    out, _ = run("dry_run", questions, role="auditor", type="route.question", json=True)
    told = json.loads(out)
    assert told["types"]["route.question"]["outcomes"] == {"review": 2}
    assert [(r["name"], r["line"]) for r in told["refused"]] == [("row 2", 2), ("Too sure", 3), ("Bad intent", 4)]
    assert Action.objects.count() == 0


def test_a_dry_run_shows_what_a_level_would_let_through(office: Office, questions: Path) -> None:
    with as_role("web"):
        set_level(
            principal=Principal.objects.get(name="intent-classifier"),
            action_type=ActionType.objects.get(name="route.question"),
            level=Level.L4,
            threshold=900,
            expires=timezone.now() + timedelta(days=1),
            reason="to see what it would do",
            by=office.house.by("lin"),
        )
    told = json.loads(run("dry_run", questions, role="auditor", type="route.question", json=True)[0])
    assert told["types"]["route.question"]["outcomes"] == {"auto_execute": 1, "review": 1}
