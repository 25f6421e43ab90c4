"""Large problems: prices first, then an exact look at the few cases that are still undecided.

A limit that many compete for has a price per person. At the right prices nearly every case has
one clearly best choice, and only some hundreds lie at a margin; those are left to an exact
solver. The value at any prices, right or wrong, is a proven bound, so the gap reported is always
proven. In: a `Model` and a value per column. Out: a choice, its value, the bound and the prices.
Method: Lagrangian relaxation of the coupling rows, sample prices, a quasi-Newton descent on the
dual; where everybody has to be placed, moves between windows counted and places passed on; else sifting
with an exact linear program; then integer programs on price-marginal cases.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from onward.placement.problem.model import AnyArray, BoolArray, FloatArray, IntArray, Model
from onward.placement.solving.large.rounding import let_in, round_choice, round_shares
from onward.placement.solving.large.whole import solve_whole
from onward.placement.solving.prices.choices import (
    Bundles,
    CoreAnswer,
    open_pledges,
    possible,
    together,
    total_value,
    without,
)
from onward.placement.solving.prices.pricing import (
    SOFTNESS,
    Pricing,
    descend,
    leads,
    lost_by,
    some_units,
)
from onward.placement.solving.programs.part import Part, part_around
from onward.placement.solving.programs.program import Clock
from onward.placement.solving.programs.seats import balance
from onward.placement.solving.search.chains import fill
from onward.placement.solving.search.making_way import bring_in

# Units that are priced first where there are more than three times as many.
PART_UNITS = 20_000
# Units the first exact program looks at, at least, at most, and as a share of all.
CORE_UNITS = (2_500, 100_000)
CORE_SHARE = 0.15
# Columns up to which the linear program is solved over all of them.
WHOLE_COLUMNS = 60_000
# Columns up to which those that no limit has room for are dropped first.
NARROWED_COLUMNS = 1_000_000
# Softness of the dual, in turn, where a unit is worth about the same wherever it goes.
ALIKE = (0.1, 0.03, 0.01, 0.003, 0.001, 0.0003)
# How near the margin a unit is, in softness per person, that is let in by the order of its worth.
MARGIN = 5.0
# Times that others make way and chains follow, at most; and cases for whom chains are looked for at
# first, twice as many once that brings nothing.
WAYS = 8
CHAINED = 300
# Persons outside the limits of the exact program that rounding repairs.
REPAIRED = 10.0


def sample_prices(pricing: Pricing, count: int, seed: int, seconds: float) -> FloatArray:
    """Prices of a linear program over a random part of the units with limits scaled down."""
    model = pricing.model
    rng = np.random.default_rng(seed)
    units = np.sort(rng.permutation(model.units)[:count])
    share = float(model.size[units].sum() / max(1, model.size.sum()))
    length = np.diff(model.start)[units]
    columns = np.repeat(
        model.start[units] - np.concatenate([[0], np.cumsum(length)[:-1]]), length
    )
    columns = columns + np.arange(len(columns))
    scaled = Pricing(model, pricing.value, None, np.zeros(model.units, bool))
    part = Part(scaled, columns, np.zeros(0, np.int64), model.limit * share, slack_cost=None)
    # a pledge adds whole numbers of places; here everything is scaled alike
    h = part.highs
    for k, r, c in zip(model.pledge_of, model.pledge_row, model.pledge_coef, strict=True):
        h.changeCoeff(int(part.n + r), int(part.m + k), float(c * share))
    solved = part.relax(seconds)
    return np.zeros(len(model.limit)) if solved is None else solved[1]


def _flat_price(pricing: Pricing) -> FloatArray:
    """The same price for every place, near what a person is worth."""
    model = pricing.model
    price = np.zeros(len(model.limit))
    some = np.flatnonzero(np.diff(model.start) > 0)
    worth = np.maximum.reduceat(pricing.value, model.start[some]) / model.size[some]
    price[: model.slots] = 0.8 * max(0.0, float(np.median(worth)))
    return price


def solve_core(
    model: Model,
    value: AnyArray,
    *,
    bundles: Bundles | None = None,
    must: BoolArray | None = None,
    gap: float = 0.0005,
    seconds: float = 600.0,
    seed: int = 1,
    sample: int = 3000,
    start: IntArray | None = None,
    price: FloatArray | None = None,
    whole: int = WHOLE_COLUMNS,
    alike: bool = False,
) -> CoreAnswer:
    """A choice within `gap` of a proven bound, where that can be had in `seconds`.

    value (m,) per column; must (n,): the unit has to take a choice (`start` is then a choice
    that does); price: prices to begin with instead of those of a sample; whole: columns up to
    which the linear program is solved over all of them; alike: a unit is worth about the same
    wherever it goes, so that prices and chains of moves say all that a linear program would."""
    must = np.zeros(model.units, bool) if must is None else must
    if model.columns <= NARROWED_COLUMNS:
        keep = possible(model)
        if not keep.all():
            less, fewer, position = without(model, bundles, keep)
            found = solve_core(
                less, value[keep], bundles=fewer, must=must, gap=gap, seconds=seconds, seed=seed,
                sample=sample, price=price, whole=whole, alike=alike,
                start=None if start is None else np.where(start >= 0, position[start], -1),
            )  # fmt: skip
            back = np.flatnonzero(keep)
            if len(back):
                found.chosen = np.where(found.chosen >= 0, back[found.chosen], -1)
            return found
    clock = Clock(seconds)
    if not model.columns:
        none = np.full(model.units, -1)
        shut = np.zeros(model.pledges, bool)
        return CoreAnswer(none, shut, 0.0, 0.0, np.zeros(len(model.limit)), 0.0)
    pricing = Pricing(model, value, bundles, must)
    if model.columns <= whole:
        return solve_whole(pricing, gap=gap, clock=clock, start=start)
    log: list[str] = []

    def note(text: str) -> None:
        log.append(f"{seconds - clock.left():6.2f} s  {text}")

    best = np.full(model.units, -1) if start is None else start.copy()
    best_value = total_value(model, value, bundles, best)
    if start is None and must.any():
        best_value = -np.inf

    def closing() -> bool:
        return bound - best_value <= gap * max(1e-9, abs(bound))

    def answer() -> CoreAnswer:
        note(f"value {best_value:.4f}, gap {(bound - best_value) / max(1e-9, abs(bound)):.6f}")
        opened, _ = open_pledges(model, best)
        return CoreAnswer(
            best, opened, best_value, bound, best_price, np.inf, pricing.passes, log
        )

    def try_prices(at: FloatArray, softness: float) -> None:
        nonlocal best, best_value
        pricing(at)
        begin = pricing.spread(softness)
        if alike:
            # Spread choices give the large families of a margin the commonest choice, which is no
            # place. Whoever is at the margin is let in by the order of worth per person instead.
            begin[(pricing.first <= MARGIN * softness * model.size) & ~must] = -1
        found = let_in(pricing, at, begin, best_value, pricing.gain(at) > 0)
        if found is not None:
            best, best_value = found
            note(f"whole choices from prices alone: {best_value:.4f}")
        elif must.any() and best_value > -np.inf:
            found = let_in(pricing, at, best, best_value)
            if found is not None:
                best, best_value = found
                note(f"moved by chains from the choice in hand: {best_value:.4f}")

    if alike:
        best_price = _flat_price(pricing) if price is None else price
        bound, _ = pricing(best_price)
        many = model.units > 3 * PART_UNITS
        if many:
            few = some_units(pricing, PART_UNITS, seed)
            _, best_price = descend(few, best_price, ALIKE[:4], rounds=60)
            bound, _ = pricing(best_price)
            note(f"descent over {few.model.units} units, {few.passes} passes")
            del few
        for share in ALIKE[3:] if many else ALIKE:
            level = float(np.median(best_price[best_price > 0])) if best_price.any() else 1.0
            bound, best_price = descend(
                pricing, best_price, (share,), rounds=100, until=lambda: clock.left() <= 0
            )
            note(f"descent: bound {bound:.4f}, {pricing.passes} passes")
            if share <= ALIKE[2] or clock.left() <= 0:
                try_prices(best_price, share * level)
            if closing() or clock.left() <= 0:
                break
        chained = CHAINED
        for _ in range(WAYS):
            if best_value == -np.inf or closing():
                break
            before = best_value
            frozen = together(model, bundles, best)
            best = bring_in(pricing, best_price, best, frozen, clock)
            # chains for those without a place who lose most by it
            lost = lost_by(pricing, best)
            waiting = np.flatnonzero(best < 0)
            some = waiting[np.argsort(-lost[waiting], kind="stable")][:chained]
            best = fill(model, value, best, some, must, frozen, passes=2)
            best_value = total_value(model, value, bundles, best)
            note(f"others made way: {best_value:.4f}")
            if best_value - before <= 1e-5 * abs(bound):
                if chained > CHAINED or len(some) == len(waiting):
                    break
                chained *= 2
        return answer()
    if price is None:
        price = sample_prices(pricing, min(sample, model.units), seed, clock.left())
        note("sample prices")
    half_time = lambda: clock.left() < 0.5 * seconds  # noqa: E731
    softness: Sequence[float] = SOFTNESS
    count = PART_UNITS
    while model.units > 3 * count:
        # parts of the units, larger and larger, find nearly the same prices at a part of the cost
        few = some_units(pricing, count, seed)
        _, price = descend(few, price, softness[:3], until=half_time)
        note(f"descent over {few.model.units} units, {few.passes} passes")
        del few
        softness, count = SOFTNESS[1:], count * 6
    if count == PART_UNITS:
        # where everybody has to be placed some limits have no room to spare: only prices to the end say so
        rounds = 100 if must.all() else 30
        bound, best_price = descend(pricing, price, SOFTNESS, rounds=rounds, until=half_time)
    else:
        # to the end, so that what the smoothed choices bring fits every limit nearly
        bound, best_price = descend(pricing, price, SOFTNESS[3:], rounds=100, until=half_time)
    note(f"descent: bound {bound:.4f}, {pricing.passes} passes")
    level = float(np.median(best_price[best_price > 0])) if (best_price > 0).any() else 1.0
    # a good choice first, whatever time leaves for the rest
    if not must.all():
        try_prices(best_price, SOFTNESS[-1] * level)
    if closing() or (clock.left() <= 0 and best_value > -np.inf):
        return answer()

    if must.all():
        # everybody has a place: only how many of a size go where has to be mended
        opened = pricing.gain(best_price) > 0
        pricing(best_price)
        begun = balance(pricing, bound, pricing.spread(SOFTNESS[-1] * level), opened, clock)
        note("moves from window to window counted")
        rounded = round_choice(
            pricing, best_price, bound, begun, opened, best, best_value, gap, clock, note
        )
        if rounded is not None:
            best, _, best_value = rounded
            return answer()
        if clock.left() <= 0 and best_value > -np.inf:
            return answer()
        try_prices(best_price, SOFTNESS[-1] * level)

    # sifting: units whose best choice leads clearly are fixed, the rest is solved exactly
    lp_value, was_clean = np.inf, False
    shares: AnyArray = np.zeros(0)
    part: Part | None = None
    fixed = np.full(model.units, -1)
    # the exact prices are looked for in a box around the best known ones, which is moved and
    # widened until it no longer matters; so a small core can neither overfill nor run away
    want = max(
        CORE_UNITS[0], 16 * model.slots, min(CORE_UNITS[1], int(CORE_SHARE * model.units))
    )
    undecided = np.zeros(model.units, bool)
    box, wider = 0.02 * level, 1.0
    none = np.zeros(len(model.limit))
    held = fixed
    for round_ in range(12):
        pricing(best_price)
        lead = leads(pricing)
        if not round_:
            held = pricing.spread(SOFTNESS[-1] * level)
        undecided |= lost_by(pricing, held) > 0.01 * level * model.size
        nth = min(want, model.units) - 1
        cut = max(float(np.partition(lead, nth)[nth]), 1e-9)
        undecided |= lead <= cut
        # where near ties are many, a narrower look is enough
        wide = wider * min(max(4.0 * cut, 0.002 * level), 0.02 * level)
        width = np.where(undecided, wide * model.size, -1.0)
        trial, rest = part_around(
            pricing, undecided, width,
            slack_cost=best_price + box,
            give=np.where(best_price > box, best_price - box, none),
            held=held,
        )  # fmt: skip
        solved = trial.relax(clock.left() * 0.4)
        if solved is None:
            note("linear program stopped")
            break
        boxed = solved[2][trial.m + trial.nb + trial.p :]
        outside = float(np.abs(boxed).sum()) if len(boxed) else 0.0
        lp_now = solved[0] + total_value(model, value, bundles, rest)
        # keep the best program that stays inside every limit; failing that, the latest
        clean = outside <= REPAIRED
        if part is None or (clean and (not was_clean or lp_now > lp_value)) or not was_clean:
            part, fixed, shares = trial, rest, solved[2]
            lp_value, was_clean = lp_now, clean
        new_bound, _ = pricing(solved[1])
        note(
            f"core of {trial.n} units, {trial.m} columns: {lp_now:.4f}, bound {new_bound:.4f}, "
            f"{outside:.1f} outside the box"
        )
        if new_bound < bound:
            bound, best_price = new_bound, solved[1]
        near = max(1e-7, gap / 3) * max(1.0, abs(bound))
        if (bound - lp_value <= near and was_clean) or clock.left() <= 0:
            break
        if trial.n == model.units:
            # all are looked at already: only more of their choices can bring the two together
            if wider > 100:
                break
            wider *= 5
        elif not clean:
            box *= 5
        want = int(want * 1.5)
    half: AnyArray = np.zeros(0)
    round_price = best_price
    if part is not None and len(shares):
        half = shares[part.m + part.nb : part.m + part.nb + part.p]
    if part is not None and np.any(np.abs(half - np.round(half)) > 1e-6):
        # conditions are met or not: decide them whole, with everything else still divisible
        decided = part.decide_pledges(min(clock.left(), 10.0), gap / 10)
        if decided is not None:
            shares, round_price = decided[0], decided[1]
            note(f"conditional pledges decided, bound {bound:.4f}")
    chosen, opened, got = round_shares(
        pricing,
        round_price,
        bound,
        part,
        shares,
        fixed,
        start if best_value == -np.inf else best,
        gap,
        clock,
        note,
    )
    note(f"value {got:.4f}, gap {(bound - got) / max(1e-9, abs(bound)):.6f}")
    return CoreAnswer(chosen, opened, got, bound, best_price, lp_value, pricing.passes, log)
