"""What an operation's own record says of its paces, to be lent to others.

Comes in: fitted rates and the rulebook. Goes out: `paces.Paces` with nothing hidden yet; what another
operation may not be told is hidden above this room.
"""

from __future__ import annotations

from onward.forecast.learning.estimate import Rates
from onward.forecast.learning.paces import Paces, Seen
from onward.rulebook.model import Rulebook


def paces_of(rates: Rates, rulebook: Rulebook, operation: str) -> Paces:
    """What an operation's own fitted rates say of its paces, nothing hidden yet.

    Left out are moves made by convoy or flight and those through a capacity that was used up (their
    pace is the vehicle's or the capacity's), and hand-over: that it happened elsewhere is no
    forecast.
    """
    moves, found = rulebook.moves(), []
    for step, (families, days) in zip(rates.moves, rates.seen, strict=True):
        move = moves[step[1]]
        pool = rulebook.transitions[move.transition].consumes
        by_others = step[1] in rates.movements or pool in rates.short
        if days > 0 and not by_others and move.pathway != "handover":
            found.append(Seen(step, families, days))
    return Paces(
        operation,
        rulebook.name,
        str(rulebook.version),
        round(rates.level_variance**0.5, 3),
        0,
        found,
    )
