"""What a test does at the desk: find rows, wait, look into the database meanwhile, and count the keys it presses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from reviews.models import Item

SignIn = Callable[..., Any]


def ref(item: Item) -> str:
    return f"ACT-{item.ref}"


def row(page: Any, item: Item) -> Any:
    return page.locator(f"#row-{ref(item)}")


def refs(page: Any) -> list[str]:
    """The rows on the page, from the top."""
    found: list[str] = page.eval_on_selector_all("tr.item", "rows => rows.map(r => r.dataset.ref)")
    return found


def in_order(page: Any, items: list[Item]) -> list[Item]:
    """These items as the page lists them."""
    by_ref = {ref(item): item for item in items}
    return [by_ref[found] for found in refs(page)]


def until(page: Any, wanted: Callable[[], Any], seconds: float = 5) -> Any:
    """Polls the database while the browser goes on."""
    for _ in range(int(seconds * 20)):
        if found := wanted():
            return found
        page.wait_for_timeout(50)
    return wanted()


def pause(page: Any, seconds: float) -> None:
    page.wait_for_timeout(seconds * 1000)


def opened(page: Any, item: Item) -> None:
    """Waits until the pane shows this item."""
    page.locator(f'#preview #detail[data-ref="{ref(item)}"]').wait_for()


class Keys:
    """A keyboard that counts: chords are one key, as on a real one; written words are counted apart."""

    def __init__(self, page: Any) -> None:
        self.page, self.pressed, self.written = page, 0, 0

    def press(self, *names: str) -> None:
        for name in names:
            self.page.keyboard.press(name)
            self.pressed += 1

    def write(self, text: str) -> None:
        self.page.keyboard.type(text)
        self.written += len(text)


# The milliseconds from each key to the row that it took away, as the page itself measures them.
STOPWATCH = """() => {
    window.taken = [];
    let pressed = 0;
    addEventListener("keydown", () => { pressed = performance.now(); }, true);
    const gone = (change) => [...change.removedNodes].some((node) => node.matches?.("tr.item"));
    new MutationObserver((all) => { if (all.some(gone)) taken.push(performance.now() - pressed); })
        .observe(document.querySelector("#batch"), { childList: true, subtree: true });
}"""
