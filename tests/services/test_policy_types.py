"""Types and agents as people change them: above the code's floor, never below."""

from typing import Any

import pytest

from audit.models import Event
from reviews.errors import InvalidDecision, InvalidPayload, NotPermitted, StepUpNeeded
from reviews.models import ActionType
from reviews.services.types import change_principal, change_type, create_type
from tests.governance import REASON, Office, last_leaf

pytestmark = pytest.mark.django_db


def changed(office: Office, **fields: Any) -> ActionType:
    with office.as_web():
        return change_type(action_type=office.refund, fields=fields, reason=REASON, by=office.lead)


def test_risk_is_raised_and_told_with_before_and_after(office: Office) -> None:
    row = changed(office, risk="high", reversibility="irreversible")
    row.refresh_from_db()
    assert (row.risk, row.reversibility) == ("high", "irreversible")
    leaf = last_leaf()
    assert leaf["name"] == "action_type.changed"
    assert leaf["data"]["before"] == {"risk": "medium", "reversibility": "compensable"}
    assert leaf["data"]["after"] == {"risk": "high", "reversibility": "irreversible"}


def test_raised_risk_comes_down_again_but_not_below_the_code(office: Office) -> None:
    changed(office, risk="critical")
    changed(office, risk="medium")
    with pytest.raises(InvalidDecision, match="the code declares medium risk"):
        changed(office, risk="low")
    with pytest.raises(InvalidDecision, match="the code declares it compensable"):
        changed(office, reversibility="reversible")
    office.refund.refresh_from_db()
    assert (office.refund.risk, office.refund.reversibility) == ("medium", "compensable")
    assert Event.objects.count() == 2


@pytest.mark.parametrize("field", ["risk_floor", "schema", "version", "effect_mode", "name"])
def test_what_the_code_declares_is_not_changed_here(office: Office, field: str) -> None:
    with pytest.raises(InvalidDecision, match="set by the code"):
        changed(office, **{field: "anything"})
    assert not Event.objects.exists()


def test_undo_window_is_never_shorter_than_the_usual(office: Office) -> None:
    office.refund.refresh_from_db()
    changed(office, undo_window=60)
    with pytest.raises(InvalidDecision, match="at least"):
        changed(office, undo_window=0)


def test_change_that_changes_nothing_is_refused(office: Office) -> None:
    with pytest.raises(InvalidDecision, match="nothing would change"):
        changed(office, risk="medium")


def test_preset_words_stay_out_of_the_leaf(office: Office) -> None:
    changed(office, presets={"reject": [{"code": "dup", "text": "Charged twice"}]})
    assert last_leaf()["data"]["after"] == {"presets": True}


NEW: dict[str, Any] = {
    "name": "crm.note",
    "label": "CRM note",
    "template": "Note {text}",
    "schema": {"type": "object", "properties": {"text": {"type": "string"}}},
    "risk": "high",
    "reversibility": "irreversible",
    "effect_mode": "once",
}


def made(office: Office, **fields: Any) -> ActionType:
    with office.as_web():
        return create_type(fields={**NEW, "queue": office.queue, **fields}, reason=REASON, by=office.lead)


def test_type_known_by_schema_alone_is_made_without_a_handler(office: Office) -> None:
    row = made(office)
    assert (row.source, row.version, row.has_handler) == ("admin", 1, False)
    leaf = last_leaf()
    assert leaf["name"] == "action_type.registered"
    assert leaf["data"]["values"]["risk"] == "high"


def test_second_type_of_one_name_is_refused(office: Office) -> None:
    with pytest.raises(InvalidDecision, match=r"there is a type .* already"):
        made(office, name="refund.issue")


@pytest.mark.parametrize("schema", [[], {"type": "string"}, {"type": "object", "properties": {"a": {"type": "nope"}}}])
def test_type_without_a_proper_schema_is_refused(office: Office, schema: Any) -> None:
    with pytest.raises(InvalidPayload):
        made(office, schema=schema)
    assert not ActionType.objects.filter(name="crm.note").exists()


def test_agent_gets_a_frame_and_an_owner_by_pseudonym(office: Office) -> None:
    with office.as_web():
        row = change_principal(
            principal=office.agent,
            fields={"frame": {"types": ["mail.archive"]}, "owner": office.lead.user},
            reason=REASON,
            by=office.other_lead,
        )
    row.refresh_from_db()
    assert row.frame == {"types": ["mail.archive"]}
    data = last_leaf()["data"]
    assert data["after"]["owner"] == office.lead.user.pseudonym
    assert data["before"]["frame"] == {}


def test_reviewer_changes_neither_types_nor_agents(office: Office) -> None:
    by = office.reviewer
    for verb in (
        lambda: change_type(action_type=office.refund, fields={"risk": "high"}, reason=REASON, by=by),
        lambda: create_type(fields={**NEW, "queue": office.queue}, reason=REASON, by=by),
        lambda: change_principal(principal=office.agent, fields={"plan_first": True}, reason=REASON, by=by),
    ):
        with office.as_web(), pytest.raises(NotPermitted):
            verb()
    assert not Event.objects.exists()


def test_without_a_fresh_proof_nobody_makes_a_type(office: Office) -> None:
    stale = office.lead._replace(stepped_up_at=None)
    with office.as_web(), pytest.raises(StepUpNeeded):
        create_type(fields={**NEW, "queue": office.queue}, reason=REASON, by=stale)
    assert not Event.objects.exists()
