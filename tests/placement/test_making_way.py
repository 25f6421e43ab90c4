"""Small cases make way for a large one; and prices set to what a person is worth prove as much."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.placement.generate import reference

from onward.placement.problem.model import Model, RowInfo
from onward.placement.solving.large.core import solve_core
from onward.placement.solving.prices.choices import open_pledges, total_value
from onward.placement.solving.prices.pricing import Pricing, snapped
from onward.placement.solving.programs.program import Clock
from onward.placement.solving.search.making_way import bring_in


@pytest.fixture
def two_windows():
    """Four single persons fill the first window of four; the second has three places, and there
    a family of four has no room."""
    none = np.zeros(0, np.int64)
    return Model(
        size=np.array([1, 1, 1, 1, 4]),
        klass=np.zeros(5, np.int64),
        start=np.array([0, 2, 4, 6, 8, 9]),
        slot=np.array([0, 1] * 4 + [0]),
        slot_programme=np.arange(2),
        slot_country=np.arange(2),
        slot_order=np.zeros(2),
        met_start=np.array([0, 1, 2]),
        met=np.array([0, 1]),
        met_share=np.ones(2),
        limit=np.array([4.0, 3.0]),
        pledges=0,
        pledge_of=none,
        pledge_row=none,
        pledge_coef=np.zeros(0),
        group_start=np.zeros(1, np.int64),
        group_member=none,
        rows=[RowInfo("places", "first"), RowInfo("places", "second")],
    )


def test_four_make_way_for_a_family_and_three_find_another_place(two_windows):
    value = np.array([1.0] * 8 + [4.8])
    free = np.zeros(5, bool)
    begin = np.array([0, 2, 4, 6, -1])
    price = np.array([1.0, 1.0])
    pricing = Pricing(two_windows, value, None, free)
    found = bring_in(pricing, price, begin, free, Clock(60))
    assert found[4] == 8
    assert total_value(two_windows, value, None, found) == pytest.approx(7.8)
    assert open_pledges(two_windows, found)[1].all()
    frozen = np.array([True] * 4 + [False])
    assert np.array_equal(bring_in(pricing, price, begin, frozen, Clock(60)), begin)


def test_nobody_makes_way_where_more_would_be_lost(two_windows):
    value = np.array([1.0] * 8 + [0.9])
    free = np.zeros(5, bool)
    begin = np.array([0, 2, 4, 6, -1])
    pricing = Pricing(two_windows, value, None, free)
    found = bring_in(pricing, np.zeros(2), begin, free, Clock(60))
    assert np.array_equal(found, begin)


def test_prices_set_to_the_worth_of_a_person_still_prove_a_bound():
    r = reference(300, 10, 11)
    value = r.weight[r.model.unit_of_column()]
    best = solve_core(r.model, value, gap=0.002, seconds=60)
    pricing = Pricing(r.model, value, None, np.zeros(r.model.units, bool))
    rough = best.price * np.where(np.arange(len(best.price)) % 2, 1.01, 0.99)
    before, _ = pricing(rough)
    bound, price = snapped(pricing, rough)
    assert best.value <= bound < before
    assert bound == pytest.approx(pricing(price)[0])
    assert np.all(price >= 0)
