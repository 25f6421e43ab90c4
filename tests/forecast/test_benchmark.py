"""A ratio of the speed benchmark counts only where the draws agree."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks import libraries
from benchmarks.forecast.__main__ import against, agreement

from onward.forecast.scenarios.search import climb

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


def test_conditions_and_packages_are_held_against_worlds_whose_answer_is_known():
    """The libraries beside them are optional; where one is missing, ours is judged alone."""
    boxes_ = libraries.conditions(4, 2000)["onward"]
    assert boxes_["found"] == 4
    assert boxes_["density"] > 0.75
    assert boxes_["coverage"] > 0.35
    assert boxes_["limits"] < 3
    assert boxes_["off by"] < 0.08
    packages = libraries.packages(3)
    assert packages["onward"]["share of the best"] > 0.9
    assert packages["onward"]["share of the best"] > packages["at random"]["share of the best"]


def test_a_search_tries_the_same_packages_every_time_and_no_more_than_it_may():
    def worth(package):
        return float(
            sum(package) - 3 * (package[0] == package[1]) + (package == (2, 1, 0, 2))
        ), 0.0

    def fits(package):
        return sum(package) <= 5

    tried = climb((3, 3, 3, 3), fits, worth, most=40)
    assert tried == climb((3, 3, 3, 3), fits, worth, most=40)
    assert len(set(tried)) == len(tried) <= 40
    assert all(map(fits, tried))
    assert tried[0] == (0, 0, 0, 0)
    # With room to try them all it finds the best and ends by itself.
    everything = climb((3, 3, 3, 3), fits, worth, most=10_000)
    assert max(everything, key=worth) == (2, 1, 0, 2)
