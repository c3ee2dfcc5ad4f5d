"""A scripted reviewer in a real browser: decisions a minute at one key each, and a mixed day with reasons.

`python -m bench.desk_day` runs the desk with the timings of production. The first part approves low-risk rows, one key
each, as fast as the desk's own pace allows. The second works through a day of 70 % low, 25 % medium and 5 % high risk:
it looks as long as the server demands, gives the reasons that are due, and refuses one in eight. Beside both stand the
server's answers as the browser saw them: deciding, and the poll that finds nothing new. Needs Chromium.
"""

from __future__ import annotations

import gzip
import os
import sys
import time
from collections import defaultdict
from typing import Any

os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"  # Playwright runs an event loop of its own

from bench import place, report

CONFIG = place.open_place(profile="normal")

from playwright.sync_api import TimeoutError as NoAnswer  # noqa: E402  Django is set up by now
from playwright.sync_api import sync_playwright  # noqa: E402

from bench.report import Row, percentile  # noqa: E402
from reviews import services  # noqa: E402
from reviews.ids import new_id  # noqa: E402
from reviews.models import Decision  # noqa: E402
from reviews.schemas import Proposal  # noqa: E402
from tests import build  # noqa: E402
from tests.browser import chrome, scene  # noqa: E402
from tests.browser.hands import Keys, ref  # noqa: E402
from tests.browser.site import Site, site  # noqa: E402
from tests.logins import as_role  # noqa: E402

PACE = 60 / 90 + 0.03  # seconds between low-risk decisions: 90 a minute are allowed
LOOK = {"low": 0.5, "medium": 2.2, "high": 8.5}  # seconds that the server demands, and a little
# Milliseconds from each key to the first row that left the list, as the page itself measures them.
STOPWATCH = """() => {
    window.taken = [];
    let pressed = 0;
    addEventListener("keydown", () => { pressed = performance.now(); }, true);
    const gone = (change) => [...change.removedNodes].some((node) => node.matches?.("tr.item"));
    new MutationObserver((all) => {
        if (!pressed || !all.some(gone)) return;
        taken.push(performance.now() - pressed);
        pressed = 0;
    }).observe(document.querySelector("#batch"), { childList: true, subtree: true });
}"""
KINDS = {"low": "mail.send", "medium": "refund.issue", "high": "payout.release"}
PAYOUT = {"supplier": "Oak & Sons", "amount": 245_000, "iban": "DE02120300000000202051", "lines": []}


def propose(house: build.House, risks: list[str], word: str) -> list[Any]:
    """Waiting items of these risks; the word finds them again."""
    made = []
    for number, risk in enumerate(risks):
        given = build.PAYLOADS | {"payout.release": PAYOUT}
        field = {"low": "subject", "medium": "note", "high": "supplier"}[risk]
        payload = given[KINDS[risk]] | {field: f"{word} {number}"}
        with as_role("web"):
            proposal = Proposal(type=KINDS[risk], payload=payload, dedup_key=str(new_id()), confidence=0.8)
            made.append(services.propose(proposal=proposal, principal=house.agent.id).id)
    build.route()
    return [build.item_of(action) for action in made]


class Wire:
    """What the server answered, as the browser saw it: milliseconds to the first byte, by kind of request."""

    def __init__(self, page: Any) -> None:
        self.times: dict[str, list[float]] = defaultdict(list)
        page.on("response", self._note)  # of a 304 Playwright tells no end

    def _note(self, answer: Any) -> None:
        request = answer.request
        kind = _kind(request.method, request.url, answer.status)
        if kind:
            self.times[kind].append(request.timing["responseStart"])


def _kind(method: str, url: str, status: int) -> str:
    if method == "POST" and "/decide/" in url and status in (200, 303):
        return "decide"
    return "poll" if "/queue/live/" in url and status == 304 else ""


def sign_in(browser: Any, found: Site, name: str) -> Any:
    page = browser.new_context(viewport={"width": 1440, "height": 900}, base_url=found.url).new_page()
    page.goto("/queue/")
    page.fill("#id_login, #id_username", name)
    page.fill("#id_password", "secret")
    page.click("button[type=submit]")
    page.wait_for_url("**/queue/**")
    return page


def at_one_key(page: Any, items: list[Any], word: str) -> tuple[float, Keys]:
    """Approve them all from the list; seconds that it took."""
    page.goto(f"/queue/?q={word}&rows=100")
    page.evaluate(STOPWATCH)
    page.locator("tr.item").first.focus()
    keys = Keys(page)
    page.wait_for_timeout(600)
    started = gone = time.monotonic()
    for number in range(len(items)):
        due = max(started + number * PACE, gone + LOOK["low"])
        page.wait_for_timeout(max(0.0, (due - time.monotonic()) * 1000))
        row = page.locator("tr.item:focus").get_attribute("id", timeout=10_000)
        keys.press("a")
        _demand_gone(page, str(row))
        gone = time.monotonic()
    return gone - started, keys


def _demand_gone(page: Any, row: str) -> None:
    try:
        page.locator(f"#{row}").wait_for(state="detached", timeout=10_000)
    except NoAnswer:
        said = page.locator("#toasts, #dialog[open]").all_inner_texts()
        sys.exit(f"bench: {row} does not go; the desk says: {' '.join(said)[:300]}")


def a_day(page: Any, items: list[Any], word: str) -> tuple[float, Keys]:
    """Each in the order of the queue: look, then one key, or key, reason and Enter; one in eight is refused."""
    page.goto(f"/queue/?q={word}&rows=100")
    page.locator("tr.item").first.focus()
    keys, by_ref = Keys(page), {ref(item): item for item in items}
    started = time.monotonic()
    for number in range(len(items)):
        row = page.locator("tr.item[data-ref]:not(.struck)").first
        item = by_ref[row.get_attribute("data-ref")]
        row.focus()
        page.locator(f'#preview #detail[data-ref="{ref(item)}"]').wait_for()
        page.wait_for_timeout(LOOK[item.risk] * 1000)
        _decide(page, keys, refuse=number % 8 == 7, reason=item.risk == "high")
        _demand_gone(page, f"row-{ref(item)}")
    return time.monotonic() - started, keys


def _decide(page: Any, keys: Keys, *, refuse: bool, reason: bool) -> None:
    keys.press("r" if refuse else "a")
    if refuse or reason:
        page.locator("#dialog[open] form").wait_for()
        keys.press("1", "Enter")


def weight(page: Any, url: str) -> float:
    """Kilobytes of a page and all it loads for the first time, each gzipped as a proxy in front would."""
    context = page.context.browser.new_context(base_url=page.url, storage_state=page.context.storage_state())
    fresh = context.new_page()
    loaded: list[Any] = []

    def note(answer: Any) -> None:
        loaded.append(answer)

    fresh.on("response", note)  # a method of a list would not do: Playwright marks the function
    fresh.goto(url)
    fresh.wait_for_load_state("networkidle")
    found = sum(len(gzip.compress(answer.body())) for answer in loaded if answer.status == 200)
    context.close()
    return found / 1000


def measure(count: int, day: int) -> list[Row]:
    with site("desk_day", profile="normal") as found, sync_playwright() as play:
        house = scene.furnish()
        scene.fill(house, 100)
        browser = play.chromium.launch(**chrome.options())
        low = propose(house, ["low"] * count, "quick")
        mixed = propose(house, _mix(day), "mixed")
        page = sign_in(browser, found, "ada")
        wire = Wire(page)
        heavy = weight(page, "/queue/")
        quick, keys = at_one_key(page, low, "quick")
        shown = page.evaluate("taken")
        later = sign_in(browser, found, "grace")
        wires = Wire(later)
        took, pressed = a_day(later, mixed, "mixed")
        _idle(page)
        browser.close()
        _demand_decided([*low, *mixed])
    decide = [*wire.times["decide"], *wires.times["decide"]]
    return _rows(count, quick, keys, shown, day, took, pressed, decide, wire.times["poll"] + wires.times["poll"], heavy)


def _mix(count: int) -> list[str]:
    high, medium = max(1, round(count * 0.05)), round(count * 0.25)
    return ["high"] * high + ["medium"] * medium + ["low"] * (count - high - medium)


def _idle(page: Any) -> None:
    """Let the open queue poll for a while, as it does while somebody reads; another row would claim its item."""
    page.goto("/queue/")
    for number in range(12):
        page.mouse.move(700 + number, 20)
        page.wait_for_timeout(1_900)


def _demand_decided(items: list[Any]) -> None:
    """A figure about decisions that were not taken would be about nothing."""
    done = Decision.objects.filter(item__in=[item.id for item in items]).values("item").distinct().count()
    if done != len(items):
        sys.exit(f"bench: {done} of {len(items)} were decided; nothing was measured")


def _rows(
    count: int, quick: float, keys: Keys, shown: list[float], day: int, took: float, pressed: Keys,
    decide: list[float], poll: list[float], heavy: float,
) -> list[Row]:  # fmt: skip
    return [
        Row(measure="decisions a minute at one key", value=count / quick * 60, unit="/min", n=count,
            note="the desk allows 90"),
        Row(measure="keys for each", value=keys.pressed / count, unit="keys", target=1.0, n=count),
        _times("key until the row is gone", shown, 300),
        Row(measure="mixed day, decisions an hour", value=day / took * 3600, unit="/h", target=200, at="least", n=day,
            note="70/25/5, reasons where due"),
        Row(measure="mixed day, keys for each", value=pressed.pressed / day, unit="keys", n=day),
        _times("decide, until the browser hears", decide, 150),
        _times("poll that finds nothing new", poll, 10),
        Row(measure="queue page and all it loads, gzipped", value=heavy, unit="kB", target=150),
    ]  # fmt: skip


def _times(name: str, values: list[float], target: float) -> Row:
    """A row of milliseconds whose value is the 95th percentile."""
    if not values:
        sys.exit(f"bench: nothing was seen of: {name}")
    high = percentile(values, 0.95)
    return Row(measure=name, value=high, unit="ms", target=target, p50=percentile(values, 0.5), p95=high, n=len(values))


def main() -> None:
    if not chrome.path():
        sys.exit(f"bench: {chrome.INSTALL}")
    count, day = (120, 80) if "--full" in sys.argv else (40, 40)
    try:
        rows = measure(count, day)
    except NoAnswer as error:
        sys.exit(f"bench: the page did not do what a reviewer waits for: {error}")
    report.write("desk_day", rows, CONFIG | {"one_key": count, "day": day})


if __name__ == "__main__":
    main()
