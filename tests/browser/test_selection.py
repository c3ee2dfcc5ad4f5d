"""What is selected stays selected behind another filter and after a reload, until it is acted on or one signs out."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import expect

from reviews.models import Tag
from tests import build
from tests.browser.conftest import CHECKS, Shop
from tests.browser.hands import SignIn, ref, row

pytestmark = CHECKS
KEPT = "Object.keys(sessionStorage).filter((key) => key.startsWith('desk:picked'))"


def counted(page: Any, words: str) -> None:
    expect(page.locator("#selected-count")).to_have_text(words)


def test_a_selection_outlasts_a_filter_and_a_reload_and_its_hidden_part_goes_along(shop: Shop, sign_in: SignIn) -> None:
    word, made = shop.items(3)
    other, (away, dropped) = shop.items(2)
    page = sign_in("ada")
    page.goto(f"/queue/?q={other}")
    row(page, away).focus()
    page.keyboard.press("*")
    page.keyboard.press("a")
    counted(page, "2 selected")
    page.goto(f"/queue/?q={word}")
    counted(page, "2 selected (2 hidden by filter)")
    row(page, made[0]).focus()
    page.keyboard.press("x")
    page.reload()
    counted(page, "3 selected (2 hidden by filter)")
    expect(row(page, made[0])).to_have_attribute("aria-selected", "true")
    # What somebody else decides meanwhile is selected no longer, on the page or not.
    build.decide(shop.house, dropped, name="grace")
    counted(page, "2 selected (1 hidden by filter)")
    page.keyboard.press("Shift+A")
    expect(page.locator("#dialog[open] tbody tr")).to_have_count(2)
    expect(page.locator("#dialog")).to_contain_text(ref(away))
    page.keyboard.press("Escape")
    page.click("text=More for the selected")
    page.fill("#bulk-add", word)
    page.click("button[value=tag]")
    expect(page.locator("main")).to_contain_text("2 of 2 done")
    assert set(Tag.objects.filter(name=word).values_list("action", flat=True)) == {made[0].action_id, away.action_id}
    expect(page.locator("#batch-bar")).to_be_hidden()
    assert page.evaluate(KEPT) == []
    assert page.complaints == []


def test_hidden_ones_are_shown_or_dropped_with_one_click_and_signing_out_forgets_all(
    shop: Shop, sign_in: SignIn
) -> None:
    word, made = shop.items(2)
    other, (away,) = shop.items(1)
    page = sign_in("ada")
    page.goto(f"/queue/?q={other}")
    row(page, away).locator("label.pick").click()
    page.goto(f"/queue/?q={word}")
    row(page, made[1]).locator("label.pick").click()
    counted(page, "2 selected (1 hidden by filter)")
    page.click("text=Show all 2")
    expect(page.locator("tr.item[aria-selected=true]")).to_have_count(2)
    page.goto(f"/queue/?q={word}")
    page.click("text=Drop it")
    counted(page, "1 selected")
    expect(page.locator("tr.item:focus")).to_have_count(1)
    page.click("details.menu > summary")
    page.click("text=Sign out")
    page.wait_for_url(re.compile("sign-in"))
    assert page.evaluate(KEPT) == []
