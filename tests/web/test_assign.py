"""Giving an item to somebody: who can decide it, and why others cannot; tags; queues that nobody is there for."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.cache import caches
from django.utils import timezone

from reviews.models import Authority, Item, Reach, Tag
from reviews.queries.manning import unmanned
from reviews.services import absences
from reviews.states import Risk
from tests import build
from tests.logins import as_role
from tests.web.pages import Browser, nothing_changes


def test_form_says_who_can_decide_it_and_why_others_cannot(house: build.House, ada: Browser) -> None:
    Authority.objects.filter(group=house.leads).update(max_risk=Risk.LOW)
    item = build.pending(house, "refund.issue")
    for other in range(2):
        build.decide(house, build.pending(house, "refund.issue"), name=("ada", "grace")[other])
    now = timezone.now()
    with as_role("web"):
        absences.record_absence(
            user=house.grace, starts=now, ends=now + timedelta(days=1), substitute=None, by=house.by("grace")
        )
    page = ada.get(f"/a/ACT-{item.ref}/assign/").plain
    assert "away until" in page
    assert "owns the agent that proposed this" in page  # noor
    assert "medium risk is above their limit, low" in page  # lin
    assert "0 on the desk, decided 1 of this type in 90 days" in page
    assert "Mallory" not in page
    assert ada.send(item, "assign", user=house.grace.pk).status == 303
    assert Item.objects.get(id=item.id).assignee == house.grace
    with nothing_changes():
        assert ada.send(item, "assign", user=house.mallory.pk).status == 422


def test_whom_to_give_it_to_does_not_tell_who_has_voted(house: build.House, ada: Browser) -> None:
    item = build.pending(house, "files.delete")
    before = ada.get(f"/a/ACT-{item.ref}/assign/").plain
    build.decide(house, item, name="grace")
    assert ada.get(f"/a/ACT-{item.ref}/assign/").plain == before


def test_tags_are_hung_and_taken_off_on_the_page(house: build.House, ada: Browser) -> None:
    item = build.pending(house)
    assert ada.post(f"/a/ACT-{item.ref}/tag/", {"add": "fraud, late"}).status == 303
    assert "/queue/?q=tag:fraud" in ada.open(item).text
    assert ada.post(f"/a/ACT-{item.ref}/tag/", {"remove": "late"}).status == 303
    assert set(Tag.objects.filter(removed_at=None).values_list("name", flat=True)) == {"fraud"}
    with nothing_changes():
        assert ada.post(f"/a/ACT-{item.ref}/tag/", {"add": "no<tag>"}).status == 422


@pytest.mark.parametrize("emptied", ["nobody sees it", "nobody may decide"])
def test_queue_that_nobody_is_there_for_is_an_alarm(house: build.House, ada: Browser, emptied: str) -> None:
    build.pending(house)
    caches["memory"].clear()
    assert unmanned() == []
    if emptied == "nobody sees it":
        Reach.objects.filter(queue=house.queue).delete()
    else:
        Authority.objects.all().delete()
    caches["memory"].clear()
    assert [one.queue for one in unmanned()] == ["support"]
    assert "Nobody is there for Support" in Browser(house.root).get("/queue/").plain
    assert "Nobody is there" not in ada.get("/queue/").plain
    caches["memory"].clear()
