"""Pictures of the desk: `python -m tests.browser.screenshots --docs` makes those of docs/images.

With a folder instead every page of tests/browser/places.py, in both themes and on a phone.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from config.env import ROOT

os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
os.environ.setdefault("ASSENTRY_TEST_PROFILE", "normal")

WIDE = {"width": 1440, "height": 900}
PHONE = {"width": 320, "height": 700}
MOST = 1500  # pixels of a long page


def main() -> None:
    import django

    django.setup()
    for_docs = sys.argv[1:] == ["--docs"]
    folder = ROOT / "docs" / "images" if for_docs else Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    with _desk() as (browser, url, day):
        if for_docs:
            _documents(browser, url, folder)
        else:
            _everything(browser, url, folder, day)


@contextmanager
def _desk() -> Iterator[tuple[Any, str, list[Any]]]:
    """A browser, and a day's work to look at."""
    from playwright.sync_api import sync_playwright

    from tests.browser import chrome, places, scene
    from tests.browser.site import site

    with site("pictures", profile="normal") as found:
        house = scene.furnish()
        day = places.furnish(house)
        scene.fill(house, 40)
        with sync_playwright() as play:
            browser = play.chromium.launch(**chrome.options())
            yield browser, found.url, day
            browser.close()


def _sign_in(browser: Any, url: str, name: str, **options: Any) -> Any:
    page = browser.new_context(base_url=url, reduced_motion="reduce", **options).new_page()
    page.goto("/sign-in/")
    page.fill("#id_username", name)
    page.fill("#id_password", "secret")
    page.click("button[type=submit]")
    page.wait_for_url("**/queue/**")
    return page


def _documents(browser: Any, url: str, folder: Path) -> None:
    """What README and the reviewers' guide show, in the order in which they show it."""
    page = _sign_in(browser, url, "ada", viewport=WIDE)
    page.goto("/queue/?q=risk:medium,high&sort=-amount")
    page.locator("tr.item[data-type='refund.issue'] .c-ask").nth(2).click()
    page.wait_for_selector("#preview #detail[data-risk=medium]")
    page.mouse.move(5, 500)
    page.wait_for_timeout(1_600)  # the claim, and what the list says of it
    page.screenshot(path=folder / "queue.png")
    page.keyboard.press("r")
    page.wait_for_selector("#dialog[open] input[name=reason_code]")
    page.locator("#dialog").screenshot(path=folder / "reject.png")
    page.keyboard.press("Escape")
    page.keyboard.press("e")
    page.wait_for_selector("#dialog[open] [name=f-amount]")
    page.fill("#dialog [name=f-amount]", "4450")
    page.wait_for_selector("#difference ins")
    page.locator("#dialog").screenshot(path=folder / "edit.png")
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    page.wait_for_selector("#dialog .help-words h2")
    page.locator("#dialog").screenshot(path=folder / "keys.png")
    _batch(page, folder)
    dark = _sign_in(browser, url, "grace", viewport=WIDE, color_scheme="dark")
    dark.goto("/queue/?q=risk:high,critical")
    dark.wait_for_selector("#preview #detail")
    dark.wait_for_timeout(400)
    dark.screenshot(path=folder / "dark.png")


def _batch(page: Any, folder: Path) -> None:
    page.goto("/queue/?q=type:mail.send")
    page.wait_for_selector("#preview #detail")
    for key in ("*", "s", "Shift+A"):
        page.keyboard.press(key)
    page.wait_for_selector("#dialog[open] table")
    page.locator("#dialog").screenshot(path=folder / "batch.png")


def _everything(browser: Any, url: str, folder: Path, day: list[Any]) -> None:
    from tests.browser import places

    for person, pages in (("lin", places.addresses(day)), ("root", places.OFFICES)):
        for theme in ("light", "dark"):
            for size, viewport in (("wide", WIDE), ("phone", PHONE)):
                page = _sign_in(browser, url, person, viewport=viewport, color_scheme=theme)
                for name, path in pages.items():
                    page.goto(path)
                    page.wait_for_timeout(400)
                    _picture(page, folder / f"{name.replace(' ', '-')}-{size}-{theme}.png", viewport)
                page.context.close()


def _picture(page: Any, path: Path, viewport: dict[str, int]) -> None:
    height = min(MOST, max(viewport["height"], page.evaluate("document.documentElement.scrollHeight")))
    page.screenshot(path=path, full_page=True, clip={"x": 0, "y": 0, "width": viewport["width"], "height": height})


if __name__ == "__main__":
    main()
