"""The dual side: what every unit would choose at given prices, and the bound these prove.

A limit that many compete for has a price per person. The value at any prices, right or wrong, is a
proven bound; a quasi-Newton descent on the smoothed dual looks for the prices whose bound is
lowest. In: a `Model` and a value per column. Out: bounds, prices, choices and their leads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numba
import numpy as np
from scipy.optimize import minimize

from onward.placement.problem.model import AnyArray, BoolArray, FloatArray, IntArray, Model
from onward.placement.solving.prices import kernels
from onward.placement.solving.prices.choices import Bundles

# Softness of the smoothed dual, as shares of the median price of a full limit, in turn.
SOFTNESS = (0.03, 0.01, 0.003, 0.001)
# Values per person up to which prices are set to them, and how near a price has to be, as a share
# of the median of these values.
FEW_VALUES = 60
NEAR_LEVEL = (0.003, 0.02)


class Pricing:
    """The dual side: bound, choices and margins at any prices, over all columns."""

    def __init__(
        self, model: Model, value: AnyArray, bundles: Bundles | None, must: BoolArray
    ) -> None:
        self.model, self.value, self.bundles, self.must = model, value, bundles, must
        self.classes = (len(model.met_start) - 1) // model.slots
        self.best = np.full(model.units, -1)
        self.first = np.zeros(model.units)
        self.second = np.zeros(model.units)
        self.cells = np.zeros((self.classes, model.slots))
        self.met_cell = np.repeat(
            np.arange(self.classes * model.slots), np.diff(model.met_start)
        )
        self.passes = 0
        # sharing small problems out costs more than it saves
        numba.set_num_threads(
            1 if model.columns < 2_000_000 else min(2, numba.config.NUMBA_NUM_THREADS)
        )
        if bundles is not None and len(bundles):
            self.groups = np.unique(bundles.group)
            self.members_start = model.group_start
        self.best_bundle = np.full(max(0, len(model.group_start) - 1), -1)

    def cell_price(self, price: FloatArray) -> FloatArray:
        flat = np.bincount(
            self.met_cell,
            weights=price[self.model.met] * self.model.met_share,
            minlength=self.classes * self.model.slots,
        )
        return np.asarray(flat, float).reshape(self.classes, self.model.slots)

    def __call__(self, price: FloatArray) -> tuple[float, FloatArray]:
        """The Lagrangian bound at `price` (r,) >= 0 and its slope in each price."""
        model = self.model
        self.cell = self.cell_price(price)
        kernels.best_choices(
            model.start, model.slot, self.value, model.size, model.klass, self.cell,
            self.must, self.best, self.first, self.second,
        )  # fmt: skip
        self.passes += 1
        total = float(self.first.sum())
        chosen = self.best
        bundles = self.bundles
        if bundles is not None and len(bundles):
            worth = np.empty(len(self.best_bundle))
            kernels.best_bundles(
                bundles.group, bundles.start, bundles.column, bundles.unit, bundles.bonus,
                model.slot, self.value, model.size, model.klass, self.cell,
                self.best_bundle, worth,
            )  # fmt: skip
            apart = np.add.reduceat(self.first[model.group_member], model.group_start[:-1])
            win = worth > apart
            self.group_lead = worth - apart
            total += float((worth - apart)[win].sum())
            chosen = self.best.copy()
            for b in self.best_bundle[win]:
                e = slice(bundles.start[b], bundles.start[b + 1])
                chosen[bundles.unit[e]] = bundles.column[e]
        kernels.demand(model.slot, model.size, model.klass, chosen, self.cells)
        slope = model.limit - self._used(self.cells)
        total += float(price @ model.limit)
        if model.pledges:
            gain = self.gain(price)
            total += float(np.maximum(0, gain).sum())
            opened = (gain > 0)[model.pledge_of]
            slope -= np.bincount(
                model.pledge_row, weights=opened * model.pledge_coef, minlength=len(model.limit)
            )
        self.chosen = chosen
        return total, slope

    def _used(self, cells: AnyArray) -> FloatArray:
        """What persons by class and slot take of each limit."""
        model = self.model
        persons = cells.ravel()[self.met_cell] * model.met_share
        used = np.bincount(model.met, weights=persons, minlength=len(model.limit))
        return np.asarray(used, np.float64)

    def gain(self, price: FloatArray) -> FloatArray:
        """What opening each conditional pledge is worth at these prices."""
        model = self.model
        paid = price[model.pledge_row] * model.pledge_coef
        gain = -np.bincount(model.pledge_of, weights=paid, minlength=model.pledges)
        return np.asarray(gain, np.float64)

    def soft(self, price: FloatArray, softness: float) -> tuple[float, FloatArray]:
        """The bound smoothed by `softness` (value per person), with a continuous slope.

        Groups choose apart or together as a whole, by the same rule as in the bound itself."""
        model, bundles = self.model, self.bundles
        self.cell = self.cell_price(price)
        if not hasattr(self, "blocks"):
            self.blocks = np.zeros((kernels.BLOCKS, self.classes, model.slots))
            self.skip = np.zeros(model.units, bool)
            self.longest = int(np.diff(model.start).max(initial=0))
            if bundles is not None and len(bundles):
                self.skip[model.group_member] = True
        total = float(
            kernels.soft_choices(
                model.start, model.slot, self.value, model.size, model.klass, self.cell,
                self.must, self.skip, self.longest, softness, self.blocks,
            )
        )  # fmt: skip
        self.passes += 1
        cells = self.blocks.sum(0)
        if bundles is not None and len(bundles):
            worth, brought = kernels.soft_groups(
                model.group_start, model.group_member, bundles.group, bundles.start,
                bundles.column, bundles.unit, bundles.bonus, model.start, model.slot,
                self.value, model.size, model.klass, self.cell, self.must, softness,
            )  # fmt: skip
            total += worth
            cells = cells + brought
        slope = model.limit - self._used(cells)
        total += float(price @ model.limit)
        if model.pledges:
            gain = self.gain(price)
            room = softness * np.maximum(
                1.0,
                np.bincount(
                    model.pledge_of, weights=np.abs(model.pledge_coef), minlength=model.pledges
                ),
            )
            total += float((room * np.logaddexp(0, gain / room)).sum())
            opened = (1 / (1 + np.exp(-np.clip(gain / room, -40, 40))))[model.pledge_of]
            slope -= np.bincount(
                model.pledge_row, weights=opened * model.pledge_coef, minlength=len(model.limit)
            )
        return total, slope

    def spread(self, softness: float) -> IntArray:
        """One choice per unit at the last prices, spread over choices that are as good as
        equal; groups take what is best for them as a whole."""
        model = self.model
        spread = np.full(model.units, -1)
        kernels.spread_choices(
            model.start, model.slot, self.value, model.size, model.klass, self.cell,
            self.must, softness, np.zeros(model.slots + 1),
            np.zeros((self.classes, model.slots + 1)), spread,
        )  # fmt: skip
        if self.bundles is not None and len(self.bundles):
            spread[model.group_member] = self.chosen[model.group_member]
        return spread


def column_loss(pricing: Pricing, column: AnyArray, unit: AnyArray) -> FloatArray:
    """What these columns lose against the best choice of their units at the current prices."""
    model = pricing.model
    cell = pricing.cell[model.klass[unit], model.slot[column]]
    worth = pricing.value[column] - model.size[unit] * cell
    return np.asarray(pricing.first[unit] - worth, float)


def lost_by(pricing: Pricing, chosen: IntArray) -> FloatArray:
    """What each unit loses against its best choice at the current prices; groups as a whole."""
    model = pricing.model
    taken = np.flatnonzero(chosen >= 0)
    lost = np.array(pricing.first, float)
    lost[taken] = column_loss(pricing, chosen[taken], taken)
    bundles = pricing.bundles
    if bundles is not None and len(bundles):
        match = chosen[bundles.unit] == bundles.column
        full = np.add.reduceat(match, bundles.start[:-1]) == np.diff(bundles.start)
        groups = len(model.group_start) - 1
        by_group = np.add.reduceat(lost[model.group_member], model.group_start[:-1])
        by_group += np.maximum(0.0, pricing.group_lead)
        by_group -= np.bincount(
            bundles.group[full], weights=bundles.bonus[full], minlength=groups
        )
        lost[model.group_member] = np.repeat(by_group, np.diff(model.group_start))
    return np.asarray(lost)


def leads(pricing: Pricing) -> FloatArray:
    """How clearly each unit's best choice leads, per person; groups share one lead."""
    model = pricing.model
    lead = (pricing.first - pricing.second) / model.size
    if pricing.bundles is not None and len(pricing.bundles):
        sizes = np.diff(model.group_start)
        total = np.add.reduceat(model.size[model.group_member], model.group_start[:-1])
        between = np.abs(pricing.group_lead) / total
        own = np.minimum.reduceat(lead[model.group_member], model.group_start[:-1])
        lead[model.group_member] = np.repeat(np.minimum(between, own), sizes)
    empty = np.diff(model.start) == 0
    lead[empty] = np.inf
    return np.asarray(lead)


def some_units(pricing: Pricing, count: int, seed: int) -> Pricing:
    """The dual side of a random part of the units, groups whole, with limits scaled down."""
    model, bundles = pricing.model, pricing.bundles
    inside = np.zeros(model.units, bool)
    inside[np.random.default_rng(seed).permutation(model.units)[:count]] = True
    lengths = np.diff(model.group_start)
    first = model.group_member[model.group_start[:-1]]
    with_group = inside[first]
    inside[model.group_member] = np.repeat(with_group, lengths)
    units = np.flatnonzero(inside)
    position = np.cumsum(inside) - 1
    share = float(model.size[units].sum() / max(1, model.size.sum()))
    many = np.diff(model.start)[units]
    start = np.concatenate([[0], np.cumsum(many)]).astype(np.int64)
    shift = model.start[units] - start[:-1]
    columns = np.repeat(shift, many) + np.arange(start[-1])
    part = replace(
        model,
        size=model.size[units], klass=model.klass[units], start=start, slot=model.slot[columns],
        limit=model.limit * share, pledge_coef=model.pledge_coef * share,
        group_start=np.concatenate([[0], np.cumsum(lengths[with_group])]).astype(np.int64),
        group_member=position[model.group_member[np.repeat(with_group, lengths)]],
    )  # fmt: skip
    if bundles is not None and len(bundles):
        mine = with_group[bundles.group]
        count_of = np.diff(bundles.start)
        flat = np.repeat(mine, count_of)
        unit = position[bundles.unit[flat]]
        bundles = Bundles(
            (np.cumsum(with_group) - 1)[bundles.group[mine]],
            np.concatenate([[0], np.cumsum(count_of[mine])]).astype(np.int64),
            bundles.column[flat] - shift[unit],
            unit,
            bundles.bonus[mine],
        )
    return Pricing(part, pricing.value[columns], bundles, pricing.must[units])


def snapped(pricing: Pricing, price: FloatArray) -> tuple[float, FloatArray]:
    """The bound and prices after those near a value per person, or the difference of two, were
    set to it, where that proves more.

    Where cases are worth one of a few values per person, wherever they go, the price of a place is
    what the last one in or the first one out is worth; a descent only comes near it."""
    model = pricing.model
    bound, _ = pricing(price)
    some = np.flatnonzero(np.diff(model.start) > 0)
    if not len(some):
        return bound, price
    each = np.maximum.reduceat(pricing.value, model.start[some]) / model.size[some]
    worth = np.unique(np.round(each.astype(float), 5))
    if len(worth) > FEW_VALUES:
        return bound, price
    levels = np.unique(
        np.concatenate([[0.0], worth, np.abs(np.subtract.outer(worth, worth)).ravel()])
    )
    at = np.searchsorted(levels, price)
    above, below = levels[np.minimum(at, len(levels) - 1)], levels[np.maximum(at - 1, 0)]
    near = np.where(np.abs(above - price) < np.abs(below - price), above, below)
    for share in NEAR_LEVEL:
        trial = np.where(np.abs(near - price) <= share * float(np.median(worth)), near, price)
        now, _ = pricing(trial)
        if now < bound:
            bound, price = now, trial
    return bound, price


class _Stop(Exception):
    """Time for the descent is over."""


def descend(
    pricing: Pricing,
    price: FloatArray,
    softness: Sequence[float],
    rounds: int = 30,
    until: Callable[[], bool] = lambda: False,
) -> tuple[float, FloatArray]:
    """A better bound and its prices, by quasi-Newton steps on the smoothed dual, less and less
    smooth, from `price` on; prices stay 0 or more. Stops early once `until()` is true."""
    level = float(np.median(price[price > 0])) if (price > 0).any() else 1.0
    bound, _ = pricing(price)
    best = price
    scale = max(1e-9, abs(bound))
    # a limit many compete for answers more sharply to its price: scale by its root
    unit = np.sqrt(np.maximum(pricing.model.limit, 1.0))
    unit = np.median(unit) / unit
    last = price.copy()

    def smoothed(z: FloatArray, tau: float) -> tuple[float, FloatArray]:
        if until():
            raise _Stop
        worth, slope = pricing.soft(z * unit, tau)
        last[:] = z * unit
        return worth / scale, slope * unit / scale

    for share in softness:
        try:
            found = (
                minimize(
                    smoothed,
                    best / unit,
                    args=(share * level,),
                    jac=True,
                    method="L-BFGS-B",
                    bounds=[(0, None)] * len(price),
                    options={
                        "maxfun": rounds + 10,
                        "maxiter": rounds,
                        "maxcor": 30,
                        "ftol": 1e-9,
                        "gtol": 0,
                    },
                ).x
                * unit
            )
        except _Stop:
            found = np.maximum(0.0, last)
        now, _ = pricing(found)
        if now < bound:
            bound, best = now, found
    return bound, best
