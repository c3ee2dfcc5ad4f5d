"""Giving an item to somebody: a field that finds people, by key and by pointer, and a plain list without a script."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone
from playwright.sync_api import expect

from reviews.models import Item
from reviews.services import absences
from tests.browser.conftest import CHECKS, Shop
from tests.browser.eyes import violations
from tests.browser.hands import SignIn, opened, ref, until
from tests.logins import as_role

pytestmark = CHECKS


def holder(item: Item) -> object:
    return Item.objects.get(id=item.id).assignee


def test_a_name_is_found_by_typing_chosen_by_key_or_pointer_and_who_cannot_says_why(
    shop: Shop, sign_in: SignIn
) -> None:
    word, (item,) = shop.items(1)
    now = timezone.now()
    with as_role("web"):
        away = absences.record_absence(
            user=shop.house.grace, starts=now, ends=now + timedelta(days=1), substitute=None, by=shop.house.by("grace")
        )
    page = sign_in("ada")
    page.goto(f"/queue/?q={word}")
    opened(page, item)
    page.keyboard.press("Shift+C")
    field = page.locator("#dialog [role=combobox]")
    expect(field).to_be_focused()
    assert violations(page) == []
    page.keyboard.type("gra")
    only = page.locator("#dialog [role=option]")
    expect(only).to_have_attribute("aria-disabled", "true")
    expect(only).to_contain_text("away until")
    page.keyboard.press("Enter")
    expect(page.locator("#dialog [name=user][value='']")).to_be_checked()
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("lin")
    expect(only).to_contain_text("on the desk, decided")
    page.keyboard.press("Enter")
    expect(field).to_have_value("Lin")
    page.keyboard.press("Enter")
    assert until(page, lambda: holder(item) == shop.house.lin)
    page.keyboard.press("Shift+C")
    expect(field).to_have_value("Lin")
    page.click("#dialog [role=option]:has-text('Ada')")
    page.click("#dialog button[type=submit]")
    assert until(page, lambda: holder(item) == shop.house.ada)
    with as_role("web"):
        absences.end_absence(absence=away, by=shop.house.by("grace"))
    assert page.complaints == []


def test_without_a_script_it_is_a_list(shop: Shop, sign_in: SignIn) -> None:
    _, (item,) = shop.items(1)
    page = sign_in("ada", java_script_enabled=False)
    page.goto(f"/a/{ref(item)}/assign/")
    page.get_by_role("radio", name="Grace").check()
    page.click("button:has-text('Give')")
    assert holder(item) == shop.house.grace
