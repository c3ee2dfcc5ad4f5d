"""News by mail: to whom, at what, with which words; never twice, never about what somebody may not see."""

from __future__ import annotations

import threading
from datetime import timedelta
from smtplib import SMTPDataError, SMTPServerDisconnected
from typing import Any

import pytest
from django.conf import settings
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from agents import post
from reviews import letterbox, services
from reviews.models import Item, Notice, Posting, Reach, User
from reviews.services.absences import record_absence
from tests import build
from tests.logins import as_role
from tests.mailed import addressees, became, deliver, give, wants
from tests.many import seeded, several
from tests.trust import publish

pytestmark = pytest.mark.django_db

RATIONALE = "the customer sent a photograph of the lamp"


@pytest.fixture
def house() -> build.House:
    return build.house()


def test_whoever_is_given_an_item_hears_of_it_once_with_a_link_and_no_word_of_the_case(house: build.House) -> None:
    item = build.pending(house, "refund.issue", payload={"customer": "Kim Doe", "amount": 12_950, "note": "lamp"})
    give(house, item)
    assert (deliver(), deliver()) == (1, 0)
    (letter,) = mail.outbox
    assert (letter.to, letter.subject) == (["grace@example.org"], f"[Assentry] ACT-{item.ref} lies on your desk")
    assert f"ACT-{item.ref} (Refund) lies on your desk.\n{settings.PUBLIC_URL}/a/ACT-{item.ref}/\n" in letter.body
    assert letter.extra_headers["Auto-Submitted"] == "auto-generated"
    told = letter.subject + letter.body
    assert not any(word in told for word in ("Kim", "8812", "129", "12950", "lamp", "Ada"))


def test_who_takes_an_item_is_not_told_of_it(house: build.House) -> None:
    give(house, build.pending(house), to="ada", name="ada")
    assert not Notice.objects.exists()


def test_many_at_once_are_one_letter(house: build.House, django_assert_num_queries: Any) -> None:
    items = several(house, 3)
    with as_role("web"):
        services.assign_many(items=[i.id for i in items], assignee=house.grace, by=house.by())
    assert deliver() == 3
    (letter,) = mail.outbox
    assert letter.subject == "[Assentry] 3 news"
    assert all(f"/a/ACT-{item.ref}/" in letter.body for item in items)


def test_a_team_hears_of_what_is_escalated_to_it_but_not_of_the_reason(house: build.House) -> None:
    item, second = build.pending(house), build.pending(house)
    seen = build.seen(item)
    with as_role("web"):
        services.escalate(item=item.id, seen=seen, target=house.leads, rationale=RATIONALE, by=house.by())
        services.escalate_many(items=[second.id], target=house.leads, rationale=RATIONALE, by=house.by("grace"))
    deliver()
    (letter,) = mail.outbox
    assert letter.to == ["lin@example.org"]
    assert letter.body.count("was escalated to a team of yours") == 2
    assert "photograph" not in letter.body


def test_who_is_named_hears_of_it_and_who_follows_only_if_they_want_to(house: build.House) -> None:
    item = build.pending(house)
    with as_role("web"):
        services.follow(action=item.action_id, on=True, by=house.by("noor"))
        services.follow(action=item.action_id, on=True, by=house.by("lin"))
    wants(house, "noor", mail_answered=True)
    with as_role("web"):
        services.comment(item=item.id, text=f"@grace look: {RATIONALE}", by=house.by())
    deliver()
    assert addressees() == ["grace", "noor"]
    assert not any("photograph" in letter.body for letter in mail.outbox)


def test_the_agents_answer_reaches_whoever_asked(house: build.House) -> None:
    run, action = build.proposed_by_run(house)
    build.route()
    item = build.item_of(action)
    wants(house, "ada", mail_answered=True)
    seen = build.seen(item)
    with as_role("web"):
        question = services.ask(item=item.id, seen=seen, text="which order?", by=house.by())
    with as_role("agent"):
        services.answer(action=action, question=question, text="order 77, the lamp", run=run)
    assert deliver() == 1
    assert (addressees(), "order 77" in mail.outbox[0].body) == (["ada"], False)


def test_what_is_late_within_the_hour_is_said_once_to_who_wants_it(house: build.House) -> None:
    mine, far = build.pending(house), build.pending(house)
    for item in (mine, far):
        give(house, item)
    wants(house, "grace", mail_near=True, mail_assigned=False)
    soon = timezone.now() + timedelta(minutes=20)
    Item.objects.filter(id=mine.id).update(due=soon)
    Item.objects.filter(id=far.id).update(due=timezone.now() + timedelta(hours=3))
    with as_role("router"):
        assert (services.tell_near(), services.tell_near()) == (1, 0)
    deliver()
    (letter,) = mail.outbox
    told = f"ACT-{mine.ref} (Send mail) lies on your desk and is late soon, due {soon:%Y-%m-%d %H:%M} UTC."
    assert told in letter.body
    assert f"ACT-{far.ref}" not in letter.body


def test_what_is_late_goes_to_the_team_that_policy_names(house: build.House) -> None:
    publish(house, {"types": {"mail.send": {"clock": {"within": 60, "to": "leads"}}}})
    item = build.pending(house)
    Item.objects.filter(id=item.id).update(due=timezone.now() - timedelta(minutes=1))
    with as_role("router"):
        assert services.flip_breached() == 1
    deliver()
    assert addressees() == ["lin"]


def test_out_of_reach_away_closed_without_address_and_switched_off_get_nothing(house: build.House) -> None:
    items = several(house, 5)
    people = ("grace", "lin", "noor", "root", "ada")
    Reach.objects.create(group=house.leads, queue_id="elsewhere")
    house.root.groups.add(house.reviewers)
    for item, name in zip(items, people, strict=True):
        give(house, item, to=name, name="ada" if name != "ada" else "grace")
    Reach.objects.filter(group=house.leads, queue="support").delete()  # lin
    with as_role("web"):
        later = timezone.now() + timedelta(days=1)
        record_absence(user=house.grace, starts=timezone.now(), ends=later, substitute=None, by=house.by("grace"))
    User.objects.filter(pk=house.noor.pk).update(is_active=False)
    User.objects.filter(pk=house.root.pk).update(email="")
    wants(house, "ada", mail_assigned=False)
    assert deliver() == 5
    assert mail.outbox == []
    assert became() == {
        "Grace assigned": "away", "Lin assigned": "out of reach", "Noor assigned": "account closed",
        "Root assigned": "no address", "Ada assigned": "not wanted",
    }  # fmt: skip


def test_news_that_is_over_is_not_sent(house: build.House) -> None:
    decided, taken = several(house, 2)
    give(house, decided)
    give(house, taken)
    build.decide(house, decided, name="lin")
    give(house, taken, to="lin")
    deliver()
    assert addressees() == ["lin"]
    assert Posting.objects.filter(why="over").count() == 2


def test_an_administrator_switches_all_of_it_off(house: build.House, monkeypatch: pytest.MonkeyPatch) -> None:
    before, after = several(house, 2)
    give(house, before)
    monkeypatch.setattr(settings, "NOTICES", False)
    give(house, after)
    with as_role("router"):
        assert services.tell_near() == services.tell_digests() == 0
    deliver()
    assert (mail.outbox, became()) == ([], {"Grace assigned": "switched off"})


def test_a_check_is_told_of_like_any_other_item(house: build.House) -> None:
    check = seeded(house, build.released(house).id)
    give(house, check)
    deliver()
    (letter,) = mail.outbox
    assert f"ACT-{check.ref} (Send mail) lies on your desk." in letter.body
    assert "check" not in (letter.subject + letter.body).casefold()


def test_what_is_rolled_back_is_never_told(house: build.House) -> None:
    item = build.pending(house)
    with pytest.raises(RuntimeError), transaction.atomic():
        give(house, item)
        raise RuntimeError
    assert (deliver(), mail.outbox) == (0, [])


# The mail server.


class Line(EmailBackend):
    """A mail server that can be away, refuse, or hang up in the middle."""

    away: Exception | None = None
    fails: list[Exception] = []  # one for each letter, from the first on

    def open(self) -> bool:
        if self.away is not None:
            raise self.away
        return True

    def send_messages(self, messages: Any) -> int:
        if self.fails:
            raise self.fails.pop(0)
        return int(super().send_messages(messages))


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch) -> Line:
    made = Line()
    monkeypatch.setattr(letterbox, "link", lambda: made)
    return made


def waiting_again() -> None:
    """As if the time until the next try were over. No login may do that, so the guard is taken off for a moment."""
    with as_role("superuser"), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE reviews_posting DISABLE TRIGGER reviews_posting_changes")
        cursor.execute("UPDATE reviews_posting SET next_at = now() - interval '1 second' WHERE state = 'waiting'")
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE reviews_posting ENABLE ALWAYS TRIGGER reviews_posting_changes")


def test_while_the_server_is_away_letters_wait_ever_longer_and_are_given_up(house: build.House, line: Line) -> None:
    give(house, build.pending(house))
    line.away = ConnectionRefusedError("no")
    waits = []
    for _ in range(6):
        deliver()
        row = Posting.objects.get()
        waits.append(round((row.next_at - timezone.now()).total_seconds()))
        waiting_again()
    assert waits[:5] == [60, 300, 1800, 7200, 21600]
    assert (Posting.objects.get().state, mail.outbox) == ("given_up", [])


def test_a_letter_that_waited_goes_out_when_the_server_is_back(house: build.House, line: Line) -> None:
    give(house, build.pending(house))
    line.away = ConnectionRefusedError("no")
    deliver()
    assert deliver() == 0
    line.away = None
    waiting_again()
    assert (deliver(), len(mail.outbox)) == (1, 1)


def test_what_the_server_refused_is_tried_again_and_what_nobody_knows_is_not(house: build.House, line: Line) -> None:
    for to in ("grace", "lin", "noor"):
        give(house, build.pending(house), to=to)
    line.fails = [SMTPDataError(451, b"later"), SMTPServerDisconnected("gone")]
    deliver()
    assert [p.state for p in Posting.objects.order_by("notice_id")] == ["waiting", "unclear", "waiting"]
    waiting_again()
    deliver()
    assert addressees() == ["grace", "noor"]


def test_what_was_taken_by_a_keeper_that_died_is_not_sent_twice(house: build.House) -> None:
    give(house, build.pending(house))
    with as_role("router"):
        assert len(services.take_notices(limit=10)) == 1
    assert (deliver(), mail.outbox) == (0, [])


def test_an_address_that_is_none_holds_up_nobody(house: build.House) -> None:
    User.objects.filter(pk=house.grace.pk).update(email="grace@example.org\nBcc: all@example.org")
    give(house, build.pending(house), to="grace")
    give(house, build.pending(house), to="lin")
    deliver()
    assert addressees() == ["lin"]
    assert became()["Grace assigned"] == "BadHeaderError"


def test_a_letter_that_cannot_be_written_stays_unsent_and_is_said(
    house: build.House, monkeypatch: pytest.MonkeyPatch
) -> None:
    give(house, build.pending(house))

    def broken(taken: Any) -> Any:
        raise KeyError(taken[0])

    monkeypatch.setattr(post, "letters", broken)
    with pytest.raises(KeyError):
        deliver()
    assert Posting.objects.get().state == "waiting"


# Who may do what.


@pytest.mark.parametrize("role", ["web", "agent", "executor", "sequencer", "auditor"])
def test_only_the_keeper_says_what_became_of_a_notice(house: build.House, role: str) -> None:
    give(house, build.pending(house))
    with as_role(role), pytest.raises(DatabaseError), transaction.atomic():
        Posting.objects.update(state="sent")


@pytest.mark.parametrize("role", ["agent", "executor", "sequencer", "auditor"])
def test_only_web_and_the_keeper_tell_news(house: build.House, role: str) -> None:
    with as_role(role), pytest.raises(DatabaseError), transaction.atomic():
        Notice.objects.create(user=house.ada, kind="digest", mark="2026-01-01")


@pytest.mark.parametrize("role", ["web", "router", "superuser"])
@pytest.mark.parametrize("sql", ["UPDATE reviews_notice SET mark = 'x'", "DELETE FROM reviews_notice"])
def test_what_was_told_stays(house: build.House, role: str, sql: str) -> None:
    give(house, build.pending(house))
    with as_role(role), pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)


def test_what_is_over_never_waits_again(house: build.House) -> None:
    give(house, build.pending(house))
    deliver()
    with as_role("router"), pytest.raises(DatabaseError), transaction.atomic():
        Posting.objects.update(state="waiting")


def test_a_server_that_hangs_holds_up_no_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def hangs() -> int:
        begun.set()
        go_on.wait(10)
        return 0

    monkeypatch.setattr(post, "deliver", hangs)
    monkeypatch.setattr(post, "waiting", lambda: True)
    office = post.PostOffice()
    office.look()
    assert begun.wait(10)
    before = threading.active_count()
    office.look()
    assert threading.active_count() == before
    go_on.set()
    office.stop()
    assert not any(thread.name == "post" for thread in threading.enumerate())


def test_a_digest_of_no_day_holds_up_nobody_elses_letter(house: build.House) -> None:
    wants(house, "ada", mail_digest=True)
    with as_role("web"), connection.cursor() as cursor:
        told = "INSERT INTO reviews_notice (user_id, kind, mark) VALUES (%s, 'digest', 'yesterday')"
        cursor.execute(told, [house.ada.pk])
    give(house, build.pending(house))
    deliver()
    assert became() == {"Ada digest": "no such day", "Grace assigned": "sent"}
