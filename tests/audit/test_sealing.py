"""Texts under a key of whom they are about: the whole way through the desk, and what is left once the key is gone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import DatabaseError, transaction

from agents import resealing
from agents.services import running
from audit import events, indexing, keys, privacy, seal, services
from audit.erasable import Wanted, cases_of, texts_of
from audit.events import EventName as Name
from audit.restoring import Again, Lost, erase_again
from reviews.models import RevisionBody, SearchText
from reviews.states import Status
from tests import build
from tests.audit.customers import SECRET, erase, lead, lying, of_8812
from tests.audit.world import World, judge, sql
from tests.logins import as_role
from tests.web.pages import Browser

pytestmark = pytest.mark.django_db
NOTE = {"customer": "8812", "amount": 100, "note": f"to {SECRET}"}


@pytest.fixture
def sealed(desk: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> build.House:
    monkeypatch.setattr(settings, "SECRETS_DIR", tmp_path)
    monkeypatch.setattr(keys, "SPARES", 30)
    monkeypatch.setattr(keys, "LOW", 20)
    house = build.house()
    with as_role("web"):
        keys.make_keys(tmp_path)
    monkeypatch.setattr(settings, "SEALING", True)
    return house


def test_a_sealed_refund_goes_all_the_way_and_is_gone_with_its_key(sealed: build.House, desk: World) -> None:
    item = build.pending(
        sealed, "refund.issue", payload=NOTE, reasoning=f"wants {SECRET}", evidence=(build.evidence(SECRET),)
    )
    assert {row.scheme for row in RevisionBody.objects.all()} == {1}
    assert lying(SECRET) == 0
    page = Browser(sealed.ada).open(item)
    assert page.status == 200 and page.text.count(SECRET) >= 3
    assert SearchText.objects.get().title == "Refund (sealed)"
    build.decide(sealed, item, name="ada")
    build.wait_for_release(item.action_id)
    lease = build.take()
    assert json.loads(lease.body) == NOTE
    build.state_of(item.action_id, Status.EXECUTING)
    desk.sequence()
    with as_role("router"):
        place = desk.folder / "as-router"
        desk.export()
        opened = export_as_router(place)
    texts = [json.loads(line) for line in (opened / "content.jsonl").read_text().splitlines()]
    assert {text["state"] for text in texts} == {"open"}
    assert judge(opened)[:2] == (0, {})
    assert judge(desk.export())[:2] == (0, {})  # and an auditor's, who can open nothing


def export_as_router(place: Path) -> Path:
    from audit.export import export

    export(place)
    return place


def test_after_the_erasure_neither_key_nor_text_is_left(sealed: build.House, desk: World) -> None:
    build.wait_for_release(build.rejected(sealed, "refund.issue", payload=NOTE).id)
    desk.sequence()
    with as_role("router"):
        indexing.index_for(5)
    assert len(cases_of(Wanted(words=tuple(indexing.tokens("zanzibar")))).names) == 1
    assert sql("SELECT count(*) FROM audit.search WHERE words::text ILIKE '%zanzibar%'") == [(0,)]
    subject = of_8812().subject
    before = sql("SELECT count(*) FROM audit.seal_key WHERE lookup = %s", subject)
    assert (before, erase(sealed, of_8812()).key) == ([(1,)], True)
    assert sql("SELECT count(*) FROM audit.seal_key WHERE lookup = %s", subject) == [(0,)]
    desk.sequence()
    assert judge(desk.export())[:2] == (0, {})


def texts_gone(house: build.House, wanted: Wanted) -> None:
    """Erases every text, past the service that would erase the key with the last."""
    for case in texts_of(cases_of(wanted).names):
        with as_role("web"):
            services.erase(
                entries=[(s.event, s.field) for s in case.erasable], basis="gdpr_17",
                authoriser=services.Actor("human", house.lin.pseudonym),
            )  # fmt: skip


def named(keys: list[str], *, after: str = "privacy.erased", subject: bytes | None = None) -> None:
    """Events as an erasure writes them, with these keys named, and the deletion of a subject's key."""
    with as_role("web"), transaction.atomic():
        chain = services.fresh(f"erasure:{services.uuid7()}")
        who = services.Actor("human", "psn_x")
        if after == "privacy.erased":
            data = events.PrivacyErased(entries=[], basis="gdpr_17", authoriser="psn_x")
            first = services.prepare(name=Name.PRIVACY_ERASED, data=data, chain=chain, actor=who)
        else:
            first = services.prepare(
                name=Name.CONTENT_OPENED, data=events.ContentOpened(case="x"), chain=chain, actor=who
            )
        told = events.KeysErased(keys=keys)
        services.record(
            [first, services.prepare(name=Name.PRIVACY_KEYS_ERASED, data=told, chain=first.next, actor=who)]
        )
        sql("SELECT audit.erase_key(%s)", subject or of_8812().subject)
        sql("SET CONSTRAINTS ALL IMMEDIATE")


def own(case: str) -> tuple[str, bytes]:
    """The key of a case that is its own subject: its id, and how it is found."""
    [(key, lookup)] = sql("SELECT id, lookup FROM audit.seal_key WHERE case_id = %s", case)
    return str(key), bytes(lookup)


def test_the_key_of_a_case_stays_while_it_is_open_held_or_has_a_text(sealed: build.House) -> None:
    waiting = build.pending(sealed).action_id
    key, subject = own(f"action:{waiting}")
    with pytest.raises(DatabaseError, match="open action"):
        named([key], subject=subject)
    done = build.rejected(sealed).id
    build.wait_for_release(done)
    key, subject = own(f"action:{done}")
    with pytest.raises(DatabaseError, match="still here"):
        named([key], subject=subject)
    with as_role("web"):
        hold = privacy.place_hold(
            scope="case", target=f"action:{done}", reason="a court asked", actor=lead(sealed)
        )  # fmt: skip
    with pytest.raises(DatabaseError, match="legal hold"):
        named([key], subject=subject)
    with as_role("web"):
        privacy.lift_hold(hold=hold, reason="settled", actor=lead(sealed))
    assert erase(sealed, Wanted(case=f"action:{done}")).key
    assert sql("SELECT count(*) FROM audit.seal_key WHERE id = %s", key) == [(0,)]
    with pytest.raises(DatabaseError, match="does not change"), transaction.atomic():
        sql("UPDATE audit.seal_key SET case_id = 'action:x' WHERE case_id = %s", f"action:{waiting}")


def test_a_key_goes_only_with_an_erasure_that_names_this_very_key(sealed: build.House) -> None:
    build.wait_for_release(build.rejected(sealed, "refund.issue", payload=NOTE).id)
    subject = of_8812().subject
    [(key,)] = sql("SELECT id FROM audit.seal_key WHERE lookup = %s", subject)
    other = str(sql("SELECT id FROM audit.seal_key WHERE kind = 'subject' AND lookup IS NULL LIMIT 1")[0][0])
    texts_gone(sealed, of_8812())
    # An erasure of this very moment stands in the log, and takes no key along.
    with as_role("web"), pytest.raises(DatabaseError, match="a key was deleted"), transaction.atomic():
        sql("SELECT audit.erase_key(%s)", subject)
        sql("SET CONSTRAINTS ALL IMMEDIATE")
    for keys_, after in (([], "privacy.erased"), ([other], "privacy.erased"), ([str(key)], "content.opened")):
        with pytest.raises(DatabaseError, match="a key was deleted"):
            named(keys_, after=after)
    assert sql("SELECT count(*) FROM audit.seal_key WHERE id = %s", key) == [(1,)]
    named([str(key)])
    assert sql("SELECT count(*) FROM audit.seal_key WHERE id = %s", key) == [(0,)]
    with pytest.raises(DatabaseError, match="a key was deleted"), transaction.atomic():  # nor does the owner
        sql("DELETE FROM audit.seal_key WHERE id = %s", other)
        sql("SET CONSTRAINTS ALL IMMEDIATE")


def test_an_erasure_names_the_keys_that_went_with_it(sealed: build.House, desk: World) -> None:
    build.wait_for_release(build.rejected(sealed, "refund.issue", payload=NOTE).id)
    [(key,)] = sql("SELECT id FROM audit.seal_key WHERE lookup = %s", of_8812().subject)
    assert erase(sealed, of_8812()).key
    rows = sql("SELECT name, convert_from(leaf, 'UTF8') FROM audit.event WHERE case_id LIKE 'erasure:%' ORDER BY n")
    assert [name for name, _ in rows] == ["privacy.erased", "privacy.keys_erased"]
    assert json.loads(rows[1][1])["data"] == {"keys": [str(key)]}
    desk.sequence()
    assert judge(desk.export())[:2] == (0, {})


def test_a_key_that_was_erased_and_came_back_with_a_backup_is_erased_again(sealed: build.House, desk: World) -> None:
    action = build.rejected(sealed)  # of a type that names no subject: the key is its own
    build.wait_for_release(action.id)
    [(key,)] = sql("SELECT id FROM audit.seal_key WHERE case_id = %s", f"action:{action.id}")
    texts_gone(sealed, Wanted(case=f"action:{action.id}"))
    spare = sql("SELECT id FROM audit.seal_key WHERE kind = 'subject' AND lookup IS NULL LIMIT 1")[0][0]
    lost = {"name": "privacy.keys_erased", "data": {"keys": [str(key), str(spare), str(services.uuid7())]}}
    with as_role("web"):
        assert erase_again(Lost(0, 1, [lost])) == Again(0, [])
    left = {row[0] for row in sql("SELECT id FROM audit.seal_key WHERE id IN (%s, %s)", key, spare)}
    assert left == {spare}  # in the backup nothing was sealed to it yet
    told = sql("SELECT convert_from(leaf, 'UTF8') FROM audit.event WHERE name = 'privacy.keys_erased'")
    assert [json.loads(text)["data"]["keys"] for (text,) in told] == [[str(key)]]
    desk.sequence()
    assert judge(desk.export())[:2] == (0, {})


def test_agents_seal_and_open_only_what_is_addressed_to_them(sealed: build.House, monkeypatch: Any) -> None:
    _run, action = build.proposed_by_run(sealed, "refund.issue", payload=NOTE, evidence=(build.evidence(SECRET),))
    (body,) = sql("SELECT b.body FROM reviews_evidencebody b")[0]
    with as_role("agent"):
        with pytest.raises(seal.CannotOpen), transaction.atomic():
            seal.opened(seal.Lying(seal.NO_SALT, 1, bytes(body)))
        with pytest.raises(DatabaseError), transaction.atomic():
            sql("SELECT wrapped FROM audit.seal_key")
        with pytest.raises(DatabaseError), transaction.atomic():
            sql("SELECT * FROM audit.opening_keys('{}')")
    build.route()
    build.decide(sealed, build.item_of(action), build.REJECT)
    (payload,) = sql("SELECT b.body FROM reviews_revisionbody b")[0]
    with as_role("agent"):
        assert json.loads(seal.unsealed(bytes(payload))) == NOTE
    end = running.ActionEnd(
        action, True, "rejected", False, bytes(payload), "other", reason(action), None, "", None, None
    )
    with as_role("agent"):
        found = running._opened(end)
    assert json.loads(found["body"]) == NOTE
    assert found["rationale"] == "The facts do not support it."


def reason(action: Any) -> str:
    event = sql("SELECT event_id FROM reviews_decision WHERE action_id = %s", action)[0][0]
    return str(sql("SELECT reviews_rationale(%s)", event)[0][0])


def test_a_repeat_is_known_and_another_payload_under_its_key_is_refused(sealed: build.House) -> None:
    first = build.proposed(sealed, "refund.issue", payload=NOTE, dedup_key="one")
    assert build.proposed(sealed, "refund.issue", payload=NOTE, dedup_key="one") == first
    with pytest.raises(Exception, match="something else"), transaction.atomic():
        build.proposed(sealed, "refund.issue", payload=NOTE | {"amount": 101}, dedup_key="one")


def test_what_was_swapped_or_is_no_sealed_text_reaches_nobody(sealed: build.House) -> None:
    item = build.pending(sealed, "refund.issue", payload=NOTE)
    other = build.pending(sealed, "refund.issue", payload=NOTE | {"amount": 999_999})
    sql("ALTER TABLE reviews_revisionbody DISABLE TRIGGER ALL")
    sql(
        "UPDATE reviews_revisionbody b SET body = (SELECT o.body FROM reviews_revisionbody o JOIN reviews_revision r"
        " ON r.id = o.revision_id WHERE r.action_id = %s) FROM reviews_revision r WHERE r.id = b.revision_id"
        " AND r.action_id = %s", other.action_id, item.action_id,
    )  # fmt: skip
    with pytest.raises(Exception, match=r"erased|cannot be"):
        build.decide(sealed, item)
    for junk in (b"", b"\x01", b"\x01\x01" + bytes(300), b"{}"):
        assert seal.plain(bytes(32), 1, junk) is None
        with pytest.raises(DatabaseError), transaction.atomic():
            sql("INSERT INTO reviews_revisionbody (revision_id, salt, scheme, body) VALUES ("
                "(SELECT id FROM reviews_revision LIMIT 1), %s, 1, %s)", bytes(32), junk)  # fmt: skip


def test_without_a_spare_key_nothing_is_stored(sealed: build.House) -> None:
    sql("UPDATE audit.seal_key SET lookup = sha256(public) WHERE kind = 'subject' AND lookup IS NULL")
    before = sql("SELECT count(*) FROM reviews_action")
    with pytest.raises(seal.NoSpareKey, match="seal_keys"), transaction.atomic():
        build.proposed(sealed, "refund.issue", payload=NOTE)
    assert sql("SELECT count(*) FROM reviews_action") == before


def test_what_lay_plain_is_sealed_afterwards_and_everything_still_agrees(
    sealed: build.House, desk: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "SEALING", False)
    item = build.pending(
        sealed, "refund.issue", payload=NOTE, reasoning=f"wants {SECRET}", evidence=(build.evidence(SECRET),),
        dedup_key="one",
    )  # fmt: skip
    build.proposed_by_run(sealed)
    run = sql("SELECT id FROM agents_run")[0][0]
    sql(
        "INSERT INTO agents_journal (run_id, seq, kind, name, args_digest, result, at)"
        " VALUES (%s, 1, 'step', 'read', sha256(''), %s, now())", run, f'{{"ok": "{SECRET}"}}'.encode(),
    )  # fmt: skip
    monkeypatch.setattr(settings, "SEALING", True)
    with as_role("owner"):
        assert resealing.reseal() >= 6
        assert resealing.reseal() == 0
    assert lying(SECRET) == 0
    assert build.proposed(sealed, "refund.issue", payload=NOTE, dedup_key="one") == item.action_id
    assert Browser(sealed.ada).open(item).text.count(SECRET) >= 3
    build.decide(sealed, item)
    desk.sequence()
    assert judge(export_as_router(desk.folder / "as-router"))[:2] == (0, {})
    with pytest.raises(DatabaseError), transaction.atomic():  # the guards are back
        sql("UPDATE reviews_revisionbody SET body = body")
