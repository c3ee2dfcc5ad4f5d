"""Talk around a case: files, names, following, questions of every kind; and what is shown only when asked for."""

from __future__ import annotations

import struct
import time
import zlib

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse

from audit.models import Event
from reviews import services
from reviews.models import ActionType, BindingPrecedent, Evidence, Follow, Item, Mention, Message, ProvisionalVerdict
from reviews.queries.talk import unread
from reviews.states import Status
from tests import build
from tests.logins import as_role
from tests.web.pages import Browser, Page, nothing_changes

CARD = "4111 1111 1111 1111"


def picture(width: int = 2, height: int = 2) -> bytes:
    """A small PNG that claims to be this large."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress(b"\x00\x00\x00" * 2)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def send_file(browser: Browser, item: Item, name: str, body: bytes, **more: str) -> Page:
    file = SimpleUploadedFile(name, body, content_type="text/html")
    return browser.send(item, "attach", file=file, **more)


def fetched(browser: Browser, url: str) -> HttpResponse:
    """An answer that is no page."""
    with as_role("web"):
        return browser.client.get(url)


def test_a_file_becomes_evidence_under_a_name_of_ours_and_only_ever_a_download(
    house: build.House, ada: Browser, grace: Browser, mallory: Browser
) -> None:
    item = build.pending(house)
    before = grace.form(item, verdict="approve")
    assert send_file(ada, item, "../../etc/\u202epasswd.html", b"<script>alert(1)</script>").status == 303
    row = Evidence.objects.get(action=item.action_id)
    assert (row.kind, row.media, row.author) == ("file", "text/plain", house.ada)
    page = grace.open(item)
    assert "from Ada" in page.plain
    assert "passwd.html" in row.title and "/" not in row.title and "\u202e" not in row.title
    assert "<script>alert" not in page.text
    url = f"/action/{item.action_id}/evidence/1/"
    answer = grace.get(url).response
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    assert answer["Content-Disposition"] == f'attachment; filename="ACT-{item.ref}-evidence-1.txt"'
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert grace.get(f"{url}?show=1").response["Content-Disposition"].startswith("attachment")
    assert mallory.get(url).status == 404
    # Whoever had the page open before must look again.
    assert grace.post(f"/a/ACT-{item.ref}/decide/", before).status == 409
    assert build.events_of(item.action_id)[-1] == "evidence.added"


def test_a_picture_is_shown_in_the_page_and_nothing_else_is(house: build.House, ada: Browser) -> None:
    item = build.pending(house)
    assert send_file(ada, item, "lamp.png", picture(), conflict="1").status == 303
    assert send_file(ada, item, "bill.pdf", b"%PDF-1.7\n<html><script>alert(1)</script>").status == 303
    page = ada.open(item)
    assert page.text.count("<img ") == 1
    assert "contradicts the proposal" in page.plain
    shown = fetched(ada, f"/action/{item.action_id}/evidence/1/?show=1")
    assert (shown["Content-Type"], shown["Content-Disposition"].split(";")[0]) == ("image/png", "inline")
    saved = fetched(ada, f"/action/{item.action_id}/evidence/2/?show=1")
    assert (saved["Content-Type"], saved["Content-Disposition"].split(";")[0]) == ("application/pdf", "attachment")


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("empty.txt", b""),
        ("large.txt", b"x" * (1024 * 1024 + 1)),
        ("archive.zip", b"PK\x03\x04\xff\xfe\x00\x00"),
        ("program.png", b"MZ\x90\x00\x03\x00\xff\xff"),
        ("nul.txt", b"a\x00b"),
        ("latin.txt", "Gr\u00fc\u00dfe".encode("latin-1")),
        ("bomb.png", picture(60_000, 60_000)),
        ("cut.png", b"\x89PNG\r\n\x1a\n"),
        ("cut.jpg", b"\xff\xd8\xff\xe0\x00\x02"),
        ("odd.webp", b"RIFF\x00\x00\x00\x00WEBPxxxx"),
    ],
)
def test_a_file_of_another_kind_too_large_or_made_to_do_harm_is_refused(
    house: build.House, ada: Browser, name: str, body: bytes
) -> None:
    item = build.pending(house)
    with nothing_changes():
        assert send_file(ada, item, name, body).status == 422
        assert ada.send(item, "attach").status == 422
    assert not Evidence.objects.exists()


def test_evidence_comes_before_the_decision(house: build.House, ada: Browser) -> None:
    item = build.pending(house)
    form = ada.form(item, file=SimpleUploadedFile("a.txt", b"late"))
    build.decide(house, item, name="grace")
    assert ada.post(f"/a/ACT-{item.ref}/attach/", form).status == 409
    assert not Evidence.objects.exists()


def test_a_name_in_a_comment_is_kept_and_makes_its_bearer_follow(
    house: build.House, ada: Browser, grace: Browser
) -> None:
    item = build.pending(house)
    assert ada.send(item, "comment", text="@grace, @lin: mind ada@example.org").status == 303
    assert set(Mention.objects.values_list("user__username", flat=True)) == {"grace", "lin"}
    assert {f.user for f in Follow.objects.all()} == {house.ada, house.grace, house.lin}
    assert unread(house.grace, [item.action_id]) == {item.action_id}
    assert unread(house.ada, [item.action_id]) == set()
    page = grace.open(item)
    assert '<span class="mention">@grace</span>' in page.text
    assert "You follow" in page.plain
    assert grace.post(f"/action/{item.action_id}/read/", {"message": "1", "evidence": "0"}).status == 303
    assert unread(house.grace, [item.action_id]) == set()
    assert grace.post(f"/action/{item.action_id}/follow/", {"on": "0"}).status == 303
    ada.send(item, "comment", text="more")
    assert unread(house.grace, [item.action_id]) == set()


@pytest.mark.parametrize("name", ["mallory", "nobody"])
def test_a_name_of_somebody_who_does_not_see_the_queue_is_refused_like_one_that_does_not_exist(
    house: build.House, ada: Browser, name: str
) -> None:
    item = build.pending(house)
    with nothing_changes():
        answer = ada.send(item, "comment", text=f"@{name} look")
    assert answer.status == 422
    assert f"obody called @{name} sees this queue" in answer.plain
    assert not Mention.objects.exists()


def test_following_and_files_are_out_of_reach_with_their_case(house: build.House, mallory: Browser) -> None:
    item = build.pending(house)
    for verb, more in (("follow", {}), ("read", {"message": "1", "evidence": "1"}), ("bind", {"days": "1"})):
        assert mallory.post(f"/action/{item.action_id}/{verb}/", more).status == 404
    for verb in ("attach", "reveal", "first", "print"):
        assert mallory.get(f"/a/ACT-{item.ref}/{verb}/").status in (404, 405)
    assert not Follow.objects.exists()


def asked(house: build.House, ada: Browser, **more: str) -> Item:
    item = build.pending(house, "refund.issue")
    assert ada.send(item, "ask", text="Is that right?", **more).status == 303
    return item


def test_a_choice_is_answered_by_one_of_its_options(house: build.House, ada: Browser) -> None:
    item = asked(house, ada, expects="choice", options="lamp\nchair")
    noor = Browser(house.noor)
    assert 'name="choice" value="lamp"' in noor.open(item).text
    with nothing_changes():
        assert noor.send(item, "answer", choice="table").status == 422
        assert noor.send(item, "answer", text="lamp, I think").status == 422
    assert noor.send(item, "answer", choice="lamp").status == 303
    assert Message.objects.filter(kind="answer").count() == 1


def test_a_field_is_answered_by_the_field_itself_and_the_difference_is_on_top(house: build.House, ada: Browser) -> None:
    item = build.pending(house, "refund.issue")
    with nothing_changes():
        assert ada.send(item, "ask", text="?", expects="field", path="price").status == 422
    assert ada.send(item, "ask", text="Is that right?", expects="field", path="amount").status == 303
    noor = Browser(house.noor)
    assert 'name="f-amount"' in noor.open(item).text
    with nothing_changes():
        assert noor.send(item, "answer", **{"f-amount": "12950"}).status == 422  # as it was
        assert noor.send(item, "answer", **{"f-amount": "much"}).status == 422
    assert noor.send(item, "answer", **{"f-amount": "11950"}).status == 303
    page = ada.open(item)
    assert "Noor changed 1 value" in page.plain
    assert page.text.index("What came back") < page.text.index("Review because")
    assert item.action.revision + 1 == build.state_of(item.action_id, Status.PENDING).revision


def test_a_file_is_answered_by_a_file(house: build.House, ada: Browser) -> None:
    item = asked(house, ada, expects="attachment")
    noor = Browser(house.noor)
    with nothing_changes():
        assert noor.send(item, "answer", text="here it is").status == 422
    assert noor.send(item, "answer", file=SimpleUploadedFile("a.txt", b"the bill")).status == 303
    assert "added 1 piece of evidence" in ada.open(item).plain
    assert build.events_of(item.action_id)[-2:] == ["evidence.added", "question.answered"]


def test_after_three_questions_it_goes_to_somebody_else(house: build.House, ada: Browser) -> None:
    item = build.pending(house)
    noor = Browser(house.noor)
    for round in ("one", "two", "three"):
        assert ada.send(item, "ask", text=round).status == 303
        assert noor.send(item, "answer", text="yes").status == 303
    assert "Question 3 of 3" in ada.open(item).plain
    assert "To Choose a team" in ada.get(f"/a/ACT-{item.ref}/ask/").plain
    with nothing_changes():
        assert ada.send(item, "ask", text="four").status == 422


def test_secrets_are_masked_everywhere_until_somebody_opens_them_and_that_is_recorded(
    house: build.House, ada: Browser
) -> None:
    item = build.pending(
        house,
        payload={"to": "kim@example.org", "subject": f"card {CARD}", "body": "password: hunter22"},
        evidence=(build.evidence(f"he wrote {CARD}"),),
    )
    for url in ("/queue/", f"/a/ACT-{item.ref}/", f"/a/ACT-{item.ref}/?all=1", f"/a/ACT-{item.ref}/print/"):
        text = ada.get(url).plain
        assert CARD not in text, url
        assert "hunter22" not in text, url
    assert ada.get(f"/action/{item.action_id}/bytes/").status == 404
    with nothing_changes():
        assert ada.get(f"/a/ACT-{item.ref}/reveal/").status == 405
    answer = ada.send(item, "reveal")
    assert answer.status == 303
    opened = ada.get(answer.location)
    assert CARD in opened.plain
    assert "hunter22" in opened.plain
    assert "That you opened them is recorded" in opened.plain
    assert Event.objects.filter(name="content.opened").count() == 1
    # The token is hers: it opens nothing for anybody else.
    assert CARD not in Browser(house.grace).get(answer.location).plain


def test_a_form_that_shows_secrets_bare_has_opened_them(house: build.House, ada: Browser) -> None:
    item = build.pending(house, payload={"to": "kim@example.org", "subject": f"card {CARD}", "body": "fine"})
    assert CARD in ada.get(f"/a/ACT-{item.ref}/edit/").text
    assert Event.objects.filter(name="content.opened").count() == 1


def test_what_a_schema_calls_secret_is_in_no_list_no_search_and_no_file(house: build.House, ada: Browser) -> None:
    row = ActionType.objects.get(name="mail.send")
    row.schema["properties"]["subject"]["x-secret"] = True
    ActionType.objects.filter(name="mail.send").update(schema=row.schema, template="Mail about {subject}")
    item = build.pending(house, payload={"to": "kim@example.org", "subject": "blue horse", "body": "fine"})
    for url in ("/queue/", f"/a/ACT-{item.ref}/?all=1", f"/a/ACT-{item.ref}/print/"):
        assert "blue horse" not in ada.get(url).plain, url
    assert f"ACT-{item.ref}" not in ada.get("/queue/?q=payload.subject:%22blue+horse%22").text
    assert f"ACT-{item.ref}" not in ada.get("/queue/?q=horse").text
    assert ada.get(f"/action/{item.action_id}/bytes/").status == 404


def test_what_is_too_long_to_be_read_at_once_is_opened_before_it_is_approved_at_high_risk(
    house: build.House, ada: Browser, grace: Browser
) -> None:
    item = build.pending(house, "files.delete", payload={"path": "/srv/" + "x" * 1_900 + "/the/end"})
    page = ada.open(item)
    assert "/the/end" not in page.plain.split("Raw")[0]
    assert "Approve is off: show all of it first" in page.plain
    with nothing_changes():
        refusal = ada.send(item, "decide", verdict="approve", reason_code="checked")
    assert refusal.status == 422
    assert "how all of it first" in refusal.plain
    whole = ada.get(f"/a/ACT-{item.ref}/?all=1")
    assert "/the/end" in whole.plain
    token = whole.field("whole")
    with nothing_changes():  # what grace was shown is not what ada was shown
        assert grace.send(item, "decide", verdict="approve", reason_code="checked", whole=token).status == 422
    assert ada.send(item, "decide", verdict="approve", reason_code="checked", whole=token).status == 303


def test_what_nobody_can_read_is_never_approved(house: build.House, ada: Browser) -> None:
    item = build.pending(house, payload={"to": "kim@example.org", "subject": "s", "body": "x" * 100_001})
    page = ada.open(item)
    assert "Nobody can read this" in page.plain
    with nothing_changes():
        assert ada.send(item, "decide", verdict="approve").status == 422
    assert ada.send(item, "decide", verdict="reject", reason_code="unclear").status == 303


def test_advice_waits_for_a_first_impression_where_two_decide(house: build.House, ada: Browser, grace: Browser) -> None:
    item = build.pending(house, "files.delete", reasoning="they are old", confidence=0.93)
    page = ada.open(item)
    assert "they are old" not in page.plain
    assert "0.93" not in page.plain
    with nothing_changes():
        assert ada.send(item, "first", verdict="maybe").status == 422
    assert ada.send(item, "first", verdict="reject").status == 303
    assert "they are old" in ada.open(item).plain
    assert "Your first impression was: reject" in ada.open(item).plain
    assert "they are old" not in grace.open(item).plain
    assert ProvisionalVerdict.objects.count() == 1
    assert "action.edited" not in build.events_of(item.action_id)


def precedents(house: build.House, count: int) -> Item:
    """A waiting refund with so many approved ones like it and one that was rejected."""
    for n in range(count):
        decided = build.pending(house, "refund.issue", payload={"customer": f"c{n}", "amount": 4_450, "note": "lamp"})
        build.decide(house, decided, build.REJECT if n == 0 else build.APPROVE)
        build.wait_for_release(decided.action_id)
    item = build.pending(house, "refund.issue", payload={"customer": "c9", "amount": 5_450, "note": "lamp"})
    with as_role("router"):
        services.tend_precedents(seconds=10)
    return item


def test_precedents_say_what_was_decided_why_and_what_differs(house: build.House, ada: Browser) -> None:
    item = precedents(house, 5)
    page = ada.open(item)
    assert "4 of 5 approved; the one rejected differs: customer c0, amount 44.50 EUR" in page.plain
    assert "The facts do not support it." in page.plain
    assert page.text.count("data-precedent=") == 5
    rejected = Item.objects.order_by("ref").first()
    assert rejected is not None
    form = ada.get(f"/a/ACT-{item.ref}/decide/?verdict=reject&cite=ACT-{rejected.ref}")
    assert f"as ACT-{rejected.ref}</textarea>" in form.text
    assert "<script>" not in ada.get(f"/a/ACT-{item.ref}/decide/?cite=<script>").text


def test_a_verdict_against_the_precedents_needs_words(house: build.House, ada: Browser) -> None:
    item = precedents(house, 5)
    page = ada.get(f"/a/ACT-{item.ref}/decide/?verdict=reject")
    assert page.status == 200
    from reviews.queries.precedents import against

    assert against(item.action, "reject", ["support"]) == "4 of 5 precedents were approved"
    assert against(item.action, "approve", ["support"]) == ""
    assert against(item.action, "reject", ["elsewhere"]) == ""


def test_precedents_are_hidden_from_voters_of_what_two_decide(house: build.House, ada: Browser) -> None:
    decided = build.pending(house, "files.delete")
    build.decide(house, decided, build.REJECT)
    build.wait_for_release(decided.action_id)
    item = build.pending(house, "files.delete")
    with as_role("router"):
        services.tend_precedents(seconds=10)
    page = ada.open(item)
    assert "Not shown while two people decide" in page.plain
    assert f"ACT-{decided.ref}" not in page.plain
    build.decide(house, item, build.REJECT, name="grace")
    assert f"ACT-{decided.ref}" in ada.open(item).plain


def test_a_lead_holds_a_case_up_and_lets_it_go(house: build.House, ada: Browser) -> None:
    past = build.finished(house, "note.add")
    lin = Browser(house.lin)
    url = f"/action/{past.id}/"
    given = {"note": "Copies are free for a year.", "days": "30"}
    with nothing_changes():
        assert ada.post(f"{url}bind/", given).status == 403
        assert lin.post(f"{url}bind/", given | {"days": "400"}).status == 422
        assert lin.post(f"{url}bind/", given | {"note": "x"}).status == 422
    assert lin.post(f"{url}bind/", given).status == 303
    assert lin.post(f"{url}bind/", given).status == 409
    case = build.pending(house, "note.add")
    assert "Copies are free for a year." in ada.open(case).plain
    assert Event.objects.filter(case_id="type:note.add").order_by("case_seq").last().name == "action_type.changed"
    session = lin.client.session
    proved, session["proved"] = session["proved"], ["password", time.time() - 301]
    session.save()
    refused = lin.post(f"{url}unbind/", {"reason": "the rule has changed"})
    assert (refused.status, "Confirm that it is you" in refused.plain) == (422, True)
    session["proved"] = proved
    session.save()
    assert lin.post(f"{url}unbind/", {"reason": "the rule has changed"}).status == 303
    assert "Copies are free" not in ada.open(case).plain
    assert BindingPrecedent.objects.get().lifted_by == house.lin


def test_a_case_that_waits_binds_nobody(house: build.House) -> None:
    item = build.pending(house)
    given = {"note": "Copies are free for a year.", "days": "30"}
    with nothing_changes():
        assert Browser(house.lin).post(f"/action/{item.action_id}/bind/", given).status == 409


def test_the_printed_case_is_whole_and_has_nothing_to_press(house: build.House, ada: Browser) -> None:
    item = build.pending(
        house, payload={"to": "kim@example.org", "subject": "s", "body": "y" * 3_000 + "end"}, reasoning="because"
    )
    page = ada.get(f"/a/ACT-{item.ref}/print/")
    assert page.status == 200
    assert "yend" in page.plain
    assert "because" in page.plain
    assert "<form" not in page.text
    assert bytes(item.action.digest).hex() in page.text


def test_what_is_new_in_a_followed_case_is_marked_in_the_list(house: build.House, ada: Browser, grace: Browser) -> None:
    item, other = build.pending(house), build.pending(house)
    ada.send(item, "comment", text="@grace look")
    marked = [row.partition("</tr>")[0] for row in grace.get("/queue/").text.split('<tr id="row-')[1:]]
    assert {row.partition('"')[0] for row in marked if ">new</span>" in row} == {f"ACT-{item.ref}"}
    assert ">new</span>" not in ada.get("/queue/").text
    assert other.ref != item.ref
