"""People come, go and rest: competence at the vote, absence with a substitute, leaving, and what becomes of votes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from reviews import services
from reviews.errors import InvalidDecision, NotFound, NotPermitted, StepUpNeeded, sqlstate
from reviews.ids import new_id
from reviews.models import Absence, Authority, DeskItem, Invitation, Item, PassedOn, Qualification, User
from reviews.services import By, absences, joining
from reviews.services.leaving import close_account
from reviews.services.people import grant_authority
from reviews.services.qualifying import record_qualification
from reviews.states import Risk, Status
from tests import build
from tests.governance import REASON, last_leaf
from tests.logins import as_role

DAY = timedelta(days=1)


@pytest.fixture
def house(db: None) -> build.House:
    return build.house()


def qualified(house: build.House, days: float, name: str = "payments", who: str = "ada", **more: Any) -> Qualification:
    now = timezone.now()
    given = {"valid_from": now - DAY, "valid_until": now + timedelta(days=days), "reason": REASON, **more}
    with as_role("web"):
        return record_qualification(user=getattr(house, who), name=name, by=house.by("lin"), **given)


@pytest.fixture
def demanding(house: build.House) -> build.House:
    """Reviewers may decide nothing but by a line that asks for a qualification."""
    Authority.objects.filter(group=house.reviewers).delete()
    with as_role("web"):
        grant_authority(
            group=house.reviewers, action_type=None, max_risk=Risk.HIGH, max_amount=None, valid_until=None,
            qualification="payments", reason=REASON, by=house.by("lin"),
        )  # fmt: skip
    return house


def test_authority_that_names_a_qualification_holds_while_it_does(demanding: build.House) -> None:
    item = build.pending(demanding)
    with build.refused(NotPermitted, "payments is missing or has expired"):
        build.decide(demanding, item)
    qualified(demanding, 1, name="letters")
    with build.refused(NotPermitted, "missing or has expired"):
        build.decide(demanding, item)
    row = qualified(demanding, 1)
    build.decide(demanding, item)
    assert build.state_of(item.action_id, Status.APPROVED)
    told = last_leaf()["data"]
    assert (told["qualification"], told["qualified_until"][:19]) == ("payments", f"{row.valid_until:%Y-%m-%dT%H:%M:%S}")


@pytest.mark.parametrize("days", [0, -0.5])
def test_newest_line_acts_so_a_later_one_takes_an_earlier_one_back(demanding: build.House, days: float) -> None:
    item = build.pending(demanding)
    qualified(demanding, 30)
    qualified(demanding, days)
    with build.refused(NotPermitted, "missing or has expired"):
        build.decide(demanding, item)


def test_qualification_that_begins_tomorrow_does_not_hold_today(demanding: build.House) -> None:
    item = build.pending(demanding)
    qualified(demanding, 30, valid_from=timezone.now() + DAY)
    with build.refused(NotPermitted):
        build.decide(demanding, item)


def test_database_refuses_the_vote_even_if_the_service_would_not(
    demanding: build.House, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = build.pending(demanding)
    monkeypatch.setattr("reviews.services.deciding.demand_authority", lambda *given: None)
    with build.refused(NotPermitted, "no authority, or no valid qualification"):
        build.decide(demanding, item)


def test_qualification_is_recorded_by_a_lead_about_somebody_else(house: build.House) -> None:
    row = qualified(house, 10, name="  payments  abroad ")
    assert row.name == "payments abroad"
    leaf = last_leaf()
    assert (leaf["name"], leaf["data"]["qualification"]) == ("qualification.recorded", "payments abroad")
    assert leaf["case"]["id"] == f"person:{house.ada.pseudonym}"
    now = timezone.now()
    given = {"name": "x y", "valid_from": now, "valid_until": now + DAY, "reason": REASON}
    with pytest.raises(NotPermitted, match="somebody else"), as_role("web"):
        record_qualification(user=house.lin, by=house.by("lin"), **given)
    with pytest.raises(NotPermitted, match="a lead"), as_role("web"):
        record_qualification(user=house.grace, by=house.by("ada"), **given)
    with pytest.raises(InvalidDecision, match="ends before"), as_role("web"):
        record_qualification(user=house.ada, by=house.by("lin"), **{**given, "valid_until": now - DAY})
    assert Qualification.objects.count() == 1


@pytest.mark.parametrize(
    ("change", "state"),
    [
        ("UPDATE reviews_qualification SET valid_until = valid_until + interval '1 year'", "DK001"),
        ("DELETE FROM reviews_qualification", "DK001"),
        ("UPDATE reviews_absence SET substitute_id = NULL", "DK001"),
        ("UPDATE reviews_absence SET ended_at = NULL", "DK001"),
        ("UPDATE reviews_invitation SET used_at = NULL", "DK001"),
        ("UPDATE reviews_invitation SET expires = expires + interval '1 year'", "DK001"),
    ],
)
def test_what_was_written_about_people_stays(house: build.House, change: str, state: str) -> None:
    qualified(house, 10)
    away(house)
    with as_role("web"):
        joining.accept(token=invite(house).token, first_name="Kim", last_name="Ito", password=GOOD, request="")
        absences.end_absence(absence=Absence.objects.get(), by=house.by("ada"))
    with pytest.raises(DatabaseError) as caught, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(change)
    assert sqlstate(caught.value) == state


@pytest.mark.parametrize("role", ["router", "executor", "agent"])
def test_only_web_writes_about_people(house: build.House, role: str) -> None:
    insert = (
        "INSERT INTO reviews_qualification (id, user_id, name, valid_from, valid_until, recorded_by_id, event_id, at)"
        " VALUES (%s, %s, 'x', now(), now() + interval '1 day', %s, %s, now())"
    )
    with pytest.raises(DatabaseError) as caught, as_role(role), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(insert, [new_id(), house.ada.pk, house.lin.pk, new_id()])
    assert isinstance(caught.value.__cause__, psycopg.errors.InsufficientPrivilege)


def away(house: build.House, who: str = "ada", substitute: str | None = "grace", begins: timedelta = -DAY) -> Absence:
    now = timezone.now()
    chosen = getattr(house, substitute) if substitute else None
    with as_role("web"):
        return absences.record_absence(
            user=getattr(house, who), starts=now + begins, ends=now + 5 * DAY, substitute=chosen, by=house.by(who)
        )


def given_to(house: build.House, item: Item, who: str) -> User | None:
    with as_role("web"):
        return services.assign(item=item.id, assignee=getattr(house, who), by=house.by("lin"))


def test_work_for_who_is_away_goes_to_who_stands_in(house: build.House) -> None:
    item = build.pending(house)
    away(house)
    assert given_to(house, item, "ada") == house.grace
    assert last_leaf()["data"]["assignee"] == house.grace.pseudonym
    away(house, "grace", "noor")
    assert given_to(house, item, "ada") == house.noor


def test_substitute_without_sight_of_the_queue_gets_nothing(house: build.House) -> None:
    away(house, substitute="mallory")
    assert given_to(house, build.pending(house), "ada") == house.ada


def test_desk_is_handed_over_item_by_item_and_decided_ones_are_left(house: build.House) -> None:
    items = [build.pending(house) for _ in range(3)]
    for item in items:
        given_to(house, item, "ada")
    build.decide(house, items[0], name="grace")
    with as_role("web"):
        done = absences.hand_over(user=house.ada, to=house.grace, by=house.by("ada"))
    assert done == (2, 0)
    assert list(DeskItem.objects.order_by("ref").values_list("assignee", flat=True)) == [
        house.ada.pk, house.grace.pk, house.grace.pk,
    ]  # fmt: skip
    with as_role("web"):
        assert absences.hand_over(user=house.grace, to=house.mallory, by=house.by("root")) == (0, 2)


def test_absence_is_ones_own_business_or_a_leads(house: build.House) -> None:
    row = away(house)
    assert last_leaf()["data"] == {
        "delegation": str(row.id), "source": house.ada.pseudonym, "target": house.grace.pseudonym,
        "scope": "absence", "expires": last_leaf()["data"]["expires"],
    }  # fmt: skip
    with pytest.raises(NotPermitted), as_role("web"):
        absences.end_absence(absence=row, by=house.by("grace"))
    with pytest.raises(InvalidDecision, match="already"):
        away(house)
    with as_role("web"):
        absences.end_absence(absence=row, by=house.by("lin"))
    assert last_leaf()["name"] == "delegation.revoked"
    with pytest.raises(NotFound), as_role("web"):
        absences.end_absence(absence=row, by=house.by("ada"))


GOOD = "violet harbour seven"


def invite(house: build.House, by: By | None = None) -> joining.Invited:
    fields = {"username": "kim", "email": "kim@example.org"}
    return joining.invite(fields=fields, groups=[house.reviewers], reason=REASON, by=by or house.by("root"))


def test_invited_person_comes_in_once_with_a_password_of_their_own(house: build.House) -> None:
    with as_role("web"):
        made = invite(house)
        user = joining.accept(token=made.token, first_name="Kim", last_name="Ito", password=GOOD, request="")
        assert user.check_password(GOOD) and str(user) == "Kim Ito"
        with pytest.raises(NotFound):
            joining.accept(token=made.token, first_name="Eve", last_name="Ito", password=GOOD, request="")
    leaf = last_leaf()
    assert leaf["data"]["after"] == {"accepted": True}
    assert leaf["actor"]["ref"] == made.user.pseudonym
    assert "Kim" not in str(leaf)


def test_link_ends_with_its_time_with_a_newer_one_and_with_the_account(house: build.House) -> None:
    with as_role("web"):
        first = invite(house)
        second = joining.invite_again(user=first.user, reason=REASON, by=house.by("root"))
        for token in (first.token, first.token + "x", "", second.token[:-1]):
            with pytest.raises(NotFound):
                joining.find_invitation(token)
        assert joining.find_invitation(second.token).user == first.user
        close_account(user=first.user, to=None, reason=REASON, by=house.by("root"))
        with pytest.raises(NotFound):
            joining.find_invitation(second.token)


def test_expired_invitation_opens_nothing_not_even_in_the_database(house: build.House) -> None:
    with as_role("web"):
        made = invite(house)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE reviews_invitation DISABLE TRIGGER reviews_invitation_kept")
        cursor.execute("UPDATE reviews_invitation SET at = now() - interval '9 days', expires = now()")
        cursor.execute("ALTER TABLE reviews_invitation ENABLE ALWAYS TRIGGER reviews_invitation_kept")
    with as_role("web"):
        with pytest.raises(NotFound):
            joining.find_invitation(made.token)
        with pytest.raises(DatabaseError) as caught, transaction.atomic():
            Invitation.objects.update(used_at=timezone.now())
    assert sqlstate(caught.value) == "DK003"


def test_weak_password_is_refused_and_the_link_still_opens(house: build.House) -> None:
    with as_role("web"):
        made = invite(house)
        with pytest.raises(InvalidDecision, match="too short"):
            joining.accept(token=made.token, first_name="Kim", last_name="Ito", password="kim", request="")
        assert joining.find_invitation(made.token)


@pytest.mark.parametrize("who", ["ada", "lin"])
def test_only_an_administrator_invites_and_closes(house: build.House, who: str) -> None:
    with as_role("web"):
        with pytest.raises(NotPermitted):
            invite(house, house.by(who))
        with pytest.raises(NotPermitted):
            close_account(user=house.grace, to=None, reason=REASON, by=house.by(who))
    assert not User.objects.filter(username="kim").exists()


def test_accounts_are_changed_only_minutes_after_proving_who_one_is(house: build.House) -> None:
    stale = By(house.root)
    with as_role("web"):
        with pytest.raises(StepUpNeeded):
            invite(house, stale)
        with pytest.raises(StepUpNeeded):
            close_account(user=house.ada, to=None, reason=REASON, by=stale)


def test_vote_of_who_has_left_counts_no_more_and_others_go_on(house: build.House) -> None:
    item = build.pending(house, "files.delete")
    assert item.action.needed == 2, "the premise: two people decide it"
    build.decide(house, item, name="ada")
    given_to(house, build.pending(house), "ada")
    with as_role("web"):
        services.claim(item=item.id, by=house.by("ada"))
        done = close_account(user=house.ada, to=house.grace, reason=REASON, by=house.by("root"))
    assert done == (1, 0)
    assert DeskItem.objects.filter(claimed_by=house.ada).count() == 0
    build.decide(house, item, name="grace")
    build.state_of(item.action_id, Status.PENDING)
    build.decide(house, item, name="lin")
    build.state_of(item.action_id, Status.APPROVED)


def begin() -> int:
    with as_role("router"):
        return services.begin_absences()


def desks() -> dict[int, User | None]:
    return dict(DeskItem.objects.order_by("ref").values_list("ref", "assignee__username"))


def test_planned_absence_hands_the_desk_over_when_it_begins_and_only_then(house: build.House) -> None:
    mine, read, decided = (build.pending(house) for _ in range(3))
    for item in (mine, decided):
        given_to(house, item, "ada")
    with as_role("web"):
        services.claim(item=read.id, by=house.by("ada"))
    row = away(house, begins=DAY)
    assert begin() == 0
    assert desks()[mine.ref] == "ada"
    build.decide(house, decided, name="grace")
    passes(row, DAY)
    assert (begin(), begin()) == (1, 0)
    assert desks() == {mine.ref: "grace", read.ref: None, decided.ref: "ada"}
    assert DeskItem.objects.get(id=read.id).claimed_by is None
    leaf = last_leaf()
    assert (leaf["name"], leaf["actor"]["kind"]) == ("action.assigned", "system")
    assert leaf["data"]["assignee"] == house.grace.pseudonym
    assert list(PassedOn.objects.values_list("item", "to__username")) == [(mine.id, "grace")]


def passes(row: Absence, time: timedelta) -> None:
    """As if so much time had passed since the absence was planned. No login may do that."""
    with as_role("superuser"), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE reviews_absence DISABLE TRIGGER USER")
        Absence.objects.filter(id=row.id).update(starts=row.starts - time - DAY, ends=row.ends - time)
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE reviews_absence ENABLE TRIGGER USER")


def test_what_nobody_can_stand_in_for_lies_on_nobodys_desk(house: build.House) -> None:
    item = build.pending(house)
    given_to(house, item, "ada")
    passes(away(house, substitute="mallory", begins=DAY), DAY)
    assert begin() == 1
    assert desks() == {item.ref: None}
    assert given_to(house, item, "ada") == house.ada, "who gives it to somebody who is away means it"
    assert begin() == 0
    assert desks() == {item.ref: "ada"}


def test_absence_that_was_taken_back_hands_over_nothing(house: build.House) -> None:
    item = build.pending(house)
    given_to(house, item, "ada")
    row = away(house, begins=DAY)
    with as_role("web"):
        absences.end_absence(absence=row, by=house.by("ada"))
    passes(row, DAY)
    assert (begin(), desks()) == (0, {item.ref: "ada"})


def test_absence_that_begins_at_once_is_not_begun_again(house: build.House) -> None:
    item = build.pending(house)
    given_to(house, item, "ada")
    row = away(house)
    with as_role("web"):
        assert absences.begin_absence(absence=row, by=house.by("ada")) == (1, 0)
    assert (begin(), desks()) == (0, {item.ref: "grace"})


def test_who_is_back_is_told_once_what_was_passed_on(house: build.House) -> None:
    row = away(house)
    with as_role("web"):
        absences.begin_absence(absence=row, by=house.by("ada"))
        assert absences.say_welcome(house.ada) == [], "not back yet"
        absences.end_absence(absence=row, by=house.by("ada"))
        assert [one.pk for one in absences.say_welcome(house.ada)] == [row.id]
        assert absences.say_welcome(house.ada) == absences.say_welcome(house.grace) == []


@pytest.mark.parametrize(
    ("role", "sql"),
    [
        ("router", "UPDATE reviews_handover SET told_at = now()"),
        ("web", "UPDATE reviews_handover SET told_at = NULL"),
        ("web", "DELETE FROM reviews_passedon"),
        ("web", "UPDATE reviews_passedon SET to_id = NULL"),
        ("agent", "SELECT * FROM reviews_passedon"),
    ],
)
def test_what_an_absence_took_off_a_desk_stays_written(house: build.House, role: str, sql: str) -> None:
    given_to(house, build.pending(house), "ada")
    row = away(house)
    with as_role("web"):
        absences.begin_absence(absence=row, by=house.by("ada"))
        absences.end_absence(absence=row, by=house.by("ada"))
        absences.say_welcome(house.ada)
    with pytest.raises(DatabaseError), as_role(role), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)
