"""Some hundred to some thousand units: a sharp bound, then an exact look at what it leaves.

Where windows have few places, the linear relaxation promises more than whole families can use.
Here the relaxation over all choices is tightened by what it overlooks, which gives a bound close
to the truth; integer programs over the choices that lose least by it find the whole choice, and
only choices that could still be part of a better one are looked at to the end. In: pricing of a
problem. Out: a choice and its proven bound.
"""

from __future__ import annotations

import numpy as np

from onward.placement.problem.model import AnyArray, BoolArray, FloatArray, IntArray, Model
from onward.placement.solving.large.rounding import (
    QUICK_COLUMNS,
    refill_slots,
    round_shares,
)
from onward.placement.solving.prices.choices import (
    CoreAnswer,
    open_pledges,
    possible,
    total_value,
)
from onward.placement.solving.prices.pricing import Pricing
from onward.placement.solving.programs.anew import place_everybody
from onward.placement.solving.programs.by_programme import Choices
from onward.placement.solving.programs.cuts import Cuts
from onward.placement.solving.programs.part import Part
from onward.placement.solving.programs.program import INF, Clock

# What a choice may lose by the relaxation to be looked at, as shares of the bound, in turn.
NARROW = (3e-5, 1e-4)
NODES = 40
SMALL = 2_500  # columns that are looked at to the end at once


def sharp_bound(model: Model, value: AnyArray, must: BoolArray, seconds: float) -> float:
    """A bound of this value that knows of whole families; infinite when time ends first."""
    pricing = Pricing(model, value, None, must)
    columns = np.flatnonzero(possible(model))
    part = Part(
        pricing, columns, np.zeros(0, np.int64), model.limit, slack_cost=None,
        units=np.arange(model.units),
    )  # fmt: skip
    if not part.cuts(model).tighten(seconds):
        return np.inf
    return float(part.highs.getInfo().objective_function_value)


def solve_whole(
    pricing: Pricing, *, gap: float, clock: Clock, start: IntArray | None
) -> CoreAnswer:
    """A choice within `gap` of its bound, where that can be had in time."""
    model, value, bundles = pricing.model, pricing.value, pricing.bundles
    log: list[str] = []
    begun = clock.left()

    def note(text: str) -> None:
        log.append(f"{begun - clock.left():6.2f} s  {text}")

    nb = 0 if bundles is None else len(bundles)
    part = Part(
        pricing, np.arange(model.columns), np.arange(nb), model.limit, slack_cost=None,
        units=np.arange(model.units),
    )  # fmt: skip
    none = np.full(model.units, -1)
    solved = part.relax(clock.left() * 0.4)
    if solved is None:
        price = np.zeros(len(model.limit))
        bound = pricing(price)[0]
        chosen, opened, got = round_shares(
            pricing, price, bound, None, np.zeros(0), none, start, gap, clock, note
        )
        return CoreAnswer(chosen, opened, got, bound, price, np.inf, pricing.passes, log)
    lp, price, share = solved
    bound = min(lp, pricing(price)[0])
    note(f"linear relaxation {lp:.4f}")
    best = none if start is None else start.copy()
    best_value = total_value(model, value, bundles, best)
    if start is None and pricing.must.any():
        best_value = -np.inf

    def better(trial: IntArray) -> None:
        nonlocal best, best_value
        got = total_value(model, value, bundles, trial)
        fits = open_pledges(model, trial)
        unplaced = np.any(pricing.must & (trial < 0))
        if got > best_value and not unplaced and fits is not None and fits[1].all():
            best, best_value = trial, got

    def done() -> bool:
        return bound - best_value <= max(gap * abs(bound), 1e-7) or clock.left() <= 0

    cuts = part.cuts(model)
    loss, unplaced = np.zeros(part.m + part.nb), np.zeros(model.units)
    if cuts.tighten(clock.left() * 0.4):
        bound = min(bound, float(part.highs.getInfo().objective_function_value))
        solution = part.highs.getSolution()
        share = np.asarray(solution.col_value)
        loss = np.maximum(0.0, -np.asarray(solution.col_dual)[: part.m + part.nb])
        unplaced = np.maximum(0.0, np.asarray(solution.row_dual)[: model.units])
    note(f"{len(cuts.found)} rows more: {bound:.4f}")
    rounded = none.copy()
    part.write(share, rounded)
    for begin in [rounded] if start is None else [rounded, start]:
        wanted = share[part.m + part.nb :][: part.p] > 0.5
        refilled = refill_slots(pricing, price, begin, best, best_value, clock, wanted)
        if refilled is not None:
            better(refilled[0])
            note(f"refilled slot by slot: {best_value:.4f}")

    def in_hand() -> FloatArray:
        """What each choice may lose to be no worse than what its unit has in the best choice;
        a slot shared, than what its group has."""
        own = unplaced.copy()
        taken = best >= 0
        own[taken] = loss[best[taken]]
        if bundles is None or not nb:
            return own[part.column_unit] + 1e-9
        match = best[bundles.unit] == bundles.column
        full = np.add.reduceat(match, bundles.start[:-1]) == np.diff(bundles.start)
        groups = len(model.group_start) - 1
        together = np.add.reduceat(own[model.group_member], model.group_start[:-1])
        together[bundles.group[full]] = loss[part.m :][full]
        lengths = np.diff(model.group_start)
        shared = np.zeros(groups, bool)
        shared[bundles.group[full]] = True
        alone = np.repeat(np.where(shared, together, 0.0), lengths)
        own[model.group_member] = np.where(
            np.repeat(shared, lengths), alone, own[model.group_member]
        )
        return np.concatenate([own[part.column_unit], together[bundles.group]]) + 1e-9

    def look(
        at_most: float | FloatArray, wanted: float, nodes: int | None, begin: IntArray
    ) -> Part:
        """The integer program over the choices that lose at most so much, and those begun with."""
        some = (loss <= at_most) | (share[: part.m + part.nb] > 1e-9)
        some[: part.m][begin[part.column_unit] == part.column] = True
        columns, kept = np.flatnonzero(some[: part.m]), np.flatnonzero(some[part.m :])
        sub = Part(
            pricing, columns, kept, model.limit, slack_cost=None, units=np.arange(model.units)
        )
        position = np.full(part.m + part.nb, -1)
        position[columns] = np.arange(len(columns))
        position[part.m + kept] = len(columns) + np.arange(len(kept))
        cuts.copy_to(sub.highs, position)
        sub.quick(len(columns) <= QUICK_COLUMNS)
        if nodes is None:  # a proof gains by preparation, a short look does not
            sub.highs.setOptionValue("presolve", "on")
        need = bound * (1 - gap) if bound > 0 else bound * (1 + gap)
        x = sub.whole(clock.left(), need, wanted, begin, nodes=nodes)
        if x is not None:
            trial = none.copy()
            sub.write(np.round(x), trial)
            better(trial)
        note(f"integer program over {len(columns)} columns: {best_value:.4f}")
        return sub

    if start is not None and not done():
        choices = Choices(pricing, loss, share[: part.m + part.nb])
        trial, bound = place_everybody(choices, best, bound, gap, clock.left, note)
        better(trial)
    if model.columns > SMALL and start is None:
        if not done():
            look(in_hand(), gap / 10, NODES, best)
        for narrow in NARROW:
            if not done():
                look(narrow * abs(bound), gap / 10, NODES, best)
    # nothing that loses more than this can be part of a better choice
    rest_of_it = bound - best_value + 1e-7
    if start is None and not done():
        last = look(rest_of_it, gap, None, best)
        proven = float(last.highs.getInfo().mip_dual_bound)
        if abs(proven) < 1e29:
            bound = min(bound, max(proven, best_value))
    bound = max(bound, best_value)
    alone = np.inf
    if start is not None and bundles is not None and nb and cuts.found:
        shared = total_value(model, np.zeros(model.columns), bundles, best)
        alone = _values_at_most(part, cuts, bundles.bonus, shared, clock.left())
        note(f"values alone at most {alone:.4f}")
    opened = (open_pledges(model, best) or (np.zeros(model.pledges, bool), None))[0]
    note(f"value {best_value:.4f}, gap {(bound - best_value) / max(1e-9, abs(bound)):.6f}")
    return CoreAnswer(
        best, opened, float(best_value), float(bound), price, lp, pricing.passes, log, alone
    )


def _values_at_most(
    part: Part, cuts: Cuts, bonus: FloatArray, shared: float, seconds: float
) -> float:
    """The bound of the values alone, among choices whose groups share slots for no less than this."""
    h = part.highs
    index = np.arange(part.m, part.m + part.nb, dtype=np.int32)
    h.changeColsCost(part.nb, index, np.asarray(h.getLp().col_cost_)[index] - bonus)
    h.addRow(shared - 1e-6, INF, part.nb, index, bonus)
    return float(h.getInfo().objective_function_value) if cuts.tighten(seconds) else np.inf
