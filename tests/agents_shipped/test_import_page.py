"""The import page: a lead brings a file in, says which tools act, and nobody else can."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile

from agents import uploads
from agents.models import Run
from reviews.models import ActionType
from tests.agents_shipped.chats import call, chat, lines
from tests.agents_shipped.office import Office
from tests.web.pages import Browser, Page

FILE = lines(
    chat("c-1", call("cancel_order", {"order_id": "A1"}, id="a"), call("get_order", {"order_id": "A1"}, id="b")),
    "{broken",
    chat("c-2"),
)


def bring(browser: Browser, data: bytes = FILE, name: str = "shop_transcripts.jsonl") -> Page:
    """Uploads a file and follows to the page that asks about its tools."""
    sent = browser.post("/import/", {"file": SimpleUploadedFile(name, data)})
    return browser.get(sent.location) if sent.status == 302 else sent


def token_of(page: Page) -> str:
    found = re.search(r"/import/([0-9a-f]{64})/start/", page.text)
    assert found, page.plain
    return found.group(1)


def answers(*, tools: int, acting: tuple[int, ...], **more: str) -> dict[str, str]:
    rows = {
        f"{name}-{n}": word
        for n in range(tools)
        for name, word in (("risk", "medium"), ("reversibility", "compensable"), ("effect_mode", "once"))
    }
    return rows | {f"acts-{n}": "1" for n in acting} | more


@pytest.fixture
def lead(office: Office) -> Browser:
    return Browser(office.house.lin)


def test_the_page_asks_which_tools_act_and_ticks_all_but_those_that_look(lead: Browser) -> None:
    page = bring(lead)
    assert page.status == 200
    ticked = dict(re.findall(r'aria-label="(\w+) acts on the world"( checked)?', page.text))
    assert ticked == {"cancel_order": " checked", "get_order": ""}
    assert "2 conversations" in page.plain.replace("  ", " ")


def test_what_is_malformed_is_named_with_its_line_and_the_rest_goes_on(lead: Browser) -> None:
    page = bring(lead)
    assert "shop_transcripts:2, line 2: is not JSON" in page.plain.replace(" ,", ",")
    lead.post(f"/import/{token_of(page)}/start/", answers(tools=2, acting=(0,)))
    assert set(Run.objects.values_list("title", flat=True)) == {"c-1", "c-2"}


def test_the_runs_start_with_what_was_chosen(lead: Browser) -> None:
    page = bring(lead)
    sent = lead.post(
        f"/import/{token_of(page)}/start/", answers(tools=2, acting=(0,), **{"within-0": "20", "risk-0": "high"})
    )
    assert sent.status == 302
    row = ActionType.objects.get(source="transcript")
    assert (row.name, row.risk, row.effect_mode, row.decide_within) == ("shop.cancel_order", "high", "once", 20)
    assert {run.args["types"]["cancel_order"] for run in Run.objects.all()} == {"shop.cancel_order"}
    shown = lead.get(sent.location)
    assert shown.status == 200
    assert "0 of 2" in shown.plain
    assert "line 2" in shown.plain


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"risk-0": "none"}, "risk: choose one of"),
        ({"within-0": "soon"}, "decide within"),
        ({"within-0": "1"}, "decide within"),
    ],
)
def test_a_wrong_answer_is_asked_again_and_nothing_starts(lead: Browser, wrong: dict[str, str], words: str) -> None:
    page = bring(lead)
    sent = lead.post(f"/import/{token_of(page)}/start/", answers(tools=2, acting=(0,), **wrong))
    assert sent.status == 422
    assert words in sent.plain
    assert (Run.objects.count(), ActionType.objects.filter(source="transcript").count()) == (0, 0)


@pytest.mark.parametrize("given", [{}, {"ready": "data/nothing.jsonl"}, {"ready": "../../etc/passwd"}])
def test_no_file_or_one_that_does_not_lie_ready_is_refused(lead: Browser, given: dict[str, str]) -> None:
    assert lead.post("/import/", given).status == 422


def test_the_shipped_sample_lies_ready(lead: Browser) -> None:
    page = lead.get("/import/")
    assert "shop_transcripts.jsonl shipped sample" in page.plain
    sent = lead.post("/import/", {"ready": "sample/shop_transcripts.jsonl"})
    assert "4 conversations" in lead.get(sent.location).plain.replace("  ", " ")


def test_a_file_without_a_conversation_says_so(lead: Browser) -> None:
    page = bring(lead, b"not json at all")
    assert page.status == 200
    assert "Nothing to replay" in page.plain


def test_markup_in_names_stays_text(lead: Browser) -> None:
    page = bring(lead, lines(chat("c-1", call("<script>alert(1)</script>", {}))), "<img src=x>.jsonl")
    assert "<script>alert" not in page.text
    assert "<img" not in page.text


def test_a_name_of_another_kind_of_type_is_refused(lead: Browser, office: Office) -> None:
    page = bring(lead, lines(chat("c-1", call("reply", {"text": "x"}))), "mail.jsonl")
    sent = lead.post(f"/import/{token_of(page)}/start/", answers(tools=1, acting=(0,)))
    assert sent.status == 422
    assert "mail.reply is the name of a type that is no transcript" in sent.plain
    assert Run.objects.count() == 0


@pytest.mark.parametrize("name", ["ada", "grace"])
def test_only_a_lead_brings_files_in(office: Office, name: str) -> None:
    browser = Browser(getattr(office.house, name))
    token = uploads.keep(FILE, name="x.jsonl").token
    assert browser.get("/import/").status == 403
    assert browser.post("/import/", {"ready": "sample/shop_transcripts.jsonl"}).status == 403
    assert browser.get(f"/import/{token}/").status == 403
    assert browser.post(f"/import/{token}/start/", answers(tools=1, acting=(0,))).status == 403
    assert Run.objects.count() == 0


def test_a_stranger_is_sent_to_sign_in_and_a_get_starts_nothing(office: Office, lead: Browser) -> None:
    assert Browser().get("/import/").location.startswith("/sign-in/")
    token = token_of(bring(lead))
    assert lead.get(f"/import/{token}/start/").status == 405
    assert lead.post(f"/import/{token}/start/", answers(tools=2, acting=(0,)), token=False).status == 403
    assert Run.objects.count() == 0


@pytest.mark.parametrize("token", ["0" * 64, "..", "x" * 10])
def test_an_unknown_file_is_not_there(lead: Browser, token: str) -> None:
    assert lead.get(f"/import/{token}/").status in {301, 404}


def test_an_upload_is_kept_under_its_hash_with_a_name_of_our_own(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "STATE_DIR", tmp_path)
    kept = uploads.keep(b"{}", name="../../etc/pass\u202ewd\x00.sh")
    assert kept.name == "pass-wd-.sh.jsonl"
    assert uploads.kept(kept.token) == kept
    assert {path.parent for path in tmp_path.rglob("*.data")} == {tmp_path / "uploads"}
    assert json.loads((tmp_path / "uploads" / f"{kept.token}.name.json").read_text()) == kept.name
