"""A second signature line, ML-DSA-44: checked by a library, ignored by whoever does not know it."""

from __future__ import annotations

import base64
import hashlib
import io
import struct
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey
from django.conf import settings
from django.core.management import CommandError, call_command

from audit import notes, verify
from audit.notes import BadNote, MlDsaSigner, Signer, open_checkpoint, read_vkey
from audit.sequencer import Sequencer
from tests.audit.world import World, judge, sql

pytestmark = pytest.mark.django_db


@pytest.fixture
def signed(world: World) -> World:
    """A log whose checkpoints bear both lines."""
    world.sequencer = Sequencer(world.signer, world.anchor, second=MlDsaSigner.generate(settings.LOG_ORIGIN))
    world.live(1)
    return world


def second(world: World) -> MlDsaSigner:
    assert world.sequencer.second is not None
    return world.sequencer.second


def checked(vkey: str, note: str) -> int:
    """How many lines this key signed, as C2SP signed-note and tlog-cosignature say it, taken apart by hand."""
    name, tag, raw = vkey.split("+", 2)
    blob = base64.b64decode(raw)
    assert blob[0] == 6 and len(blob) == 1313
    own = hashlib.sha256(name.encode() + b"\n\x06" + blob[1:]).digest()[:4]
    assert own.hex() == tag
    body, _, tail = note.partition("\n\n")
    origin, size, root = body.split("\n")
    found = 0
    for line in tail.splitlines():
        dash, by, text = line.split(" ")
        line_id, when, signature = (raw := base64.b64decode(text))[:4], raw[4:12], raw[12:]
        if (dash, by, line_id) != ("\N{EM DASH}", name, own):
            continue
        assert len(signature) == 2420
        names = (struct.pack("B", len(one)) + one for one in (name.encode(), origin.encode()))
        by_, of = names
        message = b"subtree/v1\n\x00" + by_ + when + of + struct.pack(">QQ", 0, int(size)) + base64.b64decode(root)
        MLDSA44PublicKey.from_public_bytes(blob[1:]).verify(signature, message)
        found += 1
    return found


def test_every_checkpoint_bears_both_lines_and_a_library_agrees(signed: World) -> None:
    rows = sql("SELECT body, signature FROM audit.checkpoint ORDER BY size")
    assert len(rows) >= 2
    for body, lines in rows:
        note = notes.note(body, lines)
        assert len(lines.splitlines()) == 2
        assert checked(second(signed).vkey, note) == 1
        assert open_checkpoint(note, [signed.signer.vkey]).origin == settings.LOG_ORIGIN
        _, size, root, _ = body.split("\n")
        for old, new in (
            (f"\n{size}\n", f"\n{int(size) + 1}\n"),
            (root, "A" * 43 + "="),
            (settings.LOG_ORIGIN, "a/log"),
        ):
            with pytest.raises(InvalidSignature):
                checked(second(signed).vkey, note.replace(old, new, 1))


def test_whoever_does_not_know_the_key_ignores_its_line(signed: World) -> None:
    place, key = signed.export(), signed.folder / "vkey"
    key.write_text(signed.signer.vkey + "\n")
    assert judge(place, "--key", key, "--against", signed.anchor / "checkpoint", "--all")[:2] == (0, {})
    assert checked(second(signed).vkey, (signed.anchor / "checkpoint").read_text()) == 1
    note = verify.Note((signed.anchor / "checkpoint").read_text())
    assert note.times(verify.Key(signed.signer.vkey)) == [1]
    body = sql("SELECT body FROM audit.checkpoint ORDER BY size DESC LIMIT 1")[0][0]
    with pytest.raises(BadNote, match="no signature"):  # nor does it stand for the log's first line
        open_checkpoint(notes.note(body, second(signed).sign(body)), [signed.signer.vkey])
    with pytest.raises(BadNote):
        read_vkey(second(signed).vkey, 1, 4)


def test_a_leader_without_the_key_goes_on_where_one_with_it_ended(signed: World) -> None:
    signed.sequencer = Sequencer(signed.signer, signed.anchor)
    signed.live(1)
    signed.sequencer = Sequencer(signed.signer, signed.anchor, second=MlDsaSigner.generate(settings.LOG_ORIGIN))
    signed.live(1)
    counts = [len(lines.splitlines()) for (lines,) in sql("SELECT signature FROM audit.checkpoint ORDER BY size")]
    assert set(counts) == {1, 2} and counts[0] == counts[-1] == 2
    assert judge(signed.export())[:2] == (0, {})


def test_the_key_is_made_once_and_only_for_what_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "log-ml-dsa.key"
    monkeypatch.setattr(settings, "LOG_KEY_ML_DSA", path)
    out = io.StringIO()
    call_command("log_key", "--ml-dsa", stdout=out)
    signer = MlDsaSigner.read(path)
    assert out.getvalue() == signer.vkey + "\n"
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(CommandError, match="never overwritten"):
        call_command("log_key", "--ml-dsa", stdout=out)
    with pytest.raises(BadNote, match="holds no log key"):
        Signer.read(path)
    Signer.generate(settings.LOG_ORIGIN).write(tmp_path / "log.key")
    with pytest.raises(BadNote, match="holds no log key"):
        MlDsaSigner.read(tmp_path / "log.key")
    monkeypatch.setattr(settings, "LOG_KEY_ML_DSA", None)
    with pytest.raises(CommandError, match="name a file"):
        call_command("log_key", "--ml-dsa", stdout=out)


def test_the_process_refuses_a_second_key_that_it_cannot_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "LOG_KEY", tmp_path / "log.key")
    monkeypatch.setattr(settings, "LOG_KEY_ML_DSA", tmp_path / "second.key")
    Signer.generate(settings.LOG_ORIGIN).write(tmp_path / "log.key")
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("sequencer")
    MlDsaSigner.generate("another.example/log").write(tmp_path / "second.key")
    with pytest.raises(CommandError, match=r"signs for another\.example/log"):
        call_command("sequencer")


@pytest.mark.parametrize("name", ["", "x" * 256])
def test_a_name_that_the_format_cannot_hold_is_refused(name: str) -> None:
    with pytest.raises(BadNote, match="1 to 255 bytes"):
        notes.subtree_message("log", 0, name, 1, bytes(32))
