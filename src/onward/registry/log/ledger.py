"""The tree over the log: what makes an edit, a removal or a reordering visible afterwards.

Exists because a log that only its keeper can vouch for proves nothing. A Merkle tree as in
RFC 6962 stands over salted commitments to the canonical events; its root, signed and printed on
every report (`checkpoints`), binds everything before it. In come leaf hashes; out come roots and
proofs that anybody can check offline. Knows no store and no event.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

EMPTY_ROOT = hashlib.sha256(b"").digest()
HASH_BYTES = 32
SALT_BYTES = 16


def commitment(salt: bytes, canonical: bytes) -> bytes:
    """What stands in the tree for an event: says nothing about it without the salt."""
    return hashlib.sha256(salt + canonical).digest()


def leaf_hash(entry: bytes) -> bytes:
    """RFC 6962 2.1: SHA-256(0x00 | entry)."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """RFC 6962 2.1: SHA-256(0x01 | left | right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def event_leaf(salt: bytes, canonical: bytes) -> bytes:
    """The leaf hash of one event."""
    return leaf_hash(commitment(salt, canonical))


class Peaks:
    """The roots of the perfect subtrees of a growing tree: all that appending needs.

    size   leaves so far
    peaks  largest subtree first; their sizes are the ones in the binary form of `size`
    """

    def __init__(self, size: int = 0, peaks: Sequence[bytes] = ()) -> None:
        if bin(size).count("1") != len(peaks):
            raise ValueError(f"{len(peaks)} peaks cannot stand for {size} leaves")
        self.size = size
        self.peaks = list(peaks)

    @classmethod
    def from_bytes(cls, size: int, data: bytes) -> Peaks:
        """The inverse of `to_bytes`."""
        return cls(size, [data[i : i + HASH_BYTES] for i in range(0, len(data), HASH_BYTES)])

    def to_bytes(self) -> bytes:
        return b"".join(self.peaks)

    def append(self, leaf: bytes) -> None:
        peaks, rest = self.peaks, self.size
        while rest & 1:
            leaf = node_hash(peaks.pop(), leaf)
            rest >>= 1
        peaks.append(leaf)
        self.size += 1

    def extend(self, leaves: Iterable[bytes]) -> None:
        for leaf in leaves:
            self.append(leaf)

    def root(self) -> bytes:
        if not self.peaks:
            return EMPTY_ROOT
        found = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            found = node_hash(peak, found)
        return found


def root_of(leaves: Iterable[bytes]) -> bytes:
    """The root over leaf hashes, in order."""
    peaks = Peaks()
    peaks.extend(leaves)
    return peaks.root()


def _split(size: int) -> int:
    """The largest power of two smaller than size."""
    return 1 << (size - 1).bit_length() - 1


def inclusion_proof(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """RFC 6962 2.1.1: the hashes that lead from one leaf to the root."""
    if not 0 <= index < len(leaves):
        raise ValueError(f"leaf {index} is not among {len(leaves)}")
    path: list[bytes] = []
    start, size = 0, len(leaves)
    while size > 1:
        half = _split(size)
        if index < half:
            path.append(root_of(leaves[start + half : start + size]))
            size = half
        else:
            path.append(root_of(leaves[start : start + half]))
            start, index, size = start + half, index - half, size - half
    return path[::-1]


def consistency_proof(leaves: Sequence[bytes], first: int) -> list[bytes]:
    """RFC 6962 2.1.2: that the tree of the first leaves is the beginning of the whole tree."""
    if not 0 <= first <= len(leaves):
        raise ValueError(f"{first} leaves are not a beginning of {len(leaves)}")
    if first in (0, len(leaves)):
        return []
    path: list[bytes] = []
    start, size, wanted, whole = 0, len(leaves), first, True
    while wanted != size:
        half = _split(size)
        if wanted <= half:
            path.append(root_of(leaves[start + half : start + size]))
            size = half
        else:
            path.append(root_of(leaves[start : start + half]))
            start, wanted, size, whole = start + half, wanted - half, size - half, False
    if not whole:
        path.append(root_of(leaves[start : start + size]))
    return path[::-1]


def check_inclusion(
    leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes
) -> bool:
    """Whether a proof leads from a leaf to a root (RFC 9162 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    here, last, found = index, size - 1, leaf
    for step in path:
        if last == 0:
            return False
        if here & 1 or here == last:
            found = node_hash(step, found)
            while not here & 1 and here:
                here, last = here >> 1, last >> 1
        else:
            found = node_hash(found, step)
        here, last = here >> 1, last >> 1
    return last == 0 and found == root


def check_consistency(
    first: int, first_root: bytes, size: int, root: bytes, path: Sequence[bytes]
) -> bool:
    """Whether the tree of `first` leaves is a beginning of the tree of `size` (RFC 9162 2.1.4.2)."""
    if not 0 <= first <= size:
        return False
    if first == size:
        return not path and first_root == root
    if first == 0:
        return not path and first_root == EMPTY_ROOT
    steps = list(path)
    if first & (first - 1) == 0:
        steps.insert(0, first_root)
    if not steps:
        return False
    here, last = first - 1, size - 1
    while here & 1:
        here, last = here >> 1, last >> 1
    old = new = steps[0]
    for step in steps[1:]:
        if last == 0:
            return False
        if here & 1 or here == last:
            old, new = node_hash(step, old), node_hash(step, new)
            while not here & 1 and here:
                here, last = here >> 1, last >> 1
        else:
            new = node_hash(new, step)
        here, last = here >> 1, last >> 1
    return last == 0 and old == first_root and new == root
