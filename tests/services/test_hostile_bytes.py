"""Bytes that no agent of ours would write: its process holds a login, and nobody has to believe what it checked."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import pytest

from reviews import services
from reviews.errors import InvalidDecision, InvalidPayload
from reviews.models import SearchText
from reviews.schemas import decode
from reviews.services import proposing
from reviews.states import Status
from tests import build
from tests.logins import as_role

pytestmark = pytest.mark.django_db

Smuggle = Callable[[bytes], UUID]
UNREADABLE = {
    "a number with a billion digits": b'{"text":1e999999999}',
    "a number that no decimal holds": b'{"text":1e99999999999999999999}',
    "a whole number of 4,000 digits": b'{"text":' + b"9" * 4000 + b"}",
    "half a character": b'{"text":"\\ud800"}',
    "a NUL": b'{"text":"\\u0000"}',
    "lists in lists": b'{"text":' + b"[" * 900 + b"]" * 900 + b"}",
    "another encoding": '{"text":"x"}'.encode("utf-16"),
    "a byte order mark": b'\xef\xbb\xbf{"text":"x"}',
    "a key twice": b'{"text":"harmless","text":"harmful"}',
    "white space": b'{"text": "x"}',
    "no JSON at all": b"\x00\xff",
    "a list": b"[1]",
}


@pytest.fixture
def house() -> build.House:
    return build.house()


@pytest.fixture
def smuggle(house: build.House, monkeypatch: pytest.MonkeyPatch) -> Smuggle:
    """Proposes these very bytes, past every check of the proposing process."""

    def put(raw: bytes) -> UUID:
        with monkeypatch.context() as patch, as_role("web"):
            patch.setattr(proposing, "canonical", lambda *_, **__: ({}, raw))
            return services.propose(proposal=build.proposal("note.add"), principal=house.agent.id).id

    return put


@pytest.mark.parametrize("raw", UNREADABLE.values(), ids=UNREADABLE)
def test_what_cannot_be_read_goes_to_people_and_can_only_be_rejected(
    house: build.House, smuggle: Smuggle, raw: bytes
) -> None:
    action = smuggle(raw)
    assert build.route() == 1
    item = build.item_of(action)
    assert [floor["name"] for floor in item.action.floors] == ["policy_error"]
    with build.refused(InvalidDecision, "cannot be approved"):
        build.decide(house, item)
    build.decide(house, item, build.REJECT)
    assert build.state_of(action).state == Status.REJECTED


def test_what_does_not_fit_its_type_is_shown_and_can_only_be_rejected(house: build.House, smuggle: Smuggle) -> None:
    action = smuggle(b'{"text":"harmless","to":"somebody@example.org"}')
    build.route()
    item = build.item_of(action)
    assert "does not fit its type" in item.action.floors[0]["value"]
    assert "somebody@example.org" in SearchText.objects.get(action=action).text
    with build.refused(InvalidDecision, "cannot be approved"):
        build.decide(house, item)


def test_unreadable_proposals_do_not_keep_the_others_from_people(house: build.House, smuggle: Smuggle) -> None:
    for raw in UNREADABLE.values():
        smuggle(raw)
    honest = build.proposed(house, "note.add")
    assert build.route() == len(UNREADABLE) + 1
    assert build.state_of(honest).state == Status.PENDING


@pytest.mark.parametrize("word", ["1e999999999", "1e-999999999", "1E+400", "0." + "1" * 41])
def test_a_number_that_nobody_can_read_is_no_json_of_ours(word: str) -> None:
    with pytest.raises(InvalidPayload, match="too long"):
        decode(f'{{"a":{word}}}')
