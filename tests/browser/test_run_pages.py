"""The pages of runs in Chromium: parked, blocked, a tree, and the form that starts one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from agents import registry, runner, services
from agents.models import Run as Row
from agents.runs import Run
from reviews import registry as desk_registry
from reviews.schemas import EvidenceIn
from tests import build
from tests.browser import chrome
from tests.browser.conftest import Shop
from tests.browser.eyes import PHONE, THEMES, violations
from tests.browser.hands import SignIn
from tests.logins import as_role

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.skipif(not chrome.path(), reason=chrome.INSTALL)]


def planner(run: Run, topic: str, rounds: int = 2, careful: bool = True) -> Any:
    """Looks, proposes and asks a helper, with something hostile on the way."""
    run.step("read the thread", lambda t: {"subject": t, "from": "kim@example.org\u202egro.live"}, topic)
    first = run.propose(
        "mail.send",
        {"to": "kim@example.org", "subject": topic, "body": "<b>It is on its way.</b>"},
        confidence=0.83,
        reasoning="They asked where their order is.",
        evidence=[EvidenceIn(title="Mail", text="where is my order?")],
    )
    run.start_child("scout", {"place": "warehouse"}, title="look at the shelves")
    return [type(run.wait(first)).__name__, rounds, careful]


def scout(run: Run, place: str) -> str:
    run.step("count", lambda p: f"{p}: 12", place)
    run.propose("note.add", {"text": f"counted the {place}"}, confidence=0.5)
    run.sleep(3600)
    return place


def changed(run: Run, place: str) -> str:
    run.step("count twice", lambda p: f"{p}: 12", place)
    return place


@pytest.fixture(scope="module")
def runs(shop: Shop) -> Iterator[dict[str, Row]]:
    """A parked parent, its child blocked by new code, and one more that has failed."""
    shipped = dict(desk_registry._loaded)
    with registry.isolated(empty=True):
        desk_registry._loaded.clear()
        registry.agent("planner", starts=("scout",), label="Planner")(planner)
        registry.agent("scout", label="Scout")(scout)
        with as_role("web"):
            services.sync_registry(owner="noor")
            parent = services.start_run(
                agent="planner", args={"topic": "Order 8812"}, title="Order 8812 is late", by=shop.house.by("lin")
            )
            failing = services.start_run(agent="planner", args={"topic": "x" * 200}, by=shop.house.by("lin"))
        leg(parent)
        child = Row.objects.get(parent=parent)
        leg(child.id)
        build.route()
        with as_role("web"):
            services.cancel_run(run=failing, by=shop.house.by("lin"), reason="a mistake")
        fork = block(shop, child)
        yield {
            "parent": Row.objects.get(id=parent),
            "child": Row.objects.get(id=fork),
            "cancelled": Row.objects.get(id=failing),
        }
    desk_registry._loaded.update(shipped)


def leg(run: Any) -> str:
    with as_role("agent"):
        return runner.advance(run=run, renew=False)


def block(shop: Shop, child: Row) -> Any:
    """Ends the child, and lets its fork meet code that has changed."""
    with as_role("web"):
        services.cancel_run(run=child.id, by=shop.house.by("lin"), reason="to be forked")
        fork = services.fork_run(run=child.id, seq=2, by=shop.house.by("lin"))
    del registry._agents["scout", "1"]
    registry.agent("scout", label="Scout")(changed)
    assert leg(fork) == "blocked"
    return fork


def addresses(runs: dict[str, Row]) -> dict[str, str]:
    return {
        "list": "/runs/",
        "parked": f"/runs/{runs['parent'].id}/",
        "blocked": f"/runs/{runs['child'].id}/",
        "cancelled": f"/runs/{runs['cancelled'].id}/",
        "which agent": "/runs/start/",
        "start": "/runs/start/?agent=planner",
    }


@pytest.mark.parametrize(("theme", "rules"), THEMES)
@pytest.mark.slow
def test_no_page_of_runs_has_a_violation(
    shop: Shop, runs: dict[str, Row], sign_in: SignIn, theme: str, rules: dict[str, Any]
) -> None:
    page = sign_in("lin", color_scheme=theme, reduced_motion="reduce")
    found = {}
    for name, url in addresses(runs).items():
        page.goto(url)
        picture(page, f"runs-{name}-{theme}")
        found[name] = violations(page, rules)
    assert {name: wrong for name, wrong in found.items() if wrong} == {}
    assert page.complaints == []


def test_on_a_phone_no_page_of_runs_scrolls_sideways(shop: Shop, runs: dict[str, Row], sign_in: SignIn) -> None:
    page = sign_in("lin", viewport=PHONE)
    wide = {}
    for name, url in addresses(runs).items():
        page.goto(url)
        picture(page, f"runs-{name}-phone")
        wide[name] = page.evaluate("document.documentElement.scrollWidth")
    assert {name: width for name, width in wide.items() if width > PHONE["width"]} == {}


def test_a_lead_forks_a_blocked_run_from_the_step_before(shop: Shop, runs: dict[str, Row], sign_in: SignIn) -> None:
    page = sign_in("lin")
    page.goto(f"/runs/{runs['child'].id}/")
    expect(page.locator("[data-blocked]")).to_contain_text("count twice")
    expect(page.locator("#seq")).to_have_value("0")
    page.click("text=Fork from here")
    page.wait_for_url(lambda url: str(runs["child"].id) not in url)
    made = Row.objects.get(forked_from=runs["child"])
    assert str(made.id) in page.url
    assert leg(made.id) == "finished"


def picture(page: Any, name: str) -> None:
    """For whoever wants to look: ASSENTRY_TEST_PICTURES=folder."""
    if folder := os.environ.get("ASSENTRY_TEST_PICTURES"):
        page.screenshot(path=str(Path(folder) / f"{name}.png"), full_page=True)
