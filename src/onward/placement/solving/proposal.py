"""A proposal as it stands: who goes where, what each aim reached, how far that is proven.

Made by `propose`; read by everything that explains, prices, writes or questions it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from onward.placement.problem.compiling import Compiled
from onward.placement.problem.model import BoolArray, FloatArray, IntArray
from onward.placement.solving.one_more import OneMore

PROVEN = ("emergencies", "protection", "together", "outcome", "keep")


def rounded(value: float) -> float:
    """A number as it is told."""
    return round(float(value), 6) + 0.0


@dataclass(frozen=True)
class StageResult:
    """A stage's value, its proven bound and relative gap (0 when the value is the bound)."""

    name: str
    value: float
    bound: float
    note: str = ""

    @property
    def gap(self) -> float:
        if self.bound - self.value <= 1e-6 * max(1.0, abs(self.bound)):
            return 0.0
        return (self.bound - self.value) / max(abs(self.bound), 1e-9)


@dataclass
class Proposal:
    """chosen (units,) column or -1; state is optimal, within_gap, time_limit or infeasible.

    gap: the largest gap of the stages that are proven. conflict: when infeasible, the smallest
    set of locks, floors and limits found that cannot hold together, in words. price (rows,): of
    each limit, in protection-weighted persons; outcome_price (rows,): the same in points of the
    outcome, with who is placed held. one_more: what one more place is worth (None: not computed at
    this size)."""

    compiled: Compiled
    seed: int
    state: str
    chosen: IntArray
    pledges: BoolArray
    stages: list[StageResult] = field(default_factory=list)
    gap: float = 0.0
    conflict: list[str] = field(default_factory=list)
    price: FloatArray | None = None
    one_more: OneMore | None = None
    outcome_price: FloatArray | None = None
    floors: list[dict[str, object]] = field(default_factory=list)

    def places(self) -> dict[str, tuple[str, str]]:
        """Every placed case with its (programme, window)."""
        found = {}
        for i, case in enumerate(self.compiled.tables.cases):
            column = self.chosen[self.compiled.unit_of_case[i]]
            if column >= 0:
                window = self.compiled.slots[self.compiled.model.slot[column]]
                found[case.case] = (window.programme, window.window)
        return found

    def slack(self) -> FloatArray:
        """Persons that every limit still has room for (rows,)."""
        model = self.compiled.model
        opened = model.pledged(self.pledges)
        return np.asarray(model.limit - opened - model.usage(self.chosen))

    def settle_state(self, gap: float, by_clock: bool) -> None:
        """Gap and state, from the stages and the gap wanted."""
        proven = [s.gap for s in self.stages if s.name in PROVEN]
        self.gap = max(proven, default=0.0)
        if by_clock:
            self.state = "time_limit"
        elif self.gap <= 1e-6:
            self.state = "optimal"
        elif self.gap <= gap:
            self.state = "within_gap"
        else:
            self.state = "time_limit"


def pledges_met(compiled: Compiled, chosen: IntArray) -> BoolArray:
    """Pledges whose condition the proposal meets."""
    model = compiled.model
    use = model.usage(chosen)
    met = np.zeros(model.pledges, bool)
    for k in range(model.pledges):
        asks = (model.pledge_of == k) & (model.pledge_coef > 0)
        rows = model.pledge_row[asks]
        met[k] = bool(np.all(use[rows] + model.pledge_coef[asks] <= model.limit[rows] + 1e-6))
    return met
