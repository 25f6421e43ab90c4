"""Several hundred families again a week later: whoever has nothing to gain stays where last week had them."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from benchmarks.placement.officer import invented

from onward.placement.inputs.aims import read_aims
from onward.placement.inputs.tables import Tables
from onward.placement.propose import EXACT_UNITS, propose
from onward.placement.solving.proposal import Proposal
from onward.placement.telling.check import check

HOUSEHOLDS = 450
AIMS = replace(read_aims(), gap=0.005)


@cache
def last_week() -> tuple[Tables, Proposal]:
    tables, _ = invented(HOUSEHOLDS, 8, 4)
    proposal = propose(tables, AIMS, seconds=120)
    assert proposal.compiled.model.units > EXACT_UNITS
    return tables, proposal


def again(tables: Tables, proposal: Proposal) -> Proposal:
    now = propose(replace(tables, previous=proposal.places()), AIMS, seconds=120)
    assert check(now.compiled.tables, now.places()) == []
    return now


def persons_by_need(proposal: Proposal) -> dict[str, float]:
    """What each case with a place counts as protection."""
    weight = {"emergency": 4.0, "urgent": 2.0}
    cases = {c.case: c for c in proposal.compiled.tables.cases}
    return {c: cases[c].size * weight.get(cases[c].priority, 1.0) for c in proposal.places()}


@pytest.mark.slow
def test_scores_that_move_by_a_hundredth_move_nobody():
    tables, proposal = last_week()
    rng = np.random.default_rng(9)
    scores = tuple(
        replace(s, score=s.score * float(1 + rng.uniform(-0.01, 0.01)))
        for s in tables.scores or ()
    )
    assert again(replace(tables, scores=scores), proposal).places() == proposal.places()


@pytest.mark.slow
def test_where_some_withdraw_nobody_loses_a_place_but_to_greater_need():
    tables, proposal = last_week()
    gone = set(sorted(proposal.places())[:3])
    left = replace(
        tables,
        cases=tuple(c for c in tables.cases if c.case not in gone),
        scores=tuple(s for s in tables.scores or () if s.case not in gone),
    )
    now = again(left, proposal)
    places = now.places()
    before = {case: place for case, place in proposal.places().items() if case not in gone}
    lost = before.keys() - places.keys()
    assert len(lost) <= 2
    had = persons_by_need(proposal)
    got = sum(persons_by_need(now).values())
    assert got > sum(had[case] for case in before)
