"""The threat table: what an attacker who is superuser (and may hold the log key) changes, and what shows it.

Three sights of each: the audit tables alone; with a checkpoint or a witness outside; with the business tables.
"""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path
from typing import Any

import pytest

from audit import registry, verify
from audit.canonical import b64, encode
from audit.entries import leaf_hash
from audit.notes import Signer
from audit.sequencer import Refused, Sequencer
from audit.services import Actor, erase
from tests.audit.world import Witness, World, business, judge, sql
from tests.logins import as_role

pytestmark = pytest.mark.django_db


@pytest.fixture
def business_rows(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Call it to let the business tables take part from now on."""
    return lambda: monkeypatch.setattr(registry, "_projections", {"stand-in": business})


def witnessed(world: World, place: Path, witness: Witness, *, cosign: bool = True) -> Path:
    """A policy that asks for this witness, and its signature under every checkpoint of the export."""
    policy = world.folder / "policy-with-witness"
    policy.write_text(f"log {world.signer.vkey}\nwitness w1 {witness.vkey}\ngroup g 1 w1\nquorum g\n")
    if cosign:
        notes = [json.loads(line) for line in (place / "checkpoints.jsonl").read_text().splitlines()]
        signed = [text + witness.line(text.partition("\n\n")[0] + "\n", int(time.time())) for text in notes]
        (place / "checkpoints.jsonl").write_text("".join(json.dumps(text) + "\n" for text in signed))
        reseal(place)
    return policy


def reseal(place: Path) -> None:
    """The manifest of a changed export, made to match: the attacker owns that too."""
    manifest = json.loads((place / "manifest.json").read_text())
    for name in manifest["files"]:
        manifest["files"][name] = hashlib.sha256((place / name).read_bytes()).hexdigest()
    (place / "manifest.json").write_text(json.dumps(manifest))


def forge(verdict: str = "reject") -> Any:
    """Turns the first decision of the log round."""

    def change(leaves: list[dict[str, Any]]) -> None:
        first = next(leaf for leaf in leaves if leaf["name"] == "decision.recorded")
        first["data"]["verdict"] = verdict

    return change


def test_an_honest_log_is_valid_in_every_sight(world: World, business_rows: Any) -> None:
    decisions = world.live()
    receipts = [world.receipt(entry) for entry in decisions]
    business_rows()
    place, kept = world.export(), world.checkpoint()
    assert judge(place) == (0, {}, "VALID (key taken from the export)")
    policy = witnessed(world, place, Witness("w1"))
    assert judge(place, "--policy", policy, "--against", kept, "--receipt", *receipts) == (0, {}, "VALID")


def test_1_an_edited_row_breaks_root_and_chain(world: World, business_rows: Any) -> None:
    first = world.live()[0]
    kept, receipt = world.checkpoint(), world.receipt(first)
    index, following = world.index_of(first), world.after(first)
    forged = first.leaf.replace(b'"verdict":"approve"', b'"verdict":"reject"')
    with world.unguarded():
        sql("UPDATE audit.event SET leaf = %s WHERE id = %s", forged, first.id)
    code, found, _ = judge(world.export())
    assert (code, found["ROOT"], found["CASE_CHAIN"]) == (1, index, following)
    code, found, _ = judge(world.export(), "--against", kept)
    assert (code, found["ANCHOR_FORK"]) == (1, index)
    business_rows()
    code, found, _ = judge(world.export(), "--receipt", receipt)
    assert (code, found["PROJECTION"], found["RECEIPT_MISSING"]) == (1, index, index)


def test_2_an_edit_signed_with_another_key_shows_in_the_signature(world: World, business_rows: Any) -> None:
    first = world.live()[0]
    kept, index, receipt = world.checkpoint(), world.index_of(first), world.receipt(first)
    world.rewrite(forge(), Signer.generate(world.signer.name))
    code, found, _ = judge(world.export())
    assert (code, set(found)) == (1, {"SIG", "PROJECTION"})  # begun on bytes that were now rejected
    code, found, _ = judge(world.export(), "--against", kept)
    assert (code, found["ANCHOR_FORK"]) == (1, 0)
    business_rows()
    code, found, _ = judge(world.export(), "--receipt", receipt)
    assert (code, found["PROJECTION"], found["RECEIPT_MISSING"]) == (1, index, index)


def test_3_an_edit_signed_with_the_log_key_needs_a_witness_or_an_anchor(world: World, business_rows: Any) -> None:
    case, digest = world.propose()
    decision = world.decide(case, digest)
    world.sequence()
    kept, receipt, witness = world.checkpoint(), world.receipt(decision), Witness("w1")
    index = world.index_of(decision)
    world.rewrite(forge(), world.signer)
    place = world.export()
    assert judge(place)[0] == 0  # the tables alone do not show it
    policy = witnessed(world, place, witness, cosign=False)
    code, found, _ = judge(place, "--policy", policy)
    assert (code, found["COSIG"]) == (2, world.index_of_last())
    assert judge(place, "--against", kept)[1] == {"ANCHOR_FORK": 0}
    business_rows()
    code, found, _ = judge(world.export(), "--receipt", receipt)
    assert (code, found["PROJECTION"], found["RECEIPT_MISSING"]) == (1, index, index)


def test_4_a_row_deleted_in_the_middle_breaks_root_and_chain(world: World, business_rows: Any) -> None:
    first = world.live()[0]
    kept, index, following = world.checkpoint(), world.index_of(first), world.after(first)
    with world.unguarded():
        sql("DELETE FROM audit.event WHERE id = %s", first.id)
    code, found, _ = judge(world.export())
    assert (code, found["ROOT"], found["CASE_CHAIN"]) == (1, index, following - 1)
    code, found, _ = judge(world.export(), "--against", kept)
    assert (code, found["ANCHOR_TRUNCATED"]) == (1, world.index_of_last())
    business_rows()
    code, found, _ = judge(world.export())
    assert (code, found["DECISION_WITHOUT_EVENT"]) == (1, -1)


def test_5_a_row_deleted_with_the_log_key_needs_a_witness_or_an_anchor(world: World, business_rows: Any) -> None:
    world.live()
    world.propose()
    world.sequence()
    kept = world.checkpoint()
    last = sql("SELECT leaf FROM audit.event WHERE name = 'decision.recorded' ORDER BY n LIMIT 1")[0][0]
    identity = json.loads(bytes(last))["id"]

    def without_decision(leaves: list[dict[str, Any]]) -> None:
        leaves[:] = [leaf for leaf in leaves if leaf["id"] != identity]

    world.rewrite(without_decision, world.signer)
    place = world.export()
    policy = witnessed(world, place, Witness("w1"), cosign=False)
    code, found, _ = judge(place, "--policy", policy)
    assert found["COSIG"] == world.index_of_last()
    code, found, _ = judge(place, "--against", kept)
    assert (code, found["ANCHOR_TRUNCATED"]) == (1, world.index_of_last() + 1)
    business_rows()
    code, found, _ = judge(world.export())
    assert (code, found["DECISION_WITHOUT_EVENT"]) == (1, -1)


def test_6_a_tail_cut_with_its_checkpoints_shows_only_from_outside(world: World, business_rows: Any) -> None:
    world.live(1)
    size = world.index_of_last() + 1
    case, digest = world.propose()
    decision = world.decide(case, digest)
    world.sequence()
    kept, receipt = world.checkpoint(), world.receipt(decision)
    world.cut(size)
    assert judge(world.export()) == (0, {}, "VALID (key taken from the export)")  # the honest limit
    code, found, _ = judge(world.export(), "--against", kept)
    assert (code, found) == (1, {"ANCHOR_TRUNCATED": size})
    business_rows()
    code, found, _ = judge(world.export(), "--receipt", receipt)
    assert (code, found["DECISION_WITHOUT_EVENT"], found["RECEIPT_MISSING"]) == (1, -1, -1)


def test_7_an_emptied_log_cannot_be_judged_and_an_anchor_says_what_is_gone(world: World, business_rows: Any) -> None:
    decision = world.live(1)[0]
    kept, receipt = world.checkpoint(), world.receipt(decision)
    vkey = world.folder / "key"
    vkey.write_text(world.signer.vkey + "\n")
    world.cut(0)
    code, found, _ = judge(world.export(), "--key", vkey)
    assert (code, found) == (2, {"NO_CHECKPOINT": -1})
    code, found, _ = judge(world.export(), "--key", vkey, "--against", kept)
    assert (code, found["ANCHOR_TRUNCATED"]) == (1, 0)
    business_rows()
    code, found, _ = judge(world.export(), "--key", vkey, "--receipt", receipt)
    assert (code, found["DECISION_WITHOUT_EVENT"], found["RECEIPT_MISSING"]) == (1, -1, -1)


def test_8_two_events_in_another_order_break_the_root(world: World) -> None:
    world.live(1)
    size = world.index_of_last() + 1
    world.propose()
    world.propose()
    world.sequence()
    last = world.index_of_last()
    with world.unguarded():
        sql("ALTER TABLE audit.leaf DROP CONSTRAINT leaf_leaf_index_check")
        sql("UPDATE audit.leaf SET leaf_index = -1 WHERE leaf_index = %s", last - 3)
        sql("UPDATE audit.leaf SET leaf_index = %s WHERE leaf_index = %s", last - 3, last - 1)
        sql("UPDATE audit.leaf SET leaf_index = %s WHERE leaf_index = -1", last - 1)
    code, found, _ = judge(world.export())
    assert (code, found["ROOT"]) == (1, size)  # the first entry after the last checkpoint that still fits


def test_9_a_reordering_with_the_log_key_needs_a_witness_or_an_anchor(world: World) -> None:
    world.live(1)
    world.propose()
    world.propose()
    world.sequence()
    kept = world.checkpoint()

    def swap(leaves: list[dict[str, Any]]) -> None:
        leaves[-3], leaves[-2] = leaves[-2], leaves[-3]

    world.rewrite(swap, world.signer)
    place = world.export()
    assert judge(place)[0] == 0
    policy = witnessed(world, place, Witness("w1"), cosign=False)
    assert judge(place, "--policy", policy)[1]["COSIG"] == world.index_of_last()
    assert judge(place, "--against", kept)[1] == {"ANCHOR_FORK": 0}


def test_10_an_event_put_into_the_past_needs_a_witness_an_anchor_or_the_rows(world: World, business_rows: Any) -> None:
    first = world.live()[0]
    kept = world.checkpoint()

    def insert(leaves: list[dict[str, Any]]) -> None:
        place = next(i for i, leaf in enumerate(leaves) if leaf["id"] == str(first.id))
        extra = json.loads(json.dumps(leaves[place])) | {"change": None, "commit": {}}
        extra |= {"id": extra["id"][:-4] + "beef", "name": "message.posted", "data": {"number": 1}}
        leaves.insert(place + 1, extra)

    world.rewrite(insert, world.signer)
    place = world.export()
    assert judge(place)[0] == 0
    policy = witnessed(world, place, Witness("w1"), cosign=False)
    assert judge(place, "--policy", policy)[1]["COSIG"] == world.index_of_last()
    assert judge(place, "--against", kept)[1] == {"ANCHOR_FORK": 0}
    business_rows()
    last = sql("SELECT max(leaf_index) FROM audit.leaf JOIN audit.event USING (n) WHERE case_id = %s", first.case)
    code, found, _ = judge(world.export())
    assert (code, found) == (1, {"PROJECTION": last[0][0]})


def test_11_a_back_dated_event_shows_by_its_time(world: World, business_rows: Any) -> None:
    world.live(1)
    case, _ = world.propose()
    world.sequence()
    row = sql("SELECT leaf FROM audit.event ORDER BY n DESC LIMIT 1")[0][0]
    leaf = json.loads(bytes(row))
    chain = world.chains[case]
    leaf |= {"id": leaf["id"][:-4] + "beef", "at": "2026-01-01T00:00:00.000000Z", "change": None}
    leaf |= {"name": "message.posted", "writer": "web"}
    leaf["case"] = {"id": case, "seq": chain.seq + 1, "prev": b64(chain.head)}
    with world.unguarded():
        world.place(encode(leaf))
    world.sequence()
    index = world.index_of_last()
    assert judge(world.export())[:2] == (1, {"TIME_BACKDATED": index})
    business_rows()
    assert judge(world.export())[1]["PROJECTION"] == index


def test_12_two_stories_told_with_the_log_key_meet_at_an_anchor(world: World) -> None:
    case, digest = world.propose()
    decision = world.decide(case, digest)
    world.sequence()
    told_to_one, receipt = world.checkpoint(), world.receipt(decision)
    assert judge(world.export())[0] == 0
    world.rewrite(forge(), world.signer)
    told_to_another = world.export()
    assert judge(told_to_another)[0] == 0
    policy = witnessed(world, told_to_another, Witness("w1"), cosign=False)
    assert judge(told_to_another, "--policy", policy)[1]["COSIG"] == world.index_of_last()
    assert judge(told_to_another, "--against", told_to_one)[1] == {"ANCHOR_FORK": 0}
    assert judge(told_to_another, "--receipt", receipt)[:2] == (1, {"RECEIPT_MISSING": world.index_of(decision)})


def test_13_an_event_dropped_before_its_place_breaks_its_case(world: World, business_rows: Any) -> None:
    world.live(1)
    case, digest = world.propose()
    decision = world.decide(case, digest)
    world.carry_out(case, digest)
    receipt = world.receipt(decision)
    with world.unguarded():
        sql("DELETE FROM audit.pending WHERE n = (SELECT n FROM audit.event WHERE id = %s)", decision.id)
        sql("DELETE FROM audit.content WHERE event_id = %s", decision.id)
        sql("DELETE FROM audit.event WHERE id = %s", decision.id)
    world.sequence()
    code, found, _ = judge(world.export())
    gap = world.index_of_last() - 2
    assert (code, found["CASE_CHAIN"], found["CASE_STATE"]) == (1, gap, gap)
    business_rows()
    code, found, _ = judge(world.export(), "--receipt", receipt)
    assert (code, found["DECISION_WITHOUT_EVENT"], found["RECEIPT_MISSING"]) == (1, -1, -1)


def test_14_a_cases_last_event_dropped_before_its_place_shows_by_its_receipt(world: World, business_rows: Any) -> None:
    world.live(1)
    case, digest = world.propose()
    world.sequence()
    decision = world.decide(case, digest)
    receipt = world.receipt(decision)
    with world.unguarded():  # the vote and what the case row says of it go as well, so that nothing is left over
        sql("DELETE FROM audit.pending WHERE n = (SELECT n FROM audit.event WHERE id = %s)", decision.id)
        sql("DELETE FROM audit.content WHERE event_id = %s", decision.id)
        sql("DELETE FROM audit.event WHERE id = %s", decision.id)
    sql("DELETE FROM stand_in_vote WHERE event = %s", decision.id)
    before = world.chains[case]
    head = sql("SELECT case_seq, leaf_hash FROM audit.event WHERE case_id = %s ORDER BY case_seq DESC LIMIT 1", case)[0]
    sql("UPDATE stand_in_case SET seq = %s, head = %s, state = 'pending' WHERE id = %s", *head, case)
    assert before.seq == head[0] + 1
    world.sequence()
    kept = world.checkpoint()
    business_rows()
    assert judge(world.export(), "--against", kept)[:2] == (0, {})  # neither tables nor anchors know of it
    assert judge(world.export(), "--against", kept, "--receipt", receipt)[:2] == (1, {"RECEIPT_MISSING": -1})


def test_15_a_swapped_text_is_not_what_was_committed(world: World) -> None:
    first = world.live(1)[0]
    with world.unguarded():
        sql("UPDATE audit.content SET body = %s WHERE event_id = %s", b'["rationale","It is not due."]', first.id)
    assert judge(world.export())[:2] == (1, {"COMMIT": world.index_of(first)})


def test_16_a_text_deleted_without_its_event_is_missed(world: World) -> None:
    first = world.live(1)[0]
    with world.unguarded():
        sql("DELETE FROM audit.content WHERE event_id = %s", first.id)
    assert judge(world.export())[:2] == (1, {"CONTENT_MISSING": world.index_of(first)})


def test_17_a_replayed_leaf_shows_by_its_id_and_its_chain(world: World) -> None:
    first = world.live(1)[0]
    with world.unguarded():
        sql("ALTER TABLE audit.event DROP CONSTRAINT event_id_key")
        sql("ALTER TABLE audit.event DROP CONSTRAINT event_case_id_case_seq_key")
        world.place(first.leaf)
    world.sequence()
    last = world.index_of_last()
    code, found, _ = judge(world.export())
    assert (code, found["DUP_ID"], found["CASE_CHAIN"]) == (1, last, last)


@pytest.mark.parametrize(
    "odd",
    [
        lambda leaf: leaf.replace(b'{"actor"', b'{ "actor"'),
        lambda leaf: leaf[:-1] + b',"writer":"web"}',
        lambda leaf: leaf.replace(b'"request":""', b'"request":"e\xcc\x81"'),
        lambda leaf: leaf.replace(b'"request":""', b'"request":"\\u0041"'),
    ],
    ids=["space", "key twice", "not NFC", "needless escape"],
)
def test_18_json_that_is_not_canonical_is_named(world: World, odd: Any) -> None:
    world.live(1)
    case, digest = world.propose()
    decision = world.decide(case, digest)
    with world.unguarded():
        leaf = odd(decision.leaf)
        assert leaf != decision.leaf
        sql("UPDATE audit.event SET leaf = %s, leaf_hash = %s WHERE id = %s", leaf, leaf_hash(leaf), decision.id)
        sql("UPDATE audit.pending SET leaf_hash = %s WHERE n = (SELECT max(n) FROM audit.event)", leaf_hash(leaf))
    world.sequence()
    assert judge(world.export())[:2] == (1, {"NONCANON": world.index_of_last()})


def test_19_a_decision_edited_in_its_own_table_shows_beside_the_log(world: World, business_rows: Any) -> None:
    first = world.live(1)[0]
    sql("UPDATE stand_in_vote SET verdict = 'reject'")
    assert judge(world.export())[0] == 0  # the audit tables alone know nothing of it
    business_rows()
    assert judge(world.export())[:2] == (1, {"PROJECTION": world.index_of(first)})


def test_19b_a_decision_deleted_from_its_own_table_shows_beside_the_log(world: World, business_rows: Any) -> None:
    first = world.live(1)[0]
    sql("DELETE FROM stand_in_vote")
    business_rows()
    assert judge(world.export())[:2] == (1, {"EVENT_WITHOUT_DECISION": world.index_of(first)})


def test_20_a_restored_backup_forks_from_the_anchor_and_the_sequencer_refuses(world: World, business_rows: Any) -> None:
    world.live(1)
    size = world.index_of_last() + 1
    case, digest = world.propose()
    world.decide(case, digest)
    world.sequence()
    kept = world.checkpoint()
    world.cut(size)
    with as_role("sequencer"), pytest.raises(Refused, match=f"ends at {size} leaves, the anchor says {size + 3}"):
        Sequencer(world.signer, world.anchor).prepare()
    world.anchor = world.folder / "another"  # the attacker takes the anchor folder away as well
    world.sequencer = Sequencer(world.signer, world.anchor)
    for _ in range(2):
        world.propose()
    world.sequence()
    assert judge(world.export())[0] == 0
    code, found, _ = judge(world.export(), "--against", kept)
    assert (code, found) == (1, {"ANCHOR_FORK": 0})
    business_rows()
    assert judge(world.export())[1]["DECISION_WITHOUT_EVENT"] == -1


def test_21_a_stopped_sequencer_makes_the_log_stale(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.live(1)
    world.propose()
    assert judge(world.export())[:2] == (0, {})  # young: it is allowed to wait
    monkeypatch.setattr(verify, "MMD", 0)
    size = world.index_of_last() + 1
    assert judge(world.export())[:2] == (2, {"UNCOVERED_TAIL": size, "STALE": -1})


def test_an_honest_erasure_leaves_everything_valid(world: World, business_rows: Any) -> None:
    first = world.live()[0]
    kept = world.checkpoint()
    with as_role("web"):
        erase(entries=[(first.id, "rationale")], case=first.case, basis="gdpr_17", authoriser=Actor("human", "psn_1"))
    world.sequence()
    business_rows()
    place = world.export()
    assert judge(place, "--against", kept)[:2] == (0, {})
    texts = [json.loads(line) for line in (place / "content.jsonl").read_text().splitlines()]
    mine = [text for text in texts if text["event"] == str(first.id)]
    assert [text["state"] for text in mine] == ["erased"]
    assert sql("SELECT count(*) FROM audit.content WHERE event_id = %s", first.id) == [(0,)]
