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
