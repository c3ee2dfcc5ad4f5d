"""Exports made to confuse the verifier: it names what is wrong or says that it cannot judge; it never falls over."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from audit import verify
from tests.audit.test_threats import reseal
from tests.audit.world import World, judge

pytestmark = pytest.mark.django_db
NAMES = ("manifest.json", "events.jsonl", "checkpoints.jsonl", "content.jsonl", "business.jsonl", "policy")
DEEP = b"[" * 100_000 + b"]" * 100_000
GARBAGE = {
    "empty": b"", "newlines": b"\n\n\n", "zeros": bytes(2000), "not UTF-8": b"\xff\xfe\xfd\n" * 9, "deep": DEEP,
    "null": b"null", "a number": b"1", "a huge number": b"9" * 10_000, "a string": b'"x"', "an array": b"[1,2]",
    "an object": b"{}", "wrong types": b'{"event":1,"field":[],"state":{},"kind":"case","case":3,"v":{}}',
    "a float": b'{"v":1.5}', "infinity": b'{"v":Infinity}', "a long line": b"x" * 3_000_000,
    "a carriage return": b'{"a":1}\r\n', "a byte order mark": b"\xef\xbb\xbf{}",
}  # fmt: skip
MANIFEST = [
    {"time": None}, {"time": "2026-99-99T00:00:00.000000Z"}, {"version": "1"}, {"files": None}, {"files": []},
    {"files": {"../../../etc/passwd": "0" * 64}}, {"files": {"/etc/passwd": "0" * 64}}, {"files": {"events.jsonl": 5}},
    {"cases": "action:x"}, {"cases": 7}, {"events": "many"}, {"events": -1}, {"oldest_unsequenced": "soon"},
    {"oldest_unsequenced": 12}, {"projections": {}}, {"origin": None}, {"size": "x"},
]  # fmt: skip


@pytest.fixture
def good(world: World) -> Path:
    world.live(1)
    return world.export()


def judged(place: Path) -> tuple[int, dict[str, int]]:
    code, found, _ = judge(place)
    assert code in (0, 1, 2)
    assert "CRASH" not in found
    return code, found


@pytest.mark.parametrize("name", NAMES)
def test_garbage_in_any_file_is_named(good: Path, name: str) -> None:
    for garbage in GARBAGE.values():
        kept = (good / name).read_bytes()
        if garbage == kept:
            continue
        (good / name).write_bytes(garbage)
        code, _ = judged(good)
        assert code > 0
        if name != "manifest.json":  # and once more by an attacker who makes the manifest fit
            manifest = (good / "manifest.json").read_bytes()
            reseal(good)
            assert judged(good)[0] > 0
            (good / "manifest.json").write_bytes(manifest)
        (good / name).write_bytes(kept)
    assert judged(good) == (0, {})


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_file_or_a_folder_in_its_place_is_named(good: Path, name: str) -> None:
    (good / name).unlink()
    assert judged(good)[0] > 0
    (good / name).mkdir()
    assert judged(good)[0] > 0


@pytest.mark.parametrize("change", MANIFEST, ids=str)
def test_an_odd_manifest_is_no_traceback(good: Path, change: dict[str, object]) -> None:
    manifest = json.loads((good / "manifest.json").read_text())
    (good / "manifest.json").write_text(json.dumps(manifest | change))
    judged(good)


def test_odd_checkpoints_are_named(good: Path) -> None:
    note = json.loads((good / "checkpoints.jsonl").read_text().splitlines()[-1])
    origin, size, root, *_ = note.split("\n")
    sizes = [f"0{size}", "0", "-1", "٣", "", "99999999999999999", "9" * 5000]
    for odd in (
        *(note.replace(f"\n{size}\n", f"\n{other}\n") for other in sizes),
        note.replace(root, "!!!"), note.replace(root, ""), note.replace("\n\n", "\n"),
        note.replace(origin, ""), note + "x" * 100_000, note.replace("— ", "- "), 7, None, [note], {"note": note},
    ):  # fmt: skip
        (good / "checkpoints.jsonl").write_text(json.dumps(odd) + "\n")
        reseal(good)
        code, found = judged(good)
        assert code == 1 or (code == 2 and "NO_CHECKPOINT" in found) or odd == note + "x" * 100_000


def test_odd_policies_cannot_be_judged(good: Path) -> None:
    key = (good / "policy").read_text().split()[1]
    more = ("quorum", "group g", f"witness w {key}\ngroup g 9 g w\nquorum g", "group g any g\nquorum g", "log x")
    for odd in ("", "log", "log x", f"log {key}x", "witness", "\0", *(f"log {key}\n{line}" for line in more)):
        (good / "policy").write_text(odd)
        reseal(good)
        assert judged(good)[0] == 2


def test_random_damage_never_passes(good: Path) -> None:
    chance = random.Random(11)
    kept = {name: (good / name).read_bytes() for name in ("events.jsonl", "checkpoints.jsonl", "content.jsonl")}
    for _ in range(150):
        name = chance.choice(list(kept))
        raw = bytearray(kept[name])
        for _ in range(chance.randrange(1, 4)):
            place = chance.randrange(len(raw))
            raw[place] = chance.choice([raw[place] ^ 1 << chance.randrange(8), 0x22, 0x7B, 0x0A])
        if raw == kept[name]:
            continue
        (good / name).write_bytes(raw)
        reseal(good)
        code, found = judged(good)
        told = set(kept[name].splitlines()) <= set(bytes(raw).splitlines())
        assert code > 0 or told, (name, found)
        (good / name).write_bytes(kept[name])


def test_tiles_changed_or_missing_are_named(good: Path) -> None:
    tile = next((good / "tile" / "0").rglob("*.p/*"))
    raw = tile.read_bytes()
    tile.write_bytes(raw[:64] + bytes(32) + raw[96:])
    assert judged(good) == (1, {"TILE": 2})
    tile.unlink()
    assert judged(good)[1].keys() == {"TILE"}


def test_a_case_export_proves_what_is_in_it(world: World, tmp_path: Path) -> None:
    decision = world.live()[1]
    place = world.export(cases=[decision.case])
    code, found, last = judge(place)
    assert (code, found, last) == (0, {}, "VALID (key taken from the export)")
    assert len((place / "events.jsonl").read_bytes().splitlines()) == 6
    lines = (place / "events.jsonl").read_bytes().splitlines()
    (place / "events.jsonl").write_bytes(lines[0].replace(b"refund", b"refuse") + b"\n" + b"\n".join(lines[1:]) + b"\n")
    reseal(place)
    assert judged(place)[1]["ROOT"] == 0
    for damage in (b"", b"x", b"c2sp.org/tlog-proof@v1\nindex 99\n\n", DEEP):
        (place / "proofs" / "000001.tlog-proof").write_bytes(damage)
        assert judged(place)[1]["ROOT"] == 0
    shutil.rmtree(place / "proofs")
    assert judged(place)[0] == 1


def test_one_case_of_a_whole_export_can_be_judged_alone(world: World) -> None:
    good, bad = world.live()
    place = world.export()
    rows = [json.loads(line) for line in (place / "content.jsonl").read_text().splitlines()]
    kept = [row for row in rows if row["event"] != str(bad.id)]
    (place / "content.jsonl").write_text("".join(json.dumps(row) + "\n" for row in kept))
    reseal(place)
    assert judge(place)[0] == 1
    assert judge(place, "--case", good.case)[:2] == (0, {})
    assert judge(place, "--case", bad.case)[:2] == (1, {"CONTENT_MISSING": world.index_of(bad)})


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", verify.__file__, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={"PYTHONIOENCODING": "ascii"})


def test_the_program_answers_with_exit_codes_and_words(world: World, tmp_path: Path) -> None:
    world.live(1)
    place, kept = world.export(), world.checkpoint()
    key = tmp_path / "key"
    key.write_text(world.signer.vkey + "\n")
    done = run(place)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "VALID (key taken from the export)")
    done = run(place, "--key", key, "--against", kept, "--all")
    assert (done.returncode, done.stdout.splitlines()[-1], done.stderr) == (0, "VALID", "")
    assert run(tmp_path / "nothing").returncode == 2
    assert run().returncode == 2
    assert run(place, "--key", tmp_path / "none").returncode == 2
    assert run(place, "--what").returncode == 2
    assert run(place, "--against", tmp_path / "none").returncode == 2
    done = run(place, "--progress")
    assert json.loads(done.stderr.splitlines()[0])["done"] == 0
    (place / "events.jsonl").write_bytes((place / "events.jsonl").read_bytes().replace(b"approve", b"approfe"))
    done = run(place)
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1].startswith("TAMPERED: MANIFEST")
    assert "Traceback" not in done.stderr + done.stdout


def test_the_copy_in_the_export_is_the_programs_own_text(world: World) -> None:
    world.live(1)
    assert (world.export() / "verify.py").read_bytes() == Path(verify.__file__).read_bytes()


def test_texts_left_closed_stay_closed_and_valid(world: World) -> None:
    world.live(1)
    place = world.export(fields=[])
    assert b"salt" not in (place / "content.jsonl").read_bytes()
    assert judged(place) == (0, {})


def test_one_role_entries_need_the_event_that_says_so(world: World, good: Path) -> None:
    raw = (good / "events.jsonl").read_bytes()
    (good / "events.jsonl").write_bytes(raw.replace(b'"writer":"web"', b'"writer":"one"'))
    reseal(good)
    assert "VOCAB" in judged(good)[1]
