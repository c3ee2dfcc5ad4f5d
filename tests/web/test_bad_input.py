"""The catalogue of bad input, forms and what agents show (29 to 60): what is sent, the answer, and no row changed.

Each case arranges what it needs and returns the request; the rows of every table are compared around that
request alone. Where product and catalogue differ for a reason: docs/decisions/022-what-bad-input-is-told.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from reviews.models import Item
from reviews.services import stamp_shown
from tests import build
from tests.web.ledger import changed, ledger
from tests.web.pages import HX, Browser, Page
from tests.web.test_talk import picture

pytestmark = pytest.mark.django_db
Ask = Callable[[], Page]
EVIL = "//evil.example"


@dataclass
class Room:
    """A small desk and its people, each with a browser."""

    house: build.House
    patch: pytest.MonkeyPatch

    def __post_init__(self) -> None:
        self.ada, self.grace, self.noor, self.mallory = map(
            Browser, (self.house.ada, self.house.grace, self.house.noor, self.house.mallory)
        )

    def item(self, kind: str = "mail.send", **more: Any) -> Item:
        return build.pending(self.house, kind, **more)

    def approval(self, kind: str = "mail.send", form: dict[str, Any] | None = None, **more: Any) -> Ask:
        """An honest approval of a fresh item, with these fields changed."""
        browser = more.pop("browser", self.ada)
        item = self.item(kind, **more)
        given = browser.form(item, **{"verdict": "approve", **(form or {})})
        return lambda: browser.post(f"/a/ACT-{item.ref}/decide/", given)


class Case(NamedTuple):
    number: int
    what: str
    status: int
    says: str
    arrange: Callable[[Room], Ask]


CASES: list[Case] = []


def case(number: int, what: str, status: int, says: str) -> Callable[[Any], Any]:
    def keep(arrange: Callable[[Room], Ask]) -> Callable[[Room], Ask]:
        CASES.append(Case(number, what, status, says, arrange))
        return arrange

    return keep


# --- forms and browser ---


@case(29, "an approval without its token", 403, "This page is out of date")
def _(room: Room) -> Ask:
    item = room.item()
    form = {**room.ada.form(item, verdict="approve"), "csrfmiddlewaretoken": ""}
    return lambda: room.ada.post(f"/a/ACT-{item.ref}/decide/", form, token=False)


@case(29, "an approval from another origin", 403, "This page is out of date")
def _(room: Room) -> Ask:
    item = room.item()
    form = room.ada.form(item, verdict="approve", rationale="not my words")
    return lambda: room.ada.post(f"/a/ACT-{item.ref}/decide/", form, Origin="https://evil.example")


@case(29, "an approval by GET shows its form", 200, "Approve")
def _(room: Room) -> Ask:
    item = room.item()
    return lambda: room.ada.get(f"/a/ACT-{item.ref}/decide/?verdict=approve")


@case(29, "an undo by GET", 405, "This address takes what a form or a button sends")
def _(room: Room) -> Ask:
    item = room.item()
    return lambda: room.ada.get(f"/a/ACT-{item.ref}/undo/")


@case(30, "a token from before the last sign-in: the words are still there", 403, "my long considered words")
def _(room: Room) -> Ask:
    item = room.item()
    form = room.ada.form(item, verdict="reject", rationale="my long considered words")
    again = Browser(room.house.ada)
    again.get("/settings/")
    return lambda: again.post(f"/a/ACT-{item.ref}/decide/", form, token=False)


@case(31, "the same form once more", 409, "Already approved by Ada")
def _(room: Room) -> Ask:
    approve = room.approval()
    assert approve().status == 303
    return approve


@case(32, "a revision that is no longer the newest: with what changed", 409, "What changed since you saw it")
def _(room: Room) -> Ask:
    item = room.item("refund.issue")
    form = room.ada.form(item, verdict="approve", rationale="it is due")
    fields = {"f:amount": "1000", "rationale": "too much"}
    edited = room.grace.send(item, "edit", payload='{"customer": "8812", "amount": 1000}', **fields)
    assert edited.status == 303
    return lambda: room.ada.post(f"/a/ACT-{item.ref}/decide/", form)


@case(33, "a vote of who answers for the agent", 403, "you own the agent")
def _(room: Room) -> Ask:
    return room.approval(browser=room.noor)


@case(33, "a vote on one's own edit of high risk", 403, "you wrote this revision")
def _(room: Room) -> Ask:
    item = room.item("files.delete")
    assert room.ada.send(item, "edit", payload='{"path": "/srv/other"}', rationale="the other one").status == 303
    return lambda: room.ada.send(item, "decide", verdict="approve", rationale="compared with the list")


@case(34, "an item out of reach, by its number", 404, "not within your reach")
def _(room: Room) -> Ask:
    item = room.item()
    return lambda: room.mallory.get(f"/a/ACT-{item.ref}/")


@case(34, "an item out of reach, by its id", 404, "not within your reach")
def _(room: Room) -> Ask:
    item = room.item()
    return lambda: room.mallory.get(f"/action/{item.action_id}/")


@case(34, "the bytes of an item out of reach", 404, "not within your reach")
def _(room: Room) -> Ask:
    item = room.item()
    return lambda: room.mallory.get(f"/action/{item.action_id}/bytes/")


@case(34, "the record of an item out of reach", 404, "not within your reach")
def _(room: Room) -> Ask:
    item = room.item()
    return lambda: room.mallory.get(f"/audit/case/action:{item.action_id}/")


@case(34, "a search for an item out of reach finds nothing", 200, "Clear filter")
def _(room: Room) -> Ask:
    room.item()
    return lambda: room.mallory.get("/queue/?q=kim")


@case(35, "who left the group between page and form", 404, "not within your reach")
def _(room: Room) -> Ask:
    approve = room.approval()
    room.house.ada.groups.clear()
    return approve


@case(36, "a batch of what is stale and what is out of reach: told item by item", 200, "not within your reach")
def _(room: Room) -> Ask:
    item = room.item()
    keys = [f"ACT-{item.ref}:{item.version + 5}:{bytes(item.action.digest).hex()}", f"ACT-999999:1:{'0' * 64}"]
    from reviews.views.batch import previewed

    opened = stamp_shown(room.house.ada, previewed(keys), build.long_ago())
    return lambda: room.ada.post("/batch/", {"verdict": "approve", "item": keys, "opened": opened})


@case(37, "a note of 5,000 characters", 422, "longer than 4,000 characters")
def _(room: Room) -> Ask:
    return room.approval(form={"rationale": "x" * 5_000})


@case(37, "a note with a bell in it", 422, "holds control characters")
def _(room: Room) -> Ask:
    return room.approval(form={"rationale": "ring \x07"})


@case(37, "a note with a NUL in it", 422, "rationale holds a NUL")
def _(room: Room) -> Ask:
    return room.approval(form={"rationale": "end\0"})


for where in (EVIL, "/\\evil.example", "https:evil.example", "javascript:alert(1)", "http://evil.example"):

    @case(38, f"next={where} leads nowhere", 200, "Confirm")
    def _(room: Room, where: str = where) -> Ask:
        return lambda: room.ada.get(f"/confirm/?next={where}")


@case(39, "forged HX headers change the look of a refusal only", 422, "A reason is needed")
def _(room: Room) -> Ask:
    item = room.item()
    form = room.ada.form(item, verdict="reject")
    return lambda: room.ada.post(f"/a/ACT-{item.ref}/decide/", form, **HX, **{"HX-Target": "admin", "HX-Boosted": "x"})


@case(42, "an approval before one can have read it", 422, "Look first")
def _(room: Room) -> Ask:
    item = room.item()
    soon = stamp_shown(room.house.ada, str(item.id), timezone.now() + timedelta(seconds=5))
    form = room.ada.form(item, verdict="approve", opened=soon)
    return lambda: room.ada.post(f"/a/ACT-{item.ref}/decide/", form)


@case(42, "more decisions in a minute than the risk allows", 429, "the next may follow in")
def _(room: Room) -> Ask:
    first, second = room.approval("refund.issue"), room.approval("refund.issue")
    build.timings(room.patch, caps_per_minute={"low": 90, "medium": 1, "high": 6, "critical": 6}, dwell_medium=0.0)
    assert first().status == 303
    return second


# --- what the agent shows the reviewer ---

MARKUP = "<script>alert(1)</script><svg onload=alert(1)><a hx-get=/x>![](http://evil.example/p.png)"
SHOWN: list[tuple[int, str, dict[str, Any], str]] = [
    (43, "markup", {"payload": {"to": "a@b.org", "subject": MARKUP}, "reasoning": MARKUP}, MARKUP),
    (44, "a template", {"payload": {"to": "a@b.org", "subject": "{{ 7|add:7 }}{0.__class__}"}}, "{{ 7|add:7 }}"),
    (45, "turned reading direction", {"reasoning": "pay \u202e7711"}, "pay [U+202E] 7711"),
    (46, "what takes no room", {"reasoning": "a\u200b\ufe0f\U000e0041\u00ad\u3164"}, "[U+200B]"),
    (47, "a letter of another alphabet", {"payload": {"to": "a@p\u0430ypal.com", "subject": "x"}}, "xn--pypal-4ve.com"),
    (48, "a tower of marks", {"reasoning": "q" + "\u0301" * 200}, "[+196 marks]"),
    (50, "the desk's own words in an agent's mouth", {"reasoning": "\u2714 approved by CFO"}, "\u2714 approved by CFO"),
    (51, "a link that acts", {"reasoning": "javascript:alert(1) data:text/html,x file:///etc"}, "javascript:alert(1)"),
    (52, "what a terminal obeys", {"reasoning": "\x1b[2J\x1b]0;x\x07"}, "[U+001B] [2J"),
    (54, "a secret", {"reasoning": "card 4111 1111 1111 1111"}, "card [secret]"),
    (56, "no confidence", {"confidence": None}, "unknown"),
]  # fmt: skip


for number, what, given, says in SHOWN:

    @case(number, f"shown: {what}", 200, says)
    def _(room: Room, given: dict[str, Any] = given) -> Ask:
        item = room.item(**given)
        return lambda: room.ada.open(item)


@case(46, "an approval of an address with something hidden in it", 422, "hidden characters in to")
def _(room: Room) -> Ask:
    return room.approval(payload={"to": "kim\u200b@example.org", "subject": "x"})


@case(49, "an approval of what nobody can read to its end", 422, "more than the 100,000 that anybody reads")
def _(room: Room) -> Ask:
    return room.approval(payload={"to": "a@b.org", "subject": "x", "body": "word " * 45_000})


@case(55, "an approval of high risk with a part folded or masked", 422, "Show all of it first")
def _(room: Room) -> Ask:
    long = "/srv/" + "x" * 1_900
    return room.approval("files.delete", payload={"path": long}, form={"rationale": "compared", "whole": "forged"})


NO_KIND = "no PDF, PNG, JPEG, WebP or text"
for name, body, says in (
    ("mislabelled.png", b"MZ\x90\x00", NO_KIND), ("bomb.png", picture(60_000, 60_000), "more than 40 million"),
    ("page.pdf", b"<html>\0", NO_KIND), ("large.txt", b"x" * (2**20 + 1), "larger than 1 MiB"),
    ("archive.zip", b"PK\x03\x04\xff\xfe", NO_KIND),
):  # fmt: skip

    @case(60, f"a file that is not what it says: {name}", 422, says)
    def _(room: Room, name: str = name, body: bytes = body) -> Ask:
        item = room.item()
        form = room.ada.form(item, file=SimpleUploadedFile(name, body))
        return lambda: room.ada.post(f"/a/ACT-{item.ref}/attach/", form)


@pytest.mark.parametrize("given", CASES, ids=[f"{one.number} {one.what}" for one in CASES])
def test_bad_input_has_its_answer_and_changes_no_row(
    house: build.House, monkeypatch: pytest.MonkeyPatch, given: Case
) -> None:
    ask = given.arrange(Room(house, monkeypatch))
    before = ledger()
    page = ask()
    assert page.status == given.status, page.plain[:600]
    assert given.says in page.plain, page.plain[:1500]
    assert "evil.example" not in page.response.get("Location", "")
    assert changed(before) == []


def test_a_script_whose_token_is_old_is_told_to_load_its_page_anew(house: build.House, ada: Browser) -> None:
    item = build.pending(house)
    form = ada.form(item, verdict="approve")
    again = Browser(house.ada)
    again.get("/settings/")
    page = again.post(f"/a/ACT-{item.ref}/decide/", form, token=False, **HX)
    assert (page.status, page.response["HX-Refresh"]) == (403, "true")


def test_pages_are_kept_by_no_cache_and_framed_by_nobody(house: build.House, ada: Browser) -> None:
    item = build.pending(house)
    for path in (
        "/queue/",
        f"/a/ACT-{item.ref}/",
        f"/a/ACT-{item.ref}/print/",
        "/settings/",
        f"/action/{item.action_id}/bytes/",
    ):
        heads = ada.get(path).response
        assert "no-store" in heads["Cache-Control"], path
        assert heads["X-Frame-Options"] == "DENY"
        assert "frame-ancestors 'none'" in heads["Content-Security-Policy"]


def test_what_an_agent_shows_is_text_in_a_frame_that_nothing_in_it_can_leave(house: build.House, ada: Browser) -> None:
    item = build.pending(house, reasoning=MARKUP, evidence=(build.evidence(MARKUP),))
    text = ada.open(item).text
    assert text.count("&lt;script&gt;alert(1)") >= 2
    for live in ("<script>alert", "<svg onload", "<a hx-get", 'src="http://evil', 'href="javascript:'):
        assert live not in text
    for place in (at for at in range(len(text)) if text.startswith("&lt;script&gt;alert(1)", at)):
        assert text.rfind("hx-disable", 0, place) > 0
