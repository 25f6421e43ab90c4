"""Beginning from last week's proposal: whoever had a place in it, and may still have one, is not lost.

A search that time ends holds whatever it met last. So it is given something to begin with: last
week's places where they still fit, and those who would lose theirs let in again by chains of moves
that cost no aim above. In: a compiled problem, a choice, what the aims held so far count. Out: a
choice that holds them all and keeps more of last week's, or the one given. Nothing here is timed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from onward.placement.problem.compiling import Compiled
from onward.placement.problem.model import BoolArray, FloatArray, IntArray
from onward.placement.solving.large.stages import together_value
from onward.placement.solving.prices.choices import last_choice, open_pledges
from onward.placement.solving.search.chains import fill
from onward.placement.solving.search.moving import settle

# How much an aim outweighs the next one while chains of moves are looked for.
ABOVE = 1e3


@dataclass(frozen=True)
class Held:
    """An aim and the least it may fall to; value (m,): what it counts, None for togetherness."""

    value: FloatArray | None
    least: float


class LastWeek:
    """What last week's proposal says of this week's problem.

    column (n,): the choice of each unit that is last week's, or -1; before (n,): it had a place."""

    def __init__(self, compiled: Compiled) -> None:
        self.compiled = compiled
        self.before: BoolArray = compiled.ticket >= 1.0
        self.column: IntArray = last_choice(compiled.model, compiled.kept)
        together = compiled.aims.stage("together")
        self._shared = (
            (float(together.options["same_window"]), float(together.options["same_country"]))
            if together
            else (0.0, 0.0)
        )

    def begin(self) -> IntArray | None:
        """Last week's places, as far as they still fit; None where nothing can be begun with."""
        model, must = self.compiled.model, self.compiled.must
        if not (self.column >= 0).any():
            return None
        # whoever has to be placed comes first, then those in greatest need
        by = np.lexsort((-self.compiled.weight / model.size, ~must))
        some = by[self.column[by] >= 0]
        for opened in (open_pledges(model, self.column)[0], np.zeros(model.pledges, bool)):
            chosen = np.full(model.units, -1)
            slack = model.limit - model.pledged(opened)
            settle(
                some, self.column[some], model.slot, model.size, model.klass, model.slots,
                model.met_start, model.met, model.met_share, slack, chosen,
            )  # fmt: skip
            if self.allowed(chosen, []):
                return chosen
        return None

    def worth(self, value: FloatArray | None, chosen: IntArray) -> float:
        """What an aim counts of a choice."""
        if value is None:
            return together_value(self.compiled.model, chosen, *self._shared)
        return float(value[chosen[chosen >= 0]].sum())

    def allowed(self, chosen: IntArray, held: Sequence[Held]) -> bool:
        """Whether a choice keeps every limit and lock, and every aim held."""
        if np.any(self.compiled.must & (chosen < 0)):
            return False
        if not open_pledges(self.compiled.model, chosen)[1].all():
            return False
        return all(self.worth(h.value, chosen) >= h.least for h in held)

    def lost(self, chosen: IntArray) -> int:
        """Persons who had a place last week, have one possible, and have none in this choice."""
        model = self.compiled.model
        some = self.before & (np.diff(model.start) > 0) & (chosen < 0)
        return int(model.size[some].sum())

    def let_in(
        self, chosen: IntArray, held: Sequence[Held], value: FloatArray | None
    ) -> IntArray:
        """The choice with more of last week's people in it, or the same; nothing held is lost, nor
        anything of `value`, the aim that is asked next."""
        model = self.compiled.model
        if not self.lost(chosen):
            return chosen
        asked = [h.value for h in held if h.value is not None]
        apart = any(h.value is None for h in held)
        if value is not None:
            asked.append(value)
        else:
            apart = True
        total = (self.before * model.size / ABOVE)[model.unit_of_column()]
        for k, each in enumerate(reversed(asked)):
            total = total + ABOVE**k * each / max(1e-9, float(np.abs(each).max(initial=0.0)))
        frozen = self.compiled.linked if apart else np.zeros(model.units, bool)
        out = np.flatnonzero(chosen < 0)
        order = out[np.lexsort((-model.size[out], ~self.before[out]))]
        trial = fill(model, total, chosen, order, self.compiled.must, frozen)
        now = self.worth(value, chosen)
        if not self.allowed(trial, held) or self.worth(value, trial) < now - 1e-9:
            return chosen
        return trial if self.lost(trial) < self.lost(chosen) else chosen

    def back(self, chosen: IntArray, held: Sequence[Held], value: FloatArray) -> IntArray:
        """The same people where last week had them, where that is no worse; else as given."""
        there = np.where((chosen >= 0) & (self.column >= 0), self.column, chosen)
        worse = self.worth(value, there) < self.worth(value, chosen)
        return chosen if worse or not self.allowed(there, held) else there
