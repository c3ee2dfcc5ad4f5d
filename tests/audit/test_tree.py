"""The tree against another implementation (scitt-cose), both ways, and against the verifier's own."""

from __future__ import annotations

import contextlib
import hashlib
import random
from itertools import pairwise
from pathlib import Path

import pytest
from scitt_cose import merkle

from audit import verify
from audit.tiles import TileWriter, nodes_from, tile_path
from audit.tree import (
    EMPTY,
    BadProof,
    Frontier,
    check_consistency,
    check_inclusion,
    consistency,
    inclusion,
    nodes_of,
    root_of,
)

ENTRIES = [f"entry {number}".encode() for number in range(300)]
HASHES = [hashlib.sha256(b"\0" + entry).digest() for entry in ENTRIES]
HEX = [entry.hex() for entry in ENTRIES]
SOME = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 31, 33, 64, 65, 127, 128, 129, 255, 256, 257, 300]


def roots(sizes: list[int]) -> dict[int, bytes]:
    return {size: root_of(HASHES[:size]) for size in sizes}


def check_roots(sizes: list[int]) -> None:
    tree = verify.Tree()
    tree.levels[0] += b"".join(HASHES)
    tree.build()
    for size, root in roots(sizes).items():
        assert root.hex() == merkle.merkle_root(HEX[:size])
        assert tree.root(size) == root


def check_size(size: int) -> None:
    """Every index: our path in their check, their path in ours, and the verifier's climb."""
    root, node = root_of(HASHES[:size]), nodes_of(HASHES[:size])
    for index in range(size):
        path = inclusion(node, index, size)
        assert merkle.verify_inclusion(HEX[index], index, size, [step.hex() for step in path], root.hex())
        theirs = [bytes.fromhex(step) for step in merkle.inclusion_proof(HEX[:size], index)]
        assert theirs == path
        check_inclusion(theirs, index, size, HASHES[index], root)
        assert verify.climb(HASHES[index], index, size, path) == root


def check_pair(old: int, new: int, known: dict[int, bytes]) -> None:
    path = consistency(nodes_of(HASHES[:new]), old, new)
    told = [step.hex() for step in path]
    assert merkle.verify_consistency(known[old].hex(), known[new].hex(), old, new, told)
    theirs = [bytes.fromhex(step) for step in merkle.consistency_proof(HEX, old, new)]
    assert theirs == path
    check_consistency(theirs, old, new, known[old], known[new])


def test_roots_agree_at_every_size() -> None:
    assert Frontier().root() == EMPTY
    check_roots(list(range(301)))


def test_inclusion_proofs_agree_both_ways() -> None:
    for size in SOME[:14]:
        check_size(size)


def test_consistency_proofs_agree_both_ways() -> None:
    known = roots(list(range(301)))
    for new in range(1, 24):
        for old in range(1, new + 1):
            check_pair(old, new, known)
    for old, new in pairwise(SOME[1:]):
        check_pair(old, new, known)


@pytest.mark.slow
def test_inclusion_proofs_agree_at_every_index_of_every_size() -> None:
    for size in range(301):
        check_size(size)


@pytest.mark.slow
def test_consistency_proofs_agree_between_every_two_sizes() -> None:
    known = roots(list(range(301)))
    for new in range(1, 301):
        for old in range(1, new + 1):
            check_pair(old, new, known)


@pytest.mark.slow
def test_a_thousand_random_trees_agree() -> None:
    check_random(1000)


def test_random_trees_agree() -> None:
    check_random(20)


def check_random(count: int) -> None:
    chance = random.Random(7)
    for _ in range(count):
        size = chance.randrange(1, 1500)
        entries = [chance.randbytes(chance.randrange(40)) for _ in range(size)]
        hashes = [hashlib.sha256(b"\0" + entry).digest() for entry in entries]
        index, node = chance.randrange(size), nodes_of(hashes)
        old = chance.randrange(1, size + 1)
        path = [step.hex() for step in inclusion(node, index, size)]
        told = [entry.hex() for entry in entries]
        root, before = root_of(hashes), root_of(hashes[:old])
        assert merkle.merkle_root(told) == root.hex()
        assert merkle.verify_inclusion(told[index], index, size, path, root.hex())
        joined = [step.hex() for step in consistency(node, old, size)]
        assert merkle.verify_consistency(before.hex(), root.hex(), old, size, joined)


def test_damaged_proofs_are_refused_by_both() -> None:
    chance = random.Random(3)
    for _ in range(300):
        size = chance.randrange(2, 300)
        index, root, node = chance.randrange(size), root_of(HASHES[:size]), nodes_of(HASHES[:size])
        path = damage(inclusion(node, index, size), chance)
        with pytest.raises(BadProof):
            check_inclusion(path, index, size, HASHES[index], root)
        assert not merkle.verify_inclusion(HEX[index], index, size, [step.hex() for step in path], root.hex())
        with contextlib.suppress(ValueError, IndexError):
            assert verify.climb(HASHES[index], index, size, path) != root
        old = chance.randrange(1, size)
        joined = damage(consistency(node, old, size), chance)
        before = root_of(HASHES[:old])
        with pytest.raises(BadProof):
            check_consistency(joined, old, size, before, root)
        told = [step.hex() for step in joined]
        assert not merkle.verify_consistency(before.hex(), root.hex(), old, size, told)


def damage(path: list[bytes], chance: random.Random) -> list[bytes]:
    """Another path: one bit turned, a step dropped, or one too many."""
    kind, copy = chance.randrange(3), list(path)
    if kind == 0 and copy:
        place = chance.randrange(len(copy))
        copy[place] = bytes([copy[place][0] ^ 1]) + copy[place][1:]
    elif kind == 1 and copy:
        del copy[chance.randrange(len(copy))]
    else:
        copy.append(bytes(32))
    return copy


def test_a_wrong_index_or_size_is_refused() -> None:
    node, root = nodes_of(HASHES[:9]), root_of(HASHES[:9])
    path = inclusion(node, 4, 9)
    for index, size in ((3, 9), (4, 8), (4, 17), (-1, 9), (9, 9)):
        with pytest.raises(BadProof):
            check_inclusion(path, index, size, HASHES[4], root)
    with pytest.raises(BadProof):
        check_consistency([], 0, 9, EMPTY, root)
    with pytest.raises(BadProof):
        check_consistency([], 9, 9, root, EMPTY)


def test_tile_names_are_those_of_tlog_tiles() -> None:
    for level, number, width, name in (
        (0, 0, 256, "tile/0/000"), (1, 1_234_067, 256, "tile/1/x001/x234/067"), (0, 999, 3, "tile/0/999.p/3"),
        (2, 1000, 256, "tile/2/x001/000"),
    ):  # fmt: skip
        assert tile_path(level, number, width) == name
    for size in (1, 255, 256, 257, 65_536, 65_537, 256 * 1001 + 3):
        told = {name: (first, each) for name, first, each, _ in verify.Tree().tiles(size)}
        ours = {}
        for level in range(3):
            row = size >> 8 * level
            for number in range(-(-row // 256)):
                name = tile_path(level, number, min(256, row - 256 * number))
                ours[name] = (256 * number << 8 * level, 1 << 8 * level)
        assert told == ours


@pytest.mark.parametrize("size", [1, 255, 256, 257, 700, 66_000])
def test_tiles_hold_the_tree_and_give_its_proofs(size: int, tmp_path: Path) -> None:
    hashes = [hashlib.sha256(number.to_bytes(4)).digest() for number in range(size)]
    writer = TileWriter(tmp_path, entries=False)
    for leaf in hashes:
        writer.add(leaf)
    writer.partials()

    def tile(level: int, index: int, width: int) -> list[bytes]:
        raw = (tmp_path / tile_path(level, index, width)).read_bytes()
        return [raw[i : i + 32] for i in range(0, len(raw), 32)]

    frontier = Frontier()
    frontier.extend(hashes)
    node = nodes_from(tile, size)
    for index in {0, 1, size // 2, size - 1} & set(range(size)):
        path = inclusion(node, index, size)
        assert len(path) <= 20
        check_inclusion(path, index, size, hashes[index], frontier.root())
    assert Frontier(size, frontier.packed()).root() == frontier.root()


def test_partial_tiles_of_the_checkpoint_before_stay_until_the_next_but_one(tmp_path: Path) -> None:
    writer = TileWriter(tmp_path, entries=True)
    for leaf in HASHES[:3]:
        writer.add(leaf, b"leaf")
        writer.partials()
    there = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
    assert there == ["tile/0/000.p/2", "tile/0/000.p/3", "tile/entries/000.p/2", "tile/entries/000.p/3"]
    assert (tmp_path / "tile/entries/000.p/2").read_bytes() == b"\0\x04leaf\0\x04leaf"
