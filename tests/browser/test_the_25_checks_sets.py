"""Checks 15 to 17 and 24: several at once, the seeded check, editing, and the histogram."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from playwright.sync_api import expect

from reviews import services
from reviews.models import Action, Attempt, Item
from reviews.services.canaries import Seed, seed_canary
from reviews.states import Status, Verdict
from tests import build
from tests.browser import scene
from tests.browser.conftest import CHECKS, Shop, decided
from tests.browser.hands import Keys, SignIn, pause, ref, row
from tests.browser.scene import Voucher
from tests.logins import as_role

pytestmark = CHECKS


def batch_of_all(page: Any, dwell: float) -> None:
    Keys(page).press("*", "a", "Shift+A")
    expect(page.locator("#dialog[open]")).to_contain_text("Approve these")
    pause(page, dwell)
    page.keyboard.press("Enter")


def test_check_15_a_batch_leaves_high_risk_out_and_says_why(shop: Shop, sign_in: SignIn) -> None:
    word, low = shop.items(3)
    _, (high,) = shop.items(1, "files.delete", said=word)
    page = sign_in("ada")
    page.goto(f"/queue/?q={word}")
    batch_of_all(page, 3.2)
    result = page.locator("#dialog #batch-result")
    expect(result).to_contain_text("3 of 4 approved")
    expect(page.locator(f'#batch-result [data-ref="{ref(high)}"]')).to_contain_text("high")
    page.keyboard.press("Escape")
    expect(page.locator("tr.item")).to_have_count(1)
    expect(row(page, high).locator("input[name=item]")).to_be_checked()
    expect(page.locator("#selected-count")).to_have_text("1 selected")
    votes = decided([*low, high])
    assert {vote.action_id for vote in votes} == {item.action_id for item in low}
    assert len({vote.batch for vote in votes}) == 1


def test_check_15_a_crafted_batch_is_blocked_and_the_database_refuses_by_itself(shop: Shop, sign_in: SignIn) -> None:
    _, (high,) = shop.items(1, "files.delete")
    page = sign_in("ada")
    page.goto("/queue/")
    token = page.get_attribute("#batch input[name=csrfmiddlewaretoken]", "value")
    key = f"{ref(high)}:{high.version}:{bytes(high.action.digest).hex()}"
    sent = {"csrfmiddlewaretoken": token, "verdict": "approve", "item": key}
    shown = page.request.post("/batch/preview/", form=sent, headers={"Referer": shop.site.url}).text()
    stamp = re.search(r'name="opened" value="([^"]+)"', shown)
    assert stamp is not None
    pause(page, 3.2)
    sent |= {"opened": stamp.group(1), "reason_code": "checked", "rationale": "all of them are right"}
    answer = page.request.post("/batch/", form=sent, headers={"Referer": shop.site.url})
    assert 'data-result="blocked"' in answer.text()
    assert decided([high]) == []
    build.decide(shop.house, high, name="grace")
    with (
        pytest.raises(IntegrityError, match="decision_batch_risk"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("ALTER TABLE reviews_decision DISABLE TRIGGER USER")  # the constraint alone; rolled back
        cursor.execute("UPDATE reviews_decision SET via = 'batch' WHERE action_id = %s", [high.action_id])


def test_check_16_a_batch_that_holds_a_seeded_check_is_bounced_whole(shop: Shop, sign_in: SignIn) -> None:
    word, made = shop.items(3)
    _, (source,) = shop.items(1)
    build.decide(shop.house, source, name="grace")
    payload = {**build.PAYLOADS["mail.send"], "subject": f"{word} pay the other account"}
    seed = Seed(payload=payload, answer=Verdict.REJECT, note="the account is not the customer's")
    with as_role("web"):
        check = seed_canary(source=source.action_id, seed=seed, by=shop.house.by("lin"))
    build.route()
    page = sign_in("ada")
    page.goto(f"/queue/?q={word}")
    expect(page.locator("tr.item")).to_have_count(4)
    batch_of_all(page, 3.2)
    expect(page.locator("#dialog, #toasts").filter(has_text="check").first).to_be_visible()
    assert decided(made) == []
    actions = [*(item.action_id for item in made), check]
    assert not Attempt.objects.filter(action__in=actions).exists()
    assert set(Action.objects.filter(id__in=actions[:-1]).values_list("state", flat=True)) == {Status.PENDING}


def edit_amount(page: Any, item: Item, amount: str) -> None:
    page.goto(f"/a/{ref(item)}/")
    pause(page, 0.5)
    page.keyboard.press("e")
    page.fill('#dialog [name="f-amount"]', amount)


def test_check_17_a_number_stays_a_number_and_edit_and_approve_is_one_step(shop: Shop, sign_in: SignIn) -> None:
    _, (item,) = shop.items(1, "voucher.send")
    page = sign_in("ada")
    edit_amount(page, item, "twenty")
    page.keyboard.press("Control+Enter")
    expect(page.locator('#dialog [name="f-amount"]')).to_have_attribute("aria-invalid", "true")
    assert build.state_of(item.action_id).revision == 1
    page.fill('#dialog [name="f-amount"]', "29.50")
    expect(page.locator("#difference ins")).to_have_text("29.50")
    page.keyboard.press("Control+Enter")
    expect(page.locator("main")).to_contain_text("approved it")
    action = build.state_of(item.action_id, Status.APPROVED)
    assert action.revision == 2
    body = bytes(action.revisions.get(number=2).body.body)
    assert Voucher.model_validate_json(body).amount == Decimal("29.50")
    (vote,) = decided([item])
    assert (vote.revision, vote.reviewer) == (2, shop.house.ada)


def test_check_17_on_high_risk_the_editors_approval_does_not_count(shop: Shop, sign_in: SignIn) -> None:
    _, (item,) = shop.items(1, "files.delete")
    page = sign_in("ada")
    page.goto(f"/a/{ref(item)}/")
    page.keyboard.press("e")
    page.fill('#dialog [name="f-path"]', "/srv/exports/2018")
    pause(page, 8)
    page.keyboard.press("Control+Enter")
    expect(page.locator("main")).to_contain_text("not recorded")
    build.state_of(item.action_id, Status.PENDING)
    assert decided([item]) == []
    fresh = Item.objects.get(action=item.action_id, closed_at=None)
    build.decide(shop.house, fresh, name="grace")
    assert [vote.reviewer for vote in decided([item])] == [shop.house.grace]


def test_check_17_above_the_limit_two_others_have_to_approve(shop: Shop, sign_in: SignIn) -> None:
    _, (item,) = shop.items(1, "account.close")
    seen = build.seen(item)
    with as_role("web"):
        changed = {**scene.PAYLOADS["account.close"], "reason": "fraud"}
        services.edit(item=item.id, seen=seen, payload=changed, reason_code="corrected", by=shop.house.by("ada"))
    page = sign_in("ada")
    page.goto(f"/a/{ref(item)}/")
    expect(page.locator('[data-verb="approve"]')).to_be_disabled()
    fresh = Item.objects.get(action=item.action_id, closed_at=None)
    for name in ("grace", "lin"):
        build.state_of(item.action_id, Status.PENDING)
        build.decide(shop.house, fresh, name=name)
    build.state_of(item.action_id, Status.APPROVED)


def test_check_24_a_bar_a_drag_and_the_arrows_ask_for_a_range(shop: Shop, sign_in: SignIn) -> None:
    shop.items(2)
    page = sign_in("ada")
    page.goto("/queue/")
    page.keyboard.press("f")
    bar = page.locator('.bar-link[data-low="0.80"]')
    waiting = Item.objects.filter(waiting=True, confidence__gte=0.8, confidence__lt=0.85)
    counted = waiting.exclude(passed_by=shop.house.ada).count()  # what she edited and may not approve is not hers
    expect(bar).to_have_attribute("aria-label", re.compile(rf": {counted}\b"))
    bar.click()
    page.wait_for_url(re.compile(r"conf:0\.80\.\.0\.85"))
    expect(page.locator("#matches")).to_contain_text(str(counted))
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


def test_check_24_bars_are_links_without_a_script(shop: Shop, sign_in: SignIn) -> None:
    page = sign_in("ada", java_script_enabled=False)
    page.goto("/queue/")
    page.click("#filter-panel > summary")
    page.locator(".bar-link:has(.seg)").first.click()
    page.wait_for_url(re.compile(r"conf:"))
    expect(page.locator("tr.item").first).to_be_visible()
