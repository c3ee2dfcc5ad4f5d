"""The outbox shows staff what the demo would have sent, as text."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import settings
from django.core.mail import EmailMessage, get_connection

from tests.agents_shipped.office import Office
from tests.web.pages import Browser


@pytest.fixture
def sent(office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    backend = "django.core.mail.backends.filebased.EmailBackend"
    monkeypatch.setattr(settings, "EMAIL_BACKEND", backend)
    monkeypatch.setattr(settings, "OUTBOX_DIR", tmp_path / "outbox")
    letter = EmailMessage("Your <b>parcel</b>", "Hello\n\u202eevil", "desk@example.org", ["mira@example.org"])
    letter.attach("note.txt", "x" * 10, "text/plain")
    get_connection(backend, file_path=str(tmp_path / "outbox")).send_messages([letter])
    (tmp_path / "outbox" / "secret.log").write_text("not a letter")
    return office


def name_of(folder: Path) -> str:
    return next(path.name for path in folder.glob("2*.log"))


def test_a_lead_reads_a_letter_as_text_with_hidden_characters_shown(sent: Office, tmp_path: Path) -> None:
    lead = Browser(sent.house.lin)
    listed = lead.get("/outbox/")
    assert (listed.status, "mira@example.org" in listed.plain) == (200, True)
    assert "secret.log" not in listed.text
    page = lead.get(f"/outbox/{name_of(tmp_path / 'outbox')}/")
    assert "note.txt" in page.plain
    assert "U+202E" in page.plain
    assert "<b>parcel" not in page.text


def test_reviewers_do_not_read_it(sent: Office, tmp_path: Path) -> None:
    ada = Browser(sent.house.ada)
    assert ada.get("/outbox/").status == 403
    assert ada.get(f"/outbox/{name_of(tmp_path / 'outbox')}/").status == 403


@pytest.mark.parametrize("name", ["secret.log", "..%2fsecret", "20260101-000000-1.log"])
def test_only_letters_can_be_opened(sent: Office, name: str) -> None:
    assert Browser(sent.house.lin).get(f"/outbox/{name}/").status == 404


def test_with_a_mail_server_there_is_no_outbox(office: Office) -> None:
    assert Browser(office.house.lin).get("/outbox/").status == 404
