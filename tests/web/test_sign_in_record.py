"""One way in, and the record tells who came through it; a refused attempt leaves no name."""

import pytest

from audit.models import Event
from tests.governance import Office, last_leaf
from tests.web.admin_pages import Browser, text

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"


class Stranger(Browser):
    """A browser in which nobody has signed in yet."""

    def __init__(self) -> None:
        from django.test import Client

        self.client = Client(enforce_csrf_checks=True)


def arrive(username: str, password: str, url: str = "/sign-in/?next=/admin/") -> tuple[Stranger, int]:
    browser = Stranger()
    form = {"username": username, "password": password, "next": "/admin/"}
    return browser, browser.post(url, form).status_code


@pytest.fixture
def lead(office: Office) -> Office:
    office.lead.user.set_password(PASSWORD)
    office.lead.user.save()
    return office


def test_signing_in_is_told_under_the_person_s_pseudonym(lead: Office) -> None:
    browser, status = arrive("lin", PASSWORD)
    assert status == 302
    assert "Assentry administration" in text(browser.get("/admin/"))
    leaf = last_leaf()
    assert (leaf["name"], leaf["data"]) == ("auth.signed_in", {"method": "password"})
    assert leaf["case"]["id"] == f"person:{lead.lead.user.pseudonym}"
    assert leaf["actor"]["ref"] == lead.lead.user.pseudonym
    assert leaf["actor"]["session"]
    assert browser.client.session.session_key not in str(leaf)


@pytest.mark.parametrize("username", ["lin", "nobody"])
def test_refused_sign_in_is_told_without_the_name_that_was_typed(lead: Office, username: str) -> None:
    browser, status = arrive(username, "wrong")
    assert status == 200
    leaf = last_leaf()
    assert (leaf["name"], leaf["data"]["reason_code"]) == ("auth.refused", "invalid_login")
    assert username not in str(leaf)
    assert lead.lead.user.pseudonym not in str(leaf)
    assert browser.get("/admin/").status_code == 302


def test_admin_has_no_door_of_its_own(lead: Office) -> None:
    answer = Stranger().get("/admin/login/?next=/admin/reviews/stop/")
    assert (answer.status_code, answer["Location"]) == (
        302,
        "/sign-in/?next=/admin/reviews/stop/",
    )
    assert not Event.objects.exists()


def test_who_is_signed_in_but_has_no_business_in_admin_is_refused_not_sent_around(
    lead: Office,
) -> None:
    lead.reviewer.user.is_staff = False
    lead.reviewer.user.save()
    browser = Browser(lead.reviewer.user)
    assert browser.get("/admin/login/?next=/admin/").status_code == 403
