"""Programmes filled anew: never a limit broken, nobody lost, worth more, the same each time."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.placement.generate import reference
from placement_cast import placed_by_hand

from onward.placement.anew import Choices, fill_anew
from onward.placement.choices import bundles_of, open_pledges, total_value
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
    return fill_anew(pricing, none, none, begin, 1.0, lambda value: False, rounds=5)


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
