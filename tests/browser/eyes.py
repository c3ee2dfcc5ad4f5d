"""Looking at a page as others meet it: axe's rules, two themes, two small screens."""

from __future__ import annotations

from typing import Any

from axe_playwright_python.sync_playwright import Axe

RULES = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
}
COLOURS = {"runOnly": {"type": "rule", "values": ["color-contrast"]}}  # all that a theme changes
THEMES = [("light", RULES), ("dark", COLOURS)]
PHONE = {"width": 320, "height": 700}
ZOOMED = {"width": 320, "height": 256}  # 1280 x 1024 at 400 %
SMALL = """all => all
    .filter(e => { const b = e.getBoundingClientRect(); return b.width && Math.min(b.width, b.height) < 24; })
    .map(e => e.outerHTML.slice(0, 90))"""
TARGETS = "button, .button, .chip, .nav a, label.pick, label.choice, select, summary"


ALIKE = [["tr.item:nth-child(n + 9)"]]  # rows are made alike: eight of them say it all


def violations(page: Any, rules: dict[str, Any] = RULES, inside: str = "") -> list[str]:
    """What axe finds on the page, or in one part of it."""
    where: dict[str, Any] = {"include": [[inside]]} if inside else {"exclude": ALIKE}
    found = Axe().run(page, context=where, options=rules).response["violations"]
    return [f"{v['id']}: {v['nodes'][0]['html'][:160]} ({len(v['nodes'])})" for v in found]
