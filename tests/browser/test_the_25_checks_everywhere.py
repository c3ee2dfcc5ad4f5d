"""Checks 20 to 23, 25: without a script, for assistive technology, on a small screen, without letters or a server."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.templatetags.static import static
from playwright.sync_api import expect

from reviews import help
from reviews.models import Item
from reviews.states import Status
from tests import build
from tests.browser import places
from tests.browser.conftest import CHECKS, Shop, decided
from tests.browser.eyes import PHONE, SMALL, TARGETS, THEMES, ZOOMED, violations
from tests.browser.hands import SignIn, in_order, opened, pause, ref, row

pytestmark = CHECKS


@pytest.fixture(scope="module")
def day(shop: Shop) -> list[Item]:
    """Work in every state beside what waits, with something hostile in it."""
    return shop.day


def test_check_20_everything_works_without_a_script(shop: Shop, sign_in: SignIn) -> None:
    word, made = shop.items(4, "mail.send")
    page = sign_in("ada", java_script_enabled=False)
    page.goto("/queue/")
    page.fill("#q", word)
    page.click("button:has-text('Search')")
    expect(page.locator("tr.item")).to_have_count(4)
    page.locator("tr.item .ask").nth(0).click()
    expect(page.locator("h1")).to_contain_text(word)
    page.wait_for_timeout(500)
    page.click('[data-verb="approve"]')
    expect(page.locator("main")).to_contain_text("Approved ACT-")
    page.click("button:has-text('Undo')")
    expect(page.locator("main")).to_contain_text("waits again")
    page.goto(f"/queue/?q={word}")
    page.locator("tr.item .ask").nth(0).click()
    page.click('[data-verb="reject"]')
    page.click("button:has-text('Reject')")
    expect(page.locator("[role=alert]")).to_contain_text("reason is needed")
    page.check("input[name=reason_code][value=not_needed]")
    page.wait_for_timeout(500)
    page.click("button:has-text('Reject')")
    expect(page.locator("main")).to_contain_text("Rejected ACT-")
    page.goto(f"/queue/?q={word}")
    expect(page.locator("tr.item")).to_have_count(3)
    for box in page.locator("input[name=item]").all()[:2]:
        box.check()
    page.click("button:has-text('Approve selected')")
    expect(page.locator("main")).to_contain_text("Approve these 2")
    page.wait_for_timeout(3_200)
    page.click("main button:has-text('Approve 2')")
    expect(page.locator("[data-result=applied]")).to_have_count(2)
    page.click("main a:has-text('Back to the queue')")
    page.goto(f"/queue/?q={word}")
    page.locator("tr.item .ask").first.click()
    page.click('[data-verb="edit"]')
    page.fill("[name=f-body]", "Sent on Monday.")
    page.wait_for_timeout(500)  # a look, as before
    page.click(".form-actions button:has-text('Save and approve')")
    expect(page.locator("main")).to_contain_text("approved it")
    verdicts = sorted(v.verdict for v in decided(made))
    assert verdicts == ["approve", "approve", "approve", "reject"]
    assert {build.state_of(i.action_id).state for i in made} == {Status.APPROVED, Status.REJECTED}


def test_check_20_the_filter_panel_works_without_a_script(shop: Shop, day: list[Item], sign_in: SignIn) -> None:
    page = sign_in("ada", java_script_enabled=False)
    page.goto("/queue/")
    page.click("#filter-panel > summary")
    page.check(".panel-form input[name=risk][value=high]")
    page.fill("[name=conf_lo]", "0.5")
    page.click("button:has-text('Apply')")
    page.wait_for_url(re.compile(r"risk:high"))
    risks = set(page.locator("tr.item .c-risk").all_inner_texts())
    assert {risk.strip() for risk in risks} == {"high"}


def walk(shop: Shop, sign_in: SignIn, **options: Any) -> Iterator[tuple[str, Any]]:
    """Every page, as a lead and as whoever looks after people and the record sees it."""
    for person, pages in (("lin", places.addresses(shop.day)), ("root", places.OFFICES)):
        page = sign_in(person, **options)
        for name, url in pages.items():
            answer = page.goto(url)
            assert answer.status == (404 if name == "missing" else 200), f"{name}: {answer.status}"
            yield name, page


@pytest.mark.slow
@pytest.mark.parametrize(("theme", "rules"), THEMES)
def test_check_21_no_page_has_a_violation_that_axe_knows(
    shop: Shop, sign_in: SignIn, theme: str, rules: dict[str, Any]
) -> None:
    found, said, helpless = {}, [], set()
    for name, page in walk(shop, sign_in, color_scheme=theme, reduced_motion="reduce"):
        if name in ("queue", "decided"):
            expect(page.locator("#preview #detail")).to_be_visible()
        found[name] = violations(page, rules)
        link = page.locator('a[data-command="help"]')
        if not link.count() or link.get_attribute("href").split("/")[2] not in help.PAGES:
            helpless.add(name)
        said += [f"{name}: {complaint}" for complaint in page.complaints]
        page.complaints.clear()
    assert {name: wrong for name, wrong in found.items() if wrong} == {}
    assert [each for each in said if "missing" not in each] == []
    assert helpless - {"missing", "print"} == set()


@pytest.mark.slow
@pytest.mark.parametrize(("theme", "rules"), THEMES)
def test_check_21_dialogs_help_palette_and_open_filters_have_none_either(
    shop: Shop, day: list[Item], sign_in: SignIn, theme: str, rules: dict[str, Any]
) -> None:
    page = sign_in("lin", color_scheme=theme, reduced_motion="reduce")
    page.goto("/queue/?q=risk:medium")
    page.keyboard.press("f")
    expect(page.locator(".chart svg").first).to_be_visible()
    assert violations(page, rules) == []
    page.locator("tr.item").first.focus()
    expect(page.locator("#preview #detail")).to_be_visible()
    for key in ("r", "s", "q", "d", "e", "?", "Control+k"):
        page.keyboard.press(key)
        expect(page.locator("#dialog[open]")).to_be_visible()
        assert violations(page, rules, inside="#dialog") == [], key
        page.keyboard.press("Escape")
        expect(page.locator("#dialog[open]")).to_have_count(0)
    for _ in range(3):
        page.keyboard.press("x")
        page.keyboard.press("j")
    page.keyboard.press("Shift+R")
    expect(page.locator("#dialog[open] table")).to_be_visible()
    assert violations(page, rules, inside="#dialog") == []


@pytest.mark.parametrize(("theme", "rules"), THEMES)
def test_check_21_sign_in_has_none_and_opens_the_desk(
    shop: Shop, chromium: Any, theme: str, rules: dict[str, Any]
) -> None:
    page = chromium.new_context(base_url=shop.site.url, color_scheme=theme).new_page()
    page.goto("/queue/?q=risk:low")
    assert violations(page, rules) == []
    page.fill("#id_username", "ada")
    page.fill("#id_password", "wrong")
    page.click("button[type=submit]")
    expect(page.locator("[role=alert]")).to_be_visible()
    assert violations(page, rules) == []
    page.fill("#id_password", "secret")
    page.click("button[type=submit]")
    page.wait_for_url("**/queue/?q=risk:low")
    page.context.close()


def test_check_21_the_overlay_lists_exactly_the_keys_that_are_bound(shop: Shop, sign_in: SignIn) -> None:
    word, made = shop.items(1)
    page = sign_in("ada")
    for url in (f"/queue/?q={word}", f"/a/{ref(made[0])}/", "/go/"):
        page.goto(url)
        page.keyboard.press("?")
        expect(page.locator("#dialog-title")).to_have_text("Keys on this page")
        listed = page.eval_on_selector_all(
            "#dialog .help-list > div",
            "all => all.map(e => `${e.dataset.action}: ${e.querySelector('dd').textContent}`)",
        )
        bound = page.evaluate(
            "where => import(where).then(({ bound }) => bound.map(b => `${b.action}: ${b.label}`))",
            static("js/keymap.js"),
        )
        assert sorted(listed) == sorted(bound)
        expect(page.locator("#dialog .help-words h2")).to_be_visible()
        page.keyboard.press("Escape")


@pytest.mark.parametrize("size", [PHONE, pytest.param(ZOOMED, marks=pytest.mark.slow)], ids=["phone", "zoomed"])
def test_check_22_a_small_screen_never_scrolls_sideways_and_can_do_everything(
    shop: Shop, day: list[Item], sign_in: SignIn, size: dict[str, int]
) -> None:
    wide = {}
    for name, page in walk(shop, sign_in, viewport=size):
        width = page.evaluate("document.documentElement.scrollWidth")
        if width > size["width"]:
            wide[name] = width
    assert wide == {}
    page = sign_in("lin", viewport=size)
    page.goto(places.address(day, "mail.send"))
    for verb in ("approve", "edit", "reject", "ask", "escalate", "defer", "claim"):
        control = page.locator(f'[data-verb="{verb}"]')
        control.scroll_into_view_if_needed()
        expect(control).to_be_in_viewport()


def test_check_22_targets_are_large_enough_for_a_finger(shop: Shop, day: list[Item], sign_in: SignIn) -> None:
    page = sign_in("lin", viewport=PHONE)
    refund = places.address(day, "refund.issue")
    for url in ("/queue/", refund, f"{refund}decide/?verdict=reject", "/go/"):
        page.goto(url)
        assert page.eval_on_selector_all(TARGETS, SMALL) == []


def test_check_22_the_sticky_bar_never_covers_what_has_the_focus(shop: Shop, day: list[Item], sign_in: SignIn) -> None:
    page = sign_in("lin", viewport={"width": 900, "height": 500})
    page.goto(places.address(day, "refund.issue"))
    page.locator("body").focus()
    hidden = """() => { const e = document.activeElement, b = document.querySelector('.decision-bar');
        if (!e || e === document.body || b.contains(e)) return false;
        const r = e.getBoundingClientRect(), t = b.getBoundingClientRect();
        return r.top >= t.top && r.bottom <= t.bottom; }"""
    for _ in range(30):
        page.keyboard.press("Tab")
        assert page.evaluate(hidden) is False, page.evaluate("document.activeElement.outerHTML.slice(0, 120)")


def test_check_23_with_character_keys_off_letters_do_nothing_and_arrows_work(shop: Shop, sign_in: SignIn) -> None:
    word, made = shop.items(2)
    page = sign_in("noor")
    shop.prefer("noor", character_keys=False)
    page.goto(f"/queue/?q={word}")
    items = in_order(page, made)
    pause(page, 0.6)
    for key in ("a", "r", "?", "x"):
        page.keyboard.press(key)
    pause(page, 0.4)
    assert page.locator("#dialog[open]").count() == 0
    assert decided(made) == []
    page.keyboard.press("ArrowDown")
    expect(row(page, items[1])).to_be_focused()
    page.keyboard.press("Shift+ ")
    expect(row(page, items[1]).locator("input")).to_be_checked()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/a/{ref(items[1])}/**")
    shop.prefer("noor")


def test_check_25_a_server_that_is_gone_is_said_and_tried_again(shop: Shop, sign_in: SignIn) -> None:
    word, made = shop.items(2)
    page = sign_in("ada")
    page.goto(f"/queue/?q={word}")
    first = in_order(page, made)[0]
    pause(page, 0.6)
    shop.site.stop()
    try:
        page.keyboard.press("a")
        expect(page.locator("#toasts [role=alert]")).to_contain_text("Not saved")
        expect(page.locator("tr.item")).to_have_count(2)
        expect(row(page, first)).to_be_focused()
        assert decided(made) == []
    finally:
        shop.site.start()
    page.keyboard.press("Enter")
    expect(page.locator("tr.item")).to_have_count(1)
    assert len(decided(made)) == 1


def test_check_25_an_expired_session_leads_to_sign_in_and_keeps_the_words(shop: Shop, sign_in: SignIn) -> None:
    word, made = shop.items(1, "call.place")
    page = sign_in("ada")
    page.goto(f"/queue/?q={word}")
    opened(page, made[0])
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
    opened(page, made[0])
    page.keyboard.press("r")
    expect(page.locator("#dialog [name=rationale]")).to_have_value("the invoice was paid last week")
    assert decided(made) == []
