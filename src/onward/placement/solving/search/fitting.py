"""Everybody who has a place keeps one: from choices by prices to one in which all fit.

When only *where* is asked, all who are held must stay placed, in windows that are nearly full.
Whole choices made by prices leave some dozens out. Here the cases change places among
choices that lose little, a person without a place costing more than any place brings. Who is left
out even so is put where it loses least and stays in from then on; those in its way, who have more
choices, find others in the next round. In: what each column loses at the prices. Out: a
choice that places everybody, or None.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from onward.placement.problem.model import BoolArray, FloatArray, IntArray
from onward.placement.solving.prices.choices import open_pledges
from onward.placement.solving.prices.pricing import Pricing
from onward.placement.solving.programs.program import Clock
from onward.placement.solving.search.exchange import exchange
from onward.placement.solving.search.making_way import put

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
    """pricing of the problem; loss (m,): what each column loses by the prices whose bound it is."""

    pricing: Pricing
    loss: FloatArray
    bound: float

    def __post_init__(self) -> None:
        model = self.pricing.model
        unit = model.unit_of_column()
        self.mean = abs(self.bound) / max(1, model.units)
        person = COSTS * float(np.max(self.pricing.value, initial=1e-9))
        self.value = np.asarray(self.pricing.value, float) + person * model.size[unit]
        self.unit = unit
        self.look(NEAR)

    def look(self, near: float) -> None:
        """Look at the columns that lose at most this share of the mean value."""
        some = self.loss <= near * self.mean
        self.columns = np.flatnonzero(some)
        # who has most to choose from makes room first, the small before the large
        choices = np.bincount(self.unit[some], minlength=self.pricing.model.units)
        self.gives_way = np.lexsort((self.pricing.model.size, -choices))

    def change_places(self, chosen: IntArray, stays: BoolArray, warm: float) -> IntArray:
        return exchange(
            self.pricing.model, self.value, self.pricing.bundles, chosen, self.columns, stays,
            warmth=warm * self.mean, seed=1, steps=STEPS,
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
    model = fitting.pricing.model
    chosen = begun.copy()
    stays = np.zeros(model.units, bool)
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
