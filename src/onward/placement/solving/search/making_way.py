"""Several small cases make way for a large one, and find other places by chains.

A chain moves one case at a time, so a large family stays out of a full window although the three
small ones in it would lose less than the family gains. Here whoever loses most by the choice in
hand is put where it loses least, those who lose least by leaving make way for it, as many as it
takes, and are let in elsewhere. In: a choice that keeps every limit, pricing at good prices. Out:
one at least as good. Tries are counted, not timed.
"""

from __future__ import annotations

import numpy as np

from onward.placement.problem.model import BoolArray, FloatArray, IntArray, Model
from onward.placement.solving.prices.choices import open_pledges, total_value
from onward.placement.solving.prices.pricing import Pricing, lost_by
from onward.placement.solving.programs.program import Clock
from onward.placement.solving.search.chains import fill
from onward.placement.solving.search.moving import take_out

# Cases at most for whom others make way, rounds of that where they have to be placed, places tried
# for each, what a case must lose to be looked at, as a share of the mean value, and places tried
# for all of them.
FEW = 60
WAYS = 4
TRIED = 40
LEAST = 1e-3
ALL_TRIES = 300


def put(
    model: Model, unit: int, column: int, chosen: IntArray, order: IntArray, extra: FloatArray
) -> IntArray | None:
    """The choice with the unit in this column and out of it, in `order`, whoever is in the way;
    None where that does not make room enough. extra: what open pledges add to the rows."""
    trial = chosen.copy()
    trial[unit] = column
    slack = model.limit - extra - model.usage(trial)
    for row in np.flatnonzero(slack < -1e-6):
        take_out(
            order, row, model.slot, model.size, model.klass, model.slots,
            model.met_start, model.met, model.met_share, slack, trial,
        )  # fmt: skip
    return None if slack.min(initial=0.0) < -1e-6 else trial


def bring_in(
    pricing: Pricing, price: FloatArray, chosen: IntArray, frozen: BoolArray, clock: Clock
) -> IntArray:
    """A choice worth at least as much, in which those who lost most by it are where they lose
    less; frozen units neither come nor make way."""
    tries = 0
    model, value, bundles = pricing.model, pricing.value, pricing.bundles
    pricing(price)
    lost = lost_by(pricing, chosen)
    now, got = chosen, total_value(model, value, bundles, chosen)
    least = LEAST * abs(got) / max(1, int((now >= 0).sum()))
    some = np.flatnonzero((lost > least) & ~frozen & (np.diff(model.start) > 0))
    some = some[np.argsort(-lost[some], kind="stable")][:FEW]
    opened, _ = open_pledges(model, now)
    extra = model.pledged(opened)
    for unit in map(int, some):
        # whoever gives up least per person makes way, the small first
        per = np.full(model.units, np.inf)
        taken = np.flatnonzero((now >= 0) & ~frozen)
        per[taken] = _worth(pricing, taken, now[taken]) / model.size[taken]
        order = taken[np.lexsort((model.size[taken], np.round(per[taken], 3)))]
        order = order[order != unit]
        own = np.arange(model.start[unit], model.start[unit + 1])
        best_first = own[np.argsort(-_worth(pricing, unit, own), kind="stable")]
        stays = frozen.copy()
        stays[unit] = True
        for column in best_first[:TRIED]:
            if column == now[unit] or tries >= ALL_TRIES or clock.left() <= 0:
                continue
            tries += 1
            trial = put(model, unit, int(column), now, order, extra)
            if trial is None:
                continue
            out = np.flatnonzero((trial < 0) & (now >= 0))
            out = out[np.argsort(-model.size[out], kind="stable")]
            trial = fill(model, value, trial, out, pricing.must, stays, passes=2)
            then = total_value(model, value, bundles, trial)
            if then > got + 1e-9 and not np.any(pricing.must & (trial < 0)):
                now, got = trial, then
                break
    return now


def make_way(
    pricing: Pricing, price: FloatArray, chosen: IntArray, frozen: BoolArray, clock: Clock
) -> IntArray:
    """Let the last ones in who have to be placed: several small cases make way for a large one
    and find other places by chains, as long as fewer persons are left out each time."""
    model, must = pricing.model, pricing.must
    now = chosen
    left = np.flatnonzero(must & (now < 0))
    if not len(left) or len(left) > FEW:
        return now
    pricing(price)
    rng = np.random.default_rng(1)
    choices = np.diff(model.start)
    opened, _ = open_pledges(model, now)
    extra = model.pledged(opened)
    missing = int(model.size[left].sum())
    for round_ in range(WAYS):
        for unit in left[np.argsort(-model.size[left], kind="stable")]:
            if now[unit] >= 0 or clock.left() <= 0:
                continue
            own = np.arange(model.start[unit], model.start[unit + 1])
            # the small make way, those with most to choose from first, then whoever comes
            first = -choices if not round_ else rng.permutation(model.units)
            order = np.lexsort((first, model.size))
            order = order[~frozen[order] & (order != unit)]
            worth = _worth(pricing, int(unit), own)
            for column in own[np.argsort(-worth, kind="stable")][:TRIED]:
                trial = put(model, int(unit), int(column), now, order, extra)
                if trial is None:
                    continue
                out = np.flatnonzero(must & (trial < 0))
                trial = fill(model, pricing.value, trial, out, must, frozen, passes=2)
                still = int(model.size[must & (trial < 0)].sum())
                if still < missing:
                    now, missing = trial, still
                    break
        left = np.flatnonzero(must & (now < 0))
        if not len(left):
            break
    return now


def _worth(pricing: Pricing, unit: IntArray | int, column: IntArray) -> FloatArray:
    """What columns of these units (one each, or all of one) are worth at the last prices."""
    model = pricing.model
    cell = pricing.cell[model.klass[unit], model.slot[column]]
    return np.asarray(pricing.value[column] - model.size[unit] * cell, float)
