"""Many at once: the preview, the result for each item, one batch id, one way back."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from reviews.models import Decision, Item, User
from reviews.services import stamp_shown, tend_precedents
from reviews.states import Status
from reviews.views.batch import previewed
from tests import build
from tests.logins import as_role
from tests.many import keys
from tests.web.pages import HX, Browser, Page, nothing_changes


def key(item: Item) -> str:
    fresh = Item.objects.select_related("action").get(id=item.id)
    return f"ACT-{fresh.ref}:{fresh.version}:{bytes(fresh.action.digest).hex()}"


def looked(user: User, *items: str, verdict: str = "approve") -> str:
    """The stamp of a preview of these rows, long enough ago."""
    return stamp_shown(user, previewed(items, verdict), build.long_ago())


def confirm(browser: Browser, items: list[Item], **more: Any) -> Page:
    assert browser.user is not None
    form = {"verdict": "approve", "item": [key(item) for item in items], **more}
    form.setdefault("opened", looked(browser.user, *form["item"], verdict=form["verdict"]))
    return browser.post("/batch/", form)


def results(page: Page) -> dict[str, str]:
    return dict(re.findall(r'<tr data-ref="(ACT-\d+)" data-result="(\w+)"', page.text))


def test_preview_shows_the_key_facts_and_the_odd_one(house: build.House, ada: Browser) -> None:
    small, large = (
        build.pending(house, "refund.issue"),
        build.pending(house, "refund.issue", payload={"customer": "1", "amount": 50_000}),
    )
    page = ada.post("/batch/preview/", {"verdict": "approve", "item": [key(small), key(large)]})
    assert page.status == 200
    assert "Approve these 2" in page.plain
    row = re.search(rf"ACT-{large.ref}</td>.*?</tr>", page.text, re.DOTALL)
    assert row is not None
    assert "largest amount" in row.group()
    assert "500.00 EUR" in row.group()
    assert page.field("opened")


def test_each_item_of_a_batch_is_told_what_became_of_it(house: build.House, ada: Browser, grace: Browser) -> None:
    good, risky, gone = build.pending(house), build.pending(house, "files.delete"), build.pending(house)
    stale = key(gone)
    grace.send(gone, "decide", verdict="reject", reason_code="not_needed")
    chosen = [key(good), key(risky), stale]
    form = {"verdict": "approve", "item": chosen, "opened": looked(house.ada, *chosen)}
    page = ada.post("/batch/", form)
    assert page.status == 200
    assert results(page) == {f"ACT-{good.ref}": "applied", f"ACT-{risky.ref}": "blocked", f"ACT-{gone.ref}": "conflict"}
    assert "high risk goes one by one" in page.plain
    build.state_of(good.action_id, Status.APPROVED)
    build.state_of(risky.action_id, Status.PENDING)


def test_batch_has_one_id_and_one_way_back(house: build.House, ada: Browser, settings: Any) -> None:
    settings.TIMINGS = replace(settings.TIMINGS, undo_low=60)
    items = [build.pending(house) for _ in range(3)]
    page = confirm(ada, items)
    batch = page.field("batch")
    assert set(Decision.objects.values_list("batch", flat=True).distinct()) == {Decision.objects.first().batch}
    assert str(Decision.objects.first().batch) == batch
    assert ada.get("/queue/").refs == []
    assert ada.post("/batch/undo/", {"batch": batch}).status == 303
    assert "3 of 3 wait again" in ada.get("/queue/").plain
    assert len(ada.get("/queue/").refs) == 3


def test_rejecting_in_a_batch_needs_one_reason_for_all(house: build.House, ada: Browser) -> None:
    items = [build.pending(house), build.pending(house, "files.delete")]
    with nothing_changes():
        page = confirm(ada, items, verdict="reject")
    assert page.status == 422
    assert "reason is needed" in page.alert
    assert "Reject these 2" in page.plain
    page = confirm(ada, items, verdict="reject", reason_code="not_needed")
    assert set(results(page).values()) == {"applied"}


def test_item_out_of_reach_is_blocked_as_if_unknown(house: build.House, ada: Browser, mallory: Browser) -> None:
    item = build.pending(house)
    with nothing_changes():
        page = confirm(mallory, [item])
    assert page.status in (200, 422)
    assert results(page) in ({f"ACT-{item.ref}": "blocked"}, {})
    assert "Mail kim" not in page.plain
    preview = mallory.post("/batch/preview/", {"verdict": "approve", "item": key(item)})
    assert "Mail kim" not in preview.plain


def test_batch_without_a_look_at_its_preview_is_refused(house: build.House, ada: Browser) -> None:
    item = build.pending(house)
    just_now = stamp_shown(house.ada, previewed([key(item)]), timezone.now() + timedelta(seconds=5))
    elsewhere = stamp_shown(house.ada, "list", build.long_ago())
    with nothing_changes():
        assert confirm(ada, [item], opened="").status == 422
        assert confirm(ada, [item], opened=elsewhere).status == 422
        assert "Look first" in confirm(ada, [item], opened=just_now).alert


def test_having_looked_at_one_selection_is_no_look_at_another(house: build.House, ada: Browser) -> None:
    seen, slipped = build.pending(house), build.pending(house)
    with nothing_changes():
        page = confirm(ada, [seen, slipped], opened=looked(house.ada, key(seen)))
        assert (page.status, "open the preview first" in page.alert.casefold()) == (422, True)
        assert page.field("opened") != looked(house.ada, key(seen)), "the page it comes with is a preview of its own"
    assert results(confirm(ada, [seen])) == {f"ACT-{seen.ref}": "applied"}


def test_what_can_still_be_undone_is_and_the_others_are_named(house: build.House, ada: Browser, settings: Any) -> None:
    settings.TIMINGS = replace(settings.TIMINGS, undo_low=60)
    items = [build.pending(house) for _ in range(2)]
    batch = confirm(ada, items).field("batch")
    alone = Decision.objects.get(action=items[0].action_id)
    ada.post(f"/a/ACT-{items[0].ref}/undo/", {"decision": str(alone.id)})
    page = ada.post("/batch/undo/", {"batch": batch})
    assert (page.status, "1 of 2 waits again." in page.plain) == (200, True)
    assert re.findall(r'data-left="(ACT-\d+)"', page.text) == [f"ACT-{items[0].ref}"]
    assert "taken back before" in page.plain
    toast = ada.post("/batch/undo/", {"batch": batch}, **HX)
    assert "0 of 2 wait again." in toast.plain
    assert len(re.findall(r"data-left=", toast.text)) == 2


def against_precedents(house: build.House, count: int) -> list[Item]:
    """Refunds like three that were rejected before, with what the keeper found."""
    for _ in range(3):
        item = build.pending(
            house, "refund.issue", payload={"customer": "8812", "amount": 4_450, "note": "lamp broken"}
        )
        build.decide(house, item, build.REJECT)
        build.wait_for_release(item.action_id)
    with as_role("router"):
        tend_precedents(seconds=10)
    given = {"customer": "8812", "amount": 4_450, "note": "lamp broken"}
    made = [build.pending(house, "refund.issue", payload=given) for _ in range(count)]
    with as_role("router"):
        tend_precedents(seconds=10)
    return made


def test_preview_names_what_goes_against_its_precedents_and_asks_why(house: build.House, ada: Browser) -> None:
    odd = against_precedents(house, 1)[0]
    usual = build.pending(house, "refund.issue", payload={"customer": "1", "amount": 99, "note": "parcel late"})
    chosen = [key(odd), key(usual)]
    page = ada.post("/batch/preview/", {"verdict": "approve", "item": chosen})
    assert "1 of these goes against its precedents." in page.plain
    assert f"ACT-{odd.ref}: 3 of 3 precedents were rejected" in page.plain
    assert "needed for 1 of them" in page.plain
    named = re.findall(r'name="against" value="([^"]+)"', page.text)
    assert named == [f"ACT-{odd.ref}"]
    sent = {"opened": stamp_shown(house.ada, previewed(chosen, "approve", named), build.long_ago()), "against": named}
    said = confirm(ada, [odd, usual], **sent)
    assert results(said) == {f"ACT-{odd.ref}": "blocked", f"ACT-{usual.ref}": "applied"}
    assert "it goes against its precedents; give a reason" in said.plain
    sent["opened"] = stamp_shown(house.ada, previewed([key(odd)], "approve", named), build.long_ago())
    assert results(confirm(ada, [odd], **sent, reason_code="checked")) == {f"ACT-{odd.ref}": "applied"}


def test_leaving_them_out_is_one_click_and_no_new_wait(house: build.House, ada: Browser) -> None:
    odd = against_precedents(house, 1)[0]
    usual = build.pending(house, "refund.issue", payload={"customer": "1", "amount": 99, "note": "parcel late"})
    chosen, named = [key(odd), key(usual)], [f"ACT-{odd.ref}"]
    opened = stamp_shown(house.ada, previewed(chosen, "approve", named), build.long_ago())
    form = {"verdict": "approve", "item": chosen, "against": named, "opened": opened, "leave_out": "1"}
    page = ada.post("/batch/preview/", form)
    assert "Approve these 1" in page.plain
    assert "against its precedents" not in page.plain
    again = {"verdict": "approve", "item": [key(usual)], "opened": page.field("opened")}
    assert results(ada.post("/batch/", again)) == {f"ACT-{usual.ref}": "applied"}
    build.state_of(odd.action_id, Status.PENDING)


def test_a_form_that_hides_what_the_preview_named_is_no_preview(house: build.House, ada: Browser) -> None:
    odd = against_precedents(house, 1)[0]
    opened = stamp_shown(house.ada, previewed([key(odd)], "approve", [f"ACT-{odd.ref}"]), build.long_ago())
    with nothing_changes():
        page = confirm(ada, [odd], opened=opened)
    assert (page.status, "open the preview first" in page.alert.casefold()) == (422, True)


def test_a_form_that_names_two_of_them_in_one_field_hides_them_too(house: build.House, ada: Browser) -> None:
    odd = against_precedents(house, 2)
    named = sorted(f"ACT-{item.ref}" for item in odd)
    stamp = stamp_shown(house.ada, previewed([key(item) for item in odd], "approve", named), build.long_ago())
    with nothing_changes():
        page = confirm(ada, odd, opened=stamp, against=[" ".join(named)])
    assert (page.status, "open the preview first" in page.alert.casefold()) == (422, True)


@pytest.mark.parametrize(
    "item", ["", "ACT-1", "ACT-1:1:zz", "ACT-1:1:" + "0" * 63, "1:1:" + "0" * 64, "ACT-²:1:" + "0" * 64]
)
def test_selection_that_says_nothing_is_refused(ada: Browser, item: str) -> None:
    page = ada.post("/batch/preview/", {"verdict": "approve", "item": item})
    assert page.status == 422


@pytest.mark.parametrize("verdict", ["", "ask", "escalate", "APPROVE"])
def test_batch_knows_two_verdicts(house: build.House, ada: Browser, verdict: str) -> None:
    item = build.pending(house)
    with nothing_changes():
        assert confirm(ada, [item], verdict=verdict).status == 422


def test_batch_of_somebody_else_is_not_taken_back(house: build.House, ada: Browser, grace: Browser) -> None:
    batch = confirm(ada, [build.pending(house)]).field("batch")
    with nothing_changes():
        assert grace.post("/batch/undo/", {"batch": batch}).status == 404
        assert ada.post("/batch/undo/", {"batch": "no"}).status == 404


def test_result_comes_as_a_fragment_for_the_dialog(house: build.House, ada: Browser) -> None:
    item = build.pending(house)
    form = {"verdict": "approve", "item": key(item), "opened": looked(house.ada, key(item))}
    page = ada.post("/batch/", form, **HX)
    assert "<html" not in page.text
    assert page.response["HX-Retarget"] == "#dialog"
    assert results(page) == {f"ACT-{item.ref}": "applied"}


def test_preview_marks_whom_nobody_has_seen_before_and_the_largest_amount(house: build.House, ada: Browser) -> None:
    build.approved(house, "refund.issue", payload={"customer": "8812", "amount": 100})
    known = build.pending(house, "refund.issue", payload={"customer": "8812", "amount": 900})
    stranger = build.pending(house, "refund.issue", payload={"customer": "4711", "amount": 100})
    chosen = keys([known, stranger])
    page = ada.post("/batch/preview/", {"verdict": "approve", "item": chosen})
    odd = [page.text.partition(f">ACT-{item.ref}<")[2].partition("</tr>")[0] for item in (known, stranger)]
    assert "largest amount" in odd[0] and "customer not seen before" not in odd[0]
    assert "customer not seen before" in odd[1]
    assert 'name="note-' not in page.text
    assert f'name="note-ACT-{known.ref}"' in ada.post("/batch/preview/", {"verdict": "reject", "item": chosen}).text
