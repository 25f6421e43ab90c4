"""A linear or integer program over some units and columns, the rest being fixed.

In: pricing of a problem, the columns to decide and the limits that are left. Out: values, prices
and shares of the relaxation, or whole choices with what HiGHS has proven.
"""

from __future__ import annotations

import highspy
import numpy as np

from onward.placement.problem.model import BoolArray, FloatArray, IntArray, Model
from onward.placement.solving.prices import kernels
from onward.placement.solving.prices.pricing import Pricing
from onward.placement.solving.programs.cuts import Cuts
from onward.placement.solving.programs.program import INF, new_highs


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
        # with some hundred thousand columns these would outweigh the program itself
        del col, which, row, persons, position, cols, rows, coef, index, rws
        key, back = np.unique(key, return_inverse=True)
        cfs = np.asarray(np.bincount(back, weights=cfs), float)
        index, rws = (key // (n + r)).astype(np.int32), (key % (n + r)).astype(np.int32)
        del key, back
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
        lp.a_matrix_.index_ = rws
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


def part_around(
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
