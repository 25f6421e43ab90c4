"""Everybody who has a place keeps one: from the relaxation's answer to a choice in which all fit.

When only *where* is asked, all who are held must stay placed, in windows that are nearly full.
Whole choices read off the relaxation leave some dozens out. Here the cases change places among
choices that lose little, a person without a place costing more than any place brings. Who is left
out even so is put where it loses least and stays in from then on; those in its way, who have more
choices, find others in the next round. In: a relaxation of some ten thousand columns. Out: a
choice that places everybody, or None.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from onward.placement.choices import open_pledges
from onward.placement.exchange import exchange
from onward.placement.making_way import put
from onward.placement.model import BoolArray, FloatArray, IntArray
from onward.placement.pricing import Pricing
from onward.placement.program import Clock

# Columns looked at lose at most this share of the mean value; how warm changes of places begin, as
# shares of it too, round by round; what a person without a place costs, in largest values.
NEAR = 0.1
WARM = (0.05, 0.02)
AFTER = 0.02
LAST = (0.005,)
COSTS = 3.0
STEPS = 4_000_000
ROUNDS = 6
WIDER = 3.0  # how much more columns may lose with every round
MOST_LEFT = 150  # more than so many left out, and other ways are better


@dataclass
class Fitting:
    """pricing of the problem; the relaxation over all its columns and bundles: loss and share."""

    pricing: Pricing
    loss: FloatArray
    share: FloatArray
    bound: float

    def __post_init__(self) -> None:
        model, bundles = self.pricing.model, self.pricing.bundles
        m = model.columns
        unit = model.unit_of_column()
        self.mean = abs(self.bound) / max(1, model.units)
        person = COSTS * float(np.max(self.pricing.value, initial=1e-9))
        self.value = np.asarray(self.pricing.value, float) + person * model.size[unit]
        self.unit = unit
        self.joint = np.zeros(max(0, len(model.group_start) - 1), bool)
        if bundles is not None and len(bundles):
            shares = np.bincount(
                bundles.group, weights=self.share[m : m + len(bundles)],
                minlength=len(self.joint),
            )  # fmt: skip
            self.joint = shares > 0.5
        self.look(NEAR)

    def look(self, near: float) -> None:
        """Look at the columns that lose at most this share of the mean value."""
        model, bundles = self.pricing.model, self.pricing.bundles
        m = model.columns
        little = self.loss <= near * self.mean
        some = little[:m] | (self.share[:m] > 1e-9)
        if bundles is not None and len(bundles):
            of = np.repeat(np.arange(len(bundles)), np.diff(bundles.start))
            some[bundles.column[little[m : m + len(bundles)][of]]] = True
        self.columns = np.flatnonzero(some)
        # who has most to choose from makes room first, the small before the large
        choices = np.bincount(self.unit[some], minlength=model.units)
        self.gives_way = np.lexsort((model.size, -choices))

    def change_places(self, chosen: IntArray, stays: BoolArray, warm: float) -> IntArray:
        model = self.pricing.model
        placed = np.zeros(len(self.joint), bool)
        if len(model.group_member):
            placed = np.logical_or.reduceat(
                chosen[model.group_member] >= 0, model.group_start[:-1]
            )
        return exchange(
            model, self.value, self.pricing.bundles, chosen, self.columns, stays,
            warmth=warm * self.mean, seed=1, steps=STEPS, joint=self.joint & ~placed,
        )  # fmt: skip

    def put_in(self, unit: int, chosen: IntArray, stays: BoolArray) -> None:
        """Put a unit where it loses least and take out who is in its way; both in place."""
        model = self.pricing.model
        own = np.arange(model.start[unit], model.start[unit + 1])
        opened, _ = open_pledges(model, chosen)
        extra = model.pledged(opened)
        order = self.gives_way[~stays[self.gives_way]]
        order = order[order != unit]
        for column in own[np.argsort(self.loss[own], kind="stable")]:
            trial = put(model, unit, int(column), chosen, order, extra)
            if trial is not None:
                chosen[:] = trial
                stays[unit] = True
                return


def fit_everybody(fitting: Fitting, begun: IntArray, clock: Clock) -> IntArray | None:
    """A choice that places every unit, near the bound; None if somebody is left out.

    begun: a choice that keeps every limit and leaves some out."""
    model, bundles = fitting.pricing.model, fitting.pricing.bundles
    chosen = begun.copy()
    stays = np.zeros(model.units, bool)
    if bundles is not None and len(bundles):
        match = np.logical_and.reduceat(
            chosen[bundles.unit] == bundles.column, bundles.start[:-1]
        )
        whole = np.zeros(len(fitting.joint), bool)
        whole[bundles.group[match]] = True
        apart = np.repeat(fitting.joint & ~whole, np.diff(model.group_start))
        chosen[model.group_member[apart]] = -1
    for warm in WARM:
        chosen = fitting.change_places(chosen, stays, warm)
    near = NEAR
    for _ in range(ROUNDS):
        left = np.flatnonzero(chosen < 0)
        if not len(left) or len(left) > MOST_LEFT or clock.left() <= 0:
            break
        for unit in left[np.argsort(-model.size[left], kind="stable")]:
            if chosen[unit] < 0:
                fitting.put_in(int(unit), chosen, stays)
        chosen = fitting.change_places(chosen, stays, AFTER)
        near = min(1.0, near * WIDER)
        fitting.look(near)
    if np.any(chosen < 0):
        return None
    fitting.look(NEAR)
    for warm in LAST:
        chosen = fitting.change_places(chosen, np.ones(model.units, bool), warm)
    return chosen
