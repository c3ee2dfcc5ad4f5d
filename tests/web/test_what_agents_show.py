"""What agents write, on every page of the desk: no character hides, nothing acts, nothing grows without end."""

from __future__ import annotations

import csv
import io
import re
from html import unescape

import pytest

from reviews import services
from reviews.models import Item
from reviews.services.stops import place_stop
from reviews.visible import has_hidden
from tests import build
from tests.logins import as_role
from tests.web.pages import Browser, Page
from tests.web.routes import Desk, Visitor, furnished

pytestmark = pytest.mark.django_db
HIDDEN = "x\u202ey\u2066z\u200b\u00ad\ufe0f\U000e0041\u3164\u115f\x1b[31m\u2028w"
MARKUP = "<img src=x onerror=alert(1)><svg/onload=alert(1)> {{ settings }} {% debug %} {0.__class__} [a](javascript:b)"
TOWER = "q" + "\u0301" * 300
LIE = f"{HIDDEN} {MARKUP}"
LONG = "verylongword" * 20_000
# Where a person changes the text itself, it stands as it is: what would be approved must not be another text.
EDITED = re.compile(r"<textarea[^>]*>.*?</textarea>| value=\"[^\"]*\"", re.DOTALL)


def told(house: build.House) -> list[Item]:
    """Work in several states whose every text lies."""
    evidence = (build.evidence(LIE), build.evidence(TOWER, source=LIE[:200]))
    items = [
        build.pending(
            house, "mail.send", payload={"to": f"kim{HIDDEN}@example.org", "subject": LIE, "body": f"{LIE}\n{LONG}"},
            evidence=evidence, reasoning=f"{LIE} {TOWER}",
        ),
        build.pending(house, "note.add", payload={"text": LIE[:900]}, evidence=evidence, reasoning=LIE),
        build.pending(house, "refund.issue", payload={"customer": LIE[:300], "amount": 5, "note": LIE}),
        build.pending(house, "note.add", payload={"text": f"p\u0430ypal.com xn--pypal-4ve.com {TOWER}"}),
    ]  # fmt: skip
    with as_role("web"):
        services.comment(item=items[1].id, text=f"look: {MARKUP}", by=house.by("grace"))
    rejected = build.pending(house, "note.add", payload={"text": LIE[:900]}, reasoning=LIE)
    build.decide(house, rejected, build.REJECT, name="lin")
    return [*items, rejected]


@pytest.fixture
def desk() -> Desk:
    return furnished()


def lies(text: str, *, edited: bool) -> list[str]:
    """What on a page hides, acts or grows."""
    shown = EDITED.sub("", text) if edited else text
    found = []
    if has_hidden(unescape(shown)):
        place = next(n for n, char in enumerate(unescape(shown)) if has_hidden(char))
        found.append(f"a hidden character: {unescape(shown)[max(0, place - 60) : place + 20]!r}")
    if "<img src=x" in text or "<svg/onload" in text or 'href="javascript:' in text:
        found.append("markup")
    if "\u0301" * 8 in shown:
        found.append("a tower of marks")
    if len(text) > 400_000:
        found.append(f"{len(text):,} characters")
    return found


def pages_of(items: list[Item]) -> list[str]:
    found = ["/queue/", "/queue/?q=is:decided", "/queue/?sort=age", "/queue/live/", "/go/", "/insights/", "/incidents/"]
    for item in items:
        ref, action = f"/a/ACT-{item.ref}/", f"/action/{item.action_id}/"
        views = (
            "",
            "?view=changes",
            "?view=raw",
            "?all=1",
            "print/",
            "decide/?verdict=approve",
            "decide/?verdict=reject",
        )
        found += [f"{ref}{view}" for view in (*views, "edit/", "ask/", "escalate/", "defer/", "assign/")]
        found += [action, f"{action}check/", f"/audit/case/action:{item.action_id}/"]
        found += [f"/admin/reviews/action/{item.action_id}/change/"]
    found += [f"/audit/reports/R{n}/" for n in range(1, 20)]
    return [*found, "/audit/events/", "/admin/reviews/action/", "/admin/reviews/decision/", "/runs/", "/audit/"]


@pytest.mark.slow
def test_no_page_shows_what_hides_acts_or_grows(desk: Desk) -> None:
    items = told(desk.house)
    visitor = Visitor(desk.people["root"])
    wrong = []
    for path in pages_of(items):
        for headers in (None, {"HX-Request": "true"}):
            where, _, query = path.partition("?")
            answer = visitor.ask("GET", where, QUERY_STRING=query, headers=headers)
            assert not answer.error, (path, answer.error)
            if answer.kind == "text/html":
                wrong += [f"{path}: {lie}" for lie in lies(answer.text, edited="edit/" in path or "check/" in path)]
    assert not wrong, "\n".join(sorted(set(wrong))[:40])


@pytest.fixture
def ada(desk: Desk) -> Browser:
    return Browser(desk.house.ada)


@pytest.fixture
def root(desk: Desk) -> Browser:
    return Browser(desk.house.root)


def shown(page: Page, *, status: int = 200) -> str:
    """The page's text, in which nothing lies but something of the lie is told."""
    assert page.status == status
    assert lies(page.text, edited=False) == []
    return page.plain


def test_what_hides_is_spelled_out_where_a_reviewer_reads_it(desk: Desk, ada: Browser) -> None:
    item, note, *_, homoglyph, _rejected = told(desk.house)
    plain = shown(ada.open(item))
    assert all(
        f"[U+{code}]" in plain for code in ("202E", "2066", "200B", "00AD", "FE0F", "E0041", "3164", "001B", "2028")
    )
    assert "[+296 marks]" in plain
    assert "Approve is off: hidden characters stand in a field that a machine reads" in plain
    assert "xn--pypal-4ve.com" in shown(ada.open(homoglyph))
    assert "[U+202E]" in shown(ada.get("/queue/"))
    assert "[U+202E]" in shown(ada.get(f"/a/ACT-{note.ref}/print/"))


def test_what_hides_stays_visible_in_previews_notices_and_results(desk: Desk, ada: Browser, root: Browser) -> None:
    items = told(desk.house)
    keys = [
        f"ACT-{one.ref}:{one.version}:{bytes(one.action.digest).hex()}"
        for one in Item.objects.select_related("action").filter(id__in=[item.id for item in items[:4]])
    ]
    assert "[U+202E]" in shown(ada.post("/batch/preview/", {"verdict": "approve", "item": keys}))
    shown(ada.post("/bulk/", {"verb": "", "item": keys}))
    shown(ada.post("/batch/", {"verdict": "approve", "item": keys}), status=422)
    assert ada.send(items[1], "decide", verdict="approve").status == 303
    assert "Approved" in shown(ada.get("/queue/"))
    fragment = ada.post(
        f"/a/ACT-{items[2].ref}/decide/", ada.form(items[2], verdict="approve"), **{"HX-Request": "true"}
    )
    assert "[U+202E]" in shown(fragment)
    assert "[U+202E]" in shown(root.post(f"/audit/case/action:{items[4].action_id}/", {}))


@pytest.mark.parametrize("wrong", ["{0.__class__}", "{{ settings.SECRET_KEY }}", "{% debug %}", "%(secret)s"])
def test_a_text_is_never_a_template(desk: Desk, ada: Browser, wrong: str) -> None:
    item = build.pending(desk.house, "mail.send", payload={"to": "a@b.org", "subject": wrong}, reasoning=wrong)
    page = ada.open(item)
    assert page.plain.count(wrong) >= 3
    assert "class &#x27;" not in page.text and "only-for-tests" not in page.text


def test_files_for_spreadsheets_begin_no_formula_and_hide_nothing(desk: Desk, root: Browser) -> None:
    with as_role("web"):
        place_stop(reason='=HYPERLINK("http://x") \u202e because', by=desk.house.by("lin"))
    for number in range(1, 20):
        text = root.download(f"/audit/reports/R{number}/?format=csv")
        for row in csv.reader(io.StringIO(text)):
            assert not [cell for cell in row if cell[:1] in ("=", "+", "@", "\t", "\r") or re.match(r"-\D", cell)], (
                number
            )
