"""What one more place and each pledge is worth, and how far that holds, where prices guided the search.

Above some hundred units a proposal is found from prices that only come near those of the linear
program. Here that program is solved over the choices near the margin, and choices are added until
the prices prove as much over all choices as over those in it. It is then the whole program, and a
range found in it holds in the whole one at least as far. In: a `Proposal`. Out: a `Margin`, or None
where the prices do not settle or the problem is too large for it.
"""

from __future__ import annotations

import numpy as np

from onward.placement.problem.compiling import stage_values
from onward.placement.problem.model import FloatArray
from onward.placement.solving.one_more import OneMore, Rises, worth_of_one_more
from onward.placement.solving.prices.pricing import Pricing
from onward.placement.solving.programs.program import Prices, Program
from onward.placement.solving.proposal import Proposal

MOST_UNITS = 3_000
"""Up to so many units; with more, a program of so many equal cases takes longer than the proposal."""
NEAR = 0.1
"""How far from the margin, as a share of the median price per person, a choice is looked at first."""
CHOICES = 4
"""And how many of a unit in each round, the best ones."""
ROUNDS = 20


class Margin:
    """prices: of each row, None where they do not settle; one_more: what one more place is worth."""

    def __init__(self, proposal: Proposal) -> None:
        compiled = proposal.compiled
        self.model, self.must = compiled.model, compiled.must
        self.unit = self.model.unit_of_column()
        columns = np.arange(self.model.columns)
        self.value = np.asarray(stage_values(compiled, "protection", self.unit, columns), float)
        self.pricing = Pricing(self.model, self.value, None, self.must)
        self.inside = np.zeros(self.model.columns, bool)
        self.inside[proposal.chosen[proposal.chosen >= 0]] = True
        assert proposal.price is not None
        self._join(proposal.price, NEAR)
        self.prices: Prices | None = None
        self.one_more: OneMore | None = None
        found = self._settled({}, ranges=True)
        if found is not None:
            program, self.prices = found
            self.one_more, _ = worth_of_one_more(
                compiled, self.prices, lambda rises: self._value_with(program, rises)
            )

    def _join(self, price: FloatArray, near: float) -> None:
        """Take in what is near the margin at these prices; of many as good as equal the best few."""
        self.pricing(price)
        model, unit = self.model, self.unit
        cell = self.pricing.cell[model.klass[unit], model.slot]
        lost = np.maximum(0.0, self.pricing.first)[unit] - self.value + model.size[unit] * cell
        level = float(np.median(price[price > 0])) if np.any(price > 0) else 1.0
        close = lost <= near * level * model.size[unit]
        rank = np.arange(model.columns) - model.start[unit]
        close[np.lexsort((lost, unit))[rank >= CHOICES]] = False
        self.inside |= close

    def _at_most(self, price: FloatArray, met: dict[int, float]) -> float:
        """What no choice exceeds, by these prices, with some pledges met (1) or not (0)."""
        bound, _ = self.pricing(price)
        if met:
            gain = self.pricing.gain(price)
            bound += sum(gain[k] * met[k] - max(0.0, gain[k]) for k in met)
        return float(bound)

    def _settled(
        self, met: dict[int, float], *, ranges: bool = False
    ) -> tuple[Program, Prices] | None:
        """The linear program with some pledges met or not, and its prices over all choices."""
        for _ in range(ROUNDS):
            keep = np.flatnonzero(self.inside)
            program = Program(self.model, keep=keep, grouped=False)
            program.must_place(np.flatnonzero(self.must))
            for k, open_ in met.items():
                program.set_range(np.array([program.m + k]), open_, open_)
            found = program.relax(self.value[keep], ranges=ranges)
            if found is None and self.inside.all():
                return None
            if found is None:  # a condition may need choices far from the margin
                self.inside[:] = True
                continue
            if self._proven(found, met):
                return program, found
            self._join(found.row, 1e-9)
        return None

    def _proven(self, found: Prices, met: dict[int, float], more: float = 0.0) -> bool:
        """Whether no choice that was left out brings more; more: what a changed limit adds."""
        over = self._at_most(found.row, met) + more - found.value
        return over <= 1e-7 * max(1.0, abs(found.value))

    def _value_with(self, program: Program, rises: Rises) -> float | None:
        """The value of the linear program with limits that rise; None where it is not proven."""
        limit = self.model.limit
        for r, by in rises.items():
            program.set_limit(r, float(limit[r]) + by)
        found = program.relax(self.value[self.inside])
        for r in rises:
            program.set_limit(r, float(limit[r]))
        if found is None:
            return None
        more = sum(float(found.row[r]) * by for r, by in rises.items())
        return found.value if self._proven(found, {}, more) else None

    def pledge(self, k: int) -> float | None:
        """Protection-weighted persons with the condition of a pledge met less without it; None
        where it cannot be, or the prices do not settle."""
        both = [self._settled({k: met}) for met in (1.0, 0.0)]
        if both[0] is None or both[1] is None:
            return None
        return both[0][1].value - both[1][1].value


def margin_of(proposal: Proposal) -> Margin | None:
    """The margin of a proposal that prices guided; None where it is not asked, or too large."""
    model = proposal.compiled.model
    asked = proposal.price is not None and proposal.one_more is None
    if not asked or not model.columns or model.units > MOST_UNITS:
        return None
    found = Margin(proposal)
    return None if found.prices is None else found
