"""An item that others change while somebody reads it: it says so, nothing moves, and what is typed stays."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from reviews import services
from reviews.models import Item
from tests import build
from tests.browser.conftest import CHECKS, Shop
from tests.browser.hands import SignIn, opened, ref
from tests.logins import as_role

pytestmark = CHECKS


def edited(shop: Shop, item: Item, subject: str) -> None:
    seen, changed = build.seen(item), {**build.PAYLOADS["mail.send"], "subject": subject}
    with as_role("web"):
        services.edit(item=item.id, seen=seen, payload=changed, reason_code="corrected", by=shop.house.by("grace"))
    build.route()


def places(page: Any) -> Any:
    """Where what is read and pressed stands."""
    kept = "tr.item, #detail h1, #detail section, #comment-text, .decision-bar .button:not(#changed)"
    return page.eval_on_selector_all(kept, "all => all.map(e => JSON.stringify(e.getBoundingClientRect()))")


@pytest.mark.parametrize("where", ["page", "pane"])
def test_it_says_who_changed_it_and_the_dot_reads_it_again(shop: Shop, sign_in: SignIn, where: str) -> None:
    word, (item,) = shop.items(1)
    page = sign_in("ada")
    page.goto(f"/a/{ref(item)}/" if where == "page" else f"/queue/?q={word}")
    if where == "pane":
        opened(page, item)
    page.click("text=Comment for other reviewers")
    page.fill("#comment-text", "wait, I am asking the")
    before = places(page)
    edited(shop, item, f"{word} as it should be")
    expect(page.locator("#changed")).to_have_text("changed by Grace: reload (.)", timeout=10_000)
    assert places(page) == before
    expect(page.locator("#comment-text")).to_be_focused()
    page.keyboard.press("Escape")
    page.keyboard.press(".")
    expect(page.locator("#detail h1")).to_contain_text("as it should be")
    expect(page.locator("#comment-text")).to_have_value("wait, I am asking the")
    expect(page.locator("#changed")).to_have_count(0)
    if where == "pane":
        expect(page.locator("tr.item")).to_contain_text("as it should be")
        expect(page.locator("tr.item")).to_have_attribute("aria-selected", "false")
    assert page.complaints == []
