"""The tree over the log is the tree of RFC 6962, and its proofs prove what they say."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onward.registry.log import ledger
from onward.registry.log.ledger import Peaks

# Leaves and roots of the reference tests of Certificate Transparency (certificate-transparency
# merkletree/merkle_tree_test.cc), which RFC 6962 came with.
ENTRIES = [
    bytes.fromhex(text)
    for text in (
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]  # fmt: skip
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
LEAVES = [ledger.leaf_hash(entry) for entry in ENTRIES]


def test_the_empty_tree_is_the_hash_of_nothing():
    assert ledger.root_of([]).hex() == hashlib.sha256(b"").hexdigest()


@pytest.mark.parametrize("size", range(1, 9))
def test_roots_are_those_of_the_reference(size):
    assert ledger.root_of(LEAVES[:size]).hex() == ROOTS[size - 1]


PATHS = {
    (0, 8): ["96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
             "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
             "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"],
    (5, 8): ["bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
             "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
             "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"],
    (2, 3): ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
    (1, 5): ["6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
             "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
             "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"],
}  # fmt: skip


@pytest.mark.parametrize(("index", "size"), PATHS)
def test_inclusion_proofs_are_those_of_the_reference(index, size):
    path = ledger.inclusion_proof(LEAVES[:size], index)
    assert [step.hex() for step in path] == PATHS[index, size]


CONSISTENT = {
    (1, 8): ["96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
             "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
             "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"],
    (6, 8): ["0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
             "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
             "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"],
    (2, 5): ["5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
             "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"],
}  # fmt: skip


@pytest.mark.parametrize(("first", "size"), CONSISTENT)
def test_consistency_proofs_are_those_of_the_reference(first, size):
    path = ledger.consistency_proof(LEAVES[:size], first)
    assert [step.hex() for step in path] == CONSISTENT[first, size]


hashes = st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=70)


@settings(max_examples=60)
@given(hashes, st.data())
def test_proofs_hold_for_every_tree_and_for_no_other(leaves, data):
    root, size = ledger.root_of(leaves), len(leaves)
    index = data.draw(st.integers(0, size - 1))
    path = ledger.inclusion_proof(leaves, index)
    assert ledger.check_inclusion(leaves[index], index, size, path, root)
    assert not ledger.check_inclusion(bytes(32) if leaves[index] != bytes(32) else b"1" * 32,
                                      index, size, path, root)  # fmt: skip
    assert not ledger.check_inclusion(leaves[index], index, size, [*path, root], root)
    first = data.draw(st.integers(1, size))
    proof = ledger.consistency_proof(leaves, first)
    old = ledger.root_of(leaves[:first])
    assert ledger.check_consistency(first, old, size, root, proof)
    assert not ledger.check_consistency(first, b"x" * 32, size, root, proof)
    if proof:
        assert not ledger.check_consistency(first, old, size, root, proof[:-1])


@given(hashes, st.integers(0, 70))
def test_a_tree_grown_in_batches_is_the_tree_grown_at_once(leaves, cut):
    first = Peaks()
    first.extend(leaves[:cut])
    again = Peaks.from_bytes(first.size, first.to_bytes())
    again.extend(leaves[cut:])
    assert again.root() == ledger.root_of(leaves)


def test_a_leaf_and_a_node_are_the_hashes_of_rfc_6962():
    assert [ledger.leaf_hash(entry).hex() for entry in ENTRIES[:2]] == [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
    ]
    assert ledger.node_hash(LEAVES[0], LEAVES[1]).hex() == ROOTS[1]


def test_an_event_stands_in_the_tree_by_a_salted_hash_of_it():
    salt, event = bytes(range(16)), b'{"kind":"registered"}'
    salted = hashlib.sha256(bytes(range(16)) + b'{"kind":"registered"}').digest()
    assert ledger.commitment(salt, event) == salted
    assert ledger.event_leaf(salt, event) == hashlib.sha256(b"\x00" + salted).digest()


@given(st.integers(1, 40), st.integers(-3, 3))
def test_no_leaf_outside_the_tree_is_in_it(size, beyond):
    """Not even with the path of a leaf that is."""
    leaves = [bytes([i]) * 32 for i in range(size)]
    root, last = ledger.root_of(leaves), size - 1
    path = ledger.inclusion_proof(leaves, last)
    outside = size + beyond if beyond >= 0 else beyond
    assert not ledger.check_inclusion(leaves[last], outside, size, path, root)
    assert not ledger.check_inclusion(leaves[last], outside, size, [], leaves[last])
    with pytest.raises(ValueError, match=rf"leaf {outside} is not among {size}"):
        ledger.inclusion_proof(leaves, outside)


@given(hashes, st.data())
def test_no_leaf_stands_at_another_place_or_in_a_tree_of_another_size(leaves, data):
    size = len(leaves)
    leaves = [hashlib.sha256(bytes([i])).digest() for i in range(size)]
    root, index = ledger.root_of(leaves), data.draw(st.integers(0, size - 1))
    path = ledger.inclusion_proof(leaves, index)
    for other in range(size):
        held = ledger.check_inclusion(leaves[index], other, size, path, root)
        assert held == (other == index)
    if path:
        assert not ledger.check_inclusion(leaves[index], index, size, path[:-1], root)
        swapped = [path[0][::-1], *path[1:]]
        assert not ledger.check_inclusion(leaves[index], index, size, swapped, root)


def test_the_empty_tree_begins_every_tree_and_needs_no_proof():
    root = ledger.root_of(LEAVES)
    assert ledger.consistency_proof(LEAVES, 0) == []
    assert ledger.check_consistency(0, ledger.EMPTY_ROOT, 8, root, [])
    assert ledger.check_consistency(0, ledger.EMPTY_ROOT, 0, ledger.EMPTY_ROOT, [])
    assert not ledger.check_consistency(0, LEAVES[0], 8, root, [])
    assert not ledger.check_consistency(0, ledger.EMPTY_ROOT, 8, root, [LEAVES[0]])


def test_a_tree_is_the_beginning_of_itself_and_of_no_shorter_one():
    root, seven = ledger.root_of(LEAVES), ledger.root_of(LEAVES[:7])
    assert ledger.consistency_proof(LEAVES, 8) == []
    assert ledger.check_consistency(8, root, 8, root, [])
    assert not ledger.check_consistency(8, root, 8, root, [LEAVES[0]])
    assert not ledger.check_consistency(8, seven, 8, root, [])
    assert not ledger.check_consistency(8, root, 7, seven, [])
    assert not ledger.check_consistency(8, root, 7, root, [])
    assert not ledger.check_consistency(-1, root, 8, root, [])
    assert not ledger.check_consistency(4, ledger.root_of(LEAVES[:4]), 8, root, [])
    assert not ledger.check_consistency(3, ledger.root_of(LEAVES[:3]), 8, root, [])
    for first in (-1, 9):
        with pytest.raises(ValueError, match=rf"^{first} leaves are not a beginning of 8$"):
            ledger.consistency_proof(LEAVES, first)


@given(st.integers(2, 40), st.data())
def test_a_log_that_was_rewritten_is_no_continuation(size, data):
    """Whatever of the proof is changed, and whichever old leaf was."""
    leaves = [hashlib.sha256(bytes([i])).digest() for i in range(size)]
    first = data.draw(st.integers(1, size - 1))
    old, root = ledger.root_of(leaves[:first]), ledger.root_of(leaves)
    proof = ledger.consistency_proof(leaves, first)
    assert ledger.check_consistency(first, old, size, root, proof)
    at = data.draw(st.integers(0, first - 1))
    rewritten = [*leaves[:at], b"r" * 32, *leaves[at + 1 :]]
    forged = ledger.consistency_proof(rewritten, first)
    assert not ledger.check_consistency(first, old, size, ledger.root_of(rewritten), forged)
    for i in range(len(proof)):
        other = [*proof[:i], proof[i][::-1], *proof[i + 1 :]]
        assert not ledger.check_consistency(first, old, size, root, other)
    assert not ledger.check_consistency(first, old, size, root, [*proof, root])
    assert not ledger.check_consistency(first, old, size, root[::-1], proof)


def test_peaks_that_cannot_stand_for_a_tree_are_refused():
    for size, peaks in ((0, [LEAVES[0]]), (3, [LEAVES[0]]), (4, LEAVES[:2])):
        with pytest.raises(
            ValueError, match=rf"{len(peaks)} peaks cannot stand for {size} leaves"
        ):
            Peaks(size, peaks)
    assert Peaks.from_bytes(3, b"".join(LEAVES[:2])).peaks == LEAVES[:2]
