"""Shipped handlers refuse a second address, another path, a wrong answer; and know when nothing happened."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings
from django.core import mail
from pydantic import BaseModel, ValidationError

from agents import ledger, mailboxes
from agents.effects import EffectContext, NotDone
from agents.handlers import (
    mail_archive,
    mail_forward,
    mail_reply,
    question_ask,
    report_gather,
    report_release,
    transcript,
)
from agents.handlers.mail import inbox
from agents.handlers.mail_archive import Archive
from agents.handlers.mail_forward import Forward
from agents.handlers.mail_reply import Reply
from agents.handlers.question_ask import Question
from agents.handlers.report_gather import Gather
from agents.handlers.report_plan import Plan
from agents.handlers.report_release import Report
from agents.handlers.route_question import Route
from agents.services.sampling import deliver

CTX = EffectContext(
    action=UUID(int=1), type="t", revision=1, key="desk-1-1", deadline=datetime(2099, 1, 1, tzinfo=UTC),
    body=b"{}", digest=b"",
)  # fmt: skip
REPLY = {"to": "ada@example.org", "subject": "Hello", "text": "Hi"}


@pytest.fixture(autouse=True)
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "STATE_DIR", tmp_path)
    monkeypatch.setattr(settings, "INBOX", None)
    monkeypatch.setattr(settings, "LEDGER", tmp_path / "ledger.sqlite")
    mail.outbox = []


@pytest.mark.parametrize(
    "to",
    [
        "c@example.org, evil@example.org", "a@b\r\nBcc: x@y.org", "Ada <ada@example.org>", "ada", "", "a@", "@b.org",
        "a b@c.org",
        "a@b.org;c@d.org", "a@p\u0430ypal.com", "a@b.org\u202e", "a" * 65 + "@b.org", '"a"@b.org', "a@b.org(c)",
    ],
)  # fmt: skip
def test_a_recipient_is_exactly_one_plain_address(to: str) -> None:
    with pytest.raises(ValidationError):
        Reply.model_validate(REPLY | {"to": to})


@pytest.mark.parametrize("subject", ["a\nBcc: x@y.org", "a\rb", "a\x00b", "a\u2028b", "x" * 501])
def test_a_subject_is_one_line(subject: str) -> None:
    with pytest.raises(ValidationError):
        Reply.model_validate(REPLY | {"subject": subject})


@pytest.mark.parametrize(
    ("model", "given"),
    [
        (Archive, {"message": "../../x", "sender": "a", "subject": "b"}),
        (Archive, {"message": "0" * 32, "sender": "a", "subject": "b", "folder": "../up"}),
        (Forward, {"to": "a@b.org", "subject": "s", "message": "x", "original": "s"}),
        (Gather, {"source": "../settings.py"}),
        (Gather, {"source": "/etc/passwd.txt"}),
        (Report, {"title": "t", "file": "../../x.md", "text": "x"}),
        (Report, {"title": "t", "file": "x.html", "text": "x"}),
        (Route, {"text": "x", "intent": "a b"}),
        (Plan, {"goal": "g", "steps": []}),
        (Plan, {"goal": "g", "steps": [{"title": "t", "type": "Not A Type"}]}),
        (Reply, REPLY | {"bcc": "x@y.org"}),
    ],
)
def test_a_payload_names_no_path_of_its_own_and_no_field_more(model: type[BaseModel], given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        model.model_validate(given)


@pytest.mark.parametrize(
    ("question", "fits"),
    [
        ({"prompt": "Which?", "options": ["a", "b"], "answer": "a"}, True),
        ({"prompt": "Which?", "options": ["a", "b"], "answer": "c"}, False),
        ({"prompt": "Why?", "answer": "because"}, True),
        ({"prompt": "Why?", "answer": 7}, False),
        ({"prompt": "When?", "schema": {"type": "object", "required": ["day"]}, "answer": {"day": "Monday"}}, True),
        ({"prompt": "When?", "schema": {"type": "object", "required": ["day"]}, "answer": {}}, False),
        ({"prompt": "When?", "schema": {"type": "nonsense"}}, False),
        ({"prompt": "When?", "schema": {"$ref": "https://example.org/x.json"}, "answer": 1}, False),
        ({"prompt": ""}, False),
    ],
)
def test_an_answer_fits_its_question(question: dict[str, Any], fits: bool) -> None:
    if fits:
        assert question_ask.execute(Question.model_validate(question), CTX) == question["answer"]
    else:
        with pytest.raises(ValidationError):
            Question.model_validate(question)


def test_a_question_approved_without_an_answer_did_not_happen() -> None:
    with pytest.raises(NotDone):
        question_ask.execute(Question.model_validate({"prompt": "Why?"}), CTX)


def test_a_mail_server_that_does_not_answer_is_a_sure_no(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "EMAIL_BACKEND", "django.core.mail.backends.smtp.EmailBackend")
    monkeypatch.setattr(settings, "EMAIL_HOST", "127.0.0.1")
    monkeypatch.setattr(settings, "EMAIL_PORT", 9)
    with pytest.raises(NotDone, match="does not answer"):
        mail_reply.execute(Reply.model_validate(REPLY), CTX)


def test_a_failure_after_the_connection_stands_is_not_called_a_no(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("django.core.mail.backends.locmem.EmailBackend.send_messages", _broken)
    with pytest.raises(OSError, match="reset"):
        mail_reply.execute(Reply.model_validate(REPLY), CTX)


def _broken(*args: Any) -> int:
    raise ConnectionResetError("reset")


def test_a_forward_carries_the_letter_whole_and_a_lost_one_is_a_sure_no() -> None:
    deliver(inbox())
    id = mailboxes.ids(inbox())[1]
    payload = Forward(to="books@example.org", subject="Fwd", message=id, original=mailboxes.one(inbox(), id).subject)
    mail_forward.execute(payload, CTX)
    assert b"84.20 EUR" in mail.outbox[0].message().as_bytes()
    with pytest.raises(NotDone):
        mail_forward.execute(payload.model_copy(update={"message": "0" * 32}), CTX)


def test_an_archived_letter_comes_back_by_undo() -> None:
    deliver(inbox())
    id = mailboxes.ids(inbox())[0]
    letter = mailboxes.one(inbox(), id)
    payload = Archive(message=id, sender=letter.sender, subject=letter.subject)
    assert mail_archive.execute(payload, CTX) == {"folder": "Archive", "moved": True}
    assert mail_archive.execute(payload, CTX) == {"folder": "Archive", "moved": False}
    assert id not in mailboxes.ids(inbox())
    mail_archive.undo(payload, CTX, None)
    assert id in mailboxes.ids(inbox())


def test_a_letter_that_is_not_the_one_described_stays_where_it_is() -> None:
    """What is approved is read by its subject and sender; the id that says which letter tells nobody anything."""
    deliver(inbox())
    first, second = (mailboxes.one(inbox(), id) for id in mailboxes.ids(inbox())[:2])
    with pytest.raises(NotDone, match="described"):
        mail_archive.execute(Archive(message=first.id, sender=second.sender, subject=second.subject), CTX)
    with pytest.raises(NotDone, match="described"):
        mail_archive.execute(Archive(message=first.id, sender=second.sender, subject=first.subject), CTX)
    forward = Forward(to="books@example.org", subject="Fwd", message=first.id, original=second.subject)
    with pytest.raises(NotDone, match="described"):
        mail_forward.execute(forward, CTX)
    assert mail.outbox == []
    assert first.id in mailboxes.ids(inbox())


def test_archiving_what_is_not_there_is_a_sure_no() -> None:
    with pytest.raises(NotDone):
        mail_archive.execute(Archive(message="0" * 32, sender="a", subject="b"), CTX)


def test_a_source_is_read_from_the_installation_first_and_never_through_a_link(tmp_path: Path) -> None:
    assert "214 letters" in report_gather.execute(Gather(source="support-week.md"), CTX)["text"]
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / "support-week.md").write_text("ours")
    assert report_gather.execute(Gather(source="support-week.md"), CTX)["text"] == "ours"
    (tmp_path / "secret.md").write_text("secret")
    (tmp_path / "sources" / "link.md").symlink_to(tmp_path / "secret.md")
    with pytest.raises(NotDone):
        report_gather.execute(Gather(source="link.md"), CTX)


def test_a_report_is_there_whole_and_can_be_taken_back_once(tmp_path: Path) -> None:
    payload = Report(title="Week", file="week.md", text="All is well.")
    report_release.execute(payload, CTX)
    report_release.execute(payload, CTX)
    assert [path.name for path in (tmp_path / "reports").iterdir()] == ["week.md"]
    assert (tmp_path / "reports" / "week.md").read_text() == "# Week\n\nAll is well.\n"
    report_release.undo(payload, CTX, None)
    with pytest.raises(NotDone):
        report_release.undo(payload, CTX, None)


def test_the_ledger_can_be_asked_whether_a_call_happened() -> None:
    assert transcript.probe({}, CTX) == "not_done"
    transcript.execute({}, CTX)
    assert transcript.probe({}, CTX) == "done"
    assert [row.key for row in ledger.rows(settings.LEDGER)] == ["desk-1-1"]
