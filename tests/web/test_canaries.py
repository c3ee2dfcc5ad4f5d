"""Seeding a check from a page, and being told what it was."""

from __future__ import annotations

import re
from typing import Any

import pytest

from reviews.models import Action, Item
from reviews.states import Status
from tests import build
from tests.many import NOTE, seeded, select
from tests.web.pages import HX, Browser, nothing_changes
from tests.web.test_batch import looked


@pytest.fixture
def lin(house: build.House) -> Browser:
    return Browser(house.lin)


def put(lin: Browser, source: Any, **more: Any) -> Any:
    return lin.post(f"/action/{source}/check/", {"answer": "reject", "note": NOTE, "mutation": "tenfold", **more})


def test_a_lead_makes_a_check_of_a_decided_case_and_nobody_else_can(
    house: build.House, lin: Browser, ada: Browser
) -> None:
    twin = build.approved(house, "refund.issue", evidence=(build.evidence(),))
    build.pending(house, "refund.issue", payload={"customer": "4711", "amount": 100})
    page = lin.get(f"/action/{twin.id}/")
    assert f"/action/{twin.id}/check/" in page.text
    assert f"/action/{twin.id}/check/" not in ada.get(f"/action/{twin.id}/").text
    assert ada.get(f"/action/{twin.id}/check/").status == 403
    assert 'name="f-amount" value="129500"' in lin.get(f"/action/{twin.id}/check/?mutation=tenfold").text
    assert 'name="f-customer" value="4711"' in lin.get(f"/action/{twin.id}/check/?mutation=wrong_subject").text
    with nothing_changes():
        shown = put(lin, twin.id, preview="1", **{"f-amount": "99"})
        assert "12950 → becomes 99 (-99 %)" in shown.plain
        assert put(lin, twin.id, note="short").status == 422
        assert put(lin, twin.id, **{"f-amount": "a lot"}).status == 422
        assert put(ada, twin.id).status == 403
    assert put(lin, twin.id, **{"f-amount": "99000"}).location == "/checks/"
    build.route()
    item = Item.objects.order_by("-ref").first()
    assert item is not None and (item.purpose, item.amount) == ("canary", 99_000)
    assert "1 waiting" in lin.get("/checks/").plain


def test_a_check_is_offered_where_no_field_says_whom_it_is_about(house: build.House, lin: Browser) -> None:
    twin = build.approved(house, "files.delete")
    build.pending(house, "files.delete", payload={"path": "/srv/other"})
    page = lin.get(f"/action/{twin.id}/check/")
    assert page.status == 200
    assert "no_evidence" in page.text and "wrong_subject" not in page.text


def test_a_check_cannot_be_told_from_its_twin_by_any_page(house: build.House, ada: Browser) -> None:
    twin = build.approved(house, "refund.issue", evidence=(build.evidence(),), reasoning="As asked.")
    plain = build.pending(house, "refund.issue", evidence=(build.evidence(),), reasoning="As asked.")
    check = seeded(house, twin.id, "refund.issue", payload={})

    def told(item: Item) -> str:
        """The item's page without what is its own: ids, times and tokens."""
        text = ada.open(item).text.replace(f"ACT-{item.ref}", "ACT").replace(str(item.action_id), "ACTION")
        text = re.sub(r'FToken": "[^"]*|name="(csrfmiddlewaretoken|opened|digest)" value="[^"]*"', "", text)
        text = re.sub(r'opened=[^"&]*|data-since="[0-9.]+"', "", text)
        text = re.sub(r"<time [^>]*>[^<]*</time>|[0-9a-f]{64}|\d+ (seconds?|s|min)\b|\d\d:\d\d(:\d\d)?", "", text)
        return re.sub(r"\s+", " ", text)

    assert told(check) == told(plain)
    rows = {ref: ref for ref in ada.get("/queue/?q=is:pending").refs}
    assert {f"ACT-{check.ref}", f"ACT-{plain.ref}"} <= rows.keys()


def test_whoever_decides_a_check_is_told_at_once_in_place_of_the_toast(house: build.House, ada: Browser) -> None:
    twin = build.approved(house)
    missed, caught = seeded(house, twin.id), seeded(house, twin.id)
    page = ada.post(f"/a/ACT-{missed.ref}/decide/", ada.form(missed, verdict="approve"), **HX)
    assert "was a check, and it had to be rejected" in page.plain and NOTE in page.plain
    assert "data-undo" not in page.text and "data-gone" in page.text
    assert ada.send(caught, "decide", verdict="reject", reason_code="wrong_facts").status == 303
    assert "was a check, and you saw it" in ada.get("/queue/").plain
    again = ada.open(missed)
    assert NOTE in again.plain and "Take my decision back" not in again.plain
    assert Action.objects.get(id=missed.action_id).state == Status.WITHDRAWN


def test_a_batch_with_a_check_is_bounced_on_its_page(house: build.House, ada: Browser, lin: Browser) -> None:
    twin = build.approved(house)
    plain, check = build.pending(house), seeded(house, twin.id)
    items = [f"ACT-{i.ref}:{version}:{digest.hex()}" for i, (_, version, digest) in
             zip((plain, check), select([plain, check]), strict=True)]  # fmt: skip
    preview = ada.post("/batch/preview/", {"verdict": "approve", "item": items})
    assert preview.status == 200
    page = ada.post("/batch/", {"verdict": "approve", "item": items, "opened": looked(house.ada, *items)})
    assert "One of these 2 was a check. Nothing was applied." in page.plain
    assert NOTE in page.plain and 'data-result="blocked"' in page.text
    build.state_of(plain.action_id, Status.PENDING)
    assert "0 of 1 decided rightly" in lin.get("/checks/").plain
