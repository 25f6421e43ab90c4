"""A ratio of the speed benchmark counts only where the draws agree."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.forecast.__main__ import against, agreement

OURS = np.random.default_rng(1).normal(1000, 30, 4000).round()


def peer(change, n=24):
    return change(np.random.default_rng(2).normal(0, 1, n)).round()


@pytest.mark.parametrize("n", [3, 24, 600])
def test_a_peer_with_the_same_law_agrees_and_gets_its_ratio(n):
    found = against(2.0, 0.001, peer(lambda z: 1000 + 30 * z, n), OURS)
    assert found["agrees"]
    assert found["futures"] == n
    assert found["ratio"] == pytest.approx(2000)


@pytest.mark.parametrize(
    ("what", "change"),
    [
        ("leaves more people", lambda z: 1040 + 30 * z),
        ("spreads too little", lambda z: 1000 + 8 * z),
        ("spreads too much", lambda z: 1000 + 90 * z),
    ],
)
def test_a_peer_with_another_law_gets_no_ratio(what, change):
    found = against(2.0, 0.001, peer(change), OURS)
    assert not found["agrees"], what
    assert found["ratio"] is None


def test_a_peer_of_another_shape_is_found_by_its_whole_distribution():
    two_peaks = peer(lambda z: 1000 + 30 * np.sign(z), 600)
    found = agreement(two_peaks, OURS)
    assert abs(found["mean_z"]) < 4
    assert abs(found["sd_z"]) < 4
    assert found["ks_p"] < 0.001
    assert not found["agrees"]
