"""The pages of people: invitation, forgotten password, absence, leaving; and who may see them."""

from __future__ import annotations

import re
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone

from reviews import letterbox
from reviews.models import Absence, DeskItem, User
from reviews.services import assign
from reviews.services.absences import begin_absence, end_absence, record_absence
from reviews.views import letters
from tests import build
from tests.governance import REASON
from tests.logins import as_role
from tests.web.pages import Browser, nothing_changes

GOOD = {"password": "violet harbour seven", "again": "violet harbour seven"}


@pytest.fixture
def root(house: build.House) -> Browser:
    return Browser(house.root)


@pytest.fixture
def lin(house: build.House) -> Browser:
    return Browser(house.lin)


def invited(root: Browser, house: build.House, **more: Any) -> str:
    form = {"username": "kim", "email": "kim@example.org", "groups": [house.reviewers.pk], "reason": REASON, **more}
    page = root.post("/people/invite/", form)
    assert page.status == 200
    return re.findall(r'value="http://testserver(/invitation/[^"]+)"', page.text)[0]


def stranger(url: str, form: dict[str, Any]) -> Any:
    browser = Browser()
    page = browser.get(url)
    return browser.post(url, {"csrfmiddlewaretoken": page.field("csrfmiddlewaretoken"), **form}, token=False)


def test_invitation_goes_out_by_letter_and_opens_once(house: build.House, root: Browser) -> None:
    link = invited(root, house)
    assert [letter.to for letter in mail.outbox] == [["kim@example.org"]]
    assert link in str(mail.outbox[0].body)
    names = {"first_name": "Kim", "last_name": "Ito"}
    assert stranger(link, {**names, **GOOD, "again": "other"}).status == 422
    assert stranger(link, {**names, **GOOD}).location == "/sign-in/"
    assert Browser().get(link).status == 404
    assert stranger("/sign-in/", {"username": "kim", "password": GOOD["password"]}).status == 302


def test_nothing_is_given_to_somebody_who_has_not_come_yet(house: build.House, root: Browser) -> None:
    link = invited(root, house)
    item = build.pending(house, "note.add")

    def offered() -> list[bool]:
        of_grace = Browser(house.root).get(f"/people/{house.grace.pseudonym}/")
        pages = of_grace, Browser(house.ada).get(f"/a/ACT-{item.ref}/assign/")
        return ["kim" in page.text.lower() for page in pages]

    assert offered() == [False, False]
    assert stranger(link, {"first_name": "Kim", "last_name": "Ito", **GOOD}).location == "/sign-in/"
    assert offered() == [True, True]


def test_invitation_opens_no_account_that_has_a_password_already(house: build.House, root: Browser) -> None:
    link = invited(root, house)
    kim = User.objects.get(username="kim")
    kim.set_password("somebody gave her one by hand")
    kim.save(update_fields=["password"])
    assert stranger("/sign-in/", {"username": "kim", "password": "somebody gave her one by hand"}).status == 302
    assert Browser().get(link).status == 404


def test_new_invitation_link_needs_a_fresh_proof_too(house: build.House, root: Browser) -> None:
    link = invited(root, house)
    again = f"/people/{User.objects.get(username='kim').pseudonym}/invite/"
    session = root.client.session
    session["proved"] = ["password", time.time() - 301]
    session.save()
    with nothing_changes():
        assert root.post(again, {}).location.startswith("/confirm/?next=/people/")
    assert Browser().get(link).status == 200
    root.post("/confirm/", {"confirm": "secret"})
    assert root.post(again, {}).status == 200
    assert Browser().get(link).status == 404


def test_taken_name_is_refused_on_the_form_and_nobody_is_invited(house: build.House, root: Browser) -> None:
    page = root.post("/people/invite/", {"username": "ada", "groups": [house.reviewers.pk], "reason": REASON})
    assert (page.status, "already exists" in page.plain) == (422, True)
    assert not mail.outbox
    assert User.objects.count() == 6


def test_letter_that_does_not_go_loses_nothing(
    house: build.House, root: Browser, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    link = invited(root, house)
    assert Browser().get(link).status == 200


def test_letters_that_go_to_files_lie_apart_from_the_outbox(house: build.House, root: Browser, settings: Any) -> None:
    settings.EMAIL_BACKEND = letterbox.FILES
    link = invited(root, house)
    files = list(Path(str(letterbox.folder())).iterdir())
    assert len(files) == 1 and link in files[0].read_text()
    assert not list(Path(settings.OUTBOX_DIR).glob("*"))


def test_forgotten_password_answers_everybody_alike_and_lets_the_right_one_back(
    house: build.House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(letters, "send_later", letters.send)
    elsewhere = Browser(house.ada)
    pages = [stranger("/forgotten/", {"who": who}) for who in ("ada", "nobody", "ADA@example.org", "")]
    assert len({page.plain for page in pages}) == 1
    assert [letter.to for letter in mail.outbox] == [["ada@example.org"]] * 2
    link = re.findall(r"http://testserver(/\S+)", str(mail.outbox[0].body))[0]
    assert stranger(link, {"password": "1234", "again": "1234"}).status == 422
    assert stranger(link, GOOD).location == "/sign-in/"
    assert Browser().get(link).status == 404, "a link works once"
    assert Browser().get(re.findall(r"http://testserver(/\S+)", str(mail.outbox[1].body))[0]).status == 404
    assert elsewhere.get("/queue/").status == 302
    assert stranger("/sign-in/", {"username": "ada", "password": GOOD["password"]}).status == 302


def test_asking_for_letters_again_and_again_sends_three(house: build.House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(letters, "send_later", letters.send)
    assert len({stranger("/forgotten/", {"who": "ada"}).plain for _ in range(5)}) == 1
    assert len(mail.outbox) == 3


@pytest.mark.parametrize(
    "link",
    ["/invitation/x/", "/forgotten/MQ/abc-def/", "/forgotten/!!/x/", "/forgotten/OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5/x/"],
)
def test_links_of_ones_own_making_open_nothing(house: build.House, link: str) -> None:
    page = Browser().get(link)
    assert page.status == 404


def test_reviewer_sees_ones_own_page_and_nobody_elses(house: build.House, ada: Browser) -> None:
    assert ada.get("/people/").status == 404
    assert ada.get("/people/invite/").status == 404
    assert ada.get(f"/people/{house.ada.pseudonym}/").status == 200
    for verb in ("", "rest/", "close/", "qualify/", "hand-over/"):
        url = f"/people/{house.grace.pseudonym}/{verb}"
        assert (ada.post(url, {}) if verb else ada.get(url)).status == 404
    assert "Close the account" not in ada.get(f"/people/{house.ada.pseudonym}/").plain


def test_lead_records_a_qualification_on_the_page(house: build.House, lin: Browser) -> None:
    url = f"/people/{house.ada.pseudonym}/"
    form = {
        "qualification-name": "payments", "qualification-valid_from": "2026-01-01T00:00",
        "qualification-valid_until": "2028-06-01T00:00", "qualification-reason": REASON,
    }  # fmt: skip
    assert lin.post(url + "qualify/", {**form, "qualification-reason": "short"}).status == 422
    assert lin.post(url + "qualify/", form).location == url
    assert "payments" in lin.get("/people/").plain
    refused = lin.post(f"/people/{house.lin.pseudonym}/qualify/", form)
    assert (refused.status, "Somebody else records" in refused.plain) == (403, True)


def test_absence_that_begins_now_hands_over_and_says_so(house: build.House, ada: Browser) -> None:
    item = build.pending(house)
    with as_role("web"):
        from reviews.services import assign

        assign(item=item.id, assignee=house.ada, by=house.by("lin"))
    url, now = f"/people/{house.ada.pseudonym}/", timezone.now()
    form = {
        "absence-starts": f"{now:%Y-%m-%dT00:00}", "absence-ends": f"{now.year + 1}-01-15T00:00",
        "absence-substitute": house.grace.pk,
    }  # fmt: skip
    assert ada.post(url + "rest/", form).location == url
    assert "Handed over: 1." in ada.get(url).plain
    assert DeskItem.objects.get(id=item.id).assignee == house.grace
    assert ada.post(url + "back/", {"absence": str(Absence.objects.get().pk)}).location == url
    assert ada.post(url + "back/", {"absence": "x"}).status == 404


def test_page_says_what_closing_does_and_then_it_is_so(house: build.House, root: Browser) -> None:
    item = build.pending(house, "files.delete")
    build.decide(house, item, name="ada")
    ada = Browser(house.ada)
    url = f"/people/{house.ada.pseudonym}/"
    page = root.get(url)
    assert "1 approvals on what still waits for another" in page.plain
    assert f"ACT-{item.ref}" not in page.text, "whose vote it is stays hidden until it closes"
    assert root.post(url + "close/", {"close-reason": "short"}).status == 422
    assert root.post(url + "close/", {"close-reason": REASON, "close-to": house.grace.pk}).location == url
    assert ada.get("/queue/").status == 302
    assert not User.objects.get(pk=house.ada.pk).is_active
    assert root.post(f"/people/{house.root.pseudonym}/close/", {"close-reason": REASON}).status == 422


def test_who_comes_back_is_told_at_sign_in_and_on_their_page(house: build.House, ada: Browser) -> None:
    item = build.pending(house)
    now = timezone.now()
    with as_role("web"):
        assign(item=item.id, assignee=house.ada, by=house.by("lin"))
        row = record_absence(
            user=house.ada, starts=now, ends=now + timedelta(days=3), substitute=house.grace, by=house.by("ada")
        )
        begin_absence(absence=row, by=house.by("ada"))
        end_absence(absence=row, by=house.by("lin"))
    fresh = Browser()
    page = fresh.get("/sign-in/")
    sent = {"csrfmiddlewaretoken": page.field("csrfmiddlewaretoken"), "username": "ada", "password": "secret"}
    assert fresh.post("/sign-in/", sent, token=False).status == 302
    told = "While you were away, what lay on your desk was passed on: 1 item to Grace."
    assert told in fresh.get("/queue/").plain
    assert told not in fresh.get("/queue/").plain
    url = f"/people/{house.ada.pseudonym}/"
    assert re.search(rf"ACT-{item.ref} Grace .* open", ada.get(url).plain)
    assert f"ACT-{item.ref}" not in Browser(house.noor).get(url).plain
