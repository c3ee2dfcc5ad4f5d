"""Many items at once from the queue's page, without a script."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from reviews.models import Item, Tag
from tests import build
from tests.many import keys, several
from tests.web.pages import HX, Browser, nothing_changes


def test_a_selection_is_given_tagged_and_put_off(house: build.House, ada: Browser) -> None:
    items = several(house, 2)
    page = ada.post("/bulk/", {"item": keys(items)})
    assert "2 at once" in page.plain and "Grace, 0 on the desk" in page.plain and "Mallory" not in page.plain
    assert ada.post("/bulk/", {"item": keys(items), "verb": "assign", "user": house.grace.pk}).status == 303
    assert set(Item.objects.values_list("assignee", flat=True)) == {house.grace.pk}
    assert ada.post("/bulk/", {"item": keys(items), "verb": "tag", "add": "late, #fraud"}).status == 303
    assert Tag.objects.filter(removed_at=None).count() == 4
    soon = (timezone.now() + timedelta(seconds=30)).isoformat()
    assert ada.post("/bulk/", {"item": keys(items), "verb": "defer", "until": soon}).status == 303
    assert not Item.objects.filter(deferred_until=None).exists()


def test_all_that_match_can_be_escalated_but_neither_claimed_nor_tagged(
    house: build.House, ada: Browser, mallory: Browser
) -> None:
    mails, other = several(house, 2), build.pending(house, "note.add")
    asked = {"all": "1", "q": "type:mail.send"}
    page = ada.post("/bulk/", asked)
    assert "2 at once" in page.plain and "Claim them" not in page.plain
    with nothing_changes():
        assert ada.post("/bulk/", {**asked, "verb": "claim"}).status == 422
        assert ada.post("/bulk/", {**asked, "verb": "tag", "add": "x"}).status == 422
        assert ada.post("/bulk/", {**asked, "verb": "escalate", "target": house.leads.pk}).status == 422
        assert ada.post("/bulk/", {"all": "1", "q": "rsk:high", "verb": "defer", "until": "30"}).status == 422
        assert mallory.post("/bulk/", {**asked, "verb": "assign", "user": ""}).status == 422
    words = {"verb": "escalate", "target": house.leads.pk, "reason_code": "specialist"}
    assert ada.post("/bulk/", {**asked, **words}).status == 303
    escalated = Item.objects.filter(escalated_to=house.leads)
    assert set(escalated.values_list("id", flat=True)) == {item.id for item in mails}
    assert Item.objects.get(id=other.id).escalated_to is None


def test_what_was_left_as_it_is_says_why(house: build.House, ada: Browser, grace: Browser) -> None:
    mine, theirs = several(house, 2)
    grace.post(f"/a/ACT-{theirs.ref}/claim/", grace.form(theirs))
    page = ada.post("/bulk/", {"item": keys([mine, theirs]), "verb": "claim"})
    assert "1 of 2 done." in page.plain and "claimed by Grace" in page.plain
    with nothing_changes():
        assert ada.post("/bulk/", {"verb": "claim"}).status == 422
        assert ada.post("/bulk/", {"item": ["ACT-1"], "verb": "claim"}).status == 422
        assert ada.post("/bulk/", {"item": keys([mine]), "verb": "delete"}).status == 422


def test_a_script_is_led_back_and_hears_that_the_selection_is_done(
    house: build.House, ada: Browser, grace: Browser
) -> None:
    mine, theirs = several(house, 2)
    sent = {"item": keys([mine]), "verb": "claim", "q": "risk:low"}
    answer = ada.post("/bulk/", sent, **HX).response
    assert (answer["HX-Redirect"], answer["Desk-Acted"]) == ("/queue/?q=risk:low", "1")
    answer = ada.post("/bulk/", {"all": "1", "q": "risk:low", "verb": "defer", "until": "1"}, **HX).response
    assert "Desk-Acted" not in answer
    grace.post(f"/a/ACT-{theirs.ref}/claim/", grace.form(theirs))
    page = ada.post("/bulk/", {"item": keys([mine, theirs]), "verb": "claim"}, **HX)
    assert page.response["HX-Retarget"] == "closest .verb-form"
    assert f'data-ref="ACT-{theirs.ref}"' in page.text and "data-acted" in page.text
