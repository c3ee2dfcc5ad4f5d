"""Pictures of the desk's pages in both themes and several widths: `python -m tests.browser.screenshots FOLDER`.

With `--readme` instead of a folder only the queue, as docs/images/queue.png.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from config.env import ROOT

os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
os.environ.setdefault("ASSENTRY_TEST_PROFILE", "normal")

SIZES = {"wide": (1440, 900), "phone": (320, 700)}


def main() -> None:
    import django

    django.setup()
    from playwright.sync_api import sync_playwright

    from tests.browser import chrome, scene
    from tests.browser.site import site

    for_readme = sys.argv[1] == "--readme"
    folder = ROOT / "docs" / "images" if for_readme else Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    with site("pictures", profile="normal") as found:
        house = scene.furnish()
        items = scene.fill(house, 60)
        if not for_readme:
            scene.hostile(house)
        with sync_playwright() as play:
            browser = play.chromium.launch(**chrome.options())
            if for_readme:
                _readme(browser, found.url, folder / "queue.png")
                return
            for theme in ("light", "dark"):
                for size, (width, height) in SIZES.items():
                    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=theme)
                    page = context.new_page()
                    _sign_in(page, found.url, folder / f"login-{size}-{theme}.png")
                    for name, path in _pages(items):
                        page.goto(found.url + path)
                        page.wait_for_timeout(700)
                        shape = {"clip": {"x": 0, "y": 0, "width": width, "height": 1500}} if size == "phone" else {}
                        whole = name != "queue" or size == "phone"
                        page.screenshot(path=folder / f"{name}-{size}-{theme}.png", full_page=whole, **shape)
                    context.close()
            browser.close()


def _readme(browser: Any, url: str, picture: Path) -> None:
    """The queue as a reviewer has it open: some rows on, one selected, the preview beside it."""
    page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    page.goto(f"{url}/queue/?q=risk:medium,high")
    page.fill("#id_username", "lin")
    page.fill("#id_password", "secret")
    page.click("button[type=submit]")
    page.wait_for_url("**/queue/**")
    for _ in range(14):
        page.keyboard.press("j")
    page.wait_for_selector("#preview #evidence")
    page.wait_for_timeout(800)
    page.screenshot(path=picture)


def _pages(items: list[Any]) -> list[tuple[str, str]]:
    refund = next(i for i in items if i.action.type_id == "refund.issue")
    payout = next(i for i in items if i.action.type_id == "payout.release")
    return [
        ("queue", "/queue/"),
        ("filtered", "/queue/?q=risk:high+conf:0.60..1.00"),
        ("bad-query", "/queue/?q=rsk:high"),
        ("empty", "/queue/?q=nothinglikethis"),
        ("detail", f"/a/ACT-{refund.ref}/"),
        ("reject", f"/a/ACT-{refund.ref}/decide/?verdict=reject"),
        ("edit", f"/a/ACT-{payout.ref}/edit/"),
        ("hostile", f"/a/ACT-{max(i.ref for i in items) + 1}/"),
        ("insights", "/insights/"),
        ("missing", "/nowhere/"),
        ("runs", "/runs/"),
        ("import", "/import/"),
        ("integrity", "/audit/"),
    ]


def _sign_in(page: Any, url: str, picture: Path) -> None:
    page.goto(f"{url}/queue/")
    page.screenshot(path=picture)
    page.fill("#id_username", "lin")
    page.fill("#id_password", "secret")
    page.click("button[type=submit]")
    page.wait_for_url("**/queue/")


if __name__ == "__main__":
    main()
