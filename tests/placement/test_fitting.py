"""Everybody who is held keeps a place: put in, made room for, never over a limit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from benchmarks.placement.generate import reference

from onward.placement.solving.large.rounding import within_limits
from onward.placement.solving.large.stages import _narrow
from onward.placement.solving.prices.choices import bundles_of, open_pledges, total_value
from onward.placement.solving.prices.pricing import Pricing
from onward.placement.solving.programs.part import Part
from onward.placement.solving.programs.program import Clock
from onward.placement.solving.search.exchange import exchange
from onward.placement.solving.search.fitting import Fitting, fit_everybody


@pytest.fixture(scope="module")
def held():
    """Of 120 households those for whom a place was found."""
    r = reference(120, 10, 4)
    model = r.model
    unit = model.unit_of_column()
    none = np.full(model.units, -1)
    free = np.zeros(model.units, bool)
    placed = exchange(
        model, model.size[unit].astype(float), None, none, np.arange(model.columns), free,
        warmth=0.5, seed=1, steps=50_000,
    )  # fmt: skip
    units = np.flatnonzero(placed >= 0)
    narrowed, back = _narrow(model, units, None, placed)
    return narrowed, r.outcome[back], bundles_of(narrowed, 2.0)


def test_whoever_is_held_is_placed_within_every_limit(held):
    model, value, bundles = held
    model = replace(model, limit=np.ceil(1.5 * model.limit))  # so that there is a way for all
    pricing = Pricing(model, value, bundles, np.ones(model.units, bool))
    part = Part(
        pricing, np.arange(model.columns), np.arange(len(bundles)), model.limit,
        slack_cost=None, units=np.arange(model.units),
    )  # fmt: skip
    bound, price, share = part.relax(60)
    loss = np.maximum(0, -np.asarray(part.highs.getSolution().col_dual)[: part.m])
    rounded = np.full(model.units, -1)
    part.write(share, rounded)
    inside, room = within_limits(pricing, price, rounded, None)
    assert room.min() >= -1e-6
    fitting = Fitting(pricing, loss, bound)
    found = fit_everybody(fitting, inside, Clock(60))
    assert found is not None
    assert np.all(found >= 0)
    assert np.array_equal(model.unit_of_column()[found], np.arange(model.units))
    assert open_pledges(model, found)[1].all()
    assert total_value(model, value, bundles, found) <= bound + 1e-6


def test_who_is_put_in_stays_and_others_make_room(held):
    model, value, bundles = held
    pricing = Pricing(model, value, bundles, np.ones(model.units, bool))
    fitting = Fitting(pricing, np.zeros(model.columns), 1.0)
    chosen, stays = np.full(model.units, -1), np.zeros(model.units, bool)
    for unit in range(model.units):
        if model.start[unit] < model.start[unit + 1]:
            fitting.put_in(unit, chosen, stays)
            assert open_pledges(model, chosen)[1].all()
    assert stays.any()
    assert np.all(chosen[stays] >= 0)
