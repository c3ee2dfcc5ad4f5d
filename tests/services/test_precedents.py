"""Precedents: what the keeper keeps and finds, and what it must never take for one."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import settings
from django.db import DatabaseError, transaction

from audit import keys
from reviews import services
from reviews.models import Item, Precedent, PrecedentDue, PrecedentSearch, PrecedentText
from tests import build
from tests.logins import as_role

BROKEN = "one of the two lamps came broken and the customer wants the money for it"
LATE = "parcel was delivered two weeks late, an apology and a voucher were agreed"


@pytest.fixture
def house(db: None) -> build.House:
    return build.house()


def tend() -> int:
    with as_role("router"):
        return services.tend_precedents(seconds=10)


def refund(house: build.House, note: str, amount: int = 4_450, customer: str = "8812", verdict=build.APPROVE) -> Item:
    """A refund that ada decided, released."""
    item = build.pending(house, "refund.issue", payload={"customer": customer, "amount": amount, "note": note})
    build.decide(house, item, verdict)
    build.wait_for_release(item.action_id)
    return item


def found(item: Item) -> list[tuple[object, float]]:
    rows = Precedent.objects.filter(search__action=item.action_id).order_by("place")
    return list(rows.values_list("action_id", "similarity"))


def waiting(house: build.House, note: str, amount: int = 4_450, customer: str = "8812") -> Item:
    return build.pending(house, "refund.issue", payload={"customer": customer, "amount": amount, "note": note})


def test_the_case_with_the_same_words_comes_first(house: build.House) -> None:
    late, broken = refund(house, LATE, customer="77"), refund(house, BROKEN, customer="78")
    case = waiting(house, "two lamps, one broken: money back for it", customer="79")
    tend()
    assert [action for action, _ in found(case)] == [broken.action_id, late.action_id]


def test_the_same_case_again_is_wholly_alike(house: build.House) -> None:
    refund(house, BROKEN)
    case = waiting(house, BROKEN)
    tend()
    assert found(case)[0][1] == pytest.approx(1.0)


def test_equal_values_and_a_near_amount_decide_between_equal_words(house: build.House) -> None:
    far = refund(house, BROKEN, amount=90_000, customer="1")
    near = refund(house, BROKEN, amount=4_500, customer="2")
    same = refund(house, BROKEN, amount=90_000, customer="8812")
    case = waiting(house, BROKEN, amount=4_450, customer="8812")
    tend()
    order = [action for action, _ in found(case)]
    assert order.index(same.action_id) < order.index(far.action_id)
    assert order.index(near.action_id) < order.index(far.action_id)


def test_what_is_not_released_waits_or_is_of_another_type_is_no_precedent(
    house: build.House, monkeypatch: pytest.MonkeyPatch
) -> None:
    build.pending(house, "refund.issue", payload={"customer": "1", "amount": 1, "note": BROKEN})
    refund(house, BROKEN)
    mail = build.pending(house, payload={"to": "kim@example.org", "subject": BROKEN})
    build.timings(monkeypatch, undo_low=60)
    build.decide(house, mail)  # decided, and still in its undo window
    other = build.pending(house, payload={"to": "kim@example.org", "subject": BROKEN})
    tend()
    assert found(other) == []
    assert PrecedentText.objects.filter(action=mail.action_id).count() == 0
    assert PrecedentDue.objects.filter(action=mail.action_id, what="keep").count() == 1  # it is looked at again


def test_a_vote_taken_back_leaves_no_precedent(house: build.House) -> None:
    item = build.pending(house, payload={"to": "kim@example.org", "subject": BROKEN})
    vote = build.decide(house, item)
    with as_role("web"):
        services.retract(decision=vote.id, by=house.by())
    tend()
    assert not PrecedentText.objects.exists()
    assert not PrecedentDue.objects.exists()


def test_what_policy_decided_is_no_precedent(house: build.House) -> None:
    item = refund(house, BROKEN)
    case = waiting(house, BROKEN)
    tend()
    assert {action for action, _ in found(case)} == {item.action_id}
    with as_role("router"), pytest.raises(DatabaseError, match="only what people decided"), transaction.atomic():
        PrecedentText.objects.create(
            action_id=case.action_id, action_type_id="refund.issue", revision=1, verdict="approve", words="x"
        )


def test_an_edit_is_searched_for_anew_and_the_old_finding_stays(house: build.House) -> None:
    late, broken = refund(house, LATE, customer="77"), refund(house, BROKEN, customer="78")
    case = waiting(house, BROKEN)
    tend()
    shown = build.seen(case)
    with as_role("web"):
        services.edit(
            item=case.id,
            seen=shown,
            payload={"customer": "8812", "amount": 4_450, "note": LATE},
            rationale="it is another case",
            by=house.by(),
        )
    tend()
    first, second = PrecedentSearch.objects.filter(action=case.action_id).order_by("revision")
    assert first.found.order_by("place").first().action_id == broken.action_id
    assert second.found.order_by("place").first().action_id == late.action_id


def test_the_best_of_the_other_verdict_is_kept_however_many_agree(house: build.House) -> None:
    rejected = refund(house, LATE, verdict=build.REJECT)
    for _ in range(3):
        refund(house, BROKEN)
    case = waiting(house, BROKEN)
    tend()
    assert found(case)[-1][0] == rejected.action_id


def test_words_that_look_like_a_query_are_words(house: build.House) -> None:
    nasty = "a & b | !c <-> 'x'' \\' ) ( :* drop table; %s %(words)s {} broken"
    refund(house, nasty)
    case = waiting(house, nasty)
    tend()
    assert found(case)[0][1] == pytest.approx(1.0)


def test_a_case_without_a_word_is_compared_by_its_values(house: build.House) -> None:
    item = build.pending(house, "refund.issue", payload={"customer": "!!", "amount": 500})
    build.decide(house, item)
    build.wait_for_release(item.action_id)
    case = build.pending(house, "refund.issue", payload={"customer": "!!", "amount": 500})
    tend()
    assert found(case)[0][0] == item.action_id


def test_erasing_the_bytes_erases_what_was_derived(house: build.House) -> None:
    from audit.services import Actor, erase
    from reviews.models import Revision

    action = build.finished(house, "note.add", payload={"text": BROKEN})
    tend()
    assert PrecedentText.objects.filter(action=action).count() == 1
    event = Revision.objects.get(action=action).event_id
    with as_role("web"):
        erase(
            entries=[(event, "payload")], case=action.case, basis="gdpr_17",
            authoriser=Actor("human", house.root.pseudonym, "administrator"),
        )  # fmt: skip
    assert PrecedentText.objects.filter(action=action).count() == 0


def test_what_is_usual_is_told_with_the_outlier_marked(house: build.House) -> None:
    for n in range(8):
        refund(house, f"{BROKEN} {n}", amount=4_000 + 10 * n, customer=str(n))
    case = waiting(house, BROKEN, amount=90_000)
    tend()
    usual = PrecedentSearch.objects.get(action=case.action_id).usual
    assert usual["amount"]["out"] is True
    assert usual["amount"]["median"] in range(4_000, 4_080)
    assert usual["customer"]["out"] is False


def test_where_texts_lie_sealed_cases_are_compared_without_a_plain_word_beside_the_seal(
    house: build.House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "SECRETS_DIR", tmp_path)
    with as_role("web"):
        keys.make_keys(tmp_path)
    monkeypatch.setattr(settings, "SEALING", True)
    refund(house, LATE, customer="77")
    broken = refund(house, BROKEN, customer="78")
    case = waiting(house, BROKEN, customer="78")
    tend()
    assert found(case)[0] == (broken.action_id, pytest.approx(1.0))
    kept = repr(list(PrecedentText.objects.values_list("words", "context", "fields")))
    assert not [word for word in ("lamps", "broken", "money", "'78'") if word in kept]
