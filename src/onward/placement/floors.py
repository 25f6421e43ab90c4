"""What a floor costs: the protection-weighted persons that the best proposal without it places more.

In: a `Proposal` made with floors, and the time that is left. Out: a row for each floor.
"""

from __future__ import annotations

from dataclasses import replace

from onward.placement.program import Clock
from onward.placement.proposal import Proposal


def price_floors(proposal: Proposal, clock: Clock) -> bool:
    """What each floor costs in protection-weighted persons: solved with and without it. False when
    time ended a solution first."""
    from onward.placement.propose import propose

    compiled = proposal.compiled
    value = next((s.value for s in proposal.stages if s.name == "protection"), None)
    if value is None:
        return True
    names, _ = compiled.aims.order()
    before = names[: names.index("protection") + 1]
    in_time = True
    for floor in compiled.aims.floors:
        others = tuple(f for f in compiled.aims.floors if f is not floor)
        aims = replace(
            compiled.aims, floors=others,
            stages=tuple(s for s in compiled.aims.stages if s.name in before),
        )  # fmt: skip
        without = propose(
            compiled.tables, aims, seed=proposal.seed, seconds=max(1.0, clock.left())
        )
        in_time &= without.state != "time_limit"
        best = next((s.value for s in without.stages if s.name == "protection"), value)
        proposal.floors.append(
            {
                "floor": floor.name,
                "share": floor.share,
                "price": round(max(0.0, best - value), 6),
            }
        )
    return in_time
