"""Syncing: rows follow the code, people's stricter settings stay, old code is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from audit.models import Event
from reviews import registry, services
from reviews.errors import GateRefused, InvalidDecision
from reviews.models import ActionType, Principal, Queue, QueueStamp
from reviews.registry import DeskType
from reviews.services import PrincipalSpec, Synced
from reviews.services.types import change_type
from reviews.states import Reversibility, Risk
from tests import build
from tests.logins import as_role

pytestmark = pytest.mark.django_db

MAIL = build.TYPES[0]


def sync(*types: DeskType, principals: tuple[PrincipalSpec, ...] = (), by_name: str = "") -> Synced:
    with as_role("web"):
        return services.sync_types(types=types, principals=principals, by_name=by_name)


def test_a_type_brings_its_queue_and_an_event() -> None:
    new = replace(MAIL, name="mail.archive", queue="archive-room")
    assert sync(new).types == ["mail.archive"]
    assert Queue.objects.get(name="archive-room").title == "Archive room"
    assert QueueStamp.objects.filter(queue="archive-room").exists()
    row = ActionType.objects.get(name="mail.archive")
    assert (row.risk, row.risk_floor, row.source, row.machine_paths) == ("low", "low", "code", ["to"])
    assert Event.objects.filter(case_id="type:mail.archive", name="action_type.registered").count() == 1


def test_the_same_code_again_changes_and_records_nothing() -> None:
    build.house()
    before = Event.objects.count()
    assert sync(*build.TYPES, principals=(PrincipalSpec("helper", owner="noor"),)) == Synced([], [], [])
    assert Event.objects.count() == before


def test_a_stricter_setting_of_a_lead_stays() -> None:
    build.house()
    ActionType.objects.filter(name="mail.send").update(risk="high", reversal_needed=2)
    sync(replace(MAIL, label="Mail", template="Mail to {to}"))
    row = ActionType.objects.get(name="mail.send")
    assert (row.risk, row.reversal_needed, row.template) == ("high", 2, "Mail to {to}")


def test_whose_data_it_is_is_the_codes_word_and_else_peoples(monkeypatch: pytest.MonkeyPatch) -> None:
    house = build.house()
    mail, refund = (ActionType.objects.get(name=name) for name in ("mail.send", "refund.issue"))
    with as_role("web"):
        named = {"subject_path": "to", "subject_kind": "mail"}
        change_type(action_type=mail, fields=named, reason="mails are about people", by=house.by("lin"))
    sync(*build.TYPES)
    mail.refresh_from_db()
    assert (mail.subject_path, mail.subject_kind) == ("to", "mail")
    monkeypatch.setitem(registry._loaded, "refund.issue", next(t for t in build.TYPES if t.name == "refund.issue"))
    with as_role("web"), pytest.raises(InvalidDecision, match="the code names"):
        change_type(action_type=refund, fields={"subject_path": ""}, reason="it is about nobody", by=house.by("lin"))
    sync(replace(next(t for t in build.TYPES if t.name == "refund.issue"), subject_path="order"))
    refund.refresh_from_db()
    assert refund.subject_path == "order"


def test_a_floor_that_rises_takes_the_row_along() -> None:
    build.house()
    sync(replace(MAIL, risk=Risk.HIGH, reversibility=Reversibility.IRREVERSIBLE))
    row = ActionType.objects.get(name="mail.send")
    assert (row.risk, row.risk_floor, row.reversibility) == ("high", "high", "irreversible")
    sync(MAIL)
    assert ActionType.objects.get(name="mail.send").risk == "low"


def test_another_payload_needs_another_version() -> None:
    build.house()
    other = replace(MAIL, schema={**MAIL.schema, "required": ["to"]})
    with build.refused(InvalidDecision, "give it version 2"):
        sync(other)
    assert sync(replace(other, version=2)).types == ["mail.send"]
    with build.refused(InvalidDecision, "this code is older"):
        sync(MAIL)


def test_a_type_that_people_made_is_not_taken_over() -> None:
    build.house()
    ActionType.objects.filter(name="mail.send").update(source="admin")
    with build.refused(InvalidDecision, "came from admin"):
        sync(MAIL)


def test_a_principal_without_somebody_to_answer_for_it_waits() -> None:
    assert sync(principals=(PrincipalSpec("helper"),)).ownerless == ["helper"]
    assert not Principal.objects.exists()
    build.house()
    made = sync(principals=(PrincipalSpec("second", version="2"),), by_name="lin")
    assert made.principals == ["second"]
    assert Principal.objects.get(name="second").owner.username == "lin"


def test_a_new_version_of_an_agent_is_a_change_with_before_and_after() -> None:
    house = build.house()
    sync(principals=(PrincipalSpec("helper", version="2", owner="noor"),))
    assert Principal.objects.get(name="helper").version == "2"
    names = Event.objects.filter(case_id=f"principal:{house.agent.pk}").values_list("name", flat=True)
    assert list(names.order_by("case_seq")) == ["principal.registered", "principal.changed"]


def test_only_web_writes_the_registry() -> None:
    with pytest.raises(GateRefused), as_role("agent"):
        services.sync_types(types=[MAIL])
