"""One proposal: which way the aims are solved, and the proposal that comes of it.

The officer decides; this proposes. In: `Tables`, `Aims`, a seed and limits on effort. Out: a
`Proposal` with every case's place or the reason it has none, and for every stage its value, the
proven bound and the gap. Up to some hundred units every stage is an exact integer program
(`exact`); above that prices guide the search (`large`), and the bound is just as much a proof. The
same input and seed give the same proposal, whatever the order of rows.
"""

from __future__ import annotations

import numpy as np

from onward.errors import Fault, Faults
from onward.placement.inputs.aims import BY_PRICES, Aims
from onward.placement.inputs.tables import Tables
from onward.placement.problem.compiling import Compiled, compile_tables
from onward.placement.problem.counted import Counted
from onward.placement.problem.model import IntArray
from onward.placement.solving import floors
from onward.placement.solving.conflicts import fits_at_all
from onward.placement.solving.exact import equal_units, exact, infeasible
from onward.placement.solving.programs.program import Clock
from onward.placement.solving.proposal import Proposal, StageResult, pledges_met

# Up to so many units every stage is one integer program; above, prices guide the search. With
# locks, floors or an outcome that may decide whether, the integer program is kept for longer.
EXACT_UNITS = 400
EXACT_WHEN_BOUND = 2_000
HALF_WIDTH = 60_000  # columns above which values take half the memory


def propose(
    tables: Tables,
    aims: Aims,
    *,
    seed: int = 1,
    seconds: float = 120.0,
    gap: float | None = None,
    price_floors: bool = True,
) -> Proposal:
    """The proposal for these tables under these aims.

    seconds stops a stage that has not met its gap (the state then says time_limit); gap
    replaces the one in the aims; price_floors: whether it is worked out what each floor costs."""
    compiled = compile_tables(tables, aims, seed=seed)
    return solve(compiled, seed=seed, seconds=seconds, gap=gap, price_floors=price_floors)


def solve(
    compiled: Compiled,
    *,
    seed: int = 1,
    seconds: float = 120.0,
    gap: float | None = None,
    price_floors: bool = True,
) -> Proposal:
    """The proposal for tables that are compiled already; see `propose`."""
    aims = compiled.aims
    wanted = aims.gap if gap is None else gap
    model = compiled.model
    none = np.full(model.units, -1)
    shut = np.zeros(model.pledges, bool)
    if compiled.impossible_locks:
        words = [f"lock of case {case}: {why}" for case, why in compiled.impossible_locks]
        return Proposal(compiled, seed, "infeasible", none, shut, conflict=words)
    bound_to = bool(compiled.must.any() or aims.floors)
    if not model.columns and bound_to and not fits_at_all(compiled).feasible:
        return infeasible(compiled, seed)
    by_prices = aims.by_prices()
    if model.units <= (EXACT_UNITS if by_prices and not bound_to else EXACT_WHEN_BOUND):
        clock = Clock(seconds)
        proposal = exact(compiled, seed, wanted, clock)
        if price_floors and not floors.price_floors(proposal, clock, _other(compiled, seed)):
            proposal.settle_state(wanted, by_clock=True)
        return proposal
    if not by_prices:
        raise Faults([_too_many(aims, model.units)])
    start = None
    if bound_to:
        answer = fits_at_all(compiled)
        if not answer.feasible:
            return infeasible(compiled, seed)
        start = answer.chosen
    clock = Clock(seconds)
    proposal = _large(compiled, seed, wanted, seconds, start)
    if price_floors and aims.floors:
        floors.price_floors_in_time(proposal, clock, _other(compiled, seed))
    return proposal


def _other(compiled: Compiled, seed: int) -> floors.Propose:
    """How the same tables are proposed for under other aims, to compare with."""

    def other(aims: Aims, seconds: float) -> Proposal:
        return propose(compiled.tables, aims, seed=seed, seconds=seconds, price_floors=False)

    return other


def _too_many(aims: Aims, units: int) -> Fault:
    whether = "" if aims.only_where else ", the outcome deciding where and whether"
    return Fault(
        "aims", "stages", "",
        f"{', '.join(aims.names)}{whether}; {units:,} families cannot be placed by aims in this order",
        f"for more than {EXACT_WHEN_BOUND:,} families {', '.join(BY_PRICES)}, in this order, the "
        "outcome deciding where; others than protection may be left out, outcome only with together and keep",
        f"Put the stages in this order, or place at most {EXACT_WHEN_BOUND:,} families at a time.",
    )  # fmt: skip


def _large(
    compiled: Compiled, seed: int, gap: float, seconds: float, start: IntArray | None
) -> Proposal:
    """Above a few thousand units: who by prices, then where with who held."""
    from onward.placement.solving.large.stages import solve_large
    from onward.placement.solving.last_week import LastWeek

    model = compiled.model
    last = LastWeek(compiled).begin() if start is None else None
    # values of half the width where there are millions of them
    width = np.float32 if model.columns > HALF_WIDTH else np.float64
    weight = compiled.column_weight
    protection = (
        Counted(model, unit=compiled.weight, dtype=width)
        if weight is None
        else Counted(model, column=weight, dtype=width)
    )
    first = compiled.aims.stage("emergencies")
    emergencies = None
    if first:
        later = np.power(float(first.options["later_window_counts"]), model.slot_order)
        emergencies = Counted(model, unit=compiled.emergency, slot=later, dtype=width)
    together = compiled.aims.stage("together")
    outcome = compiled.aims.stage("outcome")
    keep = compiled.aims.stage("keep") and compiled.kept.any()
    found = solve_large(
        model,
        emergencies=emergencies,
        protection=protection,
        ticket=compiled.ticket,
        equal=equal_units(compiled, ["emergencies", "protection"]),
        outcome=np.asarray(compiled.outcome, width) if outcome else None,
        kept=np.asarray(compiled.kept, width) if keep else None,
        same_window=float(together.options["same_window"]) if together else 0.0,
        same_country=float(together.options["same_country"]) if together else 0.0,
        may_lose=float(outcome.options["may_lose"]) if outcome else 0.0,
        must=compiled.must,
        start=start,
        last=last,
        gap=gap,
        seconds=seconds,
        seed=seed,
    )
    names = compiled.aims.names
    stages = [StageResult(*stage) for stage in found.stages if stage[0] in names]
    if "lottery" in names:
        units = np.flatnonzero((found.chosen >= 0) & bool(compiled.members))
        drawn = float(compiled.drawn(found.chosen[units], units).sum())
        stages.append(StageResult("lottery", drawn, np.nan, "not asked of so many cases"))
    proposal = Proposal(
        compiled, seed, "optimal", found.chosen, pledges_met(compiled, found.chosen), stages
    )
    proposal.price, proposal.outcome_price = found.price, found.outcome_price
    proposal.settle_state(gap, found.by_clock)
    return proposal
