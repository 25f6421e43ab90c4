"""What a floor costs: the protection-weighted persons that the best proposal without it places more.

In: a `Proposal` made with floors, how another is made, and the time that is left. Out: a row for
each floor. Both proposals are only known to be within their bounds, so the cost is told with the
least and the most that it can be.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from onward.placement.inputs.aims import Aims
from onward.placement.solving.programs.program import Clock
from onward.placement.solving.proposal import Proposal, StageResult

MOST_UNITS = 50_000
"""With more units it is not asked: the tables are made ready again for each floor."""
LEAST_SECONDS = 1.0

Propose = Callable[[Aims, float], Proposal]
"""The proposal of the same tables under other aims, in so many seconds."""


def price_floors(proposal: Proposal, clock: Clock, propose: Propose) -> bool:
    """The cost of each floor, solved with and without it; False when time ended a solution first."""
    mine = _protection(proposal)
    if mine is None:
        return True
    in_time = True
    for at in range(len(proposal.compiled.aims.floors)):
        in_time &= _price(proposal, mine, at, max(LEAST_SECONDS, clock.left()), propose)
    return in_time


def price_floors_in_time(proposal: Proposal, clock: Clock, propose: Propose) -> None:
    """The same for as many floors as there is time for, each having its share of it; none where
    there are too many cases."""
    mine, floors = _protection(proposal), proposal.compiled.aims.floors
    if mine is None or proposal.compiled.model.units > MOST_UNITS:
        return
    for at in range(len(floors)):
        seconds = clock.left() / (len(floors) - at)
        if seconds < LEAST_SECONDS:
            return
        _price(proposal, mine, at, seconds, propose)


def _protection(proposal: Proposal) -> StageResult | None:
    return next((s for s in proposal.stages if s.name == "protection"), None)


def _price(
    proposal: Proposal, mine: StageResult, at: int, seconds: float, propose: Propose
) -> bool:
    """Add the row of one floor; False when time ended the solution without it."""
    aims = proposal.compiled.aims
    floor, names = aims.floors[at], aims.order()[0]
    before = names[: names.index("protection") + 1]
    without_it = replace(
        aims, floors=(*aims.floors[:at], *aims.floors[at + 1 :]),
        stages=tuple(s for s in aims.stages if s.name in before),
    )  # fmt: skip
    without = propose(without_it, seconds)
    best = _protection(without) or mine

    def told(value: float) -> float:
        return round(max(0.0, value), 6)

    row: dict[str, Any] = {
        "floor": floor.name,
        "share": floor.share,
        "price": told(best.value - mine.value),
        "price_at_least": told(best.value - mine.bound),
        "price_at_most": told(best.bound - mine.value),
    }
    proposal.floors.append(row)
    return without.state != "time_limit"
