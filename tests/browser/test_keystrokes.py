"""What work costs in keys, from an item that is seen to the next that has the focus.

T1, T2, T3 and T8 are counted where their checks are: 2, 6, 5 and 19.
"""

from __future__ import annotations

import re

from playwright.sync_api import expect

from reviews.models import Item
from reviews.states import Status
from tests import build
from tests.browser.conftest import CHECKS, Shop, decided
from tests.browser.hands import Keys, SignIn, opened, pause, row, until

pytestmark = CHECKS


def test_t4_two_keys_and_the_typing_edit_and_approve(shop: Shop, sign_in: SignIn) -> None:
    word, made = shop.items(1)
    page = sign_in("grace")
    page.goto(f"/queue/?q={word}")
    opened(page, made[0])
    pause(page, 0.6)
    keys = Keys(page)
    keys.press("e")
    expect(page.locator("#dialog[open]")).to_be_visible()
    page.fill('#dialog [name="f-body"]', "It is on its way since Monday.")
    expect(page.locator("#difference ins")).to_have_text("It is on its way since Monday.")
    keys.press("Control+Enter")
    expect(page.locator("#toasts")).to_contain_text("as revision 2 and approved it")
    assert build.state_of(made[0].action_id, Status.APPROVED).revision == 2
    assert keys.pressed == 2


def test_t5_four_keys_approve_ten_that_are_alike_and_t6_one_takes_them_back(shop: Shop, sign_in: SignIn) -> None:
    word, made = shop.items(10)
    shop.items(2, "call.place", said=word)
    page = sign_in("grace")
    page.goto(f"/queue/?q={word}")
    expect(page.locator("tr.item")).to_have_count(12)
    row(page, made[0]).focus()
    keys = Keys(page)
    keys.press("*", "s", "Shift+A")
    expect(page.locator("#dialog[open]")).to_contain_text("Approve these 10")
    pause(page, 5.2)
    keys.press("Enter")
    expect(page.locator("#toasts")).to_contain_text("10 approved")
    expect(page.locator("tr.item:focus")).to_have_count(1)
    votes = decided(made)
    assert (len(votes), len({vote.batch for vote in votes})) == (10, 1)
    assert keys.pressed == 4
    keys.press("z")
    expect(page.locator("tr.item")).to_have_count(12)
    assert decided(made) == []
    assert keys.pressed == 5


def test_t7_one_key_claims_and_the_same_releases(shop: Shop, sign_in: SignIn) -> None:
    word, (item,) = shop.items(1, "call.place")
    page = sign_in("grace")
    page.goto(f"/queue/?q={word}")
    opened(page, item)
    keys = Keys(page)
    keys.press("c")
    assert until(page, lambda: Item.objects.get(id=item.id).claimed_by == shop.house.grace)
    expect(page.locator('#detail [data-verb="claim"]')).to_contain_text("Release")
    keys.press("c")
    assert until(page, lambda: Item.objects.get(id=item.id).claimed_by is None)
    assert keys.pressed == 2


def test_t9_two_keys_go_to_a_view(shop: Shop, sign_in: SignIn) -> None:
    page = sign_in("grace")
    page.goto("/queue/")
    keys = Keys(page)
    keys.press("g", "d")
    page.wait_for_url(re.compile("is:decided"))
    assert keys.pressed == 2
