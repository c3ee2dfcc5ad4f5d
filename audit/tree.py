"""The Merkle tree of RFC 6962, section 2: a frontier that grows, proofs, and their checks. No Django.

`audit/verify.py` shares no line with this module: two readings of the RFC must agree.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence

EMPTY = hashlib.sha256(b"").digest()
Node = Callable[[int, int], bytes]
"""The root of the perfect subtree over leaves [i * 2**level, (i + 1) * 2**level)."""


class BadProof(ValueError):
    """A proof that does not lead from the leaf or the older root to the root given."""


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


class Frontier:
    """The roots of the perfect subtrees of a tree, largest first; all that appending needs."""

    def __init__(self, size: int = 0, packed: bytes = b"") -> None:
        if len(packed) != 32 * size.bit_count():
            raise ValueError(f"a tree of {size} leaves has {size.bit_count()} perfect subtrees")
        self.size = size
        self.roots = [packed[i : i + 32] for i in range(0, len(packed), 32)]

    def append(self, leaf: bytes) -> None:
        """Add a leaf hash: merge as many subtrees as the old size has trailing ones."""
        low = self.size
        while low & 1:
            leaf = node_hash(self.roots.pop(), leaf)
            low >>= 1
        self.roots.append(leaf)
        self.size += 1

    def extend(self, leaves: Iterable[bytes]) -> None:
        for leaf in leaves:
            self.append(leaf)

    def root(self) -> bytes:
        """The tree's root; SHA-256 of nothing for no leaves."""
        if not self.roots:
            return EMPTY
        found = self.roots[-1]
        for left in reversed(self.roots[:-1]):
            found = node_hash(left, found)
        return found

    def packed(self) -> bytes:
        return b"".join(self.roots)


def root_of(leaves: Iterable[bytes]) -> bytes:
    """The root over leaf hashes."""
    frontier = Frontier()
    frontier.extend(leaves)
    return frontier.root()


def nodes_of(leaves: Sequence[bytes]) -> Node:
    """Subtree roots computed from leaf hashes in memory."""
    return lambda level, index: root_of(leaves[index << level : (index + 1) << level])


def range_root(node: Node, start: int, stop: int) -> bytes:
    """The RFC's MTH over leaves [start, stop), where start is where such a subtree begins."""
    if (stop - start).bit_count() == 1:  # most steps of a proof: no frontier is needed
        return node((stop - start).bit_length() - 1, start // (stop - start))
    frontier = Frontier()
    while start < stop:
        level = (stop - start).bit_length() - 1
        frontier.roots.append(node(level, start >> level))
        start += 1 << level
    return frontier.root()


def _split(size: int) -> int:
    """The largest power of two smaller than `size`."""
    return 1 << ((size - 1).bit_length() - 1)


def inclusion(node: Node, index: int, size: int) -> list[bytes]:
    """RFC 6962, section 2.1.1: the audit path of leaf `index` in the tree of `size` leaves."""
    if not 0 <= index < size:
        raise IndexError(f"leaf {index} is not in a tree of {size}")
    path: list[bytes] = []
    start, stop = 0, size
    while stop - start > 1:
        middle = start + _split(stop - start)
        if index < middle:
            path.append(range_root(node, middle, stop))
            stop = middle
        else:
            path.append(range_root(node, start, middle))
            start = middle
    return path[::-1]


def consistency(node: Node, old: int, new: int) -> list[bytes]:
    """RFC 6962, section 2.1.2: why the tree of `old` leaves is a prefix of the tree of `new`."""
    if not 0 < old <= new:
        raise IndexError(f"there is no proof from {old} to {new} leaves")
    path: list[bytes] = []
    start, stop, whole = 0, new, True
    while old < stop:
        middle = start + _split(stop - start)
        if old <= middle:
            path.append(range_root(node, middle, stop))
            stop = middle
        else:
            path.append(range_root(node, start, middle))
            start, whole = middle, False
    if not whole:
        path.append(range_root(node, start, stop))
    return path[::-1]


def check_inclusion(path: Sequence[bytes], index: int, size: int, leaf: bytes, root: bytes) -> None:
    """RFC 9162, section 2.1.3.2. Raises BadProof."""
    if not 0 <= index < size:
        raise BadProof(f"leaf {index} cannot be in a tree of {size}")
    place, last, found = index, size - 1, leaf
    for step in path:
        if last == 0:
            raise BadProof("the path is too long")
        if place & 1 or place == last:
            found = node_hash(step, found)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            found = node_hash(found, step)
        place, last = place >> 1, last >> 1
    if last or found != root:
        raise BadProof("the path does not lead to the root")


def check_consistency(path: Sequence[bytes], old: int, new: int, old_root: bytes, new_root: bytes) -> None:
    """RFC 9162, section 2.1.4.2. Raises BadProof."""
    if not 0 < old <= new:
        raise BadProof(f"no proof leads from {old} to {new} leaves")
    if old == new:
        if path or old_root != new_root:
            raise BadProof("one size, two roots")
        return
    steps = list(path)
    if old & (old - 1) == 0:
        steps.insert(0, old_root)
    if not steps:
        raise BadProof("the proof is empty")
    place, last = old - 1, new - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    first = second = steps[0]
    for step in steps[1:]:
        if last == 0:
            raise BadProof("the proof is too long")
        if place & 1 or place == last:
            first, second = node_hash(step, first), node_hash(step, second)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            second = node_hash(second, step)
        place, last = place >> 1, last >> 1
    if last or first != old_root or second != new_root:
        raise BadProof("the proof does not join the two roots")
