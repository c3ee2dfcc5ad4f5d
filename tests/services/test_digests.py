"""The daily digest: one's own decisions of a day, with the receipts for them."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core import mail
from django.utils import timezone

from audit.notes import Signer
from audit.verify import Key, Note
from reviews import services
from reviews.models import Notice, Reach, User
from tests import build
from tests.logins import as_role
from tests.mailed import deliver, wants
from tests.many import several

pytestmark = pytest.mark.django_db


@pytest.fixture
def house() -> build.House:
    return build.house()


def tomorrow(monkeypatch: pytest.MonkeyPatch, days: int = 1) -> None:
    """As the keeper's clock has it; what is in the database stays when it was."""
    at = timezone.now() + timedelta(days=days)
    monkeypatch.setattr("reviews.services.notices.timezone.now", lambda: at)


def test_a_digest_holds_ones_own_decisions_of_the_day_with_receipts_that_the_verifier_reads(
    house: build.House, secrets: Path, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    wants(house, "ada", mail_digest=True)
    item, other = several(house, 2, "refund.issue")
    seen = build.seen(item)
    build.decide(house, other, name="grace")
    with as_role("web"), django_capture_on_commit_callbacks(execute=True):
        mine = services.decide(item=item.id, seen=seen, decision=build.APPROVE, by=house.by())
    tomorrow(monkeypatch)
    with as_role("router"):
        assert (services.tell_digests(), services.tell_digests()) == (1, 0)
    day = Notice.objects.get(kind="digest").mark
    assert deliver() == 1
    (letter,) = mail.outbox
    assert (letter.to, letter.subject) == (["ada@example.org"], f"[Assentry] Your decisions on {day}")
    assert f"ACT-{item.ref} (Refund): you approved it." in letter.body
    assert f"ACT-{other.ref}" not in letter.body
    assert "8812" not in letter.body
    ((name, text, _),) = letter.attachments
    assert name == f"receipts-{day}.txt"
    (note,) = filter(str.strip, re.split(r"(?m)^(?=assentry-receipt/v1$)", str(text)))
    kept = Note(note)
    assert kept.words[2] == str(mine.event_id)
    assert kept.times(Key(Signer.read(secrets / "receipt-web.key").vkey))


def test_a_receipt_that_was_lost_is_made_again_for_the_digest(
    house: build.House, secrets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wants(house, "ada", mail_digest=True)
    build.decide(house, build.pending(house))
    tomorrow(monkeypatch)
    with as_role("router"):
        services.tell_digests()
    deliver()
    (letter,) = mail.outbox
    assert "receipts/router" in str(letter.attachments[0][1])


def test_a_day_is_that_of_the_reader_and_missed_ones_are_made_up_for(
    house: build.House, secrets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wants(house, "ada", mail_digest=True)
    User.objects.filter(pk=house.ada.pk).update(time_zone="Pacific/Kiritimati")
    vote = build.decide(house, build.pending(house))
    there = vote.created_at.astimezone(ZoneInfo("Pacific/Kiritimati")).date().isoformat()
    Notice.objects.create(user=house.ada, kind="digest", mark=(vote.created_at - timedelta(days=5)).date().isoformat())
    tomorrow(monkeypatch, days=3)
    with as_role("router"):
        assert services.tell_digests() == 1
    assert Notice.objects.filter(kind="digest").latest("id").mark == there


def test_nobody_gets_a_digest_unasked_or_of_a_day_without_decisions(
    house: build.House, secrets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wants(house, "grace", mail_digest=True)
    build.decide(house, build.pending(house))
    tomorrow(monkeypatch)
    with as_role("router"):
        assert services.tell_digests() == 0


def test_a_digest_does_not_name_what_its_reader_no_longer_sees(
    house: build.House, secrets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wants(house, "ada", mail_digest=True)
    item = build.pending(house)
    build.decide(house, item)
    Reach.objects.filter(group=house.reviewers).delete()
    tomorrow(monkeypatch)
    with as_role("router"):
        services.tell_digests()
    deliver()
    (letter,) = mail.outbox
    assert f"ACT-{item.ref}" not in letter.body
    assert "And 1 about what you do not see any more" in letter.body
    assert len(letter.attachments) == 1
