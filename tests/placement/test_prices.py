"""Prices of large problems: every bound is a proof, and rounding keeps what the prices found."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.placement.generate import reference

from onward.placement.solving.large import core
from onward.placement.solving.large.core import WHOLE_COLUMNS, solve_core
from onward.placement.solving.prices.choices import bundles_of, open_pledges
from onward.placement.solving.prices.pricing import Pricing, some_units


def dual_side(r):
    bundles = bundles_of(r.model, 2 * r.apart)
    return Pricing(r.model, r.value, bundles, np.zeros(r.model.units, bool))


def test_a_part_that_is_all_of_the_units_has_the_same_bound():
    r = reference(400, 10)
    whole = dual_side(r)
    part = some_units(whole, r.model.units, 1)
    price = np.random.default_rng(3).random(len(r.model.limit))
    assert part(price)[0] == pytest.approx(whole(price)[0])
    assert part.soft(price, 0.01)[0] == pytest.approx(whole.soft(price, 0.01)[0])


def test_a_part_keeps_linked_cases_together_and_scales_the_limits():
    r = reference(400, 10)
    part = some_units(dual_side(r), 100, 1).model
    share = part.size.sum() / r.model.size.sum()
    assert 0.1 < share < 0.5
    assert part.limit == pytest.approx(r.model.limit * share)
    assert np.all(np.diff(part.group_start) == 2)
    assert len(np.unique(part.group_member)) == len(part.group_member)
    assert part.group_member.max() < part.units


def test_the_smoothed_bound_is_never_below_the_bound_and_comes_down_to_it():
    r = reference(400, 10)
    side = dual_side(r)
    price = np.random.default_rng(3).random(len(r.model.limit))
    bound = side(price)[0]
    soft = [side.soft(price, softness)[0] for softness in (0.1, 0.01, 0.0001)]
    assert soft[0] >= soft[1] >= soft[2] >= bound - 1e-6
    assert soft[2] == pytest.approx(bound, rel=1e-3)


@pytest.mark.slow
def test_parts_of_the_cases_find_prices_that_prove_a_small_gap(monkeypatch):
    monkeypatch.setattr(core, "PART_UNITS", 900)
    r = reference(4_000, 20, 3)
    assert r.model.columns > WHOLE_COLUMNS
    answer = solve_core(
        r.model, r.value, bundles=bundles_of(r.model, 2 * r.apart), gap=0.002, seconds=60
    )
    opened, fits = open_pledges(r.model, answer.chosen)
    assert any("descent over" in line for line in answer.log)
    assert fits.all()
    assert answer.value <= answer.bound
    assert answer.bound - answer.value <= 0.002 * answer.bound
    assert np.array_equal(opened, answer.pledges)
