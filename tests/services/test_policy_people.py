"""Queues, reach, authority, groups, accounts: who may change them, and what the record says."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.exceptions import ValidationError
from django.utils import timezone

from audit.models import Content, Event
from reviews.errors import InvalidDecision, NotPermitted
from reviews.models import Authority, Queue, Reach, User
from reviews.policy import Case, may_decide
from reviews.queries.policy import grants_of
from reviews.services.people import (
    grant_authority,
    grant_reach,
    revoke_authority,
    revoke_reach,
    save_group,
    save_queue,
    save_user,
)
from reviews.states import Risk
from tests.governance import REASON, Office, last_leaf

pytestmark = pytest.mark.django_db
CASE = Case(type="refund.issue", risk=Risk.MEDIUM, has_amount=True, amount=5_000, currency="EUR")


def words_of(leaf: dict[str, Any]) -> dict[str, str]:
    """The typed words that an event committed to, as they lie in their erasable rows."""
    rows = Content.objects.filter(event_id=leaf["id"])
    return {row.field: json.loads(bytes(row.body))[1] for row in rows}


def authority(office: Office, **changed: Any) -> Authority:
    wanted: dict[str, Any] = {
        "group": office.reviewers,
        "action_type": office.refund,
        "max_risk": Risk.MEDIUM,
        "max_amount": 5_000,
        "valid_until": None,
        "reason": REASON,
        "by": office.lead,
        **changed,
    }
    with office.as_web():
        return grant_authority(**wanted)


def allowed(user: User) -> bool:
    return may_decide(CASE, grants_of(user), now=timezone.now()).allowed


def test_authority_makes_a_group_able_to_decide_and_is_told(office: Office) -> None:
    assert not allowed(office.reviewer.user)
    authority(office)
    assert allowed(office.reviewer.user)
    leaf = last_leaf()
    assert leaf["name"] == "role.granted"
    assert leaf["data"]["subject"] == f"group:{office.reviewers.pk}"
    assert (leaf["data"]["role"], leaf["data"]["scope"]) == ("authority", "refund.issue")
    assert leaf["data"]["after"]["max_amount"] == 5_000


def test_authority_taken_back_no_longer_decides_and_is_told(office: Office) -> None:
    row = authority(office)
    with office.as_web():
        revoke_authority(authority=row, reason=REASON, by=office.lead)
    assert not allowed(office.reviewer.user)
    assert not Authority.objects.exists()
    leaf = last_leaf()
    assert leaf["name"] == "role.revoked"
    assert leaf["data"]["before"]["max_risk"] == "medium"
    assert leaf["case"]["seq"] == 2


def test_closed_account_decides_nothing(office: Office) -> None:
    authority(office)
    office.reviewer.user.is_active = False
    assert not allowed(office.reviewer.user)


def test_expired_authority_decides_nothing(office: Office) -> None:
    authority(office, valid_until=timezone.now() - timedelta(seconds=1))
    assert not allowed(office.reviewer.user)


def test_nobody_widens_the_authority_of_their_own_group(office: Office) -> None:
    office.reviewers.user_set.add(office.lead.user)
    with pytest.raises(NotPermitted, match="you are in this group"):
        authority(office)
    assert not Authority.objects.exists()
    assert authority(office, by=office.other_lead).pk


def test_maximum_amount_needs_a_type(office: Office) -> None:
    with pytest.raises(InvalidDecision, match="needs an action type"):
        authority(office, action_type=None)
    assert authority(office, action_type=None, max_amount=None).pk


def test_reach_is_granted_once_and_taken_back(office: Office) -> None:
    with office.as_web():
        row = grant_reach(group=office.reviewers, queue=office.queue, reason=REASON, by=office.lead)
    assert last_leaf()["data"]["role"] == "reach"
    with office.as_web(), pytest.raises(InvalidDecision, match="already"):
        grant_reach(group=office.reviewers, queue=office.queue, reason=REASON, by=office.lead)
    with office.as_web():
        revoke_reach(reach=row, reason=REASON, by=office.lead)
    assert not Reach.objects.exists()
    assert last_leaf()["name"] == "role.revoked"
    assert Event.objects.count() == 2


def test_queue_is_made_and_renamed_with_its_words_out_of_the_leaf(office: Office) -> None:
    words = {"title": "Night desk", "help_text": "From ten to six", "reason": REASON}
    with office.as_web():
        save_queue(name="night", **words, by=office.lead)
        save_queue(name="night", **{**words, "title": "Late desk"}, by=office.lead)
    assert Queue.objects.get(name="night").title == "Late desk"
    leaf = last_leaf()
    assert (leaf["name"], leaf["case"]["seq"]) == ("queue.changed", 2)
    assert "desk" not in str(leaf["data"])
    assert words_of(leaf)["title_before"] == "Night desk"
    assert words_of(leaf)["title"] == "Late desk"


def test_reviewer_changes_neither_queues_nor_reach_nor_authority(office: Office) -> None:
    row = authority(office)
    with office.as_web():
        reach = grant_reach(group=office.reviewers, queue=office.queue, reason=REASON, by=office.lead)
    before = Event.objects.count()
    words = {"title": "Mine", "help_text": "", "reason": REASON, "by": office.reviewer}
    for verb in (
        lambda: save_queue(name="mine", **words),
        lambda: save_queue(name="refunds", **words),
        lambda: grant_reach(group=office.reviewers, queue=office.queue, reason=REASON, by=office.reviewer),
        lambda: revoke_reach(reach=reach, reason=REASON, by=office.reviewer),
        lambda: authority(office, by=office.reviewer),
        lambda: revoke_authority(authority=row, reason=REASON, by=office.reviewer),
    ):
        with office.as_web(), pytest.raises(NotPermitted):
            verb()
    assert Event.objects.count() == before
    assert Queue.objects.get().title == "Refunds"
    assert Authority.objects.count() == Reach.objects.count() == 1


def account(office: Office, user: User | None, **changed: Any) -> User:
    wanted: dict[str, Any] = {
        "user": user,
        "fields": {"username": "grace", "first_name": "Grace", "is_active": True},
        "groups": [office.reviewers],
        "password": "correct horse battery",
        "reason": REASON,
        "by": office.administrator,
        **changed,
    }
    with office.as_web():
        return save_user(**wanted)


def test_administrator_makes_an_account_known_to_the_record_by_pseudonym(office: Office) -> None:
    grace = account(office, None)
    assert grace.check_password("correct horse battery")
    assert list(grace.groups.all()) == [office.reviewers]
    leaf = last_leaf()
    assert leaf["name"] == "account.changed"
    assert leaf["data"]["name"] == grace.pseudonym
    assert leaf["data"]["after"]["groups"] == [office.reviewers.pk]
    assert "grace" not in str(leaf).lower()
    assert words_of(leaf)["identity"].startswith("grace\nGrace\n")


def test_account_is_switched_off_with_before_and_after(office: Office) -> None:
    grace = account(office, None)
    account(office, grace, fields={"is_active": False}, groups=[], password="")
    grace.refresh_from_db()
    assert not grace.is_active
    assert grace.check_password("correct horse battery")
    data = last_leaf()["data"]
    assert (data["before"]["is_active"], data["after"]["is_active"]) == (True, False)
    assert data["after"]["new_password"] is False


def test_weak_password_is_refused_and_nothing_is_made(office: Office) -> None:
    with pytest.raises(ValidationError):
        account(office, None, password="12345678")
    assert not User.objects.filter(username="grace").exists()
    assert not Event.objects.exists()


def test_lead_makes_no_accounts_and_no_groups(office: Office) -> None:
    with pytest.raises(NotPermitted, match="only an administrator"):
        account(office, None, by=office.lead)
    with office.as_web(), pytest.raises(NotPermitted):
        save_group(group=None, name="mine", permissions=[], reason=REASON, by=office.lead)
    assert not Event.objects.exists()


def test_administrator_does_not_lock_themselves_out(office: Office) -> None:
    root = office.administrator.user
    for harm in ({"is_active": False}, {"is_superuser": False}):
        with pytest.raises(InvalidDecision, match="lock yourself out"):
            account(office, root, fields=harm, groups=[], password="")
    root.refresh_from_db()
    assert root.is_active
    assert root.is_superuser


def test_group_is_given_rights_with_before_and_after(office: Office) -> None:
    right = Permission.objects.get(codename="add_stop", content_type__app_label="reviews")
    with office.as_web():
        group = save_group(group=None, name="night leads", permissions=[right], reason=REASON, by=office.administrator)
        save_group(group=group, name="night leads", permissions=[], reason=REASON, by=office.administrator)
    assert not Group.objects.get(pk=group.pk).permissions.exists()
    data = last_leaf()["data"]
    assert (data["before"], data["after"]) == ({"rights": ["add_stop"]}, {"rights": []})
