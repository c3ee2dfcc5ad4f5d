"""The kill switch: one per scope, reasoned, lifted once."""

from uuid import uuid4

import pytest

from audit.models import Event
from reviews.errors import AlreadyDecided, InvalidDecision, NotFound, NotPermitted
from reviews.models import Stop
from reviews.queries.policy import standing_stops, stop_note
from reviews.services.stops import lift_stop, place_stop
from tests.governance import REASON, Office, last_leaf, leaf_of

pytestmark = pytest.mark.django_db


def test_stop_of_a_type_holds_that_type_alone(office: Office) -> None:
    with office.as_web():
        place_stop(action_type=office.refund, reason=REASON, by=office.lead)
        assert stop_note(type_name="refund.issue", principal=None).startswith("by Lin Lead at ")
        assert stop_note(type_name="mail.archive", principal=office.agent.id) == ""


def test_stop_of_an_agent_holds_all_its_types_and_nobody_else(office: Office) -> None:
    with office.as_web():
        place_stop(principal=office.agent, reason=REASON, by=office.lead)
        assert stop_note(type_name="mail.archive", principal=office.agent.id)
        assert stop_note(type_name="mail.archive", principal=uuid4()) == ""


def test_stop_of_everything_holds_everything(office: Office) -> None:
    with office.as_web():
        place_stop(reason=REASON, by=office.lead)
        assert stop_note(type_name="refund.issue", principal=None)
        assert stop_note(type_name="mail.archive", principal=uuid4())


def test_stop_and_lift_stand_in_one_chain_without_typed_words(office: Office) -> None:
    with office.as_web():
        stop = place_stop(action_type=office.refund, reason=REASON, by=office.lead)
        lift_stop(stop=stop.id, reason=REASON, by=office.other_lead)
    placed, lifted = (leaf_of(n) for n in Event.objects.order_by("n").values_list("n", flat=True))
    assert (placed["name"], lifted["name"]) == ("stop.placed", "stop.lifted")
    assert placed["case"]["id"] == lifted["case"]["id"] == "stop:type:refund.issue"
    assert lifted["case"]["seq"] == 2
    assert placed["data"]["target"] == "refund.issue"
    assert placed["actor"]["ref"] == office.lead.user.pseudonym
    assert REASON not in str((placed, lifted))


def test_second_stop_of_one_scope_names_who_stopped_it(office: Office) -> None:
    with office.as_web():
        place_stop(reason=REASON, by=office.lead)
    with office.as_web(), pytest.raises(AlreadyDecided, match="already stopped by Lin Lead"):
        place_stop(reason=REASON, by=office.other_lead)
    assert Stop.objects.count() == 1
    assert Event.objects.count() == 1


def test_lifted_stop_holds_nothing_and_keeps_its_history(office: Office) -> None:
    with office.as_web():
        stop = place_stop(reason=REASON, by=office.lead)
        lift_stop(stop=stop.id, reason=REASON, by=office.other_lead)
        assert standing_stops(type_name="refund.issue", principal=None) == []
        place_stop(reason=REASON, by=office.lead)
    row = Stop.objects.get(id=stop.id)
    assert (row.by, row.lifted_by, row.lift_reason) == (
        office.lead.user,
        office.other_lead.user,
        REASON,
    )
    assert row.lifted_at is not None
    assert Stop.objects.filter(lifted_at=None).count() == 1


def test_stop_is_lifted_once_and_the_second_is_told_who_did(office: Office) -> None:
    with office.as_web():
        stop = place_stop(reason=REASON, by=office.lead)
        lift_stop(stop=stop.id, reason=REASON, by=office.lead)
    with office.as_web(), pytest.raises(AlreadyDecided, match="already lifted by Lin Lead"):
        lift_stop(stop=stop.id, reason=REASON, by=office.other_lead)
    assert last_leaf()["name"] == "stop.lifted"
    assert Event.objects.count() == 2


def test_stop_that_never_was_cannot_be_lifted(office: Office) -> None:
    with office.as_web(), pytest.raises(NotFound):
        lift_stop(stop=uuid4(), reason=REASON, by=office.lead)


def test_reviewer_neither_places_nor_lifts(office: Office) -> None:
    with office.as_web():
        stop = place_stop(reason=REASON, by=office.lead)
    with office.as_web(), pytest.raises(NotPermitted):
        lift_stop(stop=stop.id, reason=REASON, by=office.reviewer)
    with office.as_web(), pytest.raises(NotPermitted):
        place_stop(action_type=office.refund, reason=REASON, by=office.reviewer)
    assert Stop.objects.filter(lifted_at=None).count() == 1


@pytest.mark.parametrize("reason", ["", "quick!"])
def test_no_stop_and_no_lift_without_a_reason(office: Office, reason: str) -> None:
    with office.as_web(), pytest.raises(InvalidDecision):
        place_stop(reason=reason, by=office.lead)
    with office.as_web():
        stop = place_stop(reason=REASON, by=office.lead)
    with office.as_web(), pytest.raises(InvalidDecision):
        lift_stop(stop=stop.id, reason=reason, by=office.lead)
    assert Stop.objects.filter(lifted_at=None).count() == 1


def test_two_scopes_at_once_are_a_programming_error(office: Office) -> None:
    with office.as_web(), pytest.raises(ValueError, match="one scope"):
        place_stop(action_type=office.refund, principal=office.agent, reason=REASON, by=office.lead)
