"""Checks 11 to 14, 18, 19: several people, several windows, and the agent's answer."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from reviews.errors import DeskError
from reviews.models import Item
from reviews.states import Status
from tests import build
from tests.browser.conftest import CHECKS, Shop, decided
from tests.browser.hands import Keys, SignIn, in_order, opened, pause, ref, refs, row, until

pytestmark = CHECKS
SLACK = 5  # times what is promised, on a machine that does other things as well


def posts(page: Any) -> list[int]:
    """The statuses of what this page sends from now on."""
    found: list[int] = []
    page.on("response", lambda r: found.append(r.status) if "/decide/" in r.url else None)
    return found


def test_check_11_two_press_at_once_and_the_loser_is_told_who_won(shop: Shop, sign_in: SignIn) -> None:
    word, made = shop.items(1)
    ada, grace = sign_in("ada"), sign_in("grace")
    answers = [posts(page) for page in (ada, grace)]
    for page in (ada, grace):
        page.goto(f"/queue/?q={word}")
        page.click("#pause")  # or the second would see it struck out before the key
    pause(ada, 0.6)
    for page in (ada, grace):
        row(page, made[0]).focus()
    ada.keyboard.press("a")
    expect(row(ada, made[0])).to_have_count(0)
    grace.keyboard.press("a")
    expect(grace.locator("#toasts [role=alert]")).to_contain_text("already approved by Ada")
    assert answers == [[200], [409]]
    assert len(decided(made)) == 1


def test_check_11_what_the_loser_had_written_is_still_there(shop: Shop, sign_in: SignIn) -> None:
    word, made = shop.items(1, "call.place")
    page = sign_in("grace")
    page.goto(f"/queue/?q={word}")
    opened(page, made[0])
    page.keyboard.press("r")
    page.fill("#dialog [name=rationale]", "they have called us already")
    build.decide(shop.house, made[0], name="ada")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#dialog [role=alert]")).to_contain_text("Already approved by Ada")
    expect(page.locator("#dialog [name=rationale]")).to_have_value("they have called us already")
    assert len(decided(made)) == 1


def test_check_12_what_another_decides_is_struck_out_and_the_focus_stays(shop: Shop, sign_in: SignIn) -> None:
    word, made = shop.items(3)
    page = sign_in("ada")
    page.goto(f"/queue/?q={word}")
    items = in_order(page, made)
    pause(page, 1)
    page.keyboard.press("j")
    build.decide(shop.house, items[2], name="grace")
    expect(row(page, items[2])).to_have_class(re.compile("struck"), timeout=2_000 * SLACK)
    expect(row(page, items[2])).to_contain_text("approved by grace")
    expect(row(page, items[1])).to_be_focused()


def test_check_13_ten_new_rows_wait_behind_a_pill_and_nothing_moves(shop: Shop, sign_in: SignIn) -> None:
    word, made = shop.items(3)
    page = sign_in("ada")
    page.goto(f"/queue/?q={word}")
    items = in_order(page, made)
    pause(page, 0.5)
    for number in range(10):
        shop.add(word, f"late {number}")
    expect(page.locator("#pill")).to_contain_text("10 new", timeout=2_000 * SLACK)
    assert in_order(page, made) == items
    expect(row(page, items[0])).to_be_focused()
    page.keyboard.press(".")
    expect(page.locator("tr.item")).to_have_count(13)
    expect(row(page, items[0])).to_be_focused()


@pytest.mark.slow
def test_check_14_eight_tabs_load_and_stay_live_and_hidden_ones_pause(shop: Shop, sign_in: SignIn) -> None:
    word, made = shop.items(2)
    first = sign_in("ada")
    pages = [first, *(first.context.new_page() for _ in range(7))]
    for page in pages:
        page.goto(f"/queue/?q={word}")
        assert page.evaluate("performance.getEntriesByType('navigation')[0].domComplete") <= 2_000 * SLACK
    hidden = pages[3]
    hidden.evaluate("""() => {
        window.out = true;
        Object.defineProperty(document, "hidden", { get: () => window.out });
        document.dispatchEvent(new Event("visibilitychange"));
    }""")
    pause(hidden, 2.5)  # what was under way is over
    asked: list[str] = []
    hidden.on("request", lambda request: asked.append(request.url))
    build.decide(shop.house, made[1], name="grace")
    for page in pages:
        if page is not hidden:
            expect(row(page, made[1])).not_to_have_text(re.compile("^$"))
            gone = page.locator(f"#row-{ref(made[1])}:not(.struck)")
            expect(gone).to_have_count(0, timeout=2_000 * SLACK)
    assert asked == []
    expect(row(hidden, made[1])).to_have_count(1)
    hidden.evaluate("() => { window.out = false; document.dispatchEvent(new Event('visibilitychange')); }")
    expect(hidden.locator(f"#row-{ref(made[1])}:not(.struck)")).to_have_count(0, timeout=2_000 * SLACK)


def test_check_18_nobody_approves_twice_and_the_first_vote_is_not_shown(shop: Shop, sign_in: SignIn) -> None:
    _, (item,) = shop.items(1, "account.close")
    build.decide(shop.house, item, name="ada")
    build.state_of(item.action_id, Status.PENDING)
    ada, grace = sign_in("ada"), sign_in("grace")
    ada.goto(f"/a/{ref(item)}/")
    expect(ada.locator('[data-verb="approve"]')).to_be_disabled()
    address = f"/a/{ref(item)}/decide/?verdict=approve"
    answer = shop.send(ada, address, verdict="approve", rationale="once more, please")
    assert answer.status in (403, 409, 422)
    assert len(decided([item])) == 1
    grace.goto(f"/a/{ref(item)}/")
    expect(grace.locator("#detail")).to_contain_text("needs 2 approvals")
    assert "Ada" not in grace.inner_text("#detail")
    assert "pproved" not in grace.inner_text("#history")
    build.decide(shop.house, item, name="grace")
    build.state_of(item.action_id, Status.APPROVED)


def test_check_19_a_question_takes_the_row_away_and_the_answer_brings_it_back(shop: Shop, sign_in: SignIn) -> None:
    word, (second,) = shop.items(1)
    run, first = shop.by_run(word)
    page = sign_in("ada")
    page.goto(f"/queue/?q={word}")
    row(page, first).focus()
    opened(page, first)
    keys = Keys(page)
    keys.press("q")
    expect(page.locator("#dialog textarea[name=text]")).to_be_focused()
    keys.write("Which order is this about? rare")
    keys.press("Control+Enter")
    expect(row(page, second)).to_be_focused()
    assert keys.pressed == 2  # T8: and the question
    assert until(page, lambda: Item.objects.get(id=first.id).question_open)
    build.state_of(first.action_id, Status.PENDING)
    page.reload()
    assert refs(page) == [ref(second)]
    before = build.seen(first)
    shop.answered(run, first, subject=f"{word} about order 40-1187")
    page.reload()
    assert set(refs(page)) == {ref(first), ref(second)}
    page.goto(f"/a/{ref(first)}/")
    expect(page.locator("#detail .diff ins").first).to_contain_text("40-1187")
    with pytest.raises(DeskError):
        shop.decide_as_seen(first, before)
    assert [vote.verdict for vote in decided([first])] == ["ask"]
