"""An operation's paces as another operation may be given them: what is hidden and what is rounded.

Comes in: paces as they were counted. Goes out: the same under the rule for outside
(`report.disclosure`): a count of ten families or fewer is hidden, every other one rounded to five,
and a move that on average so few families could have made is left out. No total is given from which a
hidden count could be worked back: what goes into a state and what comes out of it are each rounded, so
their difference is known to no better than within five either way.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from onward.forecast.learning.paces import Paces, Seen
from onward.report.disclosure import RULES, rounded


def released(counted: Paces, days: int) -> Paces:
    """What may leave.

    days  that the record covers
    """
    rule = RULES["external"]
    return replace(counted, hidden=rule.hide_to, moves=list(_shown(counted, days)))


def _shown(counted: Paces, days: int) -> Iterator[Seen]:
    rule = RULES["external"]
    for one in counted.moves:
        families = one.families or 0.0
        if one.family_days / days <= rule.hide_to:
            continue
        hidden = families <= rule.hide_to
        yield Seen(
            one.step,
            None if hidden else rounded(families, rule.round_to),
            _two_figures(one.family_days),
        )


def _two_figures(value: float) -> int:
    """To two figures: days in which families could have moved tell how many there were."""
    size = 10 ** max(math.floor(math.log10(value)) - 1, 0)
    return int(round(value / size) * size)
