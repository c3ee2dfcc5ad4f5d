"""High risk is approved by somebody who proved within minutes who they are."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from audit.models import Event
from reviews import services
from reviews.errors import StepUpNeeded
from reviews.models import Decision
from reviews.services import By
from tests import build
from tests.governance import last_leaf
from tests.logins import as_role
from tests.web.pages import HX, Browser, nothing_changes

RIGHT, WRONG = {"confirm": "secret"}, {"confirm": "guess"}


def old(browser: Browser, seconds: float = 301) -> str:
    """The session as it is some minutes after the sign-in; returns its key."""
    session = browser.client.session
    session["proved"] = ["password", time.time() - seconds]
    session.save()
    return str(session.session_key)


def approve(browser: Browser, item: Any, **more: Any) -> Any:
    words = {"verdict": "approve", "reason_code": "checked", "rationale": "I read the path twice."}
    return browser.send(item, "decide", **words, **more)


@pytest.mark.parametrize("age", [timedelta(seconds=301), timedelta(seconds=-60), None])
def test_service_refuses_high_risk_without_a_fresh_proof(house: build.House, age: timedelta | None) -> None:
    item = build.pending(house, "files.delete")
    by = By(house.ada, stepped_up_at=timezone.now() - age if age is not None else None)
    shown = build.seen(item)
    with build.refused(StepUpNeeded, "within the last 5 min"), as_role("web"):
        services.decide(item=item.id, seen=shown, decision=build.APPROVE, by=by)


def test_edit_and_approve_of_high_risk_saves_nothing_without_a_fresh_proof(house: build.House) -> None:
    item = build.pending(house, "files.delete")
    payload, by = {"path": "/srv/reports/2018"}, By(house.ada)
    shown = build.seen(item)
    with build.refused(StepUpNeeded), as_role("web"):
        services.edit(item=item.id, seen=shown, payload=payload, decision=build.APPROVE, by=by)


def test_low_risk_and_rejecting_need_no_fresh_proof(house: build.House, ada: Browser) -> None:
    low, high = build.pending(house), build.pending(house, "files.delete")
    old(ada)
    assert ada.send(low, "decide", verdict="approve").status == 303
    assert ada.send(high, "decide", verdict="reject", reason_code="wrong_facts").status == 303


def test_form_asks_for_the_password_keeps_the_words_and_goes_on(house: build.House, ada: Browser) -> None:
    item = build.pending(house, "files.delete")
    key = old(ada)
    with nothing_changes():
        asked = approve(ada, item)
    assert (asked.status, 'name="confirm"' in asked.text) == (422, True)
    assert "I read the path twice." in asked.text
    assert approve(ada, item, **RIGHT).status == 303
    assert Decision.objects.get().reviewer == house.ada
    names = list(Event.objects.order_by("n").values_list("name", flat=True))[-2:]
    assert names == ["auth.stepped_up", "decision.recorded"]
    assert ada.client.session.session_key != key, "a new proof has a new session key"
    assert approve(ada, build.pending(house, "files.delete")).status == 303


def test_dialog_gets_the_field_beside_what_was_typed(house: build.House, ada: Browser) -> None:
    item = build.pending(house, "files.delete")
    old(ada)
    page = ada.post(f"/a/ACT-{item.ref}/decide/", ada.form(item, verdict="approve", reason_code="checked"), **HX)
    assert (page.status, 'data-code="step_up_needed"' in page.text) == (422, True)
    assert 'name="confirm"' in page.text


def test_dialog_asks_at_once_where_it_will_be_asked_for(house: build.House, ada: Browser) -> None:
    low, high = build.pending(house), build.pending(house, "files.delete")
    assert 'name="confirm"' not in ada.get(f"/a/ACT-{high.ref}/decide/?verdict=approve").text
    old(ada)
    asked = [
        'name="confirm"' in ada.get(f"/a/ACT-{item.ref}/decide/?verdict={verdict}").text
        for item, verdict in ((high, "approve"), (high, "reject"), (low, "approve"))
    ]
    assert asked == [True, False, False]


def test_wrong_password_decides_nothing_and_is_told(house: build.House, ada: Browser) -> None:
    item = build.pending(house, "files.delete")
    old(ada)
    page = approve(ada, item, **WRONG)
    assert (page.status, 'name="confirm"' in page.text) == (422, True)
    assert not Decision.objects.exists()
    leaf = last_leaf()
    assert (leaf["name"], leaf["data"]["reason_code"]) == ("auth.refused", "step_up:decide")
    assert leaf["case"]["id"] == f"person:{house.ada.pseudonym}"
    assert "guess" not in str(leaf)


def test_another_persons_password_is_no_proof(house: build.House, ada: Browser) -> None:
    house.ada.set_password("her own")
    house.ada.save()
    ada = Browser(house.ada)
    old(ada)
    assert approve(ada, build.pending(house, "files.delete"), **RIGHT).status == 422


def test_page_of_its_own_leads_back_and_nowhere_else(house: build.House, ada: Browser) -> None:
    old(ada)
    assert 'name="next" value="/queue/?q=risk:high"' in ada.get("/confirm/?next=/queue/?q=risk:high").text
    assert ada.post("/confirm/", {**WRONG, "next": "/queue/"}).status == 422
    assert ada.post("/confirm/", {**RIGHT, "next": "/queue/"}).location == "/queue/"
    stays = ada.post("/confirm/", {**RIGHT, "next": "//evil.example"})
    assert stays.status == 200
    assert "Go back to the tab you came from" in stays.plain
    assert last_leaf()["data"] == {"method": "password", "purpose": "confirm"}
