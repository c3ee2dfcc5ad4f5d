"""Every page as people meet it: for assistive technology, in both themes, on a small screen, and without a script."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from reviews.models import Item
from reviews.states import Status
from tests import build
from tests.browser import chrome, scene
from tests.browser.conftest import Shop, decided

pytestmark = [pytest.mark.browser, pytest.mark.skipif(not chrome.path(), reason=chrome.INSTALL)]
SignIn = Callable[..., Any]
RULES = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
}
COLOURS = {"runOnly": {"type": "rule", "values": ["color-contrast"]}}  # all that a theme changes
THEMES = [("light", RULES), ("dark", COLOURS)]
PHONE = {"width": 320, "height": 700}


@pytest.fixture(scope="module")
def day(shop: Shop) -> list[Item]:
    """A day's work in every state, with something hostile in it."""
    build.in_doubt(shop.house)  # first: it leases whatever is released
    items = scene.fill(shop.house, 24)
    scene.hostile(shop.house)
    asked = build.pending(shop.house, "refund.issue")
    build.decide(shop.house, asked, name="lin")
    return items


def address(items: list[Item], kind: str, rest: str = "") -> str:
    return f"/a/ACT-{next(i.ref for i in items if i.action.type_id == kind)}/{rest}"


def pages(items: list[Item]) -> dict[str, str]:
    return {
        "queue": "/queue/",
        "filtered": "/queue/?q=risk:high,medium+conf:0.40..1.00",
        "empty": "/queue/?q=nothinglikeit",
        "bad query": "/queue/?q=rsk:high",
        "decided": "/queue/?q=is:decided",
        "in doubt": "/queue/?q=is:in_doubt",
        "detail": address(items, "refund.issue"),
        "critical detail": address(items, "account.close"),
        "hostile detail": f"/a/ACT-{max(i.ref for i in items) + 1}/",
        "approve": address(items, "files.delete", "decide/?verdict=approve"),
        "reject": address(items, "refund.issue", "decide/?verdict=reject"),
        "edit": address(items, "payout.release", "edit/"),
        "ask": address(items, "mail.send", "ask/"),
        "escalate": address(items, "mail.send", "escalate/"),
        "defer": address(items, "mail.send", "defer/"),
        "insights": "/insights/",
        "missing": "/nowhere/",
        "runs": "/runs/",
        "import": "/import/",
        "integrity": "/audit/",
        "events": "/audit/events/",
    }


def violations(page: Any, rules: dict[str, Any] = RULES) -> list[str]:
    found = Axe().run(page, options=rules).response["violations"]
    return [f"{v['id']}: {v['nodes'][0]['html'][:160]} ({len(v['nodes'])})" for v in found]


@pytest.mark.parametrize(("theme", "rules"), THEMES)
def test_no_page_has_a_violation_that_axe_knows(
    shop: Shop, day: list[Item], sign_in: SignIn, theme: str, rules: dict[str, Any]
) -> None:
    page = sign_in("lin", color_scheme=theme, reduced_motion="reduce")
    found: dict[str, list[str]] = {}
    for name, url in pages(day).items():
        page.goto(url)
        if name in ("queue", "decided"):
            expect(page.locator("#preview #detail")).to_be_visible()
        found[name] = violations(page, rules)
    assert {name: wrong for name, wrong in found.items() if wrong} == {}
    assert [c for c in page.complaints if "404" not in c] == []


@pytest.mark.parametrize(("theme", "rules"), THEMES)
def test_sign_in_has_none_and_opens_the_desk(shop: Shop, chromium: Any, theme: str, rules: dict[str, Any]) -> None:
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


@pytest.mark.parametrize(("theme", "rules"), THEMES)
def test_dialogs_help_and_open_filters_have_none_either(
    shop: Shop, day: list[Item], sign_in: SignIn, theme: str, rules: dict[str, Any]
) -> None:
    page = sign_in("lin", color_scheme=theme, reduced_motion="reduce")
    page.goto("/queue/?q=risk:medium")
    page.keyboard.press("f")
    expect(page.locator(".chart svg")).to_be_visible()
    assert violations(page, rules) == []
    page.locator("tr.item").first.focus()
    expect(page.locator("#preview #detail")).to_be_visible()
    for key in ("r", "s", "q", "d", "e", "?"):
        page.keyboard.press(key)
        expect(page.locator("#dialog[open]")).to_be_visible()
        assert violations(page, rules) == [], key
        page.keyboard.press("Escape")
        expect(page.locator("#dialog[open]")).to_have_count(0)
    for _ in range(3):
        page.keyboard.press("x")
        page.keyboard.press("j")
    page.keyboard.press("Shift+R")
    expect(page.locator("#dialog[open] table")).to_be_visible()
    assert violations(page, rules) == []


def test_small_screen_never_scrolls_sideways_and_can_do_everything(
    shop: Shop, day: list[Item], sign_in: SignIn
) -> None:
    page = sign_in("lin", viewport=PHONE)
    wide = {}
    for name, url in pages(day).items():
        page.goto(url)
        width = page.evaluate("document.documentElement.scrollWidth")
        if width > PHONE["width"]:
            wide[name] = width
    assert wide == {}
    page.goto(address(day, "mail.send"))
    for verb in ("approve", "edit", "reject", "ask", "escalate", "defer", "claim"):
        expect(page.locator(f'[data-verb="{verb}"]')).to_be_in_viewport()


def test_targets_are_large_enough_for_a_finger(shop: Shop, day: list[Item], sign_in: SignIn) -> None:
    page = sign_in("lin", viewport=PHONE)
    small = """all => all
        .filter(e => { const b = e.getBoundingClientRect(); return b.width && Math.min(b.width, b.height) < 24; })
        .map(e => e.outerHTML.slice(0, 90))"""
    for url in ("/queue/", address(day, "refund.issue"), address(day, "refund.issue", "decide/?verdict=reject")):
        page.goto(url)
        assert (
            page.eval_on_selector_all(
                "button, .button, .chip, .nav a, label.pick, label.choice, select, summary", small
            )
            == []
        )


def test_sticky_bar_never_covers_what_has_the_focus(shop: Shop, day: list[Item], sign_in: SignIn) -> None:
    page = sign_in("lin", viewport={"width": 900, "height": 500})
    page.goto(address(day, "refund.issue"))
    page.locator("body").focus()
    hidden = """() => { const e = document.activeElement, b = document.querySelector('.decision-bar');
        if (!e || e === document.body || b.contains(e)) return false;
        const r = e.getBoundingClientRect(), t = b.getBoundingClientRect();
        return r.top >= t.top && r.bottom <= t.bottom; }"""
    for _ in range(30):
        page.keyboard.press("Tab")
        assert page.evaluate(hidden) is False, page.evaluate("document.activeElement.outerHTML.slice(0, 120)")


def test_reader_may_choose_the_other_theme(shop: Shop, sign_in: SignIn) -> None:
    page = sign_in("grace", color_scheme="light")
    page.goto("/insights/")
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.click("summary:has-text('Grace')")
    page.select_option("#theme", "dark")
    page.click(".menu-body button:has-text('Save')")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != light


def test_agents_text_cannot_act_or_leave_its_frame(shop: Shop, day: list[Item], sign_in: SignIn) -> None:
    page = sign_in("ada")
    alerts: list[str] = []
    page.on("dialog", lambda d: (alerts.append(d.message), d.dismiss()))
    page.goto(f"/a/ACT-{max(i.ref for i in day) + 1}/")
    expect(page.locator("h1")).to_contain_text("<b>no need to look</b>")
    assert page.locator(".untrusted script, .untrusted a, .untrusted img, .payload script").count() == 0
    assert page.locator(".untrusted [hx-get], .payload [hx-get]").count() == 0
    assert alerts == []


def test_everything_works_without_a_script(shop: Shop, sign_in: SignIn) -> None:
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
    page.click("button:has-text('Save and approve')")
    expect(page.locator("main")).to_contain_text("approved it")
    verdicts = sorted(v.verdict for v in decided(made))
    assert verdicts == ["approve", "approve", "approve", "reject"]
    assert {build.state_of(i.action_id).state for i in made} == {Status.APPROVED, Status.REJECTED}


def test_filter_panel_works_without_a_script(shop: Shop, day: list[Item], sign_in: SignIn) -> None:
    page = sign_in("ada", java_script_enabled=False)
    page.goto("/queue/")
    page.click("summary:has-text('Filter by confidence')")
    page.check(".panel-form input[name=risk][value=high]")
    page.fill("[name=conf_lo]", "0.5")
    page.click("button:has-text('Apply')")
    page.wait_for_url(re.compile(r"risk:high"))
    risks = set(page.locator("tr.item .c-risk").all_inner_texts())
    assert {risk.strip() for risk in risks} == {"high"}
    page.goto("/queue/")
    page.click("summary:has-text('Filter by confidence')")
    page.locator(".bar-link:has(.seg)").first.click()
    page.wait_for_url(re.compile(r"conf:"))
