"""Everybody placed goes where it does most good: never a limit broken, nobody lost, worth more, a true
bound, the same each time."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.placement.generate import reference
from placement_cast import placed_by_hand

from onward.placement.anew import place_everybody
from onward.placement.by_programme import Choices
from onward.placement.choices import bundles_of, open_pledges, total_value
from onward.placement.core import solve_core
from onward.placement.part import Part
from onward.placement.pricing import Pricing


def placed(seed, bonus=0.0):
    """A problem in which everybody placed by hand is held, what each loses (nothing), and that choice."""
    r = reference(150, 10, seed)
    bundles = bundles_of(r.model, bonus) if bonus else None
    chosen = placed_by_hand(r)
    pricing = Pricing(r.model, r.outcome, bundles, chosen >= 0)
    count = r.model.columns + (0 if bundles is None else len(bundles))
    return pricing, np.zeros(count), chosen


def filled(pricing, none, begin):
    """From no relaxation: everybody at their best, as the only bound."""
    most = np.maximum.reduceat(pricing.value, pricing.model.start[:-1])[pricing.must].sum()
    bonus = 0.0 if pricing.bundles is None else float(pricing.bundles.bonus.sum())
    all_ = Choices(pricing, none, none)
    found, bound = place_everybody(
        all_, begin, float(most) + bonus, 0.05, lambda: 1e6, lambda text: None
    )
    assert bound >= total_value(pricing.model, pricing.value, pricing.bundles, found) - 1e-6
    return found


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("bonus", [0.0, 2.0])
def test_filling_anew_keeps_every_limit_and_is_worth_more(seed, bonus):
    pricing, none, begin = placed(seed, bonus)
    model, value, bundles = pricing.model, pricing.value, pricing.bundles
    found = filled(pricing, none, begin)
    assert open_pledges(model, found)[1].all()
    assert np.all(found[begin >= 0] >= 0)
    taken = np.flatnonzero(found >= 0)
    assert np.array_equal(model.unit_of_column()[found[taken]], taken)
    worth = [total_value(model, value, bundles, chosen) for chosen in (begin, found)]
    assert worth[1] > worth[0]
    assert np.array_equal(found, filled(pricing, none, begin))


@pytest.mark.parametrize("bonus", [0.0, 2.0])
def test_a_choice_is_the_same_families_in_the_same_windows_however_it_is_written(bonus):
    pricing, none, begin = placed(1, bonus)
    model = pricing.model
    all_ = Choices(pricing, none, none)
    x = all_.state(begin)
    back = all_.columns(x)
    assert np.array_equal(model.usage(back), model.usage(begin))
    assert np.array_equal(back >= 0, begin >= 0)
    worth = [total_value(model, pricing.value, pricing.bundles, one) for one in (begin, back)]
    assert all_.cost @ x == pytest.approx(worth[0])
    assert worth[1] == pytest.approx(worth[0])


def test_windows_that_bring_different_points_are_different_choices():
    pricing, none, begin = placed(1)
    model = pricing.model
    later = pricing.value + 0.1 * model.slot_order[model.slot].astype(np.float32)
    dated = Pricing(model, later, None, pricing.must)
    assert len(Choices(dated, none, none).kind) > len(Choices(pricing, none, none).kind)
    found = filled(dated, none, begin)
    assert total_value(model, later, None, found) > total_value(model, later, None, begin)
    assert open_pledges(model, found)[1].all()


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("bonus", [0.0, 2.0])
def test_the_bound_is_true_and_a_small_problem_is_solved_to_the_end(seed, bonus):
    r = reference(60, 6, seed)
    begin = placed_by_hand(r)
    bundles = bundles_of(r.model, bonus) if bonus else None
    must = begin >= 0
    pricing = Pricing(r.model, r.outcome, bundles, must)
    every = np.arange(0 if bundles is None else len(bundles))
    plain = Part(
        pricing, np.arange(r.model.columns), every, r.model.limit, slack_cost=None,
        units=np.arange(r.model.units),
    )  # fmt: skip
    plain.whole(600.0, np.inf, 0.0, begin)
    best = plain.highs.getInfo().objective_function_value
    answer = solve_core(r.model, r.outcome, bundles=bundles, must=must, gap=0.0, start=begin)
    assert answer.value == pytest.approx(best, abs=1e-4)
    assert answer.bound >= best - 1e-6
    loose = solve_core(r.model, r.outcome, bundles=bundles, must=must, gap=0.02, start=begin)
    assert loose.bound >= best - 1e-6
    assert loose.bound - loose.value <= 0.02 * loose.bound
