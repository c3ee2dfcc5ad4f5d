"""Admin in a real browser: policy is changed there by hand, in both themes and on a narrow screen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.utils import timezone

from reviews.models import Level, PolicyVersion
from reviews.queries.policy import current_policy
from reviews.states import Outcome
from tests import build
from tests.browser import chrome, scene
from tests.browser.site import Site, site

pytestmark = [
    pytest.mark.slow,
    pytest.mark.browser,
    pytest.mark.skipif(not chrome.path(), reason=chrome.INSTALL),
]

POLICY = "/admin/reviews/policyversion/"
PAGES = (
    "/admin/",
    POLICY,
    f"{POLICY}draft/",
    f"{POLICY}draft/refund.issue/",
    "/admin/reviews/level/add/",
    "/admin/reviews/stop/add/",
    "/admin/reviews/stop/",
    "/admin/reviews/actiontype/refund.issue/change/",
    "/admin/reviews/authority/",
)


@pytest.fixture(scope="module")
def desk(django_db_setup: None, django_db_blocker: Any) -> Iterator[tuple[Site, build.House]]:
    with django_db_blocker.unblock(), site("admin") as found:
        house = scene.furnish()
        for amount in (5_000, 50_000, 500_000):
            build.pending(house, "refund.issue", payload={"customer": "8812", "amount": amount})
        yield found, house


@pytest.fixture
def lead(desk: tuple[Site, build.House], chromium: Any, request: Any) -> Iterator[Any]:
    """Lin, signed in; `request.param` may name a colour scheme."""
    scheme = getattr(request, "param", "light")
    page = chromium.new_context(
        base_url=desk[0].url, color_scheme=scheme, viewport={"width": 1280, "height": 900}
    ).new_page()
    page.refused = []
    page.on("console", lambda m: page.refused.append(m.text) if "Content Security" in m.text else None)
    page.goto("/admin/")
    page.fill("#id_username", "lin")
    page.fill("#id_password", "secret")
    page.click("button[type=submit]")
    page.wait_for_url("**/admin/")
    yield page
    page.context.close()


def test_lead_limits_refunds_looks_at_the_preview_publishes_and_goes_back(lead: Any) -> None:
    before = current_policy()
    lead.goto(f"{POLICY}draft/refund.issue/")
    limits = {"currency": "EUR", "auto": "10", "single": "100", "pair": "1000", "cap": "2000"}
    for name, value in limits.items():
        lead.fill(f"[name={name}]", value)
    lead.click("text=Keep in my draft")
    lead.wait_for_url(f"**{POLICY}draft/")
    said = lead.inner_text("#content-main")
    assert "2 of 3 would have been treated otherwise: 0 more loosely, 2 more strictly." in said
    assert lead.locator("svg.chart rect.chart-after").count() == len(Outcome)
    assert "amount: 5,000.00 EUR > 2,000.00 EUR" in said
    lead.fill("[name=reason]", "refunds were abused in May")
    lead.click("text=Publish as policy")
    lead.wait_for_url(f"**{POLICY}")
    after = current_policy()
    assert after.number == before.number + 1
    assert after.row is not None
    assert after.row.at <= timezone.now()
    lead.click("text=Publish the previous version again")
    lead.wait_for_load_state()
    assert PolicyVersion.objects.get(number=after.number + 1).restores == before.number
    assert current_policy().document == before.document
    assert lead.refused == []


def test_lead_tries_a_threshold_before_setting_it(lead: Any) -> None:
    lead.goto("/admin/reviews/level/add/")
    lead.select_option("[name=principal]", "helper")
    lead.select_option("[name=action_type]", "refund.issue")
    lead.select_option("[name=level]", "L4")
    lead.fill("[name=threshold]", "0.7")
    lead.click("text=What would it have done?")
    lead.wait_for_selector("svg.chart")
    said = lead.inner_text("#content-main")
    assert "What this level would have done to the last 3 actions" in said
    assert not Level.objects.filter(action_type="refund.issue").exists()
    lead.fill("[name=reason]", "three months without an error")
    lead.click("text=Set the level")
    lead.wait_for_url("**/admin/reviews/level/")
    assert "hand-set, no guarantee" in lead.inner_text("#changelist")
    assert Level.objects.get(action_type="refund.issue").tau == 0.7


def test_lead_stops_everything_and_lifts_it(lead: Any) -> None:
    lead.goto("/admin/reviews/stop/add/")
    lead.check("[name=scope][value=all]")
    lead.fill("[name=reason]", "the agents went astray")
    lead.click("text=Stop it now")
    lead.wait_for_url("**/admin/reviews/stop/")
    lead.goto("/queue/")
    assert "Lin" in lead.inner_text("body")
    assert "stopped" in lead.inner_text("body").lower()
    lead.goto("/admin/reviews/stop/")
    lead.click("#result_list tbody th a")
    lead.fill("[name=reason]", "they are themselves again")
    lead.click("text=Lift this stop")
    lead.wait_for_url("**/admin/reviews/stop/")
    lead.goto("/queue/")
    assert "the agents went astray" not in lead.inner_text("body")


@pytest.mark.parametrize("lead", ["light", "dark"], indirect=True)
@pytest.mark.slow
def test_axe_finds_nothing_and_nothing_is_refused_by_the_content_policy(lead: Any) -> None:
    from axe_playwright_python.sync_playwright import Axe

    for path in PAGES:
        lead.goto(path)
        assert lead.refused == [], path
        found = Axe().run(lead).response["violations"]
        assert [(v["id"], v["nodes"][0]["html"][:120]) for v in found] == [], path
        lead.refused.clear()  # axe measures with styles of its own


def test_no_admin_page_scrolls_sideways_on_a_narrow_screen(lead: Any) -> None:
    lead.set_viewport_size({"width": 320, "height": 700})
    for path in PAGES:
        lead.goto(path)
        assert lead.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
