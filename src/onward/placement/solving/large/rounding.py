"""Whole choices from what prices or a linear program would choose.

Slots are refilled one after another by an exact knapsack, conditions of pledges are met by those
who lose least, and integer programs look at the units the linear program split and those with
the smallest leads. In: pricing, shares of a program, a bound. Out: a choice that keeps every limit.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from onward.placement.problem.model import BoolArray, FloatArray, IntArray
from onward.placement.solving.prices import kernels
from onward.placement.solving.prices.choices import open_pledges, together, total_value
from onward.placement.solving.prices.pricing import (
    SOFTNESS,
    Pricing,
    column_loss,
    leads,
    lost_by,
)
from onward.placement.solving.programs.part import Part, part_around
from onward.placement.solving.programs.program import Clock
from onward.placement.solving.search.chains import fill
from onward.placement.solving.search.fitting import Fitting, fit_everybody
from onward.placement.solving.search.making_way import make_way
from onward.placement.solving.search.moving import settle
from onward.placement.solving.search.passing import can_pass, pass_on
from onward.placement.solving.search.refill import refill

# Shares of its price that an empty place counts while slots are refilled, in turn.
ALPHAS = (0.99, 0.97, 0.95, 0.9, 0.85, 0.8, 0.7, 0.5, 0.25, 0.0)
# Columns up to which an integer program needs no search inside the search.
QUICK_COLUMNS = 900
# Columns of the first integer program after rounding, about.
ROUND_COLUMNS = 5_000
# Nodes one of the small integer programs may look at.
NODES = 60
WIDTH = 0.1
# Columns up to which everybody who has to be placed is fitted in from the linear program.
FITTED_COLUMNS = 5_000_000


def round_shares(
    pricing: Pricing,
    price: FloatArray,
    bound: float,
    part: Part | None,
    shares: FloatArray,
    fixed: IntArray,
    start: IntArray | None,
    gap: float,
    clock: Clock,
    note: Callable[[str], None],
) -> tuple[IntArray, BoolArray, float]:
    """Whole choices: keep what the linear program decided, and solve integer programs over the
    units it split and those with the smallest leads, more of them until the gap is met."""
    model, value = pricing.model, pricing.value
    best = np.full(model.units, -1) if start is None else start.copy()
    best_value = total_value(model, value, pricing.bundles, best)
    if part is None or not len(shares):
        # no time for the linear program: begin with what the prices alone would choose
        pricing(price)
        level = float(np.median(price[price > 0])) if (price > 0).any() else 1.0
        chosen = pricing.spread(SOFTNESS[-1] * level)
        found = refill_slots(pricing, price, chosen, best, best_value, clock)
        if found is None and pricing.must.any():
            found = let_in(pricing, price, chosen, best_value, clock=clock)
        if found is not None:
            best, best_value = found
        opened, _ = open_pledges(model, best)
        return best, opened, best_value
    chosen = fixed.copy()
    part.write(shares, chosen)
    split = np.zeros(model.units, bool)
    broken = np.flatnonzero((shares[: part.m] > 1e-6) & (shares[: part.m] < 1 - 1e-6))
    split[part.column_unit[broken]] = True
    if part.nb:
        share = shares[part.m : part.m + part.nb]
        cut_up = (share > 1e-6) & (share < 1 - 1e-6)
        split[part.flat_unit[cut_up[part.of_bundle]]] = True
    note(f"{int(split.sum())} units split by the linear program")
    first = part.m + part.nb
    wanted = shares[first : first + part.p] > 0.5
    polished = refill_slots(pricing, price, chosen, best, best_value, clock, wanted)
    if polished is not None:
        best, best_value = polished
        note(f"refilled slot by slot: {best_value:.4f}")
    begun = chosen if polished is None else best
    chained = let_in(pricing, price, begun, best_value, wanted, clock)
    if chained is not None:
        best, best_value = chained
        note(f"let in by chains: {best_value:.4f}")
    if bound - best_value <= gap * max(1e-9, abs(bound)):
        opened, _ = open_pledges(model, best) or (np.zeros(model.pledges, bool), None)
        return best, opened, best_value
    nothing = start is None and polished is None and chained is None
    return _improved(
        pricing, price, bound, chosen if nothing else best, best, best_value, gap, clock, note
    )


def round_choice(
    pricing: Pricing,
    price: FloatArray,
    bound: float,
    chosen: IntArray,
    wanted: BoolArray,
    best: IntArray,
    best_value: float,
    gap: float,
    clock: Clock,
    note: Callable[[str], None],
) -> tuple[IntArray, BoolArray, float] | None:
    """Whole choices from one in which a few limits are broken; None if somebody who has to be placed is
    left without.

    best, best_value: the choice in hand; wanted: the pledges whose conditions should still be met."""
    model = pricing.model
    current = everybody_in(pricing, price, bound, chosen, wanted, clock)
    if current is None:
        return None
    got = total_value(model, pricing.value, pricing.bundles, current)
    note(f"everybody let in: {got:.4f}")
    if got > best_value:
        best, best_value = current, got
    if bound - best_value <= gap * max(1e-9, abs(bound)):
        return best, open_pledges(model, best)[0], best_value
    return _improved(pricing, price, bound, best, best, best_value, gap, clock, note)


def everybody_in(
    pricing: Pricing,
    price: FloatArray,
    bound: float,
    chosen: IntArray,
    wanted: BoolArray,
    clock: Clock,
) -> IntArray | None:
    """A choice that keeps every limit and leaves nobody out who has to be placed, near one that does not;
    None if none was found. wanted: the pledges whose conditions should still be met."""
    model = pricing.model
    if not can_pass(model):
        return None
    pricing(price)
    shared = together(model, pricing.bundles, chosen)
    current = pass_on(pricing, price, bound, chosen, wanted, shared, clock)
    left = np.flatnonzero(pricing.must & (current < 0))
    if len(left) and clock.left() <= 0:
        return None
    if len(left):
        left = left[np.argsort(-model.size[left], kind="stable")]
        current = fill(model, pricing.value, current, left, pricing.must, shared, passes=8)
        current = make_way(pricing, price, current, shared, clock)
        if np.any(pricing.must & (current < 0)) and model.columns <= FITTED_COLUMNS:
            fitted = fit_everybody(_fitting(pricing, price), current, clock)
            current = current if fitted is None else fitted
        pricing(price)
        current = pass_on(pricing, price, bound, current, wanted, shared, clock)
    fits = open_pledges(model, current)[1].all()
    return current if fits and not np.any(pricing.must & (current < 0)) else None


def _improved(
    pricing: Pricing,
    price: FloatArray,
    bound: float,
    base: IntArray,
    best: IntArray,
    best_value: float,
    gap: float,
    clock: Clock,
    note: Callable[[str], None],
) -> tuple[IntArray, BoolArray, float]:
    """The best of a choice in hand and of integer programs over those with the smallest leads, more of
    them until the gap is met."""
    model, value = pricing.model, pricing.value
    pricing(price)
    lead = leads(pricing)
    need = bound * (1 - gap) if bound > 0 else bound * (1 + gap)
    # where everybody has to stay placed, who loses most finds no place without those at the margin
    count, more = 600, 2.0 if pricing.must.all() else 1.0
    while clock.left() > 0.05:
        # first every choice that the prices like better than the one in hand, largest loss
        # first; then those at the margin as well, more of them each time
        lost = np.maximum(0.0, lost_by(pricing, base))
        worst_first = np.argsort(-lost, kind="stable")
        width = np.where(lost > 1e-9, more * lost + 1e-9, -1.0)
        width[lead <= 1e-9] = np.maximum(width, 1e-9)[lead <= 1e-9]
        near = np.zeros(model.units, np.int64)
        kernels.count_near(
            model.start, model.slot, value, model.size, model.klass, pricing.cell,
            pricing.first, width, near,
        )  # fmt: skip
        beyond = np.cumsum(near[worst_first]) > ROUND_COLUMNS * more
        width[worst_first[beyond]] = -1.0
        if more > 1:
            order = np.argsort(lead, kind="stable")[: min(count, model.units)]
            cut = max(float(lead[order[len(order) // 2]]), 1e-6)
            margin = max(4.0 * cut, WIDTH) * model.size[order]
            width[order] = np.maximum(width[order], margin)
            count *= 2
        sub, rest = part_around(pricing, width >= 0, width, None, held=base)
        there = total_value(model, value, pricing.bundles, rest)
        sub.cuts(model).tighten(clock.left() * 0.3)
        sub.quick(sub.m <= QUICK_COLUMNS)
        x = sub.whole(clock.left(), need - there, gap / 10, base, nodes=NODES)
        if x is not None:
            trial = rest.copy()
            sub.write(x, trial)
            got = total_value(model, value, pricing.bundles, trial)
            note(f"integer program over {sub.n} units, {sub.m} columns: {got:.4f}")
            checked = open_pledges(model, trial)
            whole = not np.any(pricing.must & (trial < 0))
            if checked[1].all() and whole and got > best_value:
                best, best_value = trial, got
                base = best
        if bound - best_value <= gap * max(1e-9, abs(bound)) or count > 2 * model.units:
            break
        more *= 2
    opened, _ = open_pledges(model, best) or (np.zeros(model.pledges, bool), None)
    return best, opened, best_value


def _meet_conditions(pricing: Pricing, chosen: IntArray, wanted: BoolArray) -> None:
    """Let those who lose least by it take choices that a wanted pledge still asks for, while
    there is room; chosen changes in place, at the prices asked last."""
    model = pricing.model
    extra = model.pledged(wanted)
    slack = model.limit - model.usage(chosen) - extra
    asks = wanted[model.pledge_of] & (model.pledge_coef > 0)
    alone = np.ones(model.units, bool)
    alone[model.group_member] = False
    for row in np.unique(model.pledge_row[asks]):
        if slack[row] >= -1e-6:
            continue
        counts = np.zeros(len(model.met_start) - 1, bool)
        counts[pricing.met_cell[(model.met == row) & (model.met_share < 0)]] = True
        slots = np.flatnonzero(counts.reshape(-1, model.slots).any(0))
        column = np.flatnonzero(np.isin(model.slot, slots))
        unit = np.searchsorted(model.start, column, side="right") - 1
        now = chosen[unit]
        there = (now >= 0) & counts[
            model.klass[unit] * model.slots + model.slot[np.maximum(now, 0)]
        ]
        mine = counts[model.klass[unit] * model.slots + model.slot[column]]
        mine &= alone[unit] & ~there
        column, unit = column[mine], unit[mine]
        worth = (
            pricing.value[column]
            - model.size[unit] * (pricing.cell[model.klass[unit], model.slot[column]])
        )
        loss = (pricing.first[unit] - worth) / model.size[unit]
        for i in np.argsort(loss, kind="stable")[:400]:
            if slack[row] >= -1e-6:
                break
            settle(
                unit[i : i + 1], column[i : i + 1], model.slot, model.size, model.klass,
                model.slots, model.met_start, model.met, model.met_share, slack, chosen,
            )  # fmt: skip


def within_limits(
    pricing: Pricing, price: FloatArray, chosen: IntArray, wanted: BoolArray | None
) -> tuple[IntArray, FloatArray] | None:
    """The linear program's whole choices, less what overfills a limit, and the room left; None if
    some limit stays broken. wanted: the pledges whose conditions should still be met."""
    model = pricing.model
    pricing(price)
    current = chosen.copy()
    if wanted is not None and wanted.any():
        _meet_conditions(pricing, current, wanted)
    opened, _ = open_pledges(model, current)
    extra = model.pledged(opened)
    # choices that the linear program split are empty here; drop what still overfills a row
    slack = model.limit - model.usage(current) - extra
    if slack.min(initial=0.0) < -1e-6:
        order = np.argsort(leads(pricing), kind="stable")
        taken = order[current[order] >= 0]
        again = current.copy()
        current[:] = -1
        slack = model.limit - extra
        # whom a condition asks for come first, then those whose choice is clearest
        cell = model.klass[taken] * model.slots + model.slot[again[taken]]
        asked = np.zeros(len(model.met_start) - 1, bool)
        asked[pricing.met_cell[(model.met_share < 0) & (slack[model.met] < 0)]] = True
        sequence = np.concatenate([taken[asked[cell]][::-1], taken[~asked[cell]][::-1]])
        settle(
            sequence, again[sequence], model.slot, model.size, model.klass, model.slots,
            model.met_start, model.met, model.met_share, slack, current,
        )  # fmt: skip
        if slack.min(initial=0.0) < -1e-6:
            return None
    return current, slack


def let_in(
    pricing: Pricing,
    price: FloatArray,
    chosen: IntArray,
    best_value: float,
    wanted: BoolArray | None = None,
    clock: Clock | None = None,
) -> tuple[IntArray, float] | None:
    """Whole choices from those that prices or a linear program make, empty places filled and
    better ones taken by chains of moves; None if none is better than `best_value`.
    clock: time to fit everybody in who has to be placed, which chains alone may not."""
    model, value, bundles = pricing.model, pricing.value, pricing.bundles
    kept = within_limits(pricing, price, chosen, wanted)
    if kept is None:
        return None
    current = kept[0]
    frozen = together(model, bundles, current)
    # those for whom a place is worth most per person come first, whoever has to be placed before
    most = np.full(model.units, -1.0)
    some = np.flatnonzero(np.diff(model.start) > 0)
    most[some] = np.maximum.reduceat(value, model.start[some]) / model.size[some]
    order = np.argsort(-most, kind="stable")
    waiting = order[current[order] < 0]
    if pricing.must.any():
        bound_to = waiting[pricing.must[waiting]]
        by_size = np.argsort(-model.size[bound_to], kind="stable")
        current = fill(model, value, current, bound_to[by_size], pricing.must, frozen, passes=8)
        if clock is not None:
            current = make_way(pricing, price, current, frozen, clock)
        left = int(np.sum(pricing.must & (current < 0)))
        if left and clock is not None and model.columns <= FITTED_COLUMNS:
            fitted = fit_everybody(_fitting(pricing, price), current, clock)
            left = 1 if fitted is None else 0
            current = current if fitted is None else fitted
        if left:
            return None
    current = fill(model, value, current, waiting, pricing.must, frozen, deep=False)
    lost = lost_by(pricing, current) / model.size
    worse = np.flatnonzero((lost > 1e-9) & ~frozen)
    worse = worse[np.argsort(-lost[worse], kind="stable")]
    current = fill(model, value, current, worse, pricing.must, frozen, deep=False)
    got = total_value(model, value, bundles, current)
    return (current, got) if got > best_value else None


def _fitting(pricing: Pricing, price: FloatArray) -> Fitting:
    """What everybody is fitted in by, when prices say what a choice loses."""
    model = pricing.model
    bound, _ = pricing(price)
    loss = column_loss(pricing, np.arange(model.columns), model.unit_of_column())
    return Fitting(pricing, np.maximum(0.0, loss), bound)


def refill_slots(
    pricing: Pricing,
    price: FloatArray,
    chosen: IntArray,
    best: IntArray,
    best_value: float,
    clock: Clock,
    wanted: BoolArray | None = None,
) -> tuple[IntArray, float] | None:
    """Whole choices from the linear program's, refilled slot by slot; None if none better.

    wanted: the pledges the linear program opens, whose conditions rounding should still meet.
    Places left empty count a share of their price that falls from nearly all to nothing, so
    early sweeps shift cases to make sizes fit and late sweeps take any gain."""
    model, value = pricing.model, pricing.value
    kept = within_limits(pricing, price, chosen, wanted)
    if kept is None:
        return None
    current, slack = kept
    frozen = np.zeros(model.units, bool)
    if pricing.bundles is not None and len(pricing.bundles):
        frozen[model.group_member] = True
    lead = leads(pricing)
    level = float(np.median(price[price > 0])) if (price > 0).any() else 0.0
    near = np.zeros(model.units, np.int64)
    count = min(model.units, max(4000, 40 * model.slots)) - 1
    cut = float(np.partition(lead, count)[count])
    width = np.where(lead <= cut, max(cut, 0.1 * level) * model.size, -1.0)
    args = (model.start, model.slot, value, model.size, model.klass, pricing.cell)
    kernels.count_near(*args, pricing.first, width, near)
    columns = np.zeros(int(near.sum()), np.int64)
    kernels.list_near(*args, pricing.first, width, columns)
    where = model.slot[columns].astype(np.int64)
    order = np.argsort(where, kind="stable")
    columns = columns[order]
    near_unit = np.searchsorted(model.start, columns, side="right") - 1
    near_start = np.searchsorted(where[order], np.arange(model.slots + 1))
    found = None
    for alpha in ALPHAS:
        for _ in range(6):
            moved = refill(
                model.start, model.slot, value, model.size, model.klass, pricing.cell,
                pricing.must, frozen, model.met_start, model.met, model.met_share, slack,
                near_start, columns, near_unit, current, alpha,
                np.argsort(-price[: model.slots], kind="stable"),
            )  # fmt: skip
            got = total_value(model, value, pricing.bundles, current)
            if got > best_value and not np.any(pricing.must & (current < 0)):
                best_value = got
                found = (current.copy(), got)
            if not moved or clock.left() <= 0:
                break
    return found
