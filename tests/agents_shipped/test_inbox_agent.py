"""The inbox agent proposes by rules, its effects are real, and it learns from what reviewers let through."""

from __future__ import annotations

from email.utils import parseaddr

from django.core import mail

from agents import mailboxes
from agents.handlers.mail import inbox
from agents.services.sampling import deliver
from audit.seal import lookup_of
from reviews.models import Evidence, Message
from tests.agents_shipped.office import Office, payload
from tests.audit.world import sql


def subjects(folder: str = "") -> list[str]:
    path = mailboxes.beside(inbox(), folder) if folder else inbox()
    return sorted(mailboxes.one(path, id).subject for id in mailboxes.ids(path))


def test_each_message_gets_one_proposal_with_its_reason(office: Office) -> None:
    deliver(inbox())
    run = office.begin("inbox")
    types = {name: len(found) for name, found in office.by_type(run).items()}
    assert types == {"mail.archive": 2, "mail.forward": 1, "mail.reply": 3}
    for action in office.actions(run):
        assert action.confidence == 0.5
        assert set(Evidence.objects.filter(action=action).values_list("kind", flat=True)) == {"source", "record"}
        assert Message.objects.filter(action=action, kind="reasoning").count() == 1


def test_what_is_approved_is_sent_and_moved_and_what_is_rejected_stays(office: Office) -> None:
    deliver(inbox())
    run = office.begin("inbox")
    found = office.by_type(run)
    office.turn_down(found["mail.archive"][0])
    office.let_through(found["mail.archive"][1], *found["mail.forward"], found["mail.reply"][0])
    assert sorted(letter.to[0] for letter in mail.outbox) == sorted(
        [payload(found["mail.forward"][0])["to"], payload(found["mail.reply"][0])["to"]]
    )
    assert len(subjects()) == 5
    assert len(subjects("Archive")) == 1
    (attached,) = [letter.attachments for letter in mail.outbox if letter.attachments]
    assert len(attached) == 1


def test_whoever_wrote_or_is_written_to_is_one_subject(office: Office) -> None:
    deliver(inbox())
    run = office.begin("inbox")
    for name, field in (("mail.archive", "sender"), ("mail.reply", "to"), ("mail.forward", "to")):
        for action in office.by_type(run)[name]:
            [(lookup,)] = sql("SELECT lookup FROM audit.subject WHERE case_id = %s", f"action:{action.id}")
            assert bytes(lookup) == lookup_of("mail", parseaddr(payload(action)[field])[1].upper()), name


def test_a_letter_carries_the_idempotency_key_as_its_message_id(office: Office) -> None:
    deliver(inbox())
    run = office.begin("inbox")
    reply = office.by_type(run)["mail.reply"][0]
    office.let_through(reply)
    assert mail.outbox[0].extra_headers["Message-ID"] == f"<desk-{reply.id}-1@localhost>"


def test_a_rules_confidence_follows_its_own_record(office: Office) -> None:
    deliver(inbox())
    first = office.begin("inbox")
    replies = office.by_type(first)["mail.reply"]
    rule = {a.id: Evidence.objects.get(action=a, kind="record").source for a in replies}
    asking = [a for a in replies if rule[a.id] == "rule:question"]
    office.let_through(asking[0])
    office.turn_down(*asking[1:])
    deliver_again("Where is the second parcel?")
    second = office.begin("inbox")
    (again,) = office.actions(second)
    assert again.confidence == (1 + 1) / (len(asking) + 2)
    reasoning = Message.objects.get(action=again, kind="reasoning")
    assert f"1 of this rule's {len(asking)} earlier proposals" in bytes(reasoning.body.body).decode()


def test_an_edited_reply_counts_for_the_rule_as_decided_but_not_as_right(office: Office) -> None:
    deliver_again("Where is my parcel?")
    (reply,) = office.actions(office.begin("inbox"))
    office.change(reply, payload(reply) | {"text": "Hello, it arrives tomorrow."})
    deliver_again("And the other one?")
    (again,) = office.actions(office.begin("inbox"))
    assert again.confidence == (0 + 1) / (1 + 2)


def test_a_message_is_proposed_for_once(office: Office) -> None:
    deliver(inbox())
    office.begin("inbox")
    assert office.actions(office.begin("inbox")) == []


def deliver_again(subject: str) -> None:
    for name in ("cur", "new", "tmp"):
        (inbox() / name).mkdir(parents=True, exist_ok=True)
    text = f"From: Ada <ada@example.org>\nTo: desk@example.org\nSubject: {subject}\n\nCould you look, please?\n"
    (inbox() / "new" / subject.replace(" ", "-")).write_text(text)
