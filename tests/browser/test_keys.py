"""Working through the queue with the keyboard, in a real browser against a real server."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from playwright.sync_api import expect

from reviews.models import Item
from reviews.states import Status
from tests import build
from tests.browser import chrome
from tests.browser.conftest import Shop, decided

pytestmark = [pytest.mark.browser, pytest.mark.skipif(not chrome.path(), reason=chrome.INSTALL)]
SignIn = Callable[..., Any]


def ref(item: Item) -> str:
    return f"ACT-{item.ref}"


def row(page: Any, item: Item) -> Any:
    return page.locator(f"#row-{ref(item)}")


def until(page: Any, wanted: Callable[[], Any], seconds: float = 5) -> Any:
    """Polls the database while the browser goes on."""
    for _ in range(int(seconds * 20)):
        if found := wanted():
            return found
        page.wait_for_timeout(50)
    return wanted()


def in_order(page: Any, items: list[Item]) -> list[Item]:
    by_ref = {ref(item): item for item in items}
    return [by_ref[r] for r in page.eval_on_selector_all("tr.item", "rows => rows.map(r => r.dataset.ref)")]


def pause(page: Any, seconds: float) -> None:
    page.wait_for_timeout(seconds * 1000)


def test_first_row_has_the_focus_and_the_list_is_one_tab_stop(shop: Shop, sign_in: SignIn) -> None:
    word, _ = shop.items(3)
    page = sign_in("ada")
    page.goto(f"/queue/?q={word}")
    expect(page.locator("tr.item").first).to_be_focused()
    assert page.locator('tr.item[tabindex="0"]').count() == 1
    assert page.locator("tr.item :is(a, input, button):not([tabindex='-1'])").count() == 0
    assert page.complaints == []


def test_one_key_approves_and_the_next_row_has_the_focus(shop: Shop, sign_in: SignIn) -> None:
    word, made = shop.items(4)
    page = sign_in("ada")
    page.goto(f"/queue/?q={word}")
    items = in_order(page, made)
    pause(page, 0.5)
    for item, following in pairwise(items):
        expect(row(page, item)).to_be_focused()
        page.keyboard.press("a")
        expect(row(page, following)).to_be_focused()
        pause(page, 0.5)
    votes = decided(made)
    assert [v.action_id for v in votes] == [item.action_id for item in items[:3]]
    assert {(v.verdict, v.via) for v in votes} == {("approve", "single")}
    assert page.complaints == []


def test_held_key_decides_once(shop: Shop, sign_in: SignIn) -> None:
    word, made = shop.items(4)
    page = sign_in("ada")
    page.goto(f"/queue/?q={word}")
    pause(page, 0.6)
    for _ in range(20):
        page.keyboard.down("a")  # every one but the first says that it is a repetition
        pause(page, 0.08)
    page.keyboard.up("a")
    pause(page, 0.5)
    assert len(decided(made)) == 1


def test_hammering_decides_one_at_most_and_says_to_look_first(shop: Shop, sign_in: SignIn) -> None:
    word, made = shop.items(8, "call.place")
    page = sign_in("ada")
    page.goto(f"/queue/?q={word}")
    expect(page.locator("#preview #detail")).to_be_visible()
    for _ in range(8):
        page.keyboard.press("a")
        pause(page, 0.06)
    expect(page.locator("#toasts")).to_contain_text("Look first")
    assert len(decided(made)) <= 1


def test_high_risk_asks_for_a_reason_and_for_a_look(shop: Shop, sign_in: SignIn) -> None:
    word, made = shop.items(2, "files.delete")
    page = sign_in("ada")
    page.goto(f"/queue/?q={word}")
    first, second = in_order(page, made)
    expect(page.locator(f'#preview [data-ref="{ref(first)}"]')).to_be_visible()
    page.keyboard.press("a")
    expect(page.locator("#dialog[open]")).to_be_visible()
    page.keyboard.press("Control+Enter")
    alert = page.locator("#dialog [role=alert]")
    expect(alert).to_be_visible()
    assert decided(made) == []
    page.keyboard.press("Escape")
    expect(row(page, first)).to_be_focused()
    pause(page, 8)
    page.keyboard.press("a")
    expect(page.locator("#dialog input[name=reason_code]").first).to_be_focused()
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    expect(row(page, second)).to_be_focused()
    (vote,) = decided(made)
    assert (vote.verdict, vote.reason_code) == ("approve", "checked")
    assert vote.dwell_ms is not None
    assert vote.dwell_ms >= 8_000


def test_three_keys_reject_with_a_reason(shop: Shop, sign_in: SignIn) -> None:
    word, made = shop.items(2, "call.place")
    page = sign_in("ada")
    page.goto(f"/queue/?q={word}")
    first, second = in_order(page, made)
    expect(page.locator(f'#preview [data-ref="{ref(first)}"]')).to_be_visible()
    pause(page, 2.1)
    page.keyboard.press("r")
    expect(page.locator("#dialog input[name=reason_code]").first).to_be_focused()
    page.keyboard.press("2")
    page.keyboard.press("Enter")
    expect(row(page, second)).to_be_focused()
    (vote,) = decided(made)
    assert (vote.verdict, vote.reason_code, vote.reviewer) == ("reject", "against_policy", shop.house.ada)


def test_z_brings_the_row_back_to_its_place(shop: Shop, sign_in: SignIn) -> None:
    word, made = shop.items(3)
    page = sign_in("ada")
    page.goto(f"/queue/?q={word}")
    items = in_order(page, made)
    pause(page, 0.5)
    page.keyboard.press("j")
    page.keyboard.press("a")
    expect(row(page, items[1])).to_have_count(0)
    expect(page.locator("#toasts")).to_contain_text("Undo")
    page.keyboard.press("z")
    expect(row(page, items[1])).to_be_focused()
    assert in_order(page, made) == items
    assert decided(made) == []
    build.state_of(items[1].action_id, Status.PENDING)


def test_typing_in_the_search_decides_nothing(shop: Shop, sign_in: SignIn) -> None:
    word, made = shop.items(2)
    page = sign_in("ada")
    page.goto(f"/queue/?q={word}")
    page.keyboard.press("/")
    page.keyboard.type(" arex")
    pause(page, 0.3)
    assert decided(made) == []
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("arex"))
    assert "Nothing matches" in page.inner_text("main")
    page.go_back()
    expect(page.locator("tr.item")).to_have_count(2)


def test_two_press_at_once_and_the_loser_is_told_who_won(shop: Shop, sign_in: SignIn) -> None:
    word, made = shop.items(1)
    ada, grace = sign_in("ada"), sign_in("grace")
    for page in (ada, grace):
        page.goto(f"/queue/?q={word}")
        page.evaluate("document.getElementById('live').remove()")
    pause(ada, 0.6)
    ada.keyboard.press("a")
    expect(row(ada, made[0])).to_have_count(0)
    grace.keyboard.press("a")
    expect(grace.locator("#toasts [role=alert]")).to_contain_text("already approved by Ada")
    assert len(decided(made)) == 1


def test_what_another_decides_is_struck_out_and_the_focus_stays(shop: Shop, sign_in: SignIn) -> None:
    word, made = shop.items(3)
    page = sign_in("ada")
    page.goto(f"/queue/?q={word}")
    items = in_order(page, made)
    pause(page, 2)
    page.keyboard.press("j")
    build.decide(shop.house, items[2], name="grace")
    expect(row(page, items[2])).to_have_class(re.compile("struck"), timeout=10_000)
    expect(row(page, items[2])).to_contain_text("approved by grace")
    expect(row(page, items[1])).to_be_focused()


def test_new_rows_wait_behind_a_pill_and_nothing_moves(shop: Shop, sign_in: SignIn) -> None:
    word, made = shop.items(3)
    page = sign_in("ada")
    page.goto(f"/queue/?q={word}")
    items = in_order(page, made)
    pause(page, 1)
    shop.add(word, "late")
    expect(page.locator("#pill")).to_contain_text("1 new", timeout=10_000)
    assert in_order(page, made) == items
    expect(row(page, items[0])).to_be_focused()
    page.click("#pill")
    expect(page.locator("tr.item")).to_have_count(4)


def test_batch_by_keys_tells_each_item_its_result(shop: Shop, sign_in: SignIn) -> None:
    word, made = shop.items(3)
    page = sign_in("ada")
    page.goto(f"/queue/?q={word}")
    page.keyboard.press("*")
    page.keyboard.press("a")
    expect(page.locator("#selected-count")).to_have_text("3 selected")
    page.keyboard.press("Shift+A")
    expect(page.locator("#dialog[open]")).to_contain_text("Approve these 3")
    pause(page, 3.2)
    page.keyboard.press("Enter")
    result = page.locator("#dialog #batch-result")
    expect(result).to_contain_text("3 of 3 approved")
    votes = decided(made)
    assert len({v.batch for v in votes}) == 1
    assert len(votes) == 3
    page.keyboard.press("Escape")
    expect(page.locator("tr.item")).to_have_count(0)


def test_edit_shows_the_difference_while_typing_and_approves_with_it(shop: Shop, sign_in: SignIn) -> None:
    word, made = shop.items(1, "mail.send")
    page = sign_in("ada")
    page.goto(f"/queue/?q={word}")
    expect(page.locator("#preview #detail")).to_be_visible()
    pause(page, 0.6)
    page.keyboard.press("e")
    expect(page.locator("#dialog[open]")).to_be_visible()
    page.fill('#dialog [name="f-body"]', "It is on its way since Monday.")
    expect(page.locator("#difference ins")).to_have_text("It is on its way since Monday.")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#toasts")).to_contain_text("as revision 2 and approved it")
    action = build.state_of(made[0].action_id, Status.APPROVED)
    assert action.revision == 2


def test_question_to_the_agent_takes_the_row_away(shop: Shop, sign_in: SignIn) -> None:
    word, made = shop.items(2)
    page = sign_in("ada")
    page.goto(f"/queue/?q={word}")
    first, second = in_order(page, made)
    expect(page.locator("#preview #detail")).to_be_visible()
    page.keyboard.press("q")
    expect(page.locator("#dialog textarea[name=text]")).to_be_focused()
    page.keyboard.type("Which order is this about? rare")
    page.keyboard.press("Control+Enter")
    expect(row(page, second)).to_be_focused()
    assert until(page, lambda: Item.objects.get(id=first.id).question_open)
    build.state_of(first.action_id, Status.PENDING)


def test_overlay_lists_exactly_the_keys_that_are_bound(shop: Shop, sign_in: SignIn) -> None:
    word, made = shop.items(1)
    page = sign_in("ada")
    for url in (f"/queue/?q={word}", f"/a/{ref(made[0])}/"):
        page.goto(url)
        page.keyboard.press("?")
        expect(page.locator("#dialog[open] h2")).to_have_text("Keys on this page")
        listed = page.eval_on_selector_all("#dialog .help-list dd", "all => all.map(e => e.textContent)")
        bound = page.evaluate("import('/static/js/keymap.js').then(({ bound }) => bound.map((each) => each.label))")
        assert listed == bound
        page.keyboard.press("Escape")


def test_character_keys_can_be_switched_off(shop: Shop, sign_in: SignIn) -> None:
    word, made = shop.items(2)
    page = sign_in("noor")
    page.goto(f"/queue/?q={word}")
    page.click("summary:has-text('Noor')")
    page.uncheck("[name=character_keys]")
    page.click(".menu-body button:has-text('Save')")
    page.wait_for_url(re.compile(word))
    items = in_order(page, made)
    pause(page, 0.6)
    page.keyboard.press("r")
    pause(page, 0.4)
    assert page.locator("#dialog[open]").count() == 0
    page.keyboard.press("ArrowDown")
    expect(row(page, items[1])).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/a/{ref(items[1])}/**")


def test_next_item_follows_a_decision_on_an_items_own_page(shop: Shop, sign_in: SignIn) -> None:
    word, made = shop.items(2)
    page = sign_in("ada")
    page.goto(f"/queue/?q={word}")
    first, second = in_order(page, made)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/a/{ref(first)}/**")
    pause(page, 0.6)
    page.keyboard.press("a")
    page.wait_for_url(f"**/a/{ref(second)}/**")
    expect(page.locator("main")).to_contain_text(f"Approved {ref(first)}")
    page.keyboard.press("z")
    expect(page.locator("main")).to_contain_text("waits again")
    build.state_of(first.action_id, Status.PENDING)


def test_bar_drag_and_arrows_of_the_histogram_filter(shop: Shop, sign_in: SignIn) -> None:
    shop.items(2)
    page = sign_in("ada")
    page.goto("/queue/")
    page.keyboard.press("f")
    bar = page.locator('.bar-link[data-low="0.80"]')
    bar.click()
    page.wait_for_url(re.compile(r"conf:0\.80\.\.0\.85"))
    expect(page.locator("tr.item").first).to_be_visible()
    page.goto("/queue/")
    low, high = page.locator('.bar-link[data-low="0.70"] .hit'), page.locator('.bar-link[data-low="0.85"] .hit')
    low.hover()
    page.mouse.down()
    high.hover()
    page.mouse.up()
    page.wait_for_url(re.compile(r"conf:0\.70\.\.0\.90"))
    page.goto("/queue/")
    page.locator(".bar-link").first.focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator('.bar-link[data-low="0.05"]')).to_be_focused()


def test_server_that_is_gone_is_said_and_tried_again(shop: Shop, sign_in: SignIn) -> None:
    word, made = shop.items(2)
    page = sign_in("ada")
    page.goto(f"/queue/?q={word}")
    pause(page, 0.6)
    shop.site.stop()
    try:
        page.keyboard.press("a")
        expect(page.locator("#toasts [role=alert]")).to_contain_text("Not saved")
        expect(page.locator("tr.item")).to_have_count(2)
        assert decided(made) == []
    finally:
        shop.site.start()
    page.click("#toasts [data-command=retry]")
    expect(page.locator("tr.item")).to_have_count(1)
    assert len(decided(made)) == 1


def test_expired_session_leads_to_sign_in_and_keeps_the_words(shop: Shop, sign_in: SignIn) -> None:
    word, made = shop.items(1, "call.place")
    page = sign_in("ada")
    page.goto(f"/queue/?q={word}")
    expect(page.locator("#preview #detail")).to_be_visible()
    pause(page, 2.1)
    page.keyboard.press("r")
    page.fill("#dialog [name=rationale]", "the invoice was paid last week")
    page.context.clear_cookies()
    page.keyboard.press("Control+Enter")
    page.wait_for_url("**/sign-in/**")
    page.fill("#id_username", "ada")
    page.fill("#id_password", "secret")
    page.click("button[type=submit]")
    page.wait_for_url(re.compile(word))
    expect(page.locator("#preview #detail")).to_be_visible()
    page.keyboard.press("r")
    expect(page.locator("#dialog [name=rationale]")).to_have_value("the invoice was paid last week")
    assert decided(made) == []
