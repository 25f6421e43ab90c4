"""Small planted camps given the paces of other operations: forecast better, and little worse misled."""

from __future__ import annotations

import pytest
from benchmarks.planted_references import FIRST_OTHER, WAYS, measure, misleading, others_of

WORSE_AT_MOST = 0.15
"""How much larger the miss may get on average where every move of the others goes astray threefold."""


@pytest.mark.slow
@pytest.mark.proof
def test_others_help_where_a_record_says_little_and_harm_little_where_they_mislead():
    found = measure(16, 3, 150, first=5000, people=300)["ways"]
    alone, with_others, misled = (found[way]["crps"] for way in WAYS)
    assert with_others < alone
    assert misled < alone * (1 + WORSE_AT_MOST)
    assert found[WAYS[1]]["coverage90"] >= found[WAYS[0]]["coverage90"]


def test_other_operations_are_other_camps_and_misleading_ones_agree_with_each_other():
    assert FIRST_OTHER > 100_000, "no camp that is forecast lends its own paces"
    others = others_of(1, 2)
    astray = misleading(others, 1)
    for one, off in zip(others, astray, strict=True):
        assert [seen.families for seen in one.moves] == [seen.families for seen in off.moves]
    by = [
        {
            s.step: s.family_days / o.family_days
            for s, o in zip(one.moves, off.moves, strict=True)
        }
        for one, off in zip(others, astray, strict=True)
    ]
    both = by[0].keys() & by[1].keys()
    assert len(both) > 5
    assert all(by[0][step] == pytest.approx(by[1][step], rel=0.01) for step in both)
    assert max(by[0].values()) > 2 > 0.5 > min(by[0].values())
