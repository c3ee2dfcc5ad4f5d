"""What people set for themselves holds on every page of theirs, and on nobody else's."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from audit.forms import SearchForm
from reviews.models import User
from tests import build
from tests.governance import last_leaf
from tests.web.pages import Browser

ABOUT = "theme,density,motion,preview,toast_seconds,sounds,digits_submit,character_keys,keys,dates,hours"


def form(**more: Any) -> dict[str, Any]:
    return {"about": ABOUT, "theme": "dark", "toast_seconds": "0", "time_zone": "Europe/Vienna", **more}


def test_choices_are_kept_and_only_where_they_differ_from_the_usual(house: build.House, ada: Browser) -> None:
    sent = form(density="normal", sounds="on", **{"key-approve": "b", "key-reject": "r"})
    assert ada.post("/settings/", sent).location == "/settings/"
    ada_row = User.objects.get(username="ada")
    assert ada_row.preferences == {
        "theme": "dark", "toast_seconds": 0, "sounds": True, "character_keys": False, "keys": {"approve": "b"},
    }  # fmt: skip
    assert ada_row.time_zone == "Europe/Vienna"
    assert 'value="b"' in ada.get("/settings/").text


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"theme": "neon"}, "Theme"),
        ({"toast_seconds": "-1"}, "Toast seconds"),
        ({"toast_seconds": "9999"}, "Toast seconds"),
        ({"time_zone": "Atlantis/Capital"}, "no time zone"),
        ({"key-approve": "r"}, "would mean both"),
        ({"key-approve": "A"}, "small letter"),
        ({"key-approve": "g"}, "begins sequences"),
    ],
)
def test_what_cannot_be_is_said_and_nothing_is_kept(
    house: build.House, ada: Browser, wrong: dict[str, str], said: str
) -> None:
    page = ada.post("/settings/", form(**wrong))
    assert page.status == 422
    assert said in page.alert
    row = User.objects.get(username="ada")
    assert (row.preferences, row.time_zone) == ({}, "UTC")


def test_times_are_shown_in_the_readers_zone_and_way(house: build.House, ada: Browser, grace: Browser) -> None:
    item = build.pending(house)
    ada.post("/settings/", form(time_zone="Asia/Tokyo", hours="12", dates="iso"))
    local = datetime.now(UTC).astimezone(ZoneInfo("Asia/Tokyo"))
    assert f"It is {local:%H:%M} where you are" in ada.get("/settings/").plain
    assert "AM" in ada.open(item).plain or "PM" in ada.open(item).plain
    assert " AM" not in grace.open(item).plain and " PM" not in grace.open(item).plain


def test_new_password_needs_the_old_one_and_ends_other_sessions(house: build.House, ada: Browser) -> None:
    elsewhere = Browser(house.ada)
    new = {"password": "violet harbour seven", "again": "violet harbour seven"}
    wrong = [
        {**new, "confirm": "guess"},
        {**new, "confirm": "secret", "again": "other"},
        {"confirm": "secret", "password": "1234", "again": "1234"},
    ]
    assert [ada.post("/settings/password/", one).status for one in wrong] == [422, 422, 422]
    assert elsewhere.get("/queue/").status == 200
    assert ada.post("/settings/password/", {**new, "confirm": "secret"}).location == "/settings/"
    assert ada.get("/queue/").status == 200
    assert elsewhere.get("/queue/").status == 302
    assert last_leaf()["data"]["after"] == {"new_password": True, "how": "changed"}


def test_sessions_are_listed_and_ended_one_by_one_or_all(house: build.House, ada: Browser, grace: Browser) -> None:
    others = [Browser(house.ada), Browser(house.ada)]
    page = ada.get("/settings/")
    assert page.text.count("Sign out there") == 2
    marks = re.findall(r'name="mark" value="([0-9a-f]{12})"', page.text)
    ada.post("/settings/sessions/", {"mark": marks[0]})
    assert sorted(one.get("/queue/").status for one in others) == [200, 302]
    ada.post("/settings/sessions/", {})
    assert [one.get("/queue/").status for one in others] == [302, 302]
    assert (ada.get("/queue/").status, grace.get("/queue/").status) == (200, 200)


def test_record_is_searched_in_utc_whatever_the_readers_zone(house: build.House) -> None:
    with timezone.override("Asia/Tokyo"):
        found = SearchForm({"since": "2026-01-01T00:00"})
        assert found.is_valid(), found.errors
        assert found.cleaned_data["since"] == datetime(2026, 1, 1, tzinfo=UTC)


MAIL = "mail_assigned,mail_escalated,mail_mentioned,mail_answered,mail_near,mail_digest"


def test_what_is_mailed_is_each_readers_own_choice(house: build.House, ada: Browser, grace: Browser) -> None:
    page = ada.get("/settings/")
    assert f'name="about" value="{MAIL}"' in page.text
    assert re.findall(r'name="(mail_\w+)" value="on" checked', page.text) == MAIL.split(",")[:3]
    assert "To ada@example.org, when:" in page.plain
    ada.post("/settings/", {"about": MAIL, "mail_near": "on", "mail_digest": "on", "mail_mentioned": "on"})
    assert User.objects.get(username="ada").preferences == {
        "mail_assigned": False, "mail_escalated": False, "mail_near": True, "mail_digest": True,
    }  # fmt: skip
    chosen = re.findall(r'name="(mail_\w+)" value="on" checked', ada.get("/settings/").text)
    assert chosen == ["mail_mentioned", "mail_near", "mail_digest"]
    assert re.findall(r'name="(mail_\w+)" value="on" checked', grace.get("/settings/").text) == MAIL.split(",")[:3]


def test_the_page_says_where_no_mail_can_come(house: build.House, ada: Browser, settings: Any) -> None:
    User.objects.filter(username="ada").update(email="")
    assert "Your account has no address" in ada.get("/settings/").plain
    settings.NOTICES = False
    assert "Mail about work is switched off for everybody here." in ada.get("/settings/").plain
