"""Receipts: signed after the commit, by who decides or routes; kept elsewhere they show what was dropped."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings
from django.db import DatabaseError, transaction

from audit import receipts
from audit.events import EventName as Name
from audit.notes import Signer
from tests.audit.world import World, sql
from tests.logins import as_role

pytestmark = pytest.mark.django_db


def kept(event: UUID) -> str:
    rows = sql("SELECT note FROM audit.receipt WHERE event_id = %s", event)
    return str(rows[0][0]) if rows else ""


def test_a_decision_has_its_receipt_once_it_is_committed(
    world: World, secrets: Path, django_capture_on_commit_callbacks: Any
) -> None:
    case, digest = world.propose()
    with as_role("web"), django_capture_on_commit_callbacks(execute=True):
        decision = world.decide(case, digest)
        assert kept(decision.id) == ""
    body, _, signature = kept(decision.id).partition("\n\n")
    assert body.split("\n")[:4] == [
        receipts.HEADER, settings.LOG_ORIGIN, str(decision.id), base64.b64encode(decision.hash).decode(),
    ]  # fmt: skip
    key = Signer.read(secrets / "receipt-web.key")
    assert signature == key.sign(body + "\n")
    assert sql("SELECT vkey, role FROM audit.receipt_key") == [(key.vkey, "web")]
    assert (secrets / "receipt-web.key").stat().st_mode & 0o777 == 0o600


def test_what_an_agent_proposed_is_promised_when_it_is_routed(
    world: World, secrets: Path, django_capture_on_commit_callbacks: Any
) -> None:
    with as_role("router"), django_capture_on_commit_callbacks(execute=True):
        case, _ = world.propose()
    proposal = sql("SELECT id FROM audit.event WHERE case_id = %s AND name = %s", case, Name.ACTION_PROPOSED)[0][0]
    with as_role("router"):
        assert receipts.give_waiting() == 1
        assert receipts.give_waiting() == 0
    assert f"\n{proposal}\n" in kept(proposal)
    assert sql("SELECT role FROM audit.receipt_key") == [("router",)]


def test_a_failing_key_undoes_no_decision(
    world: World, secrets: Path, django_capture_on_commit_callbacks: Any, caplog: pytest.LogCaptureFixture
) -> None:
    (secrets / "receipt-web.key").write_text("PRIVATE+KEY+nonsense\n")
    receipts._signer.cache_clear()
    case, digest = world.propose()
    with as_role("web"), django_capture_on_commit_callbacks() as callbacks:
        decision = world.decide(case, digest)
        for callback in callbacks:
            with pytest.raises(ValueError, match="holds no"), transaction.atomic():
                callback()
    assert kept(decision.id) == ""
    assert sql("SELECT count(*) FROM audit.event WHERE id = %s", decision.id) == [(1,)]


def test_nobody_promises_what_is_not_there_or_in_anothers_name(world: World, secrets: Path) -> None:
    case, digest = world.propose()
    decision = world.decide(case, digest)
    add = "INSERT INTO audit.receipt (event_id, note) VALUES (%s, %s)"
    key = "INSERT INTO audit.receipt_key (vkey, role) VALUES ('x', 'router')"
    attempts = [
        ("web", add, (decision.id, "a receipt for something else"), "AU006"),
        ("web", add, ("019a0000-0000-7000-8000-000000000000", "x"), "AU006"),
        ("web", key, (), "AU003"),
        ("agent", add, (decision.id, "x"), "42501"),
        ("executor", key, (), "42501"),
        ("sequencer", add, (decision.id, "x"), "42501"),
        ("web", "UPDATE audit.receipt SET note = 'x'", (), "42501"),
        ("agent", "SELECT audit.receipts('action:x')", (), "42501"),
        ("web", "INSERT INTO audit.signature (size, signer, line) VALUES (1, 'w', 'x')", (), "42501"),
        ("web", "UPDATE audit.anchor SET forked = false", (), "42501"),
    ]
    for role, text, values, state in attempts:
        with as_role(role), pytest.raises(DatabaseError) as caught, transaction.atomic():
            sql(text, *values)
        assert getattr(caught.value.__cause__, "sqlstate", "") == state, text
