"""Keys that change, witnesses that agree, receipts that do not fit: what the verifier makes of them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import DatabaseError, transaction

from audit import queries, receipts, verify
from audit.canonical import b64, encode, stamp
from audit.ids import uuid7
from audit.notes import Signer, checkpoint_body, note
from audit.sequencer import Refused, Sequencer, retiring_path
from audit.services import now
from tests.audit.test_threats import reseal
from tests.audit.world import Witness, World, judge, sql
from tests.logins import as_role

pytestmark = pytest.mark.django_db


@pytest.fixture
def rotated(world: World, monkeypatch: pytest.MonkeyPatch) -> tuple[World, Signer]:
    """A log whose key was changed; the world signs with the new one, the old one is given beside it."""
    path = world.folder / "log.key"
    monkeypatch.setattr(settings, "LOG_KEY", path)
    old = world.signer
    old.write(path)
    world.live(1)
    call_command("log_key", "--rotate", stdout=StringIO(), stderr=StringIO())
    world.signer = Signer.read(path)
    assert Signer.read(retiring_path(path)) == old
    world.sequencer = Sequencer(world.signer, world.anchor, retiring=old)
    world.live(1)
    return world, old


def keys(folder: Path, *vkeys: str) -> Path:
    path = folder / f"keys-{len(list(folder.iterdir()))}"
    path.write_text("".join(f"{vkey}\n" for vkey in vkeys))
    return path


def test_a_new_key_takes_over_and_the_old_one_is_gone(rotated: tuple[World, Signer]) -> None:
    world, old = rotated
    assert not retiring_path(settings.LOG_KEY).exists()
    assert world.sequencer.retiring is None
    notes = sql("SELECT signature FROM audit.checkpoint ORDER BY size")
    bearing = [row[0].count("\n") for row in notes]
    assert bearing[0] == bearing[-1] == 1
    assert 2 in bearing  # both signed while the log named the new one
    place = world.export()
    policy = (place / "policy").read_text()
    assert f"log {old.vkey}\n#sizes {old.vkey} 0 " in policy
    assert f"log {world.signer.vkey}\n#sizes {world.signer.vkey} " in policy
    assert judge(place)[:2] == (0, {})
    both = keys(world.folder, old.vkey, world.signer.vkey)
    assert judge(place, "--key", both, "--all") == (0, {}, "VALID")
    assert judge(place, "--key", keys(world.folder, old.vkey))[0] == 1  # who has only the old key cannot tell


def test_a_retired_key_signs_nothing_more(rotated: tuple[World, Signer]) -> None:
    world, old = rotated
    place = world.export()
    lines = (place / "checkpoints.jsonl").read_text().splitlines()
    body = json.loads(lines[-1]).partition("\n\n")[0] + "\n"
    (place / "checkpoints.jsonl").write_text("\n".join([*lines[:-1], json.dumps(note(body, old.sign(body)))]) + "\n")
    reseal(place)
    both = keys(world.folder, old.vkey, world.signer.vkey)
    assert judge(place, "--key", both)[:2] == (1, {"SIG": world.index_of_last()})
    assert judge(place)[:2] == (1, {"SIG": world.index_of_last()})
    with as_role("sequencer"), pytest.raises(Refused, match="is retired"):
        Sequencer(old, world.anchor).prepare()


def test_sizes_in_a_policy_bind_and_an_export_cannot_widen_them(world: World) -> None:
    world.live(2)
    place, kept = world.export(), world.checkpoint()
    size = world.index_of_last() + 1
    policy = world.folder / "policy"
    for bounds, code in (("0", 0), (f"0 {size}", 0), (f"0 {size - 1}", 1), (f"{size + 1}", 1)):
        policy.write_text(f"log {world.signer.vkey}\n#sizes {world.signer.vkey} {bounds}\nquorum none\n")
        assert judge(place, "--policy", policy)[0] == code, bounds
    assert "ANCHOR_SIG" in judge(place, "--policy", policy, "--against", kept)[1]


def test_a_rotation_cannot_be_started_twice_nor_without_a_key(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    path = world.folder / "log.key"
    monkeypatch.setattr(settings, "LOG_KEY", path)
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("log_key", "--rotate", stdout=StringIO(), stderr=StringIO())
    world.signer.write(path)
    call_command("log_key", "--rotate", stdout=StringIO(), stderr=StringIO())
    with pytest.raises(CommandError, match="is there already"):
        call_command("log_key", "--rotate", stdout=StringIO(), stderr=StringIO())
    assert Signer.read(retiring_path(path)) == world.signer


def cosign(place: Path, *witnesses: Witness, skip: int = 0, age: int = 0) -> None:
    """These witnesses' lines under all checkpoints but the last `skip`."""
    notes = [json.loads(line) for line in (place / "checkpoints.jsonl").read_text().splitlines()]
    for at in range(len(notes) - skip):
        body = notes[at].partition("\n\n")[0] + "\n"
        notes[at] += "".join(witness.line(body, int(time.time()) - age) for witness in witnesses)
    (place / "checkpoints.jsonl").write_text("".join(json.dumps(text) + "\n" for text in notes))
    reseal(place)


def test_the_quorum_is_k_of_n_on_some_checkpoint_not_older_than_an_hour(world: World) -> None:
    world.live(2)
    w = [Witness(f"w{i}") for i in range(3)]
    policy = world.folder / "policy"
    lines = "".join(f"witness w{i} {one.vkey}\n" for i, one in enumerate(w))
    policy.write_text(f"log {world.signer.vkey}\n{lines}group g 2 w0 w1 w2\nquorum g\n")
    cases: list[tuple[list[Witness], dict[str, int], set[str]]] = [
        ([w[0], w[2]], {}, set()),
        ([w[0], w[2]], {"skip": 1}, set()),  # the newest heads are seen by the witnesses later
        ([w[1]], {}, {"COSIG"}),
        ([w[1], w[1]], {}, {"COSIG"}),
        ([Witness("w0"), w[1]], {}, {"COSIG"}),  # a stranger under a known name
        ([w[0], w[1]], {"age": 4000}, {"STALE"}),
    ]
    for signers, how, names in cases:
        place = world.export()
        cosign(place, *signers, **how)
        _, found, _ = judge(place, "--policy", policy)
        assert set(found) - {"TIME_FUTURE"} == names, (how, found)


def test_receipts_that_do_not_fit_accuse_nobody(world: World) -> None:
    first, second = world.live(2)
    kept = world.receipt(first)
    text = kept.read_text()
    place = world.export()
    odd = world.folder / "odd"
    for words in (
        "",
        "\n",
        "nonsense",
        text.replace(str(first.id), str(second.id)),
        text.partition("\n\n")[0],
        text.replace("\n10\n", "\n99\n"),
        text.replace(receipts.HEADER, receipts.HEADER + "0"),
        "\0",
        "{}",
    ):
        odd.write_text(words)
        code, found, _ = judge(place, "--receipt", odd)
        assert (code, set(found)) == ((0, set()) if not words.strip() else (2, {"RECEIPT_SIG"})), words
    odd.write_text(text + world.receipt(second).read_text())
    assert judge(place, "--receipt", odd)[:2] == (0, {})
    case = world.export(cases=[second.case])
    assert judge(case, "--receipt", odd)[:2] == (2, {"RECEIPT_OTHER": -1})
    odd.unlink()
    assert judge(place, "--receipt", odd)[0] == 2


def test_a_receipt_younger_than_the_export_is_no_evidence(world: World) -> None:
    world.live(1)
    place = world.export()
    case, digest = world.propose()
    late = world.receipt(world.decide(case, digest))
    key = sql("SELECT vkey FROM audit.receipt_key")[0][0]
    policy = world.folder / "policy"
    policy.write_text(f"log {world.signer.vkey}\n#receipt {key}\nquorum none\n")
    assert judge(place, "--policy", policy, "--receipt", late)[:2] == (2, {"RECEIPT_OTHER": -1})
    assert judge(world.export(), "--policy", policy, "--receipt", late)[:2] == (0, {})  # waiting entries count


def test_a_checkpoint_by_a_receipts_key_is_not_the_logs(world: World) -> None:
    first = world.live(1)[0]
    world.receipt(first)
    place = world.export()
    signer = Signer.read(settings.SECRETS_DIR / "receipt-web.key")
    size = world.index_of_last() + 1
    forged = checkpoint_body(settings.LOG_ORIGIN, size, bytes(32))
    (world.folder / "forged").write_text(note(forged, signer.sign(forged)))
    assert judge(place, "--against", world.folder / "forged")[:2] == (2, {"ANCHOR_SIG": -1})


def test_an_export_checks_itself_where_nothing_but_python_is_installed(world: World, tmp_path: Path) -> None:
    decision = world.live(2)[0]
    kept, receipt = world.checkpoint(), world.receipt(decision)
    place = world.export()
    empty = tmp_path / "empty"
    shutil.copytree(place, empty / "export")
    base = Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    command = [base if base.exists() else sys.executable, "-I", "-S", "export/verify.py", "export"]
    done = subprocess.run(
        [*map(str, command), "--against", str(kept), "--receipt", str(receipt)],
        capture_output=True, text=True, check=False, cwd=empty, env={},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "VALID (key taken from the export)"
    assert "python verify.py ." in (place / "README.txt").read_text()


def test_the_newest_cosigned_size_is_told(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.live(1)
    place, witness = world.export(), Witness("w1")
    policy = world.folder / "policy"
    policy.write_text(f"log {world.signer.vkey}\nwitness w1 {witness.vkey}\nquorum w1\n")
    cosign(place, witness)
    assert verify.main([str(place), "--policy", str(policy)]) == 0
    assert f"{world.index_of_last() + 1} seen by witnesses" in capsys.readouterr().out


def test_cosignatures_and_stamps_come_with_the_export(world: World) -> None:
    world.live(1)
    size, body = sql("SELECT size, body FROM audit.checkpoint ORDER BY size DESC LIMIT 1")[0]
    witness = Witness("w1")
    for age in (50, 30, 0):
        line = witness.line(body, int(time.time()) - age)
        sql("INSERT INTO audit.signature (size, signer, line, at) VALUES (%s, 'w1', %s, now() - %s * interval '1 s')",
            size, line, age)  # fmt: skip
    sql("INSERT INTO audit.timestamp (size, authority, note, token) VALUES (%s, 'tsa', 'the note', 'x')", size)
    with as_role("router"):
        assert len(queries.cosignatures(size)[size]) == 2  # the first and the newest
    place = world.export()
    notes = [verify.Note(json.loads(line)) for line in (place / "checkpoints.jsonl").read_text().splitlines()]
    assert len(notes[-1].times(verify.Key(witness.vkey, 4))) == 2
    assert (place / "timestamps" / f"000001-{size}.txt").read_text() == "the note"
    assert (place / "timestamps" / f"000001-{size}.tsr").read_bytes() == b"x"


ODD: dict[str, tuple[bytes, bytes]] = {
    "a space": (b'{"actor"', b'{ "actor"'),
    "an escape": (b'"request":""', b'"request":"\\u0041"'),
    "not NFC": (b'"request":""', '"request":"e\u0301"'.encode()),
    "a fraction": (b'"risk":"low"', b'"risk":1.0'),
    "beyond 53 bits": (b'"risk":"low"', b'"risk":9007199254740993'),
    "minus zero": (b'"risk":"low"', b'"risk":-0'),
    "a key twice": (b'"v":1', b'"v":1,"v":1'),
    "too deep": (b'"risk":"low"', b'"risk":' + b"[" * 40 + b"]" * 40),
    "another version": (b'"v":1', b'"v":2'),
    "two digests": (b'"commit":{}', b'"commit":{"payload":"AAAA"}'),
    "no digest": (b'"commit":{}', b'"commit":{"x":1}'),
    "another state": (b'"change":null', b'"change":{"from":"approved","to":"pending"}'),
    "half a change": (b'"change":null', b'"change":{"to":"pending"}'),
}


@pytest.mark.parametrize("odd", ["", *ODD])
def test_an_agents_leaf_is_canonical_or_refused(world: World, odd: str) -> None:
    case, _ = world.propose()
    row = sql("SELECT leaf FROM audit.event WHERE case_id = %s ORDER BY case_seq LIMIT 1", case)[0][0]
    chain = world.chains[case]
    leaf = json.loads(bytes(row)) | {"id": str(uuid7()), "at": stamp(now()), "change": None, "commit": {}}
    leaf |= {"name": "action.withdrawn", "case": {"id": case, "seq": chain.seq + 1, "prev": b64(chain.head)}}
    raw = encode(leaf)
    with as_role("agent"), transaction.atomic():
        if not odd:
            sql("INSERT INTO audit.event (leaf) VALUES (%s)", raw)
            transaction.set_rollback(True)
            return
        changed = raw.replace(*ODD[odd])
        assert changed != raw
        with pytest.raises(DatabaseError) as caught, transaction.atomic():
            sql("INSERT INTO audit.event (leaf) VALUES (%s)", changed)
    assert getattr(caught.value.__cause__, "sqlstate", "") in ("AU005", "AU006")
