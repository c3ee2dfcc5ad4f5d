"""A pruning with processes of their own: web orders, the sequencer signs, the keeper's job deletes, all forget."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from audit import jobs, keeping, queries
from tests import build, cluster
from tests.audit.customers import SECRET, lead, lying
from tests.audit.test_retention import age, leaves_in
from tests.audit.test_sequencer_processes import START, Process, key, leader_is_up, settled
from tests.audit.world import World, judge, sql
from tests.logins import as_role

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
NOTE = {"customer": "8812", "amount": 100, "note": f"to {SECRET}"}


def test_what_web_orders_the_keeper_carries_out_and_the_folder_forgets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, transactional_db: Any
) -> None:
    signer, database = key(tmp_path), cluster.database_name()
    monkeypatch.setattr(settings, "ANCHOR_DIR", tmp_path / "anchor")
    process = Process(tmp_path, database)
    leader_is_up(process)
    house = build.house()
    build.finished(house, "refund.issue", payload=NOTE, reasoning=f"wants {SECRET}")
    settled()
    age(2200)
    gone = [bytes(leaf) for (leaf,) in sql("SELECT leaf FROM audit.event WHERE case_id LIKE 'action:%'")]
    assert all(leaf in leaves_in(tmp_path / "anchor") for leaf in gone)
    with as_role("web"):
        jobs.request_pruning(
            classes=["decisions"], below=None, seen=None, reason="past its period", actor=lead(house)
        )  # fmt: skip
    worker = Process(
        tmp_path, database, "audit_job", DATABASE_URL=cluster.login_url("router", database), ASSENTRY_ROLE="router"
    )
    assert worker.popen.wait(START) == 0, worker.words()
    order = keeping.orders()[0]
    assert (order.state, order.went) == ("done", len(gone)), order
    assert lying(SECRET) == 0
    until = time.monotonic() + START
    while any(leaf in leaves_in(tmp_path / "anchor") for leaf in gone):
        assert time.monotonic() < until and process.popen.poll() is None, process.words()
        time.sleep(0.5)
    settled()
    assert process.stop() == 0
    world = World(tmp_path / "later", tables=False)
    world.folder.mkdir()
    (tmp_path / "vkey").write_text(signer.vkey + "\n")
    place = world.export()
    assert judge(place, "--key", tmp_path / "vkey", "--against", tmp_path / "anchor" / "checkpoint")[:2] == (0, {})
    assert queries.log_status().min_index > 0
