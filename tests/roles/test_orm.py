"""The same walls seen from Django: what somebody writes who has the models and does not use the services."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from django.db import DatabaseError, connection, transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from reviews.errors import sqlstate
from reviews.ids import new_id
from reviews.models import (
    Action,
    ActionType,
    Attempt,
    Decision,
    DeskItem,
    Item,
    Revision,
    RevisionBody,
    Stop,
    User,
)
from tests import build
from tests.logins import as_role

pytestmark = pytest.mark.django_db

Attack = Callable[[Action], object]


@pytest.fixture
def house() -> build.House:
    return build.house()


def code_of(attack: Callable[[], object], role: str) -> str | None:
    """The SQLSTATE that stops it as this login, at once or where its COMMIT would check; None if nothing does."""
    try:
        with transaction.atomic(), as_role(role):
            attack()
    except DatabaseError as error:
        return sqlstate(error)
    return None


def save(action: Action, **columns: Any) -> None:
    for name, value in columns.items():
        setattr(action, name, value)
    action.save(update_fields=list(columns))


def create(action: Action) -> None:
    """What `Action.objects.create` sends: every column."""
    Action.objects.create(
        id=new_id(), type_id=action.type_id, type_version=1, proposer_id=action.proposer_id, dedup_key="mine",
        risk="low", reversibility="reversible", effect_mode="idempotent", effect_queue="default", state="approved",
        digest=action.digest, created_at=timezone.now(), case_seq=1, case_head=bytes(32),
    )  # fmt: skip


def no(roles: str, **others: str) -> dict[str, str]:
    """These logins lack the right; `others` get as far as a trigger."""
    return dict.fromkeys(roles.split(), "42501") | others


def wipe(rows: QuerySet[Any]) -> None:
    """DELETE without Django's own look at what points there."""
    rows._raw_delete("default")


def visits(action: Action) -> QuerySet[DeskItem]:
    return DeskItem.objects.filter(action=action)


ALL = "web router executor agent"
UNTOLD = {"web": "AU007", "router": "AU007"}
ORM: list[tuple[str, Attack, dict[str, str]]] = [
    ("save a state", lambda a: save(a, state="approved"), no("agent auditor", executor="AU007", **UNTOLD)),
    ("save everything", lambda a: a.save(), no(ALL)),
    ("save a risk", lambda a: save(a, risk="low"), no(ALL)),
    ("update in bulk", lambda a: Action.objects.update(state="approved"), no("agent", executor="AU007", **UNTOLD)),
    ("update by an expression", lambda a: Action.objects.update(case_seq=F("case_seq") + 1), UNTOLD),
    ("create with a state", create, no(ALL)),
    ("delete", lambda a: wipe(Action.objects.filter(id=a.id)), no(ALL, superuser="DK001")),
    ("delete a revision", lambda a: wipe(Revision.objects.filter(action=a)), no(ALL, superuser="DK001")),
    ("change bytes", lambda a: RevisionBody.objects.update(body=b"{}"), no(ALL, superuser="DK001")),
    ("delete bytes", lambda a: wipe(RevisionBody.objects.all()), no(ALL, superuser="DK001")),
    ("read a purpose", lambda a: list(Item.objects.values("purpose")), no("web executor agent")),
    ("join to a purpose", lambda a: list(Action.objects.values("items__purpose")), no("web executor")),
    ("close a visit", lambda a: visits(a).update(closed_at=timezone.now()), no("router", web="DK003")),
    ("move a visit", lambda a: visits(a).update(queue="elsewhere"), no("router", web="DK003")),
    ("loosen a type", lambda a: ActionType.objects.update(self_edit=True), no("router executor agent")),
    ("be promoted", lambda a: User.objects.update(is_superuser=True), no("router executor agent auditor")),
    ("lift stops", lambda a: Stop.objects.update(lifted_at=timezone.now()), no("router executor agent")),
    ("begin in bulk", lambda a: Attempt.objects.update(effect_at=timezone.now()), no("web router agent")),
]
CASES = [
    pytest.param(attack, role, code, id=f"{name} as {role}")
    for name, attack, refused in ORM
    for role, code in refused.items()
]


@pytest.mark.parametrize(("attack", "role", "code"), CASES)
def test_the_orm_goes_no_further_than_the_login(house: build.House, attack: Attack, role: str, code: str) -> None:
    action = build.pending(house, "files.delete").action
    before = Action.objects.values().get(id=action.id)
    assert code_of(lambda: attack(action), role) == code
    assert Action.objects.values().get(id=action.id) == before


def vote(item: Item, **columns: Any) -> None:
    """A vote as the model would store it, without any service."""
    given: dict[str, Any] = {
        "action_id": item.action_id, "item_id": item.id, "revision": 1, "digest": bytes(item.action.digest),
        "verdict": "approve", "via": "single", "event_id": new_id(), "created_at": timezone.now(), "risk": "",
    }  # fmt: skip
    Decision.objects.create(**(given | columns))


@pytest.mark.parametrize(
    ("who", "columns", "code"),
    [
        ("noor", {}, "DK012"),
        ("mallory", {}, "DK012"),
        ("ada", {"digest": bytes(32)}, "DK011"),
        ("ada", {"revision": 2}, "DK011"),
        ("ada", {"seen_evidence": 3}, "DK011"),
        ("ada", {"via": "batch", "batch": new_id()}, "DK017"),
        ("ada", {"reviewer_id": None, "via": "policy"}, "DK016"),
        ("ada", {}, "AU007"),
        ("ada", {"verdict": "escalate"}, "DK003"),
    ],
)
def test_a_vote_through_the_model_meets_the_same_rules(
    house: build.House, who: str, columns: dict[str, Any], code: str
) -> None:
    item = build.pending(house, "files.delete")
    given = {"reviewer_id": getattr(house, who).id} | columns
    assert code_of(lambda: vote(item, **given), "web") == code
    assert not Decision.objects.exists()


def test_a_vote_forged_by_the_router_is_refused(house: build.House) -> None:
    item = build.pending(house)
    assert code_of(lambda: vote(item, reviewer_id=house.ada.id), "router") == "DK016"


def test_truncate_is_refused_even_to_a_superuser(house: build.House) -> None:
    build.pending(house)

    def empty() -> None:
        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE reviews_action CASCADE")

    assert code_of(empty, "superuser") == "DK001"
    assert Action.objects.count() == 1


def test_an_action_pending_for_a_person_keeps_its_bytes(house: build.House) -> None:
    """Erasure waits until the action is over."""
    item = build.pending(house)
    event: UUID = Revision.objects.get(action=item.action_id).event_id

    def erase() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT reviews_erase(%s, 'payload')", [event])

    assert code_of(erase, "web") == "DK001"
    assert RevisionBody.objects.count() == 1
