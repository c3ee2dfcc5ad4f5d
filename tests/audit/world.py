"""A small desk beside the record: cases, decisions and attempts of their own, a sequencer, a witness, an attacker.

The record knows nobody, so its tests need neither reviews nor agents: plain tables stand in for theirs.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
import json
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.db import connection, transaction

from audit import events as ev
from audit import receipts, verify
from audit.canonical import b64, encode
from audit.entries import ZERO, Actor, Chain, Entry, leaf_hash, prepare
from audit.events import EventName as Name
from audit.export import Request, export
from audit.notes import Signer, checkpoint_body, note
from audit.sequencer import Sequencer
from audit.services import fresh, now, record
from audit.tree import Frontier
from tests.logins import as_role

TABLES = """
    CREATE TABLE IF NOT EXISTS stand_in_case (id text PRIMARY KEY, state text, seq bigint, head bytea);
    CREATE TABLE IF NOT EXISTS stand_in_vote (event uuid, case_id text, verdict text, reviewer text, digest bytea);
    GRANT ALL ON stand_in_case, stand_in_vote TO PUBLIC;
"""
ROLES = {"agent": "agent", "router": "policy", "web": "human", "executor": "system"}


def sql(text: str, *values: Any) -> list[Any]:
    """As the connection's login, now."""
    with connection.cursor() as cursor:
        cursor.execute(text, values or None)
        return cursor.fetchall() if cursor.description else []


def entries_gone() -> int:
    """How many entries are gone, counted in the log itself."""
    return int(sql(
        "SELECT count(*) FROM audit.leaf l WHERE l.leaf_index < (SELECT min_index FROM audit.head)"
        " AND NOT EXISTS (SELECT FROM audit.event e WHERE e.n = l.n)"
    )[0][0])  # fmt: skip


def step_down() -> None:
    """The leader's lock belongs to the session, so it outlives the test's rollback."""
    if not connection.needs_rollback:
        sql("SELECT pg_advisory_unlock_all()")


def stand_alone() -> None:
    """Without the desk's own guards on events: its tests are in tests/roles, its tables have no part here."""
    guards = """SELECT tgname FROM pg_trigger t JOIN pg_proc p ON p.oid = tgfoid
        WHERE tgrelid = 'audit.event'::regclass AND pronamespace <> 'audit'::regnamespace"""
    for (name,) in sql(guards):
        sql(f'DROP TRIGGER "{name}" ON audit.event')


class World:
    """Everything a threat needs: a log with cases under way, and ways to export, judge and attack it."""

    def __init__(self, folder: Path, *, tables: bool = True) -> None:
        self.folder = folder
        self.signer = Signer.generate(settings.LOG_ORIGIN)
        self.anchor = folder / "anchor"
        self.sequencer = Sequencer(self.signer, self.anchor)
        self.chains: dict[str, Chain] = {}
        self.exports = 0
        if tables:
            stand_alone()
            sql(TABLES)

    # --- life ---

    def sequence(self) -> int:
        """What the sequencer's process does in one round; the first one makes it the leader."""
        with as_role("sequencer"):
            if self.sequencer.publication is None:
                assert self.sequencer.lead()
                self.sequencer.prepare()
            return self.sequencer.round()

    def say(self, role: str, name: Name, data: ev.EventData, case: str, **more: Any) -> Entry:
        """One event of one case, with the stand-in row moved along, as the role's login."""
        with as_role(role), transaction.atomic():
            chain = self.chains.get(case) or fresh(case)
            chain = Chain(case, chain.seq, chain.head, now())
            actor = Actor(ROLES[role], f"{role}-1")  # type: ignore[arg-type]
            entry = prepare(name=name, data=data, chain=chain, actor=actor, **more)
            change = more.get("change")
            sql(
                "INSERT INTO stand_in_case VALUES (%s, %s, %s, %s) ON CONFLICT (id) DO UPDATE"
                " SET seq = excluded.seq, head = excluded.head, state = coalesce(excluded.state, stand_in_case.state)",
                case, change[1] if change else None, entry.seq, entry.hash,
            )  # fmt: skip
            if name == Name.DECISION_RECORDED:
                vote = (entry.id, case, data.verdict, actor.ref, data.digest)
                sql("INSERT INTO stand_in_vote VALUES (%s, %s, %s, %s, %s)", *vote)
            record([entry])
        self.chains[case] = entry.next
        return entry

    def propose(self, case: str | None = None) -> tuple[str, bytes]:
        case = case or f"action:{uuid4()}"
        digest = hashlib.sha256(case.encode()).digest()
        data = ev.ActionProposed(
            type="refund.issue", type_version="1", proposer="agent-1", digest=digest, risk="low",
            reversibility="reversible", effect_mode="idempotent",
        )  # fmt: skip
        self.say("agent", Name.ACTION_PROPOSED, data, case, change=(None, "proposed"), content={"reasoning": "because"})
        routed = ev.ActionRouted(outcome="review", mode="HITL", floors=[], policy_version=1, needed=1)
        self.say("router", Name.ACTION_ROUTED, routed, case, change=("proposed", "pending"))
        return case, digest

    def decide(self, case: str, digest: bytes, verdict: str = "approve") -> Entry:
        data = ev.DecisionRecorded(verdict=verdict, revision=1, digest=digest)  # type: ignore[arg-type]
        after = "approved" if verdict == "approve" else "rejected"
        return self.say(
            "web", Name.DECISION_RECORDED, data, case, change=("pending", after), content={"rationale": "It is due."}
        )

    def carry_out(self, case: str, digest: bytes) -> Entry:
        begun = ev.AttemptBegun(fence=1, worker="w", digest=digest, key="k")
        leased = ev.AttemptLeased(fence=1, worker="w", digest=digest)
        self.say("executor", Name.ATTEMPT_LEASED, leased, case, change=("approved", "executing"))
        self.say("executor", Name.ATTEMPT_BEGUN, begun, case)
        done = ev.AttemptFinished(fence=1, outcome="succeeded")
        return self.say("executor", Name.ATTEMPT_FINISHED, done, case, change=("executing", "succeeded"))

    def live(self, cases: int = 2) -> list[Entry]:
        """Whole lives of some actions, in the tree; the decisions' entries."""
        decisions = []
        for _ in range(cases):
            case, digest = self.propose()
            decisions.append(self.decide(case, digest))
            self.sequence()
            self.carry_out(case, digest)
        self.sequence()
        return decisions

    # --- judging ---

    def export(self, **request: Any) -> Path:
        self.exports += 1
        place = self.folder / f"export-{self.exports}"
        with as_role("router"):
            export(place, Request(**request))
        return place

    def checkpoint(self) -> Path:
        """A copy of the newest checkpoint, kept elsewhere."""
        kept = self.folder / f"kept-{self.index_of_last()}-{self.exports}"
        body, signature = sql("SELECT body, signature FROM audit.checkpoint ORDER BY size DESC LIMIT 1")[0]
        kept.write_text(note(body, signature))
        return kept

    def receipt(self, entry: Entry) -> Path:
        """What whoever decided was given and keeps: signed with web's own key, which the database names."""
        kept = self.folder / f"receipt-{entry.id}"
        with as_role("web"):
            kept.write_text(receipts.give([receipts.Promise(entry.id, entry.hash, now())])[0])
        return kept

    def index_of_last(self) -> int:
        return int(sql("SELECT size FROM audit.head")[0][0]) - 1

    def index_of(self, entry: Entry) -> int:
        return int(sql("SELECT leaf_index FROM audit.leaf JOIN audit.event USING (n) WHERE id = %s", entry.id)[0][0])

    def after(self, entry: Entry) -> int:
        """The index of the next event of the same case."""
        found = "SELECT leaf_index FROM audit.leaf JOIN audit.event USING (n) WHERE case_id = %s AND case_seq = %s"
        return int(sql(found, entry.case, entry.seq + 1)[0][0])

    # --- the attacker, superuser ---

    @contextlib.contextmanager
    def unguarded(self) -> Iterator[None]:
        """With every trigger of the record switched off, as only its owner or a superuser can."""
        tables = [row[0] for row in sql("SELECT tablename FROM pg_tables WHERE schemaname = 'audit'")]
        for table in tables:
            sql(f'ALTER TABLE audit."{table}" DISABLE TRIGGER ALL')
        yield
        names = """SELECT c.relname, t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
            WHERE c.relnamespace = 'audit'::regnamespace AND NOT t.tgisinternal"""
        for table, trigger in sql(names):
            sql(f'ALTER TABLE audit."{table}" ENABLE ALWAYS TRIGGER "{trigger}"')

    def rewrite(self, change: Callable[[list[dict[str, Any]]], None], signer: Signer) -> None:
        """Change history and make everything in the database agree with it again, with this key."""
        rows = sql("SELECT e.leaf FROM audit.leaf l JOIN audit.event e USING (n) ORDER BY leaf_index")
        leaves = [json.loads(bytes(row[0])) for row in rows]
        sizes = [row[0] for row in sql("SELECT size FROM audit.checkpoint ORDER BY size")]
        change(leaves)
        relink(leaves)
        with self.unguarded():
            for table in ("event", "leaf", "checkpoint", "pending"):
                sql(f"DELETE FROM audit.{table}")
            frontier = Frontier()
            for leaf in leaves:
                self.place(encode(leaf), frontier)
                if frontier.size in sizes or frontier.size == len(leaves):
                    body = checkpoint_body(settings.LOG_ORIGIN, frontier.size, frontier.root())
                    sql("INSERT INTO audit.checkpoint (size, root, body, signature) VALUES (%s, %s, %s, %s)",
                        frontier.size, frontier.root(), body, signer.sign(body))  # fmt: skip
            sql("UPDATE audit.head SET size = %s, frontier = %s", frontier.size, frontier.packed())

    def place(self, leaf: bytes, frontier: Frontier | None = None) -> None:
        """A row as the attacker wants it, past the stamp; into the tree if there is one."""
        n = self.insert(leaf)
        if frontier is not None:
            sql("INSERT INTO audit.leaf VALUES (%s, %s, %s)", frontier.size, n, leaf_hash(leaf))
            frontier.append(leaf_hash(leaf))
        else:
            sql("INSERT INTO audit.pending VALUES (%s, %s)", n, leaf_hash(leaf))

    def insert(self, leaf: bytes) -> int:
        e = json.loads(leaf)
        change = e["change"] or {"from": None, "to": None}
        return int(
            sql(
                "INSERT INTO audit.event (id, name, at, case_id, case_seq, change_from, change_to, actor_ref, writer,"
                " leaf_hash, leaf) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING n",
                e["id"], e["name"], e["at"], e["case"]["id"], e["case"]["seq"], change["from"], change["to"],
                e["actor"]["ref"], e["writer"], leaf_hash(leaf), leaf,
            )[0][0]
        )  # fmt: skip

    def cut(self, size: int) -> None:
        """Back to an earlier checkpoint: tail, checkpoints and head."""
        with self.unguarded():
            sql("DELETE FROM audit.event WHERE n NOT IN (SELECT n FROM audit.leaf WHERE leaf_index < %s)", size)
            sql("DELETE FROM audit.pending")
            sql("DELETE FROM audit.leaf WHERE leaf_index >= %s", size)
            sql("DELETE FROM audit.checkpoint WHERE size > %s", size)
            sql("DELETE FROM audit.content WHERE event_id NOT IN (SELECT id FROM audit.event)")
            frontier = Frontier()
            frontier.extend(bytes(r[0]) for r in sql("SELECT leaf_hash FROM audit.leaf ORDER BY leaf_index"))
            sql("UPDATE audit.head SET size = %s, frontier = %s", frontier.size, frontier.packed())


def relink(leaves: list[dict[str, Any]]) -> None:
    """Number and chain the events of every case anew, in the order they now have."""
    ends: dict[str, tuple[int, bytes]] = {}
    for leaf in leaves:
        seq, head = ends.get(leaf["case"]["id"], (0, ZERO))
        leaf["case"] = {"id": leaf["case"]["id"], "seq": seq + 1, "prev": b64(head)}
        ends[leaf["case"]["id"]] = (seq + 1, leaf_hash(encode(leaf)))


def business(cases: Collection[str] | None) -> Iterator[dict[str, Any]]:
    """The stand-in rows as the record's registry wants them."""
    wanted = None if cases is None else list(cases)
    only = "WHERE %s::text[] IS NULL OR {} = ANY (%s)"
    for case, state, seq, head in sql(
        f"SELECT id, state, seq, head FROM stand_in_case {only.format('id')} ORDER BY id", wanted, wanted
    ):
        yield {"kind": "case", "case": case, "state": state, "seq": seq, "head": b64(bytes(head))}
    for event, case, verdict, reviewer, digest in sql(
        f"SELECT * FROM stand_in_vote {only.format('case_id')} ORDER BY event", wanted, wanted
    ):
        yield {
            "kind": "decision", "event": str(event), "case": case, "verdict": verdict, "reviewer": reviewer,
            "digest": b64(bytes(digest)),
        }  # fmt: skip


class Witness:
    """Cosigns checkpoints, as C2SP's tlog-cosignature says."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.key = Ed25519PrivateKey.generate()
        raw = b"\x04" + self.key.public_key().public_bytes_raw()
        self.id = hashlib.sha256(name.encode() + b"\n" + raw).digest()[:4]
        self.vkey = f"{name}+{self.id.hex()}+{base64.b64encode(raw).decode()}"

    def line(self, body: str, moment: int) -> str:
        message = f"cosignature/v1\ntime {moment}\n{body}"
        blob = self.id + moment.to_bytes(8) + self.key.sign(message.encode())
        return f"\N{EM DASH} {self.name} {base64.b64encode(blob).decode()}\n"


def judge(place: Path, *options: str | Path) -> tuple[int, dict[str, int], str]:
    """Exit code, first bad index by finding, and the last line, of the verifier run in this process."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        code = verify.main([str(place), "--json", *map(str, options)])
    told = json.loads(out.getvalue())
    return code, {finding["name"]: finding["index"] for finding in told["findings"]}, told["verdict"]
