"""Check 8: the processes die inside the undo window. A stage of its own, with a desk in front of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from reviews import services
from reviews.models import Attempt, Decision, Item
from reviews.schemas import Proposal
from reviews.states import Status
from tests import build, stage
from tests.browser import chrome
from tests.browser.conftest import session
from tests.browser.site import Site
from tests.logins import as_role

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(not chrome.path(), reason=chrome.INSTALL),
]
WORKERS = ("keeper", "drain", "executors")


@pytest.fixture(scope="module")
def scene(django_db_setup: None, django_db_blocker: Any) -> Iterator[tuple[stage.Stage, Site, build.House]]:
    """Two seconds to take back; the processes are those of production."""
    with django_db_blocker.unblock(), stage.stage("crash") as found:
        house = stage.furnish()
        found.profile = "journey"
        front = Site(found.base, found.database, "journey")
        front.more = {"ASSENTRY_AGENT_MODULES": "tests.play_cast", "ASSENTRY_TEST_STAGE": str(found.base)}
        front.start()
        found.started(*WORKERS)
        try:
            yield found, front, house
        finally:
            front.stop()


def test_check_08_killed_in_the_undo_window_it_is_released_and_carried_out_once(
    scene: tuple[stage.Stage, Site, build.House], chromium: Any
) -> None:
    theatre, front, house = scene
    proposal = Proposal(type="play.once", payload={"text": "once", "n": 8}, dedup_key="check 8", confidence=0.9)
    with as_role("web"):
        action = services.propose(proposal=proposal, principal=house.agent.id).id
    item = theatre.until(lambda: Item.objects.filter(action=action).first(), 20, "the keeper to route it")
    page = chromium.new_context(base_url=front.url, viewport={"width": 1400, "height": 900}).new_page()
    page.context.add_cookies([session(house.ada, front.url)])
    page.goto("/queue/")
    row = page.locator(f"#row-ACT-{item.ref}")
    expect(row).to_be_focused()
    page.wait_for_timeout(600)
    page.keyboard.press("a")
    expect(row).to_have_count(0)
    for name in WORKERS:
        theatre.kill(name)
    build.state_of(item.action_id, Status.APPROVED)
    assert not Attempt.objects.filter(action=item.action_id).exists()
    build.wait_for_release(item.action_id)
    theatre.started(*WORKERS)
    theatre.until(lambda: build.state_of(item.action_id).state == Status.SUCCEEDED, 60, "the effect")
    lines = [json.loads(line) for line in theatre.sink.read_text().splitlines()]
    assert [line["action"] for line in lines] == [str(item.action_id)]
    assert Attempt.objects.filter(action=item.action_id).count() == 1
    assert Decision.objects.filter(action=item.action_id, verdict="approve").count() == 1
    page.context.close()
