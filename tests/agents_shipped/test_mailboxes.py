"""Mail is read from a Maildir or an mbox, and moved without ever being lost."""

from __future__ import annotations

import mailbox
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from agents import mailboxes


def letter(subject: str = "Hello", **headers: str) -> EmailMessage:
    message = EmailMessage()
    message["From"] = "Ada Lovelace <ada@example.org>"
    message["To"] = "desk@example.org"
    message["Subject"] = subject
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content("Could you help me?\n")
    return message


@pytest.fixture(params=["maildir", "mbox"])
def box(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "inbox"
    opened: mailbox.Mailbox[Any] = mailbox.Maildir(path) if request.param == "maildir" else mailbox.mbox(path)
    for subject in ("first", "second"):
        opened.add(letter(subject))
    opened.close()
    return path


def mails(path: Path) -> list[mailboxes.Mail]:
    return [mailboxes.one(path, id) for id in mailboxes.ids(path)]


def subjects(path: Path) -> list[str]:
    return sorted(mail.subject for mail in mails(path))


def named(path: Path, subject: str) -> str:
    return next(mail.id for mail in mails(path) if mail.subject == subject)


def test_a_message_is_read_with_what_the_rules_need(box: Path) -> None:
    mail = mails(box)[0]
    assert (mail.sender, mail.address, mail.reply_to) == (
        "Ada Lovelace <ada@example.org>",
        "ada@example.org",
        "ada@example.org",
    )
    assert "Could you help me?" in mail.text
    assert not mail.bulk


def test_a_moved_message_is_in_the_archive_and_nowhere_else(box: Path) -> None:
    id = named(box, "first")
    assert mailboxes.move(box, id, "Archive") is True
    assert subjects(box) == ["second"]
    assert subjects(mailboxes.beside(box, "Archive")) == ["first"]
    assert b"first" in mailboxes.raw(box, id)


def test_moving_twice_changes_nothing_and_says_so(box: Path) -> None:
    id = named(box, "first")
    mailboxes.move(box, id, "Archive")
    assert mailboxes.move(box, id, "Archive") is False
    assert subjects(mailboxes.beside(box, "Archive")) == ["first"]


def test_a_move_that_broke_off_between_is_finished_without_a_twin(box: Path) -> None:
    id = named(box, "first")
    data = mailboxes.raw(box, id)
    mailboxes.move(box, id, "Archive")
    again: mailbox.Mailbox[Any] = mailbox.Maildir(box) if box.is_dir() else mailbox.mbox(box)
    again.add(data)
    again.close()
    assert mailboxes.move(box, id, "Archive") is False
    assert subjects(box) == ["second"]


def test_a_message_can_come_back(box: Path) -> None:
    id = named(box, "first")
    mailboxes.move(box, id, "Archive")
    assert mailboxes.move(box, id, "Archive", back=True) is True
    assert subjects(box) == ["first", "second"]


def test_an_unknown_message_is_an_error_and_nothing_moves(box: Path) -> None:
    with pytest.raises(mailboxes.NoSuchMail):
        mailboxes.move(box, "0" * 32, "Archive")
    assert subjects(box) == ["first", "second"]


@pytest.mark.parametrize("folder", ["../x", "", "a/b", ".hidden", "x" * 40])
def test_a_folder_is_a_name_and_no_path(box: Path, folder: str) -> None:
    with pytest.raises(ValueError, match="not the name of a folder"):
        mailboxes.move(box, named(box, "first"), folder)


def test_looking_does_not_make_a_mailbox(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        mailboxes.ids(tmp_path / "nothing")
    assert list(tmp_path.iterdir()) == []


def test_hostile_headers_are_read_as_one_line_without_control_characters(
    tmp_path: Path,
) -> None:
    path = tmp_path / "inbox"
    box = mailbox.Maildir(path)
    box.add(
        b"From: =?utf-8?q?a=0Ab?= <x@example.org>\nSubject: =?utf-8?b?AAFoaQ==?=\n"
        b"Content-Type: text/plain; charset=nonsense\n\n\xff\xfe\n"
    )
    box.close()
    (mail,) = mails(path)
    assert "\n" not in mail.sender + mail.subject
    assert "\x00" not in mail.subject + mail.text
