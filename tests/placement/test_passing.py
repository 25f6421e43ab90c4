"""Places passed on from window to window: counted moves, cheapest paths, never a limit broken in the end."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.placement.generate import reference

from onward.placement.problem.model import Model
from onward.placement.solving.large import core
from onward.placement.solving.large.core import solve_core
from onward.placement.solving.large.stages import _narrow
from onward.placement.solving.prices.choices import (
    bundles_of,
    open_pledges,
    together,
    total_value,
)
from onward.placement.solving.prices.pricing import SOFTNESS, Pricing, descend
from onward.placement.solving.programs.program import Clock
from onward.placement.solving.programs.seats import balance
from onward.placement.solving.search.passing import pass_on


def by_hand(
    sizes: list[int],
    values: list[dict[int, float]],
    places: list[int],
    caps: dict | None = None,
) -> Model:
    """Units of these sizes, who may go to the slots of `values`; caps: {slot: persons of class 1}."""
    caps = caps or {}
    slots, n = len(places), len(sizes)
    met, share, start = [], [], [0]
    rows = list(places) + list(caps.values())
    for klass in range(2):
        for s in range(slots):
            met.append(s)
            if klass and s in caps:
                met.append(slots + list(caps).index(s))
            start.append(len(met))
    share = np.ones(len(met))
    return Model(
        size=np.array(sizes), klass=np.zeros(n, np.int64),
        start=np.cumsum([0, *(len(v) for v in values)]),
        slot=np.array([s for v in values for s in sorted(v)]),
        slot_programme=np.arange(slots), slot_country=np.arange(slots),
        slot_order=np.zeros(slots), met_start=np.array(start), met=np.array(met),
        met_share=share, limit=np.array(rows, float), pledges=0,
        pledge_of=np.zeros(0, np.int64), pledge_row=np.zeros(0, np.int64),
        pledge_coef=np.zeros(0), group_start=np.zeros(1, np.int64),
        group_member=np.zeros(0, np.int64),
    )  # fmt: skip


def passed(model: Model, values: list[dict[int, float]], at: list[int]) -> np.ndarray:
    """The slots after places were passed on, from units in slots `at` (-1: none), prices being 0."""
    value = np.array([v[s] for v in values for s in sorted(v)])
    pricing = Pricing(model, value, None, np.ones(model.units, bool))
    price = np.zeros(len(model.limit))
    bound = pricing(price)[0]
    chosen = np.array([
        -1 if s < 0 else model.start[u] + sorted(values[u]).index(s) for u, s in enumerate(at)
    ])  # fmt: skip
    free = np.zeros(model.units, bool)
    none = np.zeros(0, bool)
    found = pass_on(pricing, price, bound, chosen, none, free, Clock(60))
    assert np.all(model.limit - model.usage(found) >= -1e-6)
    there = found >= 0
    assert np.array_equal(model.unit_of_column()[found[there]], np.flatnonzero(there))
    return np.where(there, model.slot[np.maximum(found, 0)], -1)


def test_a_place_is_passed_on_from_window_to_window_until_one_was_free():
    # the newcomer may only go to slot 0; everybody else only to the next one, the last of which is free
    values = [{0: 1.0}, *({s: 1.0, s + 1: 1.0} for s in range(4))]
    model = by_hand([2, 2, 2, 2, 2], values, [2, 2, 2, 2, 2])
    assert passed(model, values, [-1, 0, 1, 2, 3]).tolist() == [0, 1, 2, 3, 4]


def test_whoever_loses_least_makes_way_and_who_frees_no_more_than_needed_costs_no_place():
    # one of three leaves slot 0 for slot 1: the second loses least
    values = [{0: 1.0}, {0: 1.0, 1: 0.96}, {0: 1.0, 1: 0.99}, {0: 1.0, 1: 0.97}]
    model = by_hand([1, 1, 1, 1], values, [3, 5])
    assert passed(model, values, [-1, 0, 0, 0]).tolist() == [0, 0, 1, 0]


def test_a_window_with_too_many_sends_enough_away():
    values = [{0: 1.0, 1: 1.0}, {0: 1.0, 1: 0.97}, {0: 1.0}]
    model = by_hand([3, 2, 2], values, [4, 3])
    # three have to leave: the family of three, though the one of two would not be enough
    assert passed(model, values, [0, 0, 0]).tolist() == [1, 0, 0]


def test_a_limit_on_some_sends_those_away_whom_it_counts():
    values = [{0: 1.0, 1: 0.9}, {0: 1.0, 1: 0.98}, {0: 1.0, 1: 1.0}]
    model = by_hand([1, 1, 1], values, [3, 3], {0: 1})
    model.klass[:2] = 1  # of the first two only one may be in slot 0; the third counts nowhere
    assert passed(model, values, [0, 0, 0]).tolist() == [0, 1, 0]


def test_nobody_is_let_in_against_a_limit_and_nothing_else_moves_then():
    values = [{0: 1.0}, {0: 1.0}, {1: 1.0, 0: 0.5}]
    model = by_hand([1, 1, 1], values, [1, 1])
    assert passed(model, values, [-1, 0, 1]).tolist() == [-1, 0, 1]


def test_so_many_move_as_are_too_many_and_those_who_lose_least():
    n = 40
    values = [{0: 1.0, 1: 1.0 - k / 1000} for k in range(n)]
    model = by_hand([1] * n, values, [30, 20])
    value = np.array([v[s] for v in values for s in sorted(v)])
    pricing = Pricing(model, value, None, np.ones(n, bool))
    bound = pricing(np.zeros(2))[0]
    all_in_one = model.start[:-1].copy()
    found = balance(pricing, bound, all_in_one, np.zeros(0, bool), Clock(60))
    assert model.slot[found].tolist() == [1] * 10 + [0] * 30


@pytest.fixture(scope="module", params=[1, 2])
def crowd(request):
    """Of 2,500 households those who are placed for their need, prices for where they go, and what these choose."""
    problem = reference(2_500, 10, request.param)
    model = problem.model
    weight = problem.weight[model.unit_of_column()]
    who = solve_core(model, weight, gap=0.002, seconds=120, whole=0, alike=True).chosen
    held = np.flatnonzero(who >= 0)
    narrowed, back = _narrow(model, held, None, who)
    value = problem.outcome[back]
    bundles = bundles_of(narrowed, 2.0 * float(value.max()))
    pricing = Pricing(narrowed, value, bundles, np.ones(narrowed.units, bool))
    level = np.where(np.arange(len(narrowed.limit)) < narrowed.slots, 0.1, 0.0)
    bound, price = descend(pricing, level, SOFTNESS, rounds=100)
    pricing(price)
    chosen = pricing.spread(SOFTNESS[-1] * float(np.median(price[price > 0])))
    start = np.searchsorted(back, who[held])
    return pricing, price, bound, chosen, start


def over(model, chosen, opened):
    return float(
        np.maximum(0.0, model.usage(chosen) + model.pledged(opened) - model.limit).sum()
    )


def test_counted_moves_leave_no_more_too_many_and_shared_windows_alone(crowd):
    pricing, price, bound, chosen, _ = crowd
    model, bundles = pricing.model, pricing.bundles
    opened = pricing.gain(price) > 0
    pricing(price)
    found = balance(pricing, bound, chosen, opened, Clock(60))
    before, after = over(model, chosen, opened), over(model, found, opened)
    assert before > 20
    assert after <= before
    assert np.array_equal(model.unit_of_column()[found], np.arange(model.units))
    shared = together(model, bundles, chosen)
    assert shared.any()
    assert np.array_equal(found[shared], chosen[shared])


def test_places_passed_on_keep_every_limit_and_lose_little(crowd):
    pricing, price, bound, chosen, start = crowd
    model, value, bundles = pricing.model, pricing.value, pricing.bundles
    opened = pricing.gain(price) > 0
    pricing(price)
    begun = balance(pricing, bound, chosen, opened, Clock(60))
    shared = together(model, bundles, begun)
    found, again = (
        pass_on(pricing, price, bound, begun, opened, shared, Clock(60)) for _ in range(2)
    )
    assert over(model, found, opened) < 1e-6
    assert np.array_equal(found, again)
    placed = found >= 0
    assert placed.mean() > 0.98
    assert np.array_equal(model.unit_of_column()[found[placed]], np.flatnonzero(placed))
    assert np.array_equal(found[shared & placed], begun[shared & placed])
    got = total_value(model, value, bundles, found)
    assert got <= bound + 1e-6
    assert got > total_value(model, value, bundles, start)


@pytest.mark.parametrize("crowd", [2], indirect=True)
def test_everybody_is_in_near_the_bound_where_prices_guide_the_search(crowd):
    pricing, _, _, _, start = crowd
    model, value, bundles = pricing.model, pricing.value, pricing.bundles
    found = solve_core(
        model, value, bundles=bundles, must=np.ones(model.units, bool), gap=0.005, seconds=120,
        start=start, whole=0,
    )  # fmt: skip
    assert np.all(found.chosen >= 0)
    assert open_pledges(model, found.chosen)[1].all()
    assert found.value <= found.bound + 1e-6
    assert found.bound - found.value <= 0.005 * found.bound


@pytest.mark.parametrize("crowd", [2], indirect=True)
def test_nothing_more_is_begun_once_time_has_ended(crowd, monkeypatch):
    pricing, _, _, _, start = crowd

    def ends(*given):
        clock = next(x for x in given if isinstance(x, Clock))
        monkeypatch.setattr(clock, "left", lambda: 0.0)

    def begun(*_given, **_more):
        raise AssertionError("begun after time had ended")

    monkeypatch.setattr(core, "round_choice", ends)
    for name in ("let_in", "part_around", "round_shares"):
        monkeypatch.setattr(core, name, begun)
    found = solve_core(
        pricing.model, pricing.value, bundles=pricing.bundles,
        must=np.ones(pricing.model.units, bool), gap=0.0001, seconds=120, start=start, whole=0,
    )  # fmt: skip
    assert np.array_equal(found.chosen, start)
    assert found.bound > found.value
