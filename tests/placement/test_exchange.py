"""Cases that change places: never a limit broken, nobody lost, never worse, the same each time."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.placement.generate import reference
from placement_cast import placed_by_hand

from onward.placement.solving.large.core import solve_core
from onward.placement.solving.prices.choices import (
    bundles_of,
    open_pledges,
    possible,
    total_value,
)
from onward.placement.solving.search.exchange import exchange


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_changing_places_keeps_every_limit_and_is_worth_more(seed):
    r = reference(150, 10, seed)
    model, columns = r.model, np.flatnonzero(possible(r.model))
    begin, free = placed_by_hand(r), np.zeros(r.model.units, bool)
    ask = {"warmth": 0.1, "seed": 1, "steps": 100_000}
    found = exchange(model, r.value, None, begin, columns, free, **ask)
    assert total_value(model, r.value, None, found) > total_value(model, r.value, None, begin)
    assert open_pledges(model, found)[1].all()
    taken = np.flatnonzero(found >= 0)
    assert np.array_equal(model.unit_of_column()[found[taken]], taken)
    again = exchange(model, r.value, None, begin, columns, free, **ask)
    assert np.array_equal(found, again)
    best = solve_core(model, r.value, gap=0.0, seconds=20)
    assert total_value(model, r.value, None, found) <= best.bound + 1e-6


def test_who_has_to_be_placed_stays_placed():
    r = reference(150, 10, 1)
    columns = np.flatnonzero(possible(r.model))
    begin = placed_by_hand(r)
    must = begin >= 0
    found = exchange(
        r.model, r.value, None, begin, columns, must, warmth=1.0, seed=2, steps=100_000
    )
    assert np.all(found[must] >= 0)


def test_linked_cases_that_share_a_slot_move_as_one():
    r = reference(150, 10, 1)
    model, columns = r.model, np.flatnonzero(possible(r.model))
    bundles = bundles_of(model, 2 * r.apart)
    best = solve_core(model, r.value, bundles=bundles, gap=0.01, seconds=20).chosen
    flat = np.zeros(model.columns)
    together = total_value(model, flat, bundles, best)
    assert together > 0
    moved = exchange(
        model, -r.value, bundles, best, columns, best >= 0, warmth=1.0, seed=1, steps=100_000
    )
    assert not np.array_equal(moved, best)
    assert total_value(model, flat, bundles, moved) == together
