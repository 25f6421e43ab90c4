"""What one more place brings: not the price of one limit alone, but of all that rise with it.

A place more in a window also leaves one more for those that an earmark there is not for. Where an
earmark and the places are both full, either alone brings nothing and the place brings a person; so
its worth is that of all these limits together. In: `Compiled`, and the prices of the linear
program. Out: which limits rise with each, and what one more of each is worth.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from onward.placement.problem.compiling import Compiled
from onward.placement.problem.limits import scope_of
from onward.placement.problem.model import FloatArray
from onward.placement.solving.programs.program import Prices

Rises = dict[int, float]
"""Row -> by how much its limit rises."""


@dataclass
class OneMore:
    """Per row (rows,): worth in protection-weighted persons of one more place, and by how many
    places fewer or more that holds (not a number: not known)."""

    worth: FloatArray
    fewer: FloatArray
    more: FloatArray


def rising(compiled: Compiled) -> list[Rises]:
    """Per row the limits that rise with one more place in a window, one more person under a cap, or
    one fewer place kept by an earmark. Nothing rises where an earmark keeps more than there is."""
    found: list[Rises] = [{r: 1.0} for r in range(len(compiled.model.limit))]
    counted = compiled.aims.states_that_count
    first = (
        compiled.model.slots
    )  # the places come first, then the limits in the order of the tables
    for r, limit in enumerate(compiled.tables.limits, first):
        if limit.kind != "earmark":
            continue
        scope = scope_of(limit.programme, limit.window, compiled.slots)
        scope = [s for s in scope if compiled.slots[s].state in counted]
        places = sum(compiled.slots[s].persons for s in scope)
        if places < limit.persons:
            found[r] = {}
        if places >= limit.persons:
            for s in scope:
                found[s][r] = 1.0
    return found


def priced(compiled: Compiled, price: FloatArray) -> FloatArray:
    """What one more of each is worth by prices alone (rows,): never less than it is."""
    return np.array(
        [sum(price[r] * by for r, by in rises.items()) for rises in rising(compiled)]
    )


def worth_of_one_more(
    compiled: Compiled, prices: Prices, value_with: Callable[[Rises], float | None]
) -> tuple[OneMore, bool]:
    """What one more of each is worth: by its price where that holds for a place and nothing else
    rises, otherwise by what the linear program brings with it. False when some could not be asked.

    value_with   the value of the linear program with limits that rise, None where time ended"""
    found = OneMore(priced(compiled, prices.row), prices.fewer.copy(), prices.more.copy())
    in_time = True
    for r, rises in enumerate(rising(compiled)):
        alone = rises == {r: 1.0}
        if not alone:
            found.fewer[r] = found.more[r] = np.nan
        if found.worth[r] <= 1e-9 or (alone and prices.more[r] >= 1):
            continue
        value = value_with(rises)
        if value is None:
            in_time = False
            continue
        found.worth[r] = max(0.0, value - prices.value)
        found.more[r] = 1.0
    return found, in_time
