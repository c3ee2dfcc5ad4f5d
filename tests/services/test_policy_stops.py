"""The kill switch: one per scope, reasoned, lifted once."""

from uuid import uuid4

import pytest

from audit.models import Event
from reviews.errors import AlreadyDecided, InvalidDecision, NotFound, NotPermitted
from reviews.models import Stop
from reviews.queries.policy import standing_stops, stop_note
from reviews.services.stops import lift_stop, place_stop
from tests.governance import REASON, House, last_leaf, leaf_of

pytestmark = pytest.mark.django_db


def test_stop_of_a_type_holds_that_type_alone(house: House) -> None:
    with house.as_web():
        place_stop(action_type=house.refund, reason=REASON, by=house.lead)
        assert stop_note(type_name="refund.issue", principal=None).startswith("by Lin Lead at ")
        assert stop_note(type_name="mail.archive", principal=house.agent.id) == ""


def test_stop_of_an_agent_holds_all_its_types_and_nobody_else(house: House) -> None:
    with house.as_web():
        place_stop(principal=house.agent, reason=REASON, by=house.lead)
        assert stop_note(type_name="mail.archive", principal=house.agent.id)
        assert stop_note(type_name="mail.archive", principal=uuid4()) == ""


def test_stop_of_everything_holds_everything(house: House) -> None:
    with house.as_web():
        place_stop(reason=REASON, by=house.lead)
        assert stop_note(type_name="refund.issue", principal=None)
        assert stop_note(type_name="mail.archive", principal=uuid4())


def test_stop_and_lift_stand_in_one_chain_without_typed_words(house: House) -> None:
    with house.as_web():
        stop = place_stop(action_type=house.refund, reason=REASON, by=house.lead)
        lift_stop(stop=stop.id, reason=REASON, by=house.other_lead)
    placed, lifted = (leaf_of(n) for n in Event.objects.order_by("n").values_list("n", flat=True))
    assert (placed["name"], lifted["name"]) == ("stop.placed", "stop.lifted")
    assert placed["case"]["id"] == lifted["case"]["id"] == "stop:type:refund.issue"
    assert lifted["case"]["seq"] == 2
    assert placed["data"]["target"] == "refund.issue"
    assert placed["actor"]["ref"] == house.lead.user.pseudonym
    assert REASON not in str((placed, lifted))


def test_second_stop_of_one_scope_names_who_stopped_it(house: House) -> None:
    with house.as_web():
        place_stop(reason=REASON, by=house.lead)
    with house.as_web(), pytest.raises(AlreadyDecided, match="already stopped by Lin Lead"):
        place_stop(reason=REASON, by=house.other_lead)
    assert Stop.objects.count() == 1
    assert Event.objects.count() == 1


def test_lifted_stop_holds_nothing_and_keeps_its_history(house: House) -> None:
    with house.as_web():
        stop = place_stop(reason=REASON, by=house.lead)
        lift_stop(stop=stop.id, reason=REASON, by=house.other_lead)
        assert standing_stops(type_name="refund.issue", principal=None) == []
        place_stop(reason=REASON, by=house.lead)
    row = Stop.objects.get(id=stop.id)
    assert (row.by, row.lifted_by, row.lift_reason) == (
        house.lead.user,
        house.other_lead.user,
        REASON,
    )
    assert row.lifted_at is not None
    assert Stop.objects.filter(lifted_at=None).count() == 1


def test_stop_is_lifted_once_and_the_second_is_told_who_did(house: House) -> None:
    with house.as_web():
        stop = place_stop(reason=REASON, by=house.lead)
        lift_stop(stop=stop.id, reason=REASON, by=house.lead)
    with house.as_web(), pytest.raises(AlreadyDecided, match="already lifted by Lin Lead"):
        lift_stop(stop=stop.id, reason=REASON, by=house.other_lead)
    assert last_leaf()["name"] == "stop.lifted"
    assert Event.objects.count() == 2


def test_stop_that_never_was_cannot_be_lifted(house: House) -> None:
    with house.as_web(), pytest.raises(NotFound):
        lift_stop(stop=uuid4(), reason=REASON, by=house.lead)


def test_reviewer_neither_places_nor_lifts(house: House) -> None:
    with house.as_web():
        stop = place_stop(reason=REASON, by=house.lead)
    with house.as_web(), pytest.raises(NotPermitted):
        lift_stop(stop=stop.id, reason=REASON, by=house.reviewer)
    with house.as_web(), pytest.raises(NotPermitted):
        place_stop(action_type=house.refund, reason=REASON, by=house.reviewer)
    assert Stop.objects.filter(lifted_at=None).count() == 1


@pytest.mark.parametrize("reason", ["", "quick!"])
def test_no_stop_and_no_lift_without_a_reason(house: House, reason: str) -> None:
    with house.as_web(), pytest.raises(InvalidDecision):
        place_stop(reason=reason, by=house.lead)
    with house.as_web():
        stop = place_stop(reason=REASON, by=house.lead)
    with house.as_web(), pytest.raises(InvalidDecision):
        lift_stop(stop=stop.id, reason=reason, by=house.lead)
    assert Stop.objects.filter(lifted_at=None).count() == 1


def test_two_scopes_at_once_are_a_programming_error(house: House) -> None:
    with house.as_web(), pytest.raises(ValueError, match="one scope"):
        place_stop(action_type=house.refund, principal=house.agent, reason=REASON, by=house.lead)
