"""Some hundred to some thousand units: a sharp bound, then an exact look at what it leaves.

Where windows have few places, the linear relaxation promises more than whole families can use.
Here the relaxation over all choices is tightened by what it overlooks, which gives a bound close
to the truth; integer programs over the choices that lose least by it find the whole choice, and
only choices that could still be part of a better one are looked at to the end. In: pricing of a
problem. Out: a choice and its proven bound.
"""

from __future__ import annotations

import numpy as np

from onward.placement.anew import fill_anew
from onward.placement.choices import CoreAnswer, open_pledges, possible, total_value
from onward.placement.cuts import Cuts
from onward.placement.exchange import exchange
from onward.placement.fitting import Fitting, fit_everybody
from onward.placement.model import AnyArray, BoolArray, FloatArray, IntArray, Model
from onward.placement.part import Part, part_around
from onward.placement.pricing import Pricing, lost_by
from onward.placement.program import INF, Clock
from onward.placement.rounding import (
    QUICK_COLUMNS,
    refill_slots,
    round_shares,
    within_limits,
)

# What a choice may lose by the relaxation to be looked at, as shares of the bound, in turn.
NARROW = (3e-5, 1e-4)
NODES = 40
FROM_HAND_NODES = 10  # from a choice in hand, where more of them bring little
ROUNDS = 6
# How warm changes of places begin from a choice far from its bound, as shares of the mean value.
WARM = (0.3, 0.2)
COOLER = 0.4  # from a good choice, as a share of what is missing per case
LAST_COLUMNS = 60_000  # columns above which no integer program looks at all of them
EXCHANGES = 120
IDLE = 8  # exchanges in a row that bring nothing before they end
# Sizes of the cases that change places at once, in turn, and how many cases that may be.
SWEEPS = ((1,), (2,), (3,), (4,), (5,), (3, 4))
SWEEP_UNITS = 600
# What a choice may lose to be looked at from a choice in hand, as a share of the mean value.
MAY_LOSE = 0.12
CLOSE = 0.03  # the same when everybody is in and the choice is near its bound already
TOGETHER = 90  # cases in one exchange
SMALL = 2_500  # columns that are looked at to the end at once
FROM_HAND = 1_000  # the same from a choice in hand


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

    everything = np.arange(model.columns)

    def swap(warmths: tuple[float, ...], idle_after: int) -> None:
        """Rounds of changes of places: as warm as asked, then as what is missing per case."""
        idle = 0
        for round_ in range(ROUNDS):
            if done():
                break
            before = best_value
            cases = max(1, int((best >= 0).sum()))
            warmth = (
                warmths[round_]
                if round_ < len(warmths)
                else COOLER * (bound - best_value) / cases
            )
            better(
                exchange(
                    model, value, bundles, best, everything, pricing.must,
                    warmth=warmth, seed=round_ + 1,
                )
            )  # fmt: skip
            idle = idle + 1 if best_value - before < 0.1 * (bound - best_value) else 0
            if idle == idle_after:
                break
        note(f"changed places: {best_value:.4f}")

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

    def decide(free: BoolArray, nodes: int) -> None:
        """The best choices of some units, the rest staying where it is."""
        width = np.where(free, np.inf, -1.0)
        sub, rest = part_around(pricing, free, width, None, held=best)
        sub.quick(sub.m <= QUICK_COLUMNS)
        x = sub.whole(clock.left() * 0.2, np.inf, gap, best, nodes=nodes)
        if x is not None:
            trial = rest.copy()
            sub.write(np.round(x), trial)
            better(trial)

    if start is None and not done() and model.columns > LAST_COLUMNS:
        swap((), 2)
    all_in = False
    each = abs(bound) / max(1, model.units)
    if start is not None and not done() and model.columns > LAST_COLUMNS:
        # a choice in hand that is far from its bound would only lead the program astray
        before = best_value
        look(CLOSE * each, gap / 10, FROM_HAND_NODES, none)
        all_in = best_value > before
    if start is not None and not done() and not all_in and model.columns > LAST_COLUMNS:
        wanted = share[part.m + part.nb :][: part.p] > 0.5
        inside = within_limits(pricing, price, rounded, wanted)
        if inside is not None:
            # with this many cases some few choices away from the relaxation everybody fits
            fitting = Fitting(pricing, loss, share[: part.m + part.nb], bound)
            found = fit_everybody(fitting, inside[0], clock)
            all_in = found is not None
            if found is not None:
                better(found)
                note(f"everybody fitted in: {best_value:.4f}")
                look(CLOSE * each, gap / 10, FROM_HAND_NODES, best)
        if not all_in and not done():
            swap(tuple(share * abs(best_value) / max(1, model.units) for share in WARM), 1)
    if start is not None and not done() and not all_in:
        # a choice in hand that is far from its bound: cases of one size change places, which is
        # nearly an assignment and soon solved; then the choices that lose little are looked at
        pricing(price)
        for sizes in SWEEPS:
            free = np.isin(model.size, sizes)
            if free.any() and free.sum() <= SWEEP_UNITS and not done():
                decide(free, 5)
        note(f"cases of one size changed places: {best_value:.4f}")
        if not done():
            look(MAY_LOSE * each, gap / 10, FROM_HAND_NODES, best)
        swap(tuple(share * abs(best_value) / max(1, model.units) for share in WARM), 1)
    if all_in and not done():
        swap((), 1)
    if start is not None and not done() and model.columns <= LAST_COLUMNS:
        better(
            fill_anew(
                pricing, loss, share[: part.m + part.nb], best, each,
                lambda value: bound - value <= gap * abs(bound) or clock.left() <= 0,
            )
        )  # fmt: skip
        note(f"some programmes at a time filled anew: {best_value:.4f}")
    elif start is not None and not done():
        rng = np.random.default_rng(1)
        idle = 0
        for _ in range(EXCHANGES):
            before = best_value
            pricing(price)
            lost = np.maximum(0.0, lost_by(pricing, best))
            if lost.sum() < 1e-9 or done():
                break
            slot = np.where(best >= 0, model.slot[best], -1)
            wants = np.where(pricing.chosen >= 0, model.slot[pricing.chosen], -1)
            free = np.zeros(model.units, bool)
            some = min(TOGETHER, int((lost > 0).sum()))
            for unit in rng.choice(model.units, some, p=lost / lost.sum()):
                if free.sum() >= TOGETHER:
                    break
                for s in (slot[unit], wants[unit]):
                    free |= (slot == s) & (s >= 0)
                free[unit] = True
            decide(free, NODES)
            idle = idle + 1 if best_value < before + 1e-5 * abs(bound) else 0
            if idle == IDLE:
                break
        note(f"exchanged among a few windows at a time: {best_value:.4f}")
    if model.columns > SMALL and start is None:
        if not done():
            look(in_hand(), gap / 10, NODES, best)
        for narrow in NARROW:
            if not done():
                look(narrow * abs(bound), gap / 10, NODES, best)
    # nothing that loses more than this can be part of a better choice
    rest_of_it = bound - best_value + 1e-7
    few = model.columns <= LAST_COLUMNS
    least = start is None or np.count_nonzero(loss <= rest_of_it) <= FROM_HAND
    if few and not done() and least:
        last = look(rest_of_it, gap, None, best)
        proven = float(last.highs.getInfo().mip_dual_bound)
        if abs(proven) < 1e29:
            bound = min(bound, max(proven, best_value))
    bound = max(bound, best_value)
    alone = np.inf
    if few and start is not None and bundles is not None and nb and cuts.found:
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
