"""Some hundred to some thousand units: a sharper bound, then an exact look at what it leaves.

Where windows have few places, the linear relaxation promises more than whole families can use.
Here every slot is filled with whole families on its own (an exact knapsack) and only "one place
per family" is relaxed, which gives a bound far closer to the truth; choices that this bound
shows to be useless are dropped before the integer program. In: pricing of a problem, prices and
a choice. Out: a better choice and a better proven bound.
"""

from __future__ import annotations

import numpy as np

from onward.placement import kernels
from onward.placement.core import Part, Pricing, open_pledges, total_value
from onward.placement.model import BoolArray, FloatArray, IntArray
from onward.placement.program import Clock

STEPS = 600
LONGEST = 400  # places in one slot above which the knapsacks cost more than they bring


def sharper(
    pricing: Pricing, price: FloatArray, best_value: float, bound: float, clock: Clock
) -> tuple[float, BoolArray, BoolArray]:
    """A proven bound not above `bound`, and which columns and bundles can still be part of a
    choice better than `best_value`."""
    model, bundles = pricing.model, pricing.bundles
    nb = 0 if bundles is None else len(bundles)
    keep, keep_bundle = np.ones(model.columns, bool), np.ones(nb, bool)
    slots = model.slots
    extra = np.zeros(slots)
    owner = np.full(slots, -1)
    for k, r, c in zip(model.pledge_of, model.pledge_row, model.pledge_coef, strict=True):
        if r < slots and c < 0:
            if owner[r] >= 0:
                return bound, keep, keep_bundle
            owner[r], extra[r] = k, -c
    room = np.floor(model.limit[:slots] + 1e-9).astype(np.int64)
    more = np.floor(model.limit[:slots] + extra + 1e-9).astype(np.int64)
    if more.max(initial=0) > LONGEST or pricing.must.any():
        return bound, keep, keep_bundle
    pricing(price)
    unit = model.unit_of_column()
    slot = model.slot.astype(np.int64)
    other = price.copy()
    other[:slots] = 0.0
    cell = pricing.cell_price(other)
    worth = pricing.value - model.size[unit] * cell[model.klass[unit], slot]
    dual = np.maximum(pricing.first, 0.0).copy()
    item_slot, item_size, item_worth = slot, model.size[unit], worth
    if bundles is not None and nb:
        of = np.repeat(np.arange(nb), np.diff(bundles.start))
        item_slot = np.concatenate([slot, slot[bundles.column[bundles.start[:-1]]]])
        size = np.bincount(of, weights=model.size[bundles.unit], minlength=nb).astype(np.int64)
        item_size = np.concatenate([item_size, size])
        joint = bundles.bonus + np.bincount(of, weights=worth[bundles.column], minlength=nb)
        item_worth = np.concatenate([worth, joint])
        lead = np.maximum(0.0, pricing.group_lead)
        sizes = np.diff(model.group_start)
        dual[model.group_member] += np.repeat(lead / sizes, sizes)
    order = np.argsort(item_slot, kind="stable")
    start = np.searchsorted(item_slot[order], np.arange(slots + 1))
    sizes_sorted = item_size[order]
    value_room, value_more = np.zeros(slots), np.zeros(slots)
    tables = np.zeros((slots, int(more.max(initial=0)) + 1))
    count = np.zeros(len(order), np.int64)
    fixed = float(other @ model.limit)
    asks = np.zeros(model.pledges)
    for k, r, c in zip(model.pledge_of, model.pledge_row, model.pledge_coef, strict=True):
        if r >= slots:
            asks[k] -= other[r] * c
    theta, best, since = 1.0, bound, 0
    best_dual = dual.copy()
    for _ in range(STEPS):
        paid = dual[unit]
        if bundles is not None and nb:
            paid = np.concatenate(
                [paid, np.bincount(of, weights=dual[bundles.unit], minlength=nb)]
            )
        profit = (item_worth - paid)[order]
        kernels.fill_slots(
            start, profit, sizes_sorted, room, more, value_room, value_more, tables, count
        )
        now = float(dual.sum()) + fixed + float(value_room.sum())
        opened = np.zeros(slots, bool)
        for k in range(model.pledges):
            mine = owner == k
            gain = float(asks[k] + (value_more - value_room)[mine].sum())
            if gain > 0:
                now += gain
                opened |= mine
        if now < best - 1e-9:
            best, best_dual, since = now, dual.copy(), 0
        else:
            since += 1
            if since > 12:
                theta, since, dual = theta * 0.6, 0, best_dual.copy()
        if theta < 1e-3 or best - best_value <= 1e-7 * abs(best) or clock.left() <= 0:
            break
        taken = order[count > 0]
        use = np.bincount(unit[taken[taken < model.columns]], minlength=model.units).astype(
            float
        )
        if bundles is not None and nb:
            together = np.zeros(nb, bool)
            together[taken[taken >= model.columns] - model.columns] = True
            hit = bundles.unit[together[of]]
            use += np.bincount(hit, minlength=model.units)
        slope = 1.0 - use
        slope[(dual <= 0) & (slope > 0)] = 0.0
        norm = float(slope @ slope)
        if norm < 1e-9:
            break
        dual = np.maximum(0.0, dual - theta * (now - best_value) / norm * slope)
    # which choices could still be part of something better: force each into its slot
    dual = best_dual
    paid = dual[unit]
    if bundles is not None and nb:
        paid = np.concatenate([paid, np.bincount(of, weights=dual[bundles.unit], minlength=nb)])
    profit = (item_worth - paid)[order]
    kernels.fill_slots(
        start, profit, sizes_sorted, room, more, value_room, value_more, tables, count
    )
    here = item_slot[order]
    cap = np.where(owner[here] >= 0, more[here], room[here])
    left = np.maximum(0, cap - sizes_sorted)
    forced = profit + tables[here, left]
    before = np.where(owner[here] >= 0, value_more[here], value_room[here])
    loss = before - forced
    possible = (best - loss >= best_value - 1e-7) & (cap >= sizes_sorted)
    flags = np.zeros(len(order), bool)
    flags[order] = possible
    return best, flags[: model.columns], flags[model.columns :]


def finish(
    pricing: Pricing,
    price: FloatArray,
    chosen: IntArray,
    value: float,
    bound: float,
    gap: float,
    clock: Clock,
    log: list[str],
) -> tuple[IntArray, float, float]:
    """The choice, its value and the bound after the integer program over what is left."""
    model = pricing.model
    bound, keep, keep_bundle = sharper(pricing, price, value, bound, clock)
    log.append(f"sharper bound {bound:.4f}, {int(keep.sum())} of {model.columns} columns left")
    if bound - value <= gap * max(1e-9, abs(bound)):
        return chosen, value, bound
    columns, bundles = np.flatnonzero(keep), np.flatnonzero(keep_bundle)
    part = Part(
        pricing, columns, bundles, model.limit, slack_cost=None, units=np.arange(model.units)
    )
    x = part.whole(clock.left(), np.inf, gap, chosen)
    proven = float(part.highs.getInfo().mip_dual_bound)
    if proven == proven and abs(proven) < 1e29:
        bound = min(bound, max(proven, value))
    if x is not None:
        trial = np.full(model.units, -1)
        part.write(np.round(x), trial)
        got = total_value(model, pricing.value, pricing.bundles, trial)
        fits = open_pledges(model, trial)
        if got > value and fits is not None and fits[1].all():
            chosen, value = trial, got
    return chosen, value, max(bound, value)
