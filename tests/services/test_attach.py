"""Files from agents: with a proposal, later, and with an answer; by their bytes, and in nobody else's name."""

from __future__ import annotations

import base64
import json

import pytest
from django.db import DatabaseError, connection, transaction

from reviews import services
from reviews.attachments import Upload
from reviews.errors import GateRefused, InvalidPayload, WrongState
from reviews.models import Evidence, EvidenceBody, Message
from reviews.schemas import AttachmentIn
from reviews.states import Status
from tests import build
from tests.logins import as_role
from tests.many import batch, outcome, select

PDF = b"%PDF-1.7\n\xff\xfe binary"


@pytest.fixture
def house(db: None) -> build.House:
    return build.house()


def attachment(body: bytes = PDF, title: str = "bill.pdf") -> AttachmentIn:
    return AttachmentIn(title=title, base64=base64.b64encode(body).decode())


def test_a_file_comes_with_the_proposal_beside_other_evidence(house: build.House) -> None:
    _, action = build.proposed_by_run(house, evidence=(build.evidence("he wrote"), attachment()))
    rows = Evidence.objects.filter(action=action).order_by("number")
    assert list(rows.values_list("kind", "media", "author")) == [
        ("text", "text/plain", None),
        ("file", "application/pdf", None),
    ]
    assert bytes(EvidenceBody.objects.get(evidence__kind="file").body) == PDF


@pytest.mark.parametrize("given", ["", "not base64!", base64.b64encode(b"\xff\x00").decode()])
def test_what_is_no_file_is_refused_with_the_proposal(house: build.House, given: str) -> None:
    run = build.running(house)
    draft = build.proposal(evidence=(AttachmentIn(title="x", base64=given),))
    with build.refused(InvalidPayload, "the file"), as_role("agent"):
        services.propose(proposal=draft, run=run)


def test_a_run_adds_a_file_until_it_is_decided(house: build.House) -> None:
    run, action = build.proposed_by_run(house)
    with as_role("agent"):
        assert services.attach_by_run(action=action, run=run, upload=Upload("a.txt", b"one")) == 1
    build.route()
    item = build.item_of(action)
    with as_role("agent"):
        assert services.attach_by_run(action=action, run=run, upload=Upload("a.txt", b"two")) == 2
    build.decide(house, item)
    with build.refused(WrongState, "before the decision"), as_role("agent"):
        services.attach_by_run(action=action, run=run, upload=Upload("a.txt", b"three"))
    assert build.events_of(action)[:2] == ["action.proposed", "evidence.added"]


def test_who_ticked_it_in_a_list_has_not_seen_the_file_that_came_since(house: build.House) -> None:
    run, action = build.proposed_by_run(house)
    build.route()
    item = build.item_of(action)
    shown = select([item])
    with as_role("agent"):
        services.attach_by_run(action=action, run=run, upload=Upload("a.txt", b"it is a fraud"))
    assert outcome(batch(house, shown)) == [("conflict", "changed since you opened it")]
    build.state_of(action, Status.PENDING)
    assert outcome(batch(house, select([item]))) == [("applied", "")]


def test_an_answer_brings_its_file_in_one_step_or_not_at_all(house: build.House) -> None:
    run, action = build.proposed_by_run(house)
    build.route()
    item = build.item_of(action)
    shown = build.seen(item)
    with as_role("web"):
        question = services.ask(
            item=item.id, seen=shown, text="The bill?", expects={"kind": "attachment"}, by=house.by()
        )  # fmt: skip
    with as_role("agent"), connection.cursor() as cursor:
        cursor.execute("SELECT reviews_expects(%s)", [question])
        assert json.loads(cursor.fetchone()[0]) == {"kind": "attachment"}
    given = {"action": action, "question": question, "text": "Here.", "run": run}
    with build.refused(InvalidPayload), as_role("agent"):
        services.answer(**given, upload=Upload("a", b""))
    assert not Evidence.objects.exists()
    with as_role("agent"):
        services.answer(**given, upload=Upload("bill.pdf", PDF))
    assert build.events_of(action)[-2:] == ["evidence.added", "question.answered"]
    assert Message.objects.filter(kind="answer").count() == Evidence.objects.count() == 1


def test_one_agent_learns_nothing_of_what_another_was_asked(house: build.House) -> None:
    item = build.pending(house)  # of no run
    shown = build.seen(item)
    with as_role("web"):
        question = services.ask(item=item.id, seen=shown, text="?", expects={"kind": "attachment"}, by=house.by())
    with pytest.raises(DatabaseError), as_role("agent"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT reviews_expects(%s)", [question])


def insert(action: object, **columns: object) -> None:
    row = {
        "id": build.new_id(), "action_id": action, "number": 1, "kind": "file", "title": "x", "source": "",
        "conflict": False, "digest": bytes(32), "media": "image/png", "event_id": build.new_id(),
    }  # fmt: skip
    row |= columns
    names, marks = ", ".join(row), ", ".join(["%s"] * len(row))
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO reviews_evidence ({names}, created_at) VALUES ({marks}, now())", list(row.values())
        )


def test_the_database_refuses_an_agents_file_in_a_persons_name_or_of_another_type(house: build.House) -> None:
    _, action = build.proposed_by_run(house)
    with as_role("agent"):
        with pytest.raises(DatabaseError, match="in their own name"):
            insert(action, author_id=house.ada.pk)
        with pytest.raises(DatabaseError, match="anything but text"):
            insert(action, kind="text")
        with pytest.raises(DatabaseError, match="evidence_media"):
            insert(action, media="image/svg+xml")


def test_the_database_refuses_bytes_that_are_not_what_they_are_said_to_be(
    house: build.House, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = build.pending(house)
    monkeypatch.setattr("reviews.services.attachments.media_of", lambda body: "image/png")
    with build.refused(GateRefused, "not what it is said to be"), as_role("web"):
        services.attach(item=item.id, upload=Upload("a.png", b"<script>"), by=house.by())
