"""What the 25 checks do not name: the palette, keys of one's own, settings, sequences, and the way back."""

from __future__ import annotations

import re
from typing import Any

from django.templatetags.static import static
from playwright.sync_api import expect

from reviews.keymap import ACTIONS
from reviews.models import Item
from reviews.states import Status
from tests import build
from tests.browser import scene
from tests.browser.conftest import CHECKS, Shop, decided
from tests.browser.hands import SignIn, in_order, opened, pause, ref, row

pytestmark = CHECKS


def test_the_palette_finds_actions_views_pages_and_items(shop: Shop, sign_in: SignIn) -> None:
    word, (item,) = shop.items(1, "call.place")
    page = sign_in("ada")
    page.goto(f"/queue/?q={word}")
    opened(page, item)
    field = page.locator("#palette-input")
    for words, found in (("defer", "Defer"), ("high risk", "High risk"), ("insights", "Insights")):
        page.keyboard.press("Control+k")
        expect(field).to_be_focused()
        page.keyboard.type(words)
        expect(page.locator("#palette-list [aria-selected=true]")).to_contain_text(found)
        page.keyboard.press("Escape")
        expect(row(page, item)).to_be_focused()
    page.keyboard.press("Control+k")
    page.keyboard.type("reject")
    page.keyboard.press("Enter")
    expect(page.locator("#dialog h2")).to_contain_text("Reject")
    page.keyboard.press("Escape")
    page.keyboard.press("Control+k")
    page.keyboard.type(str(item.ref))
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/a/{ref(item)}/")
    assert decided([item]) == []
    assert page.complaints == []


def test_without_a_script_the_palette_and_the_help_are_pages(shop: Shop, sign_in: SignIn) -> None:
    _, (item,) = shop.items(1)
    page = sign_in("ada", java_script_enabled=False)
    page.goto("/queue/")
    page.click(".ways a[href='/go/']")
    page.fill("#ref", "nonsense")
    page.click("button:has-text('Open it')")
    expect(page.locator("main")).to_contain_text("no number of an item")
    page.fill("#ref", ref(item).lower())
    page.click("button:has-text('Open it')")
    page.wait_for_url(f"**/a/{ref(item)}/")
    page.click("a[aria-label='Help and keys']")
    expect(page.locator("main")).to_contain_text("What you approve is the bytes")


def test_a_key_of_ones_own_replaces_the_usual_one(shop: Shop, sign_in: SignIn) -> None:
    word, made = shop.items(2)
    shop.prefer("grace", keys={"approve": "b"}, toast_seconds=0)
    page = sign_in("grace")
    page.goto(f"/queue/?q={word}")
    first, _ = in_order(page, made)
    pause(page, 0.5)
    page.keyboard.press("a")
    pause(page, 0.3)
    assert decided(made) == []
    page.keyboard.press("?")
    expect(page.locator('[data-action="approve"] kbd')).to_have_text("b")
    page.keyboard.press("Escape")
    page.keyboard.press("z")
    expect(page.locator("#toasts")).to_contain_text("Nothing to take back")
    page.keyboard.press("j")
    page.keyboard.press("k")
    page.keyboard.press("b")
    expect(row(page, first)).to_have_count(0)
    assert [vote.action_id for vote in decided(made)] == [first.action_id]
    shop.prefer("grace")


def test_every_key_that_may_be_changed_is_one_that_the_page_binds(shop: Shop, sign_in: SignIn) -> None:
    page = sign_in("ada")
    page.goto("/go/")
    table = page.evaluate("where => import(where).then(({ BINDINGS }) => BINDINGS)", static("js/bindings.js"))
    bound = {each["action"]: each["keys"] for each in reversed(table)}
    assert {key.action for key in ACTIONS} <= set(bound)
    assert {key.action: key.usual for key in ACTIONS if key.usual not in bound[key.action]} == {}
    characters = {a for a, keys in bound.items() if any(len(k) == 1 and not k.isdigit() for k in keys)}
    assert characters - {key.action for key in ACTIONS} <= {"close"}
    grouped = page.evaluate(
        "where => import(where).then(({ GROUPS }) => Object.values(GROUPS).flat())", static("js/bindings.js")
    )
    assert sorted(grouped) == sorted(bound)
    acting = page.evaluate(
        "where => import(where).then(({ ACTIONS }) => Object.keys(ACTIONS))", static("js/actions.js")
    )
    assert set(acting) == set(bound)


def test_a_sequence_is_given_up_after_a_second_and_letters_in_fields_are_letters(shop: Shop, sign_in: SignIn) -> None:
    word, made = shop.items(2)
    page = sign_in("ada")
    page.goto(f"/queue/?q={word}")
    page.keyboard.press("g")
    pause(page, 1.2)
    page.keyboard.press("m")
    pause(page, 0.3)
    assert word in page.url
    page.focus("#q")
    page.keyboard.type("gma*r")
    page.evaluate("document.activeElement.dispatchEvent(new KeyboardEvent('keydown', { key: 'a', isComposing: true }))")
    page.keyboard.press("Escape")
    for held in ("Control+Shift+a", "Alt+r", "Meta+e"):
        page.keyboard.press(held)
    pause(page, 0.3)
    assert page.locator("#dialog[open]").count() == 0
    assert decided(made) == []
    page.keyboard.press("g")
    page.keyboard.press("m")
    page.wait_for_url(re.compile("assignee:@me"))


def test_the_preview_goes_and_comes_and_a_verb_waits_for_it(shop: Shop, sign_in: SignIn) -> None:
    word, made = shop.items(2, "call.place")
    page = sign_in("ada")
    page.goto(f"/queue/?q={word}")
    first, second = in_order(page, made)
    opened(page, first)
    page.keyboard.press("p")
    expect(page.locator("#preview")).to_be_hidden()
    page.keyboard.press("p")
    expect(page.locator("#preview")).to_be_visible()
    page.keyboard.press("j")
    page.keyboard.press("r")  # before the second has been read
    expect(page.locator("#dialog h2")).to_contain_text(ref(second))


def test_a_digit_may_send_the_form_at_once(shop: Shop, sign_in: SignIn) -> None:
    word, made = shop.items(1, "call.place")
    shop.prefer("grace", digits_submit=True, density="compact", theme="dark")
    page = sign_in("grace")
    page.goto(f"/queue/?q={word}")
    expect(page.locator("html")).to_have_attribute("data-density", "compact")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    opened(page, made[0])
    pause(page, 2.1)
    page.keyboard.press("r")
    expect(page.locator("#dialog input[name=reason_code]").first).to_be_focused()
    page.keyboard.press("2")
    expect(row(page, made[0])).to_have_count(0)
    shop.prefer("grace")


def test_earlier_decisions_can_still_be_taken_back_one_after_the_other(shop: Shop, sign_in: SignIn) -> None:
    word, made = shop.items(3)
    page = sign_in("ada")
    page.goto(f"/queue/?q={word}")
    pause(page, 0.5)
    for left in (2, 1):
        page.keyboard.press("a")
        expect(page.locator("tr.item")).to_have_count(left)
        pause(page, 0.5)
    for back in (2, 3):
        page.keyboard.press("z")
        expect(page.locator("tr.item")).to_have_count(back)
    assert decided(made) == []


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


def test_reading_for_a_second_claims_and_going_on_releases(shop: Shop, sign_in: SignIn) -> None:
    word, made = shop.items(2)
    page = sign_in("ada")
    page.goto(f"/queue/?q={word}")
    first, _ = in_order(page, made)
    opened(page, first)
    claimed(page, first, by="ada")
    page.keyboard.press("j")
    claimed(page, first, by=None)


def claimed(page: Any, item: Item, by: str | None) -> None:
    for _ in range(60):
        held = Item.objects.select_related("claimed_by").get(id=item.id).claimed_by
        if (held.username if held else None) == by:
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"claimed by {held}, not by {by}")


def test_agents_text_cannot_act_or_leave_its_frame(shop: Shop, sign_in: SignIn) -> None:
    item = scene.hostile(shop.house)
    page = sign_in("ada")
    alerts: list[str] = []
    page.on("dialog", lambda d: (alerts.append(d.message), d.dismiss()))
    page.goto(f"/a/{ref(item)}/")
    expect(page.locator("h1")).to_contain_text("<b>no need to look</b>")
    assert page.locator(".untrusted script, .untrusted a, .untrusted img, .payload script").count() == 0
    assert page.locator(".untrusted [hx-get], .payload [hx-get]").count() == 0
    assert alerts == []


def test_from_an_item_one_goes_back_to_the_very_list(shop: Shop, sign_in: SignIn) -> None:
    word, (item,) = shop.items(1)
    page = sign_in("ada")
    page.goto(f"/queue/?q={word}")
    expect(row(page, item)).to_be_focused()
    page.keyboard.press("o")
    page.wait_for_url(f"**/a/{ref(item)}/**")
    page.keyboard.press("u")
    page.wait_for_url(re.compile(rf"/queue/.*{word}"))


def test_menus_close_with_escape_and_the_pages_more_are_in_one(shop: Shop, sign_in: SignIn) -> None:
    page = sign_in("lin")
    page.goto("/go/")
    page.click(".nav summary:has-text('More')")
    expect(page.locator(".nav .menu-links a:has-text('Admin')")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(".nav .menu-links")).to_be_hidden()
    expect(page.locator(".nav summary")).to_be_focused()
