"""Exports changed in one place by somebody who makes the manifest fit too: a named finding, and never a traceback."""

from __future__ import annotations

import copy
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from audit import verify
from tests import build
from tests.audit.test_threats import reseal
from tests.audit.world import World, judge

pytestmark = pytest.mark.django_db
WRONG = (None, True, 0, -1, 2**60, "", "x", "\ud800", "A" * 43, [], [[]], {}, {"a": None})
LINES = ("events.jsonl", "checkpoints.jsonl", "content.jsonl", "business.jsonl")


@pytest.fixture
def good(desk: World) -> Path:
    """A whole export of the desk, with a row of every kind."""
    house = build.house()
    build.finished(house)
    build.leased(house)
    build.rejected(house, evidence=(build.evidence(),), reasoning="They asked for it.")
    desk.sequence()
    return desk.export()


def judged(place: Path) -> tuple[int, dict[str, int]]:
    """Judged after the manifest was made to fit; whatever stands there, the verifier itself does not fail."""
    reseal(place)
    code, found, _ = judge(place)
    assert "CRASH" not in found
    assert (code == 0) == (not found)
    return code, found


def rows_of(place: Path, name: str) -> list[Any]:
    return [json.loads(line) for line in (place / name).read_text().splitlines()]


def write(place: Path, name: str, rows: list[Any]) -> None:
    lines = [json.dumps(row, ensure_ascii=False, sort_keys=True, separators=(",", ":")) for row in rows]
    (place / name).write_bytes("".join(f"{line}\n" for line in lines).encode("utf-8", "surrogatepass"))


def one_of_each(rows: list[Any]) -> Iterator[int]:
    """The first row of every shape."""
    seen = set()
    for place, row in enumerate(rows):
        shape = (row.get("kind"), row.get("state"), row.get("name"), row.get("begun"))
        if shape not in seen:
            seen.add(shape)
            yield place


def spots(value: Any) -> Iterator[tuple[Any, ...]]:
    """The way to every value inside."""
    if isinstance(value, dict):
        for key, one in value.items():
            yield (key,)
            yield from ((key, *rest) for rest in spots(one))


def put(value: Any, way: tuple[Any, ...], new: Any) -> Any:
    changed = copy.deepcopy(value)
    inner = changed
    for key in way[:-1]:
        inner = inner[key]
    inner[way[-1]] = new
    return changed


@pytest.mark.slow
@pytest.mark.parametrize("name", ["content.jsonl", "business.jsonl"])
def test_every_value_of_every_kind_of_row_counts(good: Path, name: str) -> None:
    rows = rows_of(good, name)
    assert judged(good) == (0, {})
    passed = []
    for place in one_of_each(rows):
        for way in spots(rows[place]):
            for wrong in WRONG:
                changed = put(rows[place], way, wrong)
                if changed == rows[place]:
                    continue
                write(good, name, [*rows[:place], changed, *rows[place + 1 :]])
                if judged(good)[0] == 0:
                    passed.append((way, wrong, rows[place]))
    assert passed == []


@pytest.mark.slow
def test_every_value_of_an_entry_counts_and_none_makes_the_verifier_fail(good: Path) -> None:
    rows = rows_of(good, "events.jsonl")
    for place in one_of_each(rows):
        for turn, way in enumerate(spots(rows[place])):
            changed = put(rows[place], way, WRONG[turn % len(WRONG)])
            if changed != rows[place]:
                write(good, "events.jsonl", [*rows[:place], changed, *rows[place + 1 :]])
                assert judged(good)[0] == 1


@pytest.mark.slow
def test_every_value_of_the_manifest_may_be_odd(good: Path) -> None:
    manifest = json.loads((good / "manifest.json").read_text())
    for way in spots(manifest):
        for wrong in WRONG:
            text = json.dumps(put(manifest, way, wrong), ensure_ascii=True)
            (good / "manifest.json").write_text(text)
            code, found, _ = judge(good)
            assert "CRASH" not in found, (way, wrong)
            if way[0] in ("files", "events", "time", "version") and put(manifest, way, wrong) != manifest:
                assert code > 0, (way, wrong)


def changed_lines(raw: bytes) -> dict[str, bytes]:
    lines = raw.splitlines(keepends=True)
    return {
        "a line twice": raw + lines[0],
        "backwards": b"".join(reversed(lines)),
        "the first line gone": b"".join(lines[1:]),
        "the last line gone": b"".join(lines[:-1]),
        "an empty line": b"\n" + raw,
        "UTF-16": raw.decode().encode("utf-16"),
        "a byte order mark": b"\xef\xbb\xbf" + raw,
        "line ends of Windows": raw.replace(b"\n", b"\r\n"),
        "a NUL at the end": raw + b"\0",
        "a key twice": raw.replace(b"{", b'{"kind":"x","event":"x","field":"x",', 1),
        "a number with a point": raw.replace(b'"seq":1', b'"seq":1.0'),
        "a number with an exponent": raw.replace(b'"seq":1', b'"seq":1e0'),
        "a number with a sign": raw.replace(b'"seq":1', b'"seq":+1'),
        "NaN": raw.replace(b'"seq":1', b'"seq":NaN'),
        "a number without an end": raw.replace(b'"seq":1', b'"seq":' + b"1" * 20_000),
        "two lines in one": raw.replace(b"\n", b" ", 1),
    }


# Where order or repetition says nothing, it changes nothing: the manifest alone names it, and here it was made to fit.
SAME = {
    ("checkpoints.jsonl", "a line twice"), ("checkpoints.jsonl", "backwards"),
    ("checkpoints.jsonl", "the first line gone"), ("checkpoints.jsonl", "the last line gone"),
    ("checkpoints.jsonl", "two lines in one"),
    ("checkpoints.jsonl", "line ends of Windows"),
    ("content.jsonl", "a line twice"), ("content.jsonl", "backwards"), ("content.jsonl", "line ends of Windows"),
    ("business.jsonl", "backwards"), ("business.jsonl", "line ends of Windows"),
}  # fmt: skip


@pytest.mark.parametrize("name", LINES)
def test_lines_lost_doubled_turned_round_or_written_otherwise_are_named(good: Path, name: str) -> None:
    raw, manifest = (good / name).read_bytes(), (good / "manifest.json").read_bytes()
    for what, changed in changed_lines(raw).items():
        if changed == raw:
            continue
        (good / name).write_bytes(changed)
        (good / "manifest.json").write_bytes(manifest)
        assert judge(good)[1]["MANIFEST"] == -1, what
        code, found = judged(good)
        assert code > 0 or (name, what) in SAME, (what, found)


@pytest.mark.parametrize("name", [*LINES, "policy", "manifest.json"])
def test_a_file_cut_off_anywhere_is_named(good: Path, name: str) -> None:
    raw = (good / name).read_bytes()
    for end in {*range(0, len(raw) - 1, max(1, len(raw) // 60)), len(raw) - 2, len(raw) - 3}:
        (good / name).write_bytes(raw[:end])
        if name == "manifest.json":
            code, found, _ = judge(good)
            assert "CRASH" not in found
        else:
            code, found = judged(good)
        # Of a policy the end may go: it is the export's own word, which --policy overrules.
        assert code > 0 or name == "policy" or raw[:end].endswith(b"\n"), (end, found)


def bomb(place: Path) -> None:
    """Groups of groups, each counted ten times in the next."""
    key = (place / "policy").read_text().split()[1]
    lines = ["group g0 any none"] + [f"group g{n} all {' '.join([f'g{n - 1}'] * 10)}" for n in range(1, 40)]
    own = "group self all " + " ".join(["self"] * 10)
    (place / "policy").write_text("\n".join([f"log {key}", *lines, own, "quorum self", ""]))


def signatures(place: Path) -> None:
    """One note under which the log's own line stands a hundred thousand times."""
    note = rows_of(place, "checkpoints.jsonl")[-1]
    head, _, line = note.partition("\n\n")
    write(place, "checkpoints.jsonl", [f"{head}\n\n{line * 100_000}"])


def pipe(place: Path) -> None:
    (place / "content.jsonl").unlink()
    os.mkfifo(place / "content.jsonl")


def endless(place: Path) -> None:
    (place / "events.jsonl").unlink()
    (place / "events.jsonl").symlink_to("/dev/zero")


def proof_that_is_a_pipe(place: Path) -> None:
    (place / "proofs").mkdir(exist_ok=True)
    os.mkfifo(place / "proofs" / "000000.tlog-proof")


def around(place: Path) -> None:
    """A folder that holds itself."""
    (place / "tile" / "again").symlink_to(place)
    (place / "business.jsonl").unlink()


@pytest.mark.parametrize("trap", [bomb, signatures, pipe, endless, proof_that_is_a_pipe, around])
def test_a_trap_ends_soon_and_with_a_finding(good: Path, trap: Callable[[Path], None]) -> None:
    trap(good)
    began = time.monotonic()
    code, found, _ = judge(good)
    assert code > 0
    assert "CRASH" not in found
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    "data",
    [
        {"below": 5, "gone": "x", "digest": "y"}, {"below": 5}, {"below": "5", "gone": 1, "digest": ""}, {"gone": None},
        {"below": [], "gone": [], "digest": []}, {"below": 10**15, "gone": 10**15, "digest": None},
    ],
)  # fmt: skip
def test_an_odd_order_to_prune_is_named_and_told_without_a_traceback(
    good: Path, data: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    rows = rows_of(good, "events.jsonl")
    rows[0] = rows[0] | {"name": "retention.pruned", "data": data}
    write(good, "events.jsonl", rows)
    reseal(good)
    assert verify.main([str(good)]) == 1
    told = capsys.readouterr()
    assert told.out.splitlines()[-1].startswith("TAMPERED")
    assert "Traceback" not in told.out + told.err
    assert "CRASH" not in told.out


def test_a_policy_with_a_word_that_nobody_knows_is_not_half_obeyed(good: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_text((good / "policy").read_text() + "quroum w1\n")
    code, found, _ = judge(good, "--policy", kept)
    assert (code, list(found)) == (2, ["UNREADABLE"])


def test_a_text_that_no_entry_promises_is_named(good: Path) -> None:
    rows = rows_of(good, "content.jsonl")
    for extra in (
        {"event": "0" * 36, "field": "note", "state": "open", "salt": "", "body": "aGFybWZ1bA"},
        {"event": "0" * 36, "field": "note", "state": "withheld"},
        rows[0] | {"field": "another", "state": "shown"},
    ):
        write(good, "content.jsonl", [*rows, extra])
        assert judged(good)[1].keys() == {"COMMIT"}
    write(good, "content.jsonl", [rows[0] | {"state": "withheld", "body": "aGFybWZ1bA"}, *rows[1:]])
    assert "COMMIT" in judged(good)[1]
