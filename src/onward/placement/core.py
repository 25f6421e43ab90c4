"""Large problems: prices first, then an exact look at the few cases that are still undecided.

A limit that many compete for has a price per person. At the right prices nearly every case has
one clearly best choice, and only some hundreds lie at a margin; those are left to an exact
solver. The value at any prices, right or wrong, is a proven bound, so the gap reported is always
proven. In: a `Model` and a value per column. Out: a choice, its value, the bound and the prices.
Method: Lagrangian relaxation of the coupling rows, sample prices, a quasi-Newton descent on the
dual, sifting with an exact linear program, then integer programs on price-marginal cases.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import highspy
import numba
import numpy as np
from scipy.optimize import minimize

from onward.placement import kernels
from onward.placement.cuts import Cuts
from onward.placement.model import AnyArray, BoolArray, FloatArray, IntArray, Model
from onward.placement.program import INF, Clock, new_highs

# Softness of the smoothed dual, as shares of the median price of a full limit, in turn.
SOFTNESS = (0.03, 0.01, 0.003, 0.001)

# Shares of its price that an empty place counts while slots are refilled, in turn.
ALPHAS = (0.99, 0.97, 0.95, 0.9, 0.85, 0.8, 0.7, 0.5, 0.25, 0.0)

# Units that are priced first where there are more than three times as many.
PART_UNITS = 20_000
# Units the first exact program looks at, at least, at most, and as a share of all.
CORE_UNITS = (2_500, 100_000)
CORE_SHARE = 0.15
# Columns up to which the linear program is solved over all of them.
WHOLE_COLUMNS = 60_000
# Columns up to which those that no limit has room for are dropped first.
NARROWED_COLUMNS = 1_000_000
# Columns up to which an integer program needs no search inside the search.
QUICK_COLUMNS = 900
# Persons outside the limits of the exact program that rounding repairs.
REPAIRED = 10.0
# Columns of the first integer program after rounding, about.
ROUND_COLUMNS = 5_000
# Nodes one of the small integer programs may look at.
NODES = 60
WIDTH = 0.1


@dataclass
class Bundles:
    """Choices that put all members of a group in one slot, worth `bonus` more than apart.

    group (b,), start (b+1,), column and unit (flat, by bundle), bonus (b,)."""

    group: IntArray
    start: IntArray
    column: IntArray
    unit: IntArray
    bonus: FloatArray

    def __len__(self) -> int:
        return len(self.group)


def bundles_of(model: Model, bonus: float) -> Bundles:
    """Every slot that all members of a linked group could share."""
    none = np.zeros(0, np.int64)
    args = (model.group_start, model.group_member, model.start, model.slot)
    b, e = kernels.common_slots(*args, True, none, none, none, none)
    group, start = np.zeros(b, np.int64), np.zeros(b + 1, np.int64)
    column, unit = np.zeros(e, np.int64), np.zeros(e, np.int64)
    kernels.common_slots(*args, False, group, start, column, unit)
    start[b] = e
    return Bundles(group, start, column, unit, np.full(b, bonus))


@dataclass
class CoreAnswer:
    """chosen (n,) column per unit or -1; pledges open; value; proven bound; price of each row.

    lp: the value of the linear relaxation, when it was solved to the end."""

    chosen: IntArray
    pledges: BoolArray
    value: float
    bound: float
    price: FloatArray
    lp: float
    passes: int = 0
    log: list[str] = field(default_factory=list)


class Pricing:
    """The dual side: bound, choices and margins at any prices, over all columns."""

    def __init__(
        self, model: Model, value: AnyArray, bundles: Bundles | None, must: BoolArray
    ) -> None:
        self.model, self.value, self.bundles, self.must = model, value, bundles, must
        self.classes = (len(model.met_start) - 1) // model.slots
        self.best = np.full(model.units, -1)
        self.first = np.zeros(model.units)
        self.second = np.zeros(model.units)
        self.cells = np.zeros((self.classes, model.slots))
        self.met_cell = np.repeat(
            np.arange(self.classes * model.slots), np.diff(model.met_start)
        )
        self.passes = 0
        # sharing small problems out costs more than it saves
        numba.set_num_threads(
            1 if model.columns < 2_000_000 else min(2, numba.config.NUMBA_NUM_THREADS)
        )
        if bundles is not None and len(bundles):
            self.groups = np.unique(bundles.group)
            self.members_start = model.group_start
        self.best_bundle = np.full(max(0, len(model.group_start) - 1), -1)

    def cell_price(self, price: FloatArray) -> FloatArray:
        flat = np.bincount(
            self.met_cell,
            weights=price[self.model.met] * self.model.met_share,
            minlength=self.classes * self.model.slots,
        )
        return np.asarray(flat, float).reshape(self.classes, self.model.slots)

    def __call__(self, price: FloatArray) -> tuple[float, FloatArray]:
        """The Lagrangian bound at `price` (r,) >= 0 and its slope in each price."""
        model = self.model
        self.cell = self.cell_price(price)
        kernels.best_choices(
            model.start, model.slot, self.value, model.size, model.klass, self.cell,
            self.must, self.best, self.first, self.second,
        )  # fmt: skip
        self.passes += 1
        total = float(self.first.sum())
        chosen = self.best
        bundles = self.bundles
        if bundles is not None and len(bundles):
            worth = np.empty(len(self.best_bundle))
            kernels.best_bundles(
                bundles.group, bundles.start, bundles.column, bundles.unit, bundles.bonus,
                model.slot, self.value, model.size, model.klass, self.cell,
                self.best_bundle, worth,
            )  # fmt: skip
            apart = np.add.reduceat(self.first[model.group_member], model.group_start[:-1])
            win = worth > apart
            self.group_lead = worth - apart
            total += float((worth - apart)[win].sum())
            chosen = self.best.copy()
            for b in self.best_bundle[win]:
                e = slice(bundles.start[b], bundles.start[b + 1])
                chosen[bundles.unit[e]] = bundles.column[e]
        kernels.demand(model.slot, model.size, model.klass, chosen, self.cells)
        use = np.bincount(
            model.met,
            weights=self.cells.ravel()[self.met_cell] * model.met_share,
            minlength=len(model.limit),
        )
        slope = model.limit - use
        total += float(price @ model.limit)
        if model.pledges:
            gain = -np.bincount(
                model.pledge_of,
                weights=price[model.pledge_row] * model.pledge_coef,
                minlength=model.pledges,
            )
            total += float(np.maximum(0, gain).sum())
            opened = (gain > 0)[model.pledge_of]
            slope -= np.bincount(
                model.pledge_row, weights=opened * model.pledge_coef, minlength=len(model.limit)
            )
        self.chosen = chosen
        return total, slope

    def soft(self, price: FloatArray, softness: float) -> tuple[float, FloatArray]:
        """The bound smoothed by `softness` (value per person), with a continuous slope.

        Groups choose apart or together as a whole, by the same rule as in the bound itself."""
        model, bundles = self.model, self.bundles
        self.cell = self.cell_price(price)
        if not hasattr(self, "blocks"):
            self.blocks = np.zeros((kernels.BLOCKS, self.classes, model.slots))
            self.skip = np.zeros(model.units, bool)
            self.longest = int(np.diff(model.start).max(initial=0))
            if bundles is not None and len(bundles):
                self.skip[model.group_member] = True
        total = float(
            kernels.soft_choices(
                model.start, model.slot, self.value, model.size, model.klass, self.cell,
                self.must, self.skip, self.longest, softness, self.blocks,
            )
        )  # fmt: skip
        self.passes += 1
        cells = self.blocks.sum(0)
        if bundles is not None and len(bundles):
            worth, brought = kernels.soft_groups(
                model.group_start, model.group_member, bundles.group, bundles.start,
                bundles.column, bundles.unit, bundles.bonus, model.start, model.slot,
                self.value, model.size, model.klass, self.cell, self.must, softness,
            )  # fmt: skip
            total += worth
            cells = cells + brought
        use = np.bincount(
            model.met,
            weights=cells.ravel()[self.met_cell] * model.met_share,
            minlength=len(model.limit),
        )
        slope = model.limit - use
        total += float(price @ model.limit)
        if model.pledges:
            gain = -np.bincount(
                model.pledge_of,
                weights=price[model.pledge_row] * model.pledge_coef,
                minlength=model.pledges,
            )
            room = softness * np.maximum(
                1.0,
                np.bincount(
                    model.pledge_of, weights=np.abs(model.pledge_coef), minlength=model.pledges
                ),
            )
            total += float((room * np.logaddexp(0, gain / room)).sum())
            opened = (1 / (1 + np.exp(-np.clip(gain / room, -40, 40))))[model.pledge_of]
            slope -= np.bincount(
                model.pledge_row, weights=opened * model.pledge_coef, minlength=len(model.limit)
            )
        return total, slope

    def spread(self, softness: float) -> IntArray:
        """One choice per unit at the last prices, spread over choices that are as good as
        equal; groups take what is best for them as a whole."""
        model = self.model
        spread = np.full(model.units, -1)
        kernels.spread_choices(
            model.start, model.slot, self.value, model.size, model.klass, self.cell,
            self.must, softness, np.zeros(model.slots + 1),
            np.zeros((self.classes, model.slots + 1)), spread,
        )  # fmt: skip
        if self.bundles is not None and len(self.bundles):
            spread[model.group_member] = self.chosen[model.group_member]
        return spread


class Part:
    """A linear or integer program over some units and columns, the rest being fixed."""

    def __init__(
        self,
        pricing: Pricing,
        columns: IntArray,
        bundles: IntArray,
        limit: FloatArray,
        *,
        slack_cost: FloatArray | None,
        give: FloatArray | None = None,
        units: IntArray | None = None,
    ) -> None:
        model, value = pricing.model, pricing.value
        all_unit = np.searchsorted(model.start, columns, side="right") - 1
        flat_unit = np.zeros(0, np.int64)
        flat_column = np.zeros(0, np.int64)
        of_bundle = np.zeros(0, np.int64)
        chosen = pricing.bundles
        worth = np.zeros(0)
        if chosen is not None and len(bundles):
            count = np.diff(chosen.start)[bundles]
            of_bundle = np.repeat(np.arange(len(bundles)), count)
            first = np.repeat(
                chosen.start[bundles] - np.concatenate([[0], np.cumsum(count)[:-1]]), count
            )
            e = first + np.arange(len(first))
            flat_unit, flat_column = chosen.unit[e], chosen.column[e]
            worth = chosen.bonus[bundles] + np.bincount(
                of_bundle, weights=value[flat_column], minlength=len(bundles)
            )
        named = np.unique(np.concatenate([all_unit, flat_unit]))
        self.units = named if units is None else units
        position = np.searchsorted(self.units, np.concatenate([all_unit, flat_unit]))
        m, nb, p = len(columns), len(bundles), model.pledges
        n, r = len(self.units), len(model.limit)
        col = np.concatenate([np.arange(m), m + of_bundle])
        which, row, persons = model.column_rows(
            np.concatenate([columns, flat_column]), np.concatenate([all_unit, flat_unit])
        )
        cols = [col, col[which], m + nb + model.pledge_of]
        rows = [position, n + row, n + model.pledge_row]
        coef = [np.ones(len(col)), persons, model.pledge_coef]
        total = m + nb + p
        cost = np.concatenate([value[columns].astype(float), worth, np.zeros(p)])
        upper = np.ones(total)
        if slack_cost is not None:
            cols.append(total + np.arange(r))
            rows.append(n + np.arange(r))
            coef.append(-np.ones(r))
            cost = np.concatenate([cost, -slack_cost])
            upper = np.concatenate([upper, np.full(r, INF)])
            total += r
        if give is not None:
            cols.append(total + np.arange(r))
            rows.append(n + np.arange(r))
            coef.append(np.ones(r))
            cost = np.concatenate([cost, give])
            upper = np.concatenate([upper, np.full(r, INF)])
            total += r
        index, rws, cfs = (np.concatenate(x) for x in (cols, rows, coef))
        # one entry per (column, row): members of a bundle share rows
        key = index.astype(np.int64) * (n + r) + rws
        key, back = np.unique(key, return_inverse=True)
        cfs = np.asarray(np.bincount(back, weights=cfs), float)
        index, rws = key // (n + r), key % (n + r)
        self.entries = (index, rws, cfs)
        self.limit, self.group = limit, np.zeros(0, np.int64)
        if chosen is not None and nb:
            self.group = chosen.group[bundles]
        lp = highspy.HighsLp()
        lp.num_col_, lp.num_row_ = total, n + r
        lp.col_cost_, lp.col_lower_, lp.col_upper_ = cost, np.zeros(total), upper
        lower = np.full(n + r, -INF)
        lower[:n][pricing.must[self.units]] = 1.0
        lp.row_lower_ = lower
        lp.row_upper_ = np.concatenate([np.ones(n), limit])
        lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
        lp.a_matrix_.start_ = np.concatenate(
            [[0], np.cumsum(np.bincount(index, minlength=total))]
        ).astype(np.int32)
        lp.a_matrix_.index_ = rws.astype(np.int32)
        lp.a_matrix_.value_ = cfs
        lp.sense_ = highspy.ObjSense.kMaximize
        self.n, self.m, self.nb, self.p = n, m, nb, p
        self.column, self.column_unit, self.bundle = columns, all_unit, bundles
        self.flat_unit, self.flat_column, self.of_bundle = flat_unit, flat_column, of_bundle
        h = new_highs()
        h.passModel(lp)
        self.highs = h

    def cuts(self, model: Model) -> Cuts:
        """What the relaxation overlooks about whole families, limit by limit."""
        index, row, persons = self.entries
        choice = (index < self.m + self.nb) & (row >= self.n)
        index, row, persons = index[choice], row[choice] - self.n, persons[choice]
        order = np.argsort(row, kind="stable")
        at = np.searchsorted(row[order], np.arange(len(self.limit) + 1))
        opens = model.pledge_coef < 0
        places = self.limit + np.bincount(
            model.pledge_row[opens],
            weights=-model.pledge_coef[opens],
            minlength=len(self.limit),
        )
        owner = np.concatenate([self.column_unit, model.units + self.group])
        limits = []
        for r in range(len(self.limit)):
            mine = order[at[r] : at[r + 1]]
            limits.append((index[mine], persons[mine], float(places[r]), owner[index[mine]]))
        return Cuts(self.highs, limits)

    def relax(self, seconds: float) -> tuple[float, FloatArray, FloatArray] | None:
        """Value, price of each row and share of each choice of the linear relaxation."""
        self.highs.setOptionValue("time_limit", self.highs.getRunTime() + max(0.1, seconds))
        self.highs.run()
        if self.highs.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            return None
        s = self.highs.getSolution()
        return (
            float(self.highs.getInfo().objective_function_value),
            np.maximum(0.0, np.asarray(s.row_dual)[self.n :]),
            np.asarray(s.col_value),
        )

    def decide_pledges(
        self, seconds: float, gap: float
    ) -> tuple[FloatArray, FloatArray, float] | None:
        """Pledges whole, choices divisible: the shares of all choices, the prices of the rows
        once pledges are settled, and the proven bound of this program."""
        h = self.highs
        first = self.m + self.nb
        index = np.arange(first, first + self.p, dtype=np.int32)
        h.changeColsIntegrality(self.p, index, np.full(self.p, highspy.HighsVarType.kInteger))
        h.setOptionValue("time_limit", h.getRunTime() + max(0.1, seconds))
        h.setOptionValue("mip_rel_gap", gap)
        h.run()
        if h.getInfo().primal_solution_status != 2:
            return None
        y = np.round(np.asarray(h.getSolution().col_value)[first : first + self.p])
        proven = float(h.getInfo().mip_dual_bound)
        h.changeColsIntegrality(
            self.p, index, np.full(self.p, highspy.HighsVarType.kContinuous)
        )
        h.changeColsBounds(self.p, index, y, y)
        solved = self.relax(seconds)
        return None if solved is None else (solved[2], solved[1], proven)

    def quick(self, small: bool) -> None:
        """No preparation of a program that is tight already; nor, when it is small, searches
        inside the search."""
        self.highs.setOptionValue("presolve", "off")
        self.highs.setOptionValue("mip_heuristic_run_root_reduced_cost", False)
        if small:
            for name in ("rins", "rens"):
                self.highs.setOptionValue(f"mip_heuristic_run_{name}", False)

    def whole(
        self,
        seconds: float,
        target: float,
        gap: float,
        start: IntArray,
        nodes: int | None = None,
    ) -> FloatArray | None:
        """Whole choices, stopped at `target` or at a proven relative `gap`; None if none."""
        h = self.highs
        total = self.m + self.nb + self.p
        h.changeColsIntegrality(
            total,
            np.arange(total, dtype=np.int32),
            np.full(total, highspy.HighsVarType.kInteger),
        )
        h.setOptionValue("time_limit", h.getRunTime() + max(0.1, seconds))
        h.setOptionValue("objective_target", target)
        # effort is counted in nodes, not seconds, so that a busy machine changes nothing
        if nodes is not None:
            h.setOptionValue("mip_max_nodes", nodes)
        h.setOptionValue("mip_rel_gap", gap)
        x = np.zeros(total)
        if self.nb:
            match = start[self.flat_unit] == self.flat_column
            x[self.m : self.m + self.nb] = (
                np.bincount(self.of_bundle, weights=~match, minlength=self.nb) == 0
            )
        x[: self.m] = start[self.column_unit] == self.column
        bundled = x[self.m : self.m + self.nb] > 0
        held = self.flat_unit[bundled[self.of_bundle]]
        x[: self.m][np.isin(self.column_unit, held)] = 0.0
        index = np.arange(self.m + self.nb, dtype=np.int32)
        h.setSolution(len(index), index, x[: self.m + self.nb])
        h.run()
        if h.getInfo().primal_solution_status != 2:
            return None
        return np.asarray(h.getSolution().col_value)

    def write(self, x: FloatArray, chosen: IntArray) -> None:
        """Put the whole choices of x into chosen; what is split stays unplaced."""
        chosen[self.units] = -1
        taken = np.flatnonzero(x[: self.m] > 1 - 1e-5)
        chosen[self.column_unit[taken]] = self.column[taken]
        whole = x[self.m : self.m + self.nb] > 1 - 1e-5
        together = whole[self.of_bundle]
        chosen[self.flat_unit[together]] = self.flat_column[together]


def total_value(
    model: Model, value: AnyArray, bundles: Bundles | None, chosen: IntArray
) -> float:
    """What a choice is worth, counted from the choice alone."""
    got = float(value[chosen[chosen >= 0]].astype(float).sum())
    if bundles is not None and len(bundles):
        match = chosen[bundles.unit] == bundles.column
        full = np.add.reduceat(match, bundles.start[:-1]) == np.diff(bundles.start)
        got += float(bundles.bonus[full].sum())
    return got


def open_pledges(model: Model, chosen: IntArray) -> tuple[BoolArray, BoolArray] | None:
    """Which pledges must be open for the choice to fit: (open, fits by row), trying the
    pledges whose condition is met. Opening a met condition only adds room."""
    use = model.usage(chosen)
    opened = np.zeros(model.pledges, bool)
    for k in range(model.pledges):
        mine = model.pledge_of == k
        asks = mine & (model.pledge_coef > 0)
        rows, need = model.pledge_row[asks], model.pledge_coef[asks]
        opened[k] = bool(np.all(use[rows] + need <= model.limit[rows] + 1e-6))
    add = np.bincount(
        model.pledge_row,
        weights=opened[model.pledge_of] * model.pledge_coef,
        minlength=len(model.limit),
    )
    return opened, use + add <= model.limit + 1e-6


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


def some_units(pricing: Pricing, count: int, seed: int) -> Pricing:
    """The dual side of a random part of the units, groups whole, with limits scaled down."""
    model, bundles = pricing.model, pricing.bundles
    inside = np.zeros(model.units, bool)
    inside[np.random.default_rng(seed).permutation(model.units)[:count]] = True
    lengths = np.diff(model.group_start)
    first = model.group_member[model.group_start[:-1]]
    with_group = inside[first]
    inside[model.group_member] = np.repeat(with_group, lengths)
    units = np.flatnonzero(inside)
    position = np.cumsum(inside) - 1
    share = float(model.size[units].sum() / max(1, model.size.sum()))
    many = np.diff(model.start)[units]
    start = np.concatenate([[0], np.cumsum(many)]).astype(np.int64)
    shift = model.start[units] - start[:-1]
    columns = np.repeat(shift, many) + np.arange(start[-1])
    part = replace(
        model,
        size=model.size[units], klass=model.klass[units], start=start, slot=model.slot[columns],
        limit=model.limit * share, pledge_coef=model.pledge_coef * share,
        group_start=np.concatenate([[0], np.cumsum(lengths[with_group])]).astype(np.int64),
        group_member=position[model.group_member[np.repeat(with_group, lengths)]],
    )  # fmt: skip
    if bundles is not None and len(bundles):
        mine = with_group[bundles.group]
        count_of = np.diff(bundles.start)
        flat = np.repeat(mine, count_of)
        unit = position[bundles.unit[flat]]
        bundles = Bundles(
            (np.cumsum(with_group) - 1)[bundles.group[mine]],
            np.concatenate([[0], np.cumsum(count_of[mine])]).astype(np.int64),
            bundles.column[flat] - shift[unit],
            unit,
            bundles.bonus[mine],
        )
    return Pricing(part, pricing.value[columns], bundles, pricing.must[units])


class _Stop(Exception):
    """Time for the descent is over."""


def descend(
    pricing: Pricing,
    price: FloatArray,
    softness: Sequence[float],
    rounds: int = 30,
    until: Callable[[], bool] = lambda: False,
) -> tuple[float, FloatArray]:
    """A better bound and its prices, by quasi-Newton steps on the smoothed dual, less and less
    smooth, from `price` on; prices stay 0 or more. Stops early once `until()` is true."""
    level = float(np.median(price[price > 0])) if (price > 0).any() else 1.0
    bound, _ = pricing(price)
    best = price
    scale = max(1e-9, abs(bound))
    # a limit many compete for answers more sharply to its price: scale by its root
    unit = np.sqrt(np.maximum(pricing.model.limit, 1.0))
    unit = np.median(unit) / unit
    last = price.copy()

    def smoothed(z: FloatArray, tau: float) -> tuple[float, FloatArray]:
        if until():
            raise _Stop
        worth, slope = pricing.soft(z * unit, tau)
        last[:] = z * unit
        return worth / scale, slope * unit / scale

    for share in softness:
        try:
            found = (
                minimize(
                    smoothed,
                    best / unit,
                    args=(share * level,),
                    jac=True,
                    method="L-BFGS-B",
                    bounds=[(0, None)] * len(price),
                    options={
                        "maxfun": rounds + 10,
                        "maxiter": rounds,
                        "maxcor": 30,
                        "ftol": 1e-9,
                        "gtol": 0,
                    },
                ).x
                * unit
            )
        except _Stop:
            found = np.maximum(0.0, last)
        now, _ = pricing(found)
        if now < bound:
            bound, best = now, found
    return bound, best


def possible(model: Model) -> BoolArray:
    """Which columns can be part of a choice: those that no limit is too small for."""
    most = model.limit.copy()
    opens = model.pledge_coef < 0
    np.add.at(most, model.pledge_row[opens], -model.pledge_coef[opens])
    gives = np.zeros(len(most), bool)  # rows that ask for persons bound nobody's size
    gives[model.met[model.met_share < 0]] = True
    cell = np.repeat(np.arange(len(model.met_start) - 1), np.diff(model.met_start))
    counts = (model.met_share > 0) & ~gives[model.met]
    largest = np.full(len(model.met_start) - 1, np.inf)
    np.minimum.at(
        largest, cell[counts], most[model.met[counts]] / model.met_share[counts] + 1e-6
    )
    unit = model.unit_of_column()
    return np.asarray(model.size[unit] <= largest[model.klass[unit] * model.slots + model.slot])


def _without(
    model: Model, bundles: Bundles | None, keep: BoolArray
) -> tuple[Model, Bundles | None, IntArray]:
    """The problem with these columns only, and the place of every old column in it or -1."""
    lengths = np.bincount(model.unit_of_column()[keep], minlength=model.units)
    position = np.where(keep, np.cumsum(keep) - 1, -1)
    start = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    if bundles is not None and len(bundles):
        whole = np.logical_and.reduceat(keep[bundles.column], bundles.start[:-1])
        count = np.diff(bundles.start)
        inside = np.repeat(whole, count)
        bundles = Bundles(
            bundles.group[whole],
            np.concatenate([[0], np.cumsum(count[whole])]).astype(np.int64),
            position[bundles.column[inside]],
            bundles.unit[inside],
            bundles.bonus[whole],
        )
    return replace(model, start=start, slot=model.slot[keep]), bundles, position


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
) -> CoreAnswer:
    """A choice within `gap` of a proven bound, where that can be had in `seconds`.

    value (m,) per column; must (n,): the unit has to take a choice (`start` is then a choice
    that does); price: prices to begin with instead of those of a sample."""
    must = np.zeros(model.units, bool) if must is None else must
    if model.columns <= NARROWED_COLUMNS:
        keep = possible(model)
        if not keep.all():
            less, fewer, position = _without(model, bundles, keep)
            found = solve_core(
                less, value[keep], bundles=fewer, must=must, gap=gap, seconds=seconds, seed=seed,
                sample=sample, price=price,
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
    if model.columns <= WHOLE_COLUMNS:
        from onward.placement.whole import solve_whole

        return solve_whole(pricing, gap=gap, clock=clock, start=start)
    log: list[str] = []

    def note(text: str) -> None:
        log.append(f"{seconds - clock.left():6.2f} s  {text}")

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
        bound, best_price = descend(pricing, price, SOFTNESS, until=half_time)
    else:
        # to the end, so that what the smoothed choices bring fits every limit nearly
        bound, best_price = descend(pricing, price, SOFTNESS[3:], rounds=100, until=half_time)
    note(f"descent: bound {bound:.4f}, {pricing.passes} passes")

    # sifting: units whose best choice leads clearly are fixed, the rest is solved exactly
    lp_value, was_clean = np.inf, False
    shares: AnyArray = np.zeros(0)
    part: Part | None = None
    fixed = np.full(model.units, -1)
    # the exact prices are looked for in a box around the best known ones, which is moved and
    # widened until it no longer matters; so a small core can neither overfill nor run away
    level = float(np.median(best_price[best_price > 0])) if (best_price > 0).any() else 1.0
    want = max(
        CORE_UNITS[0], 16 * model.slots, min(CORE_UNITS[1], int(CORE_SHARE * model.units))
    )
    undecided = np.zeros(model.units, bool)
    box = 0.02 * level
    none = np.zeros(len(model.limit))
    held = fixed
    for round_ in range(12):
        pricing(best_price)
        lead = _leads(pricing)
        if not round_:
            held = pricing.spread(SOFTNESS[-1] * level)
        undecided |= _lost(pricing, held) > 0.01 * level * model.size
        nth = min(want, model.units) - 1
        cut = max(float(np.partition(lead, nth)[nth]), 1e-9)
        undecided |= lead <= cut
        # where near ties are many, a narrower look is enough
        wide = min(max(4.0 * cut, 0.002 * level), 0.02 * level)
        width = np.where(undecided, wide * model.size, -1.0)
        trial, rest = _part(
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
        if not clean:
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
    chosen, opened, got = _round(
        pricing, round_price, bound, part, shares, fixed, start, gap, clock, note
    )
    note(f"value {got:.4f}, gap {(bound - got) / max(1e-9, abs(bound)):.6f}")
    return CoreAnswer(chosen, opened, got, bound, best_price, lp_value, pricing.passes, log)


def _lost(pricing: Pricing, chosen: IntArray) -> FloatArray:
    """What each unit loses against its best choice at the current prices; groups as a whole."""
    model = pricing.model
    taken = np.flatnonzero(chosen >= 0)
    got = np.zeros(model.units)
    column = chosen[taken]
    got[taken] = (
        pricing.value[column]
        - model.size[taken] * pricing.cell[model.klass[taken], model.slot[column]]
    )
    lost = pricing.first - got
    bundles = pricing.bundles
    if bundles is not None and len(bundles):
        match = chosen[bundles.unit] == bundles.column
        full = np.add.reduceat(match, bundles.start[:-1]) == np.diff(bundles.start)
        groups = len(model.group_start) - 1
        by_group = np.add.reduceat(lost[model.group_member], model.group_start[:-1])
        by_group += np.maximum(0.0, pricing.group_lead)
        by_group -= np.bincount(
            bundles.group[full], weights=bundles.bonus[full], minlength=groups
        )
        lost[model.group_member] = np.repeat(by_group, np.diff(model.group_start))
    return np.asarray(lost)


def _leads(pricing: Pricing) -> FloatArray:
    """How clearly each unit's best choice leads, per person; groups share one lead."""
    model = pricing.model
    lead = (pricing.first - pricing.second) / model.size
    if pricing.bundles is not None and len(pricing.bundles):
        sizes = np.diff(model.group_start)
        total = np.add.reduceat(model.size[model.group_member], model.group_start[:-1])
        between = np.abs(pricing.group_lead) / total
        own = np.minimum.reduceat(lead[model.group_member], model.group_start[:-1])
        lead[model.group_member] = np.repeat(np.minimum(between, own), sizes)
    empty = np.diff(model.start) == 0
    lead[empty] = np.inf
    return np.asarray(lead)


def _part(
    pricing: Pricing,
    undecided: BoolArray,
    width: FloatArray,
    slack_cost: FloatArray | None,
    give: FloatArray | None = None,
    held: IntArray | None = None,
) -> tuple[Part, IntArray]:
    """The program over undecided units with columns within `width` of their best, and what the
    others take."""
    model = pricing.model
    bundles = np.zeros(0, np.int64)
    if pricing.bundles is not None and len(pricing.bundles):
        sizes = np.diff(model.group_start)
        any_open = np.logical_or.reduceat(undecided[model.group_member], model.group_start[:-1])
        undecided = undecided.copy()
        undecided[model.group_member] = np.repeat(any_open, sizes)
        widest = np.maximum.reduceat(width[model.group_member], model.group_start[:-1])
        width = width.copy()
        width[model.group_member] = np.repeat(widest, sizes)
        bundles = np.flatnonzero(any_open[pricing.bundles.group])
    near = np.zeros(model.units, np.int64)
    args = (model.start, model.slot, pricing.value, model.size, model.klass, pricing.cell)
    kernels.count_near(*args, pricing.first, width, near)
    columns = np.zeros(int(near.sum()), np.int64)
    kernels.list_near(*args, pricing.first, width, columns)
    fixed = (pricing.chosen if held is None else held).copy()
    fixed[undecided] = -1
    limit = model.limit - model.usage(fixed)
    return Part(pricing, columns, bundles, limit, slack_cost=slack_cost, give=give), fixed


def _round(
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
        found = _polish(pricing, price, chosen, best, best_value, clock)
        if found is not None:
            best, best_value = found
        opened, _ = open_pledges(model, best) or (np.zeros(model.pledges, bool), None)
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
    polished = _polish(pricing, price, chosen, best, best_value, clock, wanted)
    if polished is not None:
        best, best_value = polished
        note(f"refilled slot by slot: {best_value:.4f}")
    if bound - best_value <= gap * max(1e-9, abs(bound)):
        opened, _ = open_pledges(model, best) or (np.zeros(model.pledges, bool), None)
        return best, opened, best_value
    base = best if polished is not None else chosen
    pricing(price)
    lead = _leads(pricing)
    need = bound * (1 - gap) if bound > 0 else bound * (1 + gap)
    count, more = 600, 1.0
    while clock.left() > 0.05:
        # first every choice that the prices like better than the one in hand, largest loss
        # first; then those at the margin as well, more of them each time
        lost = np.maximum(0.0, _lost(pricing, base))
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
        sub, rest = _part(pricing, width >= 0, width, None, held=base)
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
            if checked is not None and checked[1].all() and got > best_value:
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
    extra = np.bincount(
        model.pledge_row,
        weights=wanted[model.pledge_of] * model.pledge_coef,
        minlength=len(model.limit),
    )
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
            kernels.settle(
                unit[i : i + 1], column[i : i + 1], model.slot, model.size, model.klass,
                model.slots, model.met_start, model.met, model.met_share, slack, chosen,
            )  # fmt: skip


def _polish(
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
    pricing(price)
    current = chosen.copy()
    if wanted is not None and wanted.any():
        _meet_conditions(pricing, current, wanted)
    opened, _ = open_pledges(model, current) or (np.zeros(model.pledges, bool), None)
    extra = np.bincount(
        model.pledge_row,
        weights=opened[model.pledge_of] * model.pledge_coef,
        minlength=len(model.limit),
    )
    # choices that the linear program split are empty here; drop what still overfills a row
    slack = model.limit - model.usage(current) - extra
    frozen = np.zeros(model.units, bool)
    if pricing.bundles is not None and len(pricing.bundles):
        frozen[model.group_member] = True
    lead = _leads(pricing)
    if slack.min(initial=0.0) < -1e-6:
        order = np.argsort(lead, kind="stable")
        taken = order[current[order] >= 0]
        again = current.copy()
        current[:] = -1
        slack = model.limit - extra
        # whom a condition asks for come first, then those whose choice is clearest
        cell = model.klass[taken] * model.slots + model.slot[again[taken]]
        asked = np.zeros(len(model.met_start) - 1, bool)
        asked[pricing.met_cell[(model.met_share < 0) & (slack[model.met] < 0)]] = True
        sequence = np.concatenate([taken[asked[cell]][::-1], taken[~asked[cell]][::-1]])
        kernels.settle(
            sequence, again[sequence], model.slot, model.size, model.klass, model.slots,
            model.met_start, model.met, model.met_share, slack, current,
        )  # fmt: skip
        if slack.min(initial=0.0) < -1e-6:
            return None
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
            moved = kernels.refill(
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
