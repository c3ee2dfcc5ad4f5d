"""The item's page by keyboard: views of the payload, precedents in the pane and in the reason, what is read."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from reviews import services
from reviews.models import Follow, Item, PrecedentSearch
from tests import build
from tests.browser.conftest import CHECKS, Shop
from tests.browser.eyes import violations
from tests.browser.hands import SignIn, opened, ref, until
from tests.logins import as_role

pytestmark = [*CHECKS, pytest.mark.slow]


def found_for(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> tuple[str, Item]:
    """A word and a letter that holds it, like two that were released, once the keeper has looked for precedents."""
    build.timings(monkeypatch, undo_low=0.01, dwell_low=0.01)
    word, past = shop.items(2)
    for one in past:
        build.decide(shop.house, one, name="grace")
        build.wait_for_release(one.action_id)
    _, (item,) = shop.items(1, said=word)
    while not PrecedentSearch.objects.filter(action=item.action_id).exists():
        with as_role("router"):
            assert services.tend_precedents(seconds=20), "nothing left to do, and still not found"
    return word, item


def test_precedents_are_opened_and_cited_and_views_cycled_by_keys(
    shop: Shop, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    word, item = found_for(shop, monkeypatch)
    with as_role("web"):
        services.comment(item=item.id, text="@ada look", by=shop.house.by("grace"))
    page = sign_in("ada")
    page.goto(f"/queue/?q={word}")
    opened(page, item)
    seen = []
    for _ in range(3):
        page.keyboard.press("v")
        seen.append(page.locator("[data-payload-view]:checked").get_attribute("value"))
    assert seen == ["changes", "raw", "form"]
    first = page.locator("#preview [data-precedent]").first
    page.keyboard.press("h")
    expect(first).to_be_focused()
    cited = first.get_attribute("data-cite")
    page.keyboard.press("Shift+H")
    expect(page.locator("#dialog textarea[name=rationale]")).to_have_value(cited)
    assert violations(page) == []
    page.keyboard.press("Escape")
    # Whoever follows has read it after a second of looking.
    until(page, lambda: Follow.objects.get(action=item.action_id, user=shop.house.ada).seen_message == 1)
    page.keyboard.press("h")
    page.keyboard.press("Enter")
    expect(page.locator(f'#preview #detail[data-ref="{cited.removeprefix("as ")}"]')).to_be_visible()
    assert page.complaints == []


def test_a_narrow_page_and_paper_hold_everything_without_scrolling_sideways(
    shop: Shop, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, item = found_for(shop, monkeypatch)
    page = sign_in("ada", viewport={"width": 320, "height": 700})
    for address in (f"/a/{ref(item)}/?view=changes", f"/a/{ref(item)}/?view=raw", f"/a/{ref(item)}/print/"):
        page.goto(address)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), address
        assert violations(page) == [], address
