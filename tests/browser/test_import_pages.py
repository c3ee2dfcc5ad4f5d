"""Import and outbox in a real browser: the whole way with a mouse, in both themes and on a narrow screen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agents import services
from agents.models import Run
from reviews.models import ActionType
from reviews.services import By
from tests.agents_shipped.chats import call, chat, lines
from tests.browser import chrome
from tests.browser.conftest import Shop
from tests.logins import as_role

pytestmark = [
    pytest.mark.slow,
    pytest.mark.browser,
    pytest.mark.skipif(not chrome.path(), reason=chrome.INSTALL),
]

FILE = lines(
    chat("c-1", call("delete_account", {"id": "7"}, id="a"), call("get_order", {}, id="b")), "{broken", chat("c-2")
)


@pytest.fixture(scope="module", autouse=True)
def _agents(shop: Shop) -> None:
    with as_role("web"):
        services.sync_registry(owner="noor")


def walk(page: Any, file: Path) -> list[str]:
    """From the choice of a file to the page that asks about its tools; the addresses on the way."""
    file.write_bytes(FILE)
    page.goto("/import/")
    page.set_input_files("#file", str(file))
    page.click("text=Read this file >> nth=0")
    page.wait_for_url("**/import/*/")
    return ["/import/", page.url, "/outbox/"]


def test_a_lead_brings_a_file_in_and_its_runs_start(sign_in: Callable[..., Any], tmp_path: Path) -> None:
    page = sign_in("lin")
    walk(page, tmp_path / "shop_transcripts.jsonl")
    assert page.is_checked("tr[data-tool=delete_account] input[type=checkbox]")
    assert not page.is_checked("tr[data-tool=get_order] input[type=checkbox]")
    page.click("#main summary")
    assert "line 2" in page.inner_text("#main details")
    page.fill("tr[data-tool=delete_account] input.input-short", "900")
    page.click("text=Replay 2 conversations")
    page.wait_for_url("**/progress/")
    assert "0 of 2" in page.inner_text("#import-runs")
    assert set(Run.objects.values_list("title", flat=True)) == {"c-1", "c-2"}
    assert ActionType.objects.get(name="shop.delete_account").decide_within == 900
    assert page.complaints == []


def test_the_progress_follows_the_runs_without_a_reload(sign_in: Callable[..., Any], tmp_path: Path) -> None:
    page = sign_in("lin")
    walk(page, tmp_path / "other_transcripts.jsonl")
    page.click("text=Replay 2 conversations")
    page.wait_for_url("**/progress/")
    with as_role("web"):
        run = Run.objects.filter(title="c-1", state="runnable").latest("created_at")
        services.cancel_run(run=run.id, by=By(run.started_by))  # type: ignore[arg-type]
    page.wait_for_selector("text=1 of 2", timeout=10_000)
    assert page.complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.slow
def test_axe_finds_nothing_on_these_pages(sign_in: Callable[..., Any], tmp_path: Path, scheme: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page = sign_in("lin", color_scheme=scheme)
    for path in walk(page, tmp_path / "shop_transcripts.jsonl"):
        page.goto(path)
        found = Axe().run(page).response["violations"]
        assert [(v["id"], v["nodes"][0]["html"][:120]) for v in found] == [], path


def test_none_of_these_pages_scrolls_sideways_on_a_narrow_screen(sign_in: Callable[..., Any], tmp_path: Path) -> None:
    page = sign_in("lin", viewport={"width": 320, "height": 700})
    for path in walk(page, tmp_path / "shop_transcripts.jsonl"):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 320, path
