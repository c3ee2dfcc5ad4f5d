"""Checks 1 to 10: one reviewer, one queue, the keyboard."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from playwright.sync_api import expect

from reviews.models import Attempt
from reviews.states import Status
from tests import build
from tests.browser.conftest import CHECKS, Shop, decided
from tests.browser.hands import STOPWATCH, Keys, SignIn, in_order, opened, pause, ref, refs, row

pytestmark = CHECKS
PROMISE = 0.3  # seconds from a key to its decision; measured in bench, here a page may take five times as long


def test_check_01_the_first_row_has_the_focus_and_the_list_is_one_tab_stop(shop: Shop, sign_in: SignIn) -> None:
    page = sign_in("ada")
    page.goto("/queue/")
    expect(page.locator("tr.item")).to_have_count(50)
    expect(page.locator("tr.item").first).to_be_focused()
    assert page.locator('tr.item[tabindex="0"]').count() == 1
    assert page.locator("tr.item :is(a, input, button):not([tabindex='-1'])").count() == 0
    for _ in range(10):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.closest('.list') === null"):
            break
    else:
        raise AssertionError("ten tab stops, and still in the list")
    assert page.complaints == []


def test_check_02_three_keys_approve_three_rows_and_the_next_has_the_focus(shop: Shop, sign_in: SignIn) -> None:
    word, made = shop.items(4)
    page = sign_in("ada")
    page.goto(f"/queue/?q={word}")
    page.evaluate(STOPWATCH)
    items, keys = in_order(page, made), Keys(page)
    pause(page, 0.5)
    for item, following in pairwise(items):
        expect(row(page, item)).to_be_focused()
        keys.press("a")
        expect(row(page, following)).to_be_focused()
        pause(page, 0.5)
    votes = decided(made)
    assert [v.action_id for v in votes] == [item.action_id for item in items[:3]]
    assert {(v.verdict, v.via) for v in votes} == {("approve", "single")}
    assert keys.pressed == 3  # T1: one key each
    assert max(page.evaluate("taken")) <= 5 * PROMISE * 1000
    assert page.complaints == []


def test_check_03_a_held_key_decides_once(shop: Shop, sign_in: SignIn) -> None:
    word, made = shop.items(4)
    page = sign_in("ada")
    page.goto(f"/queue/?q={word}")
    pause(page, 0.6)
    for _ in range(25):
        page.keyboard.down("a")  # every one but the first says that it is a repetition
        pause(page, 0.08)
    page.keyboard.up("a")
    pause(page, 0.3)
    assert len(decided(made)) == 1


def test_check_04_hammering_decides_one_at_most_and_says_to_look_first(shop: Shop, sign_in: SignIn) -> None:
    word, made = shop.items(8, "call.place")
    page = sign_in("ada")
    page.goto(f"/queue/?q={word}")
    opened(page, in_order(page, made)[0])
    for _ in range(8):
        page.keyboard.press("a")
        pause(page, 0.06)
    expect(page.locator("#toasts")).to_contain_text("Look first")
    assert len(decided(made)) <= 1


def test_check_05_high_risk_asks_for_a_reason_and_for_a_look(shop: Shop, sign_in: SignIn) -> None:
    word, made = shop.items(2, "files.delete")
    page = sign_in("ada")
    statuses: list[int] = []
    page.on("response", lambda r: statuses.append(r.status) if r.request.method == "POST" else None)
    page.goto(f"/queue/?q={word}")
    first, second = in_order(page, made)
    opened(page, first)
    page.keyboard.press("a")
    expect(page.locator("#dialog[open]")).to_be_visible()
    page.keyboard.press("Control+Enter")
    expect(page.locator("#dialog [role=alert]")).to_be_visible()
    assert 422 in statuses
    expect(page.locator("#dialog textarea[name=rationale]")).to_be_focused()
    assert decided(made) == []
    page.keyboard.press("Escape")
    expect(row(page, first)).to_be_focused()
    pause(page, 8)
    keys = Keys(page)
    keys.press("a")
    expect(page.locator("#dialog input[name=reason_code]").first).to_be_focused()
    keys.press("1", "Enter")
    expect(row(page, second)).to_be_focused()
    assert keys.pressed == 3  # T3: and a look
    (vote,) = decided(made)
    assert (vote.verdict, vote.reason_code) == ("approve", "checked")
    assert vote.dwell_ms is not None
    assert vote.dwell_ms >= 8_000


def test_check_06_three_keys_reject_and_the_vote_says_who_when_and_why(shop: Shop, sign_in: SignIn) -> None:
    word, made = shop.items(2, "call.place")
    page = sign_in("ada")
    page.goto(f"/queue/?q={word}")
    first, second = in_order(page, made)
    opened(page, first)
    pause(page, 2.1)
    keys = Keys(page)
    keys.press("r")
    radios = page.locator("#dialog input[name=reason_code]")
    expect(radios.first).to_be_focused()
    offered = radios.first.get_attribute("value")
    keys.press("1", "Enter")
    expect(row(page, second)).to_be_focused()
    assert keys.pressed == 3  # T2
    (vote,) = decided(made)
    assert (vote.verdict, vote.reason_code, vote.reviewer) == ("reject", offered, shop.house.ada)
    assert vote.dwell_ms is not None
    assert vote.dwell_ms >= 2_000
    assert vote.opened_at is not None
    assert vote.opened_at < vote.created_at
    assert build.events_of(first.action_id)[-1] == "decision.recorded"
    build.state_of(first.action_id, Status.REJECTED)


def test_check_06_words_of_ones_own_are_kept_with_the_verdict(shop: Shop, sign_in: SignIn) -> None:
    word, made = shop.items(1, "call.place")
    page = sign_in("grace")
    page.goto(f"/queue/?q={word}")
    opened(page, made[0])
    pause(page, 2.1)
    page.keyboard.press("r")
    page.fill("#dialog [name=rationale]", "the customer has withdrawn it")
    page.keyboard.press("Control+Enter")
    expect(row(page, made[0])).to_have_count(0)
    assert shop.words_of(decided(made)[0]) == "the customer has withdrawn it"


def test_check_07_undo_within_the_window_puts_the_row_back_at_its_place(shop: Shop, sign_in: SignIn) -> None:
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
    assert not Attempt.objects.filter(action__in=[item.action_id for item in made]).exists()
    build.state_of(items[1].action_id, Status.PENDING)


@pytest.mark.slow
def test_check_07_after_the_window_z_says_that_it_is_released(shop: Shop, sign_in: SignIn) -> None:
    word, made = shop.items(2)
    page = sign_in("ada")
    page.goto(f"/queue/?q={word}")
    first = in_order(page, made)[0]
    pause(page, 0.5)
    page.keyboard.press("a")
    expect(row(page, first)).to_have_count(0)
    pause(page, 11)
    page.keyboard.press("z")
    expect(page.locator("#toasts")).to_contain_text("released")
    assert len(decided(made)) == 1
    build.state_of(first.action_id, Status.APPROVED)


def test_check_09_what_is_searched_is_in_the_address_and_typing_decides_nothing(shop: Shop, sign_in: SignIn) -> None:
    word, made = shop.items(2)
    (wanted,) = shop.items(1, said="arex")[1]
    page = sign_in("ada")
    page.goto(f"/queue/?q={word}")
    page.keyboard.press("/")
    page.keyboard.press("Control+a")
    page.keyboard.type("arex")
    pause(page, 0.3)
    assert decided(made) == []
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"q=arex"))
    assert refs(page) == [ref(wanted)]
    page.reload()
    assert refs(page) == [ref(wanted)]
    other = sign_in("grace")
    other.goto(page.url)
    assert refs(other) == [ref(wanted)]
    page.go_back()
    expect(page.locator("tr.item")).to_have_count(2)


def test_check_10_an_unknown_filter_is_said_and_the_list_stays(shop: Shop, sign_in: SignIn) -> None:
    page = sign_in("ada")
    page.goto("/queue/")
    before = refs(page)
    page.fill("#q", "rsk:high")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("rsk"))
    alert = page.locator("#query-problem[role=alert]")
    expect(alert).to_contain_text("rsk")
    expect(alert).to_contain_text("risk")
    assert refs(page) == before
    expect(page.locator("#batch-bar")).to_have_count(0)
