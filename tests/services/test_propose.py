"""Proposing: what is parked, what is known already, what is refused at the door."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from audit.models import Event
from reviews import services
from reviews.errors import GateRefused, InvalidPayload, KeyReused, NotFound, NotPermitted
from reviews.ids import new_id
from reviews.models import Action, ActionType, Evidence, Message, Revision
from reviews.schemas import Proposal, commitment, decode, encode
from reviews.states import Status
from tests import build
from tests.logins import as_role

pytestmark = pytest.mark.django_db


def test_an_action_is_born_with_what_its_type_says() -> None:
    house = build.house()
    row = build.state_of(build.proposed(house, "files.delete"), Status.PROPOSED)
    assert (row.risk, row.reversibility, row.effect_mode, row.needed) == ("high", "irreversible", "once", 1)
    assert (row.proposer_id, row.owner_id, row.agent_version) == (house.agent.id, house.noor.id, "1")
    assert (row.revision, row.fence, row.floors, row.release_at) == (1, 0, [], None)


def test_what_is_stored_are_canonical_bytes_under_a_salted_digest() -> None:
    house = build.house()
    action = build.proposed(house, payload={"subject": "b", "to": "a", "body": "ü"})
    revision = Revision.objects.select_related("body").get(action=action)
    body = bytes(revision.body.body)
    assert body == '{"body":"ü","subject":"b","to":"a"}'.encode()
    assert bytes(revision.digest) == commitment(bytes(revision.body.salt), body)
    assert bytes(build.state_of(action).digest) == bytes(revision.digest)


def test_the_same_key_and_bytes_give_the_same_action() -> None:
    house = build.house()
    with as_role("web"):
        first = services.propose(proposal=build.proposal(dedup_key="k"), principal=house.agent.id)
        again = services.propose(proposal=build.proposal(dedup_key="k"), principal=house.agent.id)
    assert first.created and not again.created
    assert first.id == again.id
    assert Action.objects.count() == 1


def test_the_same_key_with_other_bytes_is_refused() -> None:
    house = build.house()
    build.proposed(house, dedup_key="k")
    with build.refused(KeyReused):
        build.proposed(house, dedup_key="k", payload={"to": "b@example.org", "subject": "x"})


def test_two_proposers_may_use_the_same_key() -> None:
    house = build.house()
    build.proposed(house, dedup_key="k")
    with as_role("web"):
        made = services.propose(proposal=build.proposal(dedup_key="k"), by=house.by("ada"))
    assert made.created


def test_a_run_proposes_under_the_agents_login_as_its_agent() -> None:
    house = build.house()
    run, action = build.proposed_by_run(house, evidence=(build.evidence(),), reasoning="they asked")
    row = build.state_of(action, Status.PROPOSED)
    assert (row.run, row.proposer_id) == (run, house.agent.id)
    event = Event.objects.get(case_id=f"action:{action}")
    assert (event.writer, event.actor_ref) == ("agent", str(house.agent.id))


def test_a_run_that_proposes_the_same_again_gets_the_same_action() -> None:
    house = build.house()
    run = build.running(house)
    with as_role("agent"):
        first = services.propose(proposal=build.proposal(dedup_key=f"{run}/1"), run=run)
        again = services.propose(proposal=build.proposal(dedup_key=f"{run}/1"), run=run)
    assert (again.id, again.created) == (first.id, False)


def test_an_agent_cannot_propose_without_a_run() -> None:
    house = build.house()
    with build.refused(GateRefused), as_role("agent"):
        services.propose(proposal=build.proposal(), principal=house.agent.id)


def test_a_person_who_proposes_is_the_proposer() -> None:
    house = build.house()
    with as_role("web"):
        made = services.propose(proposal=build.proposal(), by=house.by("ada"))
    row = build.state_of(made.id)
    assert (row.requested_by_id, row.proposer_id, row.owner_id) == (house.ada.id, None, None)


def test_evidence_and_reasoning_are_kept_beside_the_payload() -> None:
    house = build.house()
    artefacts = (build.evidence("first"), build.evidence("second", conflict=True))
    action = build.proposed(house, evidence=artefacts, reasoning="because\nof this")
    kept = Evidence.objects.filter(action=action).select_related("body").order_by("number")
    assert [bytes(e.body.body) for e in kept] == [b"first", b"second"]
    assert [e.conflict for e in kept] == [False, True]
    message = Message.objects.select_related("body").get(action=action)
    assert (message.kind, decode(bytes(message.body.body))) == ("reasoning", {"text": "because\nof this"})


def test_evidence_in_any_unicode_form_is_kept_as_it_came() -> None:
    house = build.house()
    action = build.proposed(house, evidence=(build.evidence("e\u0301 \u202e"),))
    kept = Evidence.objects.select_related("body").get(action=action)
    assert bytes(kept.body.body).decode() == "e\u0301 \u202e"


@pytest.mark.parametrize(
    ("payload", "path"),
    [
        ({"subject": "x"}, ""),
        ({"to": 5, "subject": "x"}, "to"),
        ({"to": "a", "subject": "x", "state": "approved"}, ""),
        ({"to": "a", "subject": "e\u0301"}, "subject"),
        ({"to": "a", "subject": "a\x00b"}, "subject"),
        ({"to": "a", "subject": "\ud800"}, "subject"),
        ({"to": "a", "subject": 0.5}, "subject"),
        ({"to": "a", "subject": "x" * 300_000}, ""),
    ],
)
def test_a_payload_that_does_not_fit_its_type_is_refused_by_path(payload: dict[str, Any], path: str) -> None:
    house = build.house()
    with build.refused(InvalidPayload) as caught:
        build.proposed(house, payload=payload)
    assert isinstance(caught.value, InvalidPayload)
    assert caught.value.errors[0]["path"] == path


@pytest.mark.parametrize(("amount", "why"), [("12", "string"), (Decimal("1.5"), "fraction"), (True, "truth")])
def test_an_amount_is_a_whole_number(amount: object, why: str) -> None:
    house = build.house()
    with build.refused(InvalidPayload):
        build.proposed(house, "refund.issue", payload={"customer": why, "amount": amount})


@pytest.mark.parametrize("confidence", [float("nan"), float("inf"), -0.1, 1.1, "0.9", True])
def test_a_confidence_outside_zero_to_one_is_no_proposal(confidence: object) -> None:
    with pytest.raises(ValidationError):
        Proposal.model_validate({**build.proposal().model_dump(), "confidence": confidence})


def test_unknown_and_switched_off_types_are_refused() -> None:
    house = build.house()
    with build.refused(NotFound):
        build.proposed(house, "mail.send", type="no.such")
    ActionType.objects.filter(name="mail.send").update(active=False)
    with build.refused(NotPermitted):
        build.proposed(house)


def test_the_event_tells_what_was_proposed_and_commits_to_the_bytes() -> None:
    house = build.house()
    action = build.proposed(house, "refund.issue", confidence=0.8)
    leaf = decode(bytes(Event.objects.get(case_id=f"action:{action}").leaf))
    assert leaf["change"] == {"from": None, "to": "proposed"}
    assert (leaf["data"]["risk"], leaf["data"]["confidence_permille"]) == ("medium", 800)
    assert set(leaf["commit"]) == {"payload"}
    whole = build.proposed(house, evidence=(build.evidence("a"), build.evidence("b")), reasoning="so")
    leaf = decode(bytes(Event.objects.get(case_id=f"action:{whole}").leaf))
    assert set(leaf["commit"]) == {"payload", "evidence_1", "evidence_2", "message_1"}


def test_an_oversized_artefact_is_refused() -> None:
    house = build.house()
    with build.refused(InvalidPayload):
        build.proposed(house, evidence=(build.evidence("x" * (1024 * 1024 + 1)),))


def test_a_retired_agent_proposes_nothing() -> None:
    house = build.house()
    type(house.agent).objects.filter(id=house.agent.id).update(active=False)
    with build.refused(GateRefused):
        build.proposed(house)


def test_number_of_statements_does_not_grow_with_evidence(django_assert_num_queries: Any) -> None:
    house = build.house()
    few = build.proposal(evidence=(build.evidence(),))
    many = build.proposal(evidence=tuple(build.evidence(str(n)) for n in range(20)))
    for one in (few, many):
        with as_role("web"), django_assert_num_queries(5):
            services.propose(proposal=one, principal=house.agent.id)


def test_what_is_known_is_told_without_reading_more(django_assert_num_queries: Any) -> None:
    house = build.house()
    key = str(new_id())
    build.proposed(house, dedup_key=key)
    with as_role("web"), django_assert_num_queries(4):
        services.propose(proposal=build.proposal(dedup_key=key), principal=house.agent.id)


def test_the_bytes_do_not_depend_on_the_order_of_keys() -> None:
    assert encode({"b": 1, "a": {"d": [], "c": None}}) == encode({"a": {"c": None, "d": []}, "b": 1})
