"""One placement problem inside HiGHS, kept warm from stage to stage.

Every stage of the aim is the same set of choices with another value to maximise, so the model
is built once from arrays and only its values, bounds and held rows change. In: a `Model`. Out:
the best choice found for a value, with a bound that HiGHS has proven.
"""

from __future__ import annotations

import ctypes
import os
import sys
import time
from dataclasses import dataclass

import highspy
import numpy as np

from onward.placement.problem.model import BoolArray, FloatArray, IntArray, Model
from onward.placement.solving.programs.cuts import Cuts

INF = highspy.kHighsInf
LEAST_SECONDS = 0.05  # what a search has when time has ended, to hand back what it began with


_greeted = False


def new_highs() -> highspy.Highs:
    """A silent HiGHS. Its first instance greets on standard output, whatever its options; that
    belongs to the caller's data, so the one greeting is sent nowhere."""
    global _greeted
    if not _greeted:
        _greeted = True
        if sys.stdout is not None:
            sys.stdout.flush()
        saved, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        try:
            highs = highspy.Highs()
            ctypes.CDLL(None).fflush(None)
        finally:
            os.dup2(saved, 1)
            os.close(saved)
            os.close(nowhere)
    else:
        highs = highspy.Highs()
    highs.setOptionValue("output_flag", False)
    highs.setOptionValue("threads", 1)
    highs.setOptionValue("random_seed", 1)
    return highs


@dataclass
class Answer:
    """value of the choice found, proven bound, column of each unit (-1 none), open pledges.

    feasible False: the solver proved that no choice meets every row. limit_hit: it was stopped
    before its gap was met, by_clock: by time and not by what is counted."""

    feasible: bool
    value: float
    bound: float
    chosen: IntArray
    pledges: BoolArray
    limit_hit: bool = False
    by_clock: bool = False


@dataclass
class Prices:
    """Of one linear relaxation: value, price of each row, reduced value of each column, share
    of each column, and for each row the change of limit within which its price holds."""

    value: float
    row: FloatArray
    column: FloatArray
    share: FloatArray
    fewer: FloatArray
    more: FloatArray


class Program:
    """A HiGHS model of one problem. Columns: choices, pledges, then what togetherness needs."""

    def __init__(
        self,
        model: Model,
        *,
        keep: IntArray | None = None,
        same_window: float = 1.0,
        same_country: float = 1.0,
        grouped: bool = True,
    ) -> None:
        self.model = model
        self.kept = np.arange(model.columns) if keep is None else keep
        self.unit = model.unit_of_column()[self.kept]
        m, n, r = len(self.kept), model.units, len(model.limit)
        self.m, self.first_row = m, n
        parts: list[tuple[IntArray, IntArray, FloatArray]] = [
            (np.arange(m), self.unit, np.ones(m))
        ]
        which, row, persons = model.column_rows(self.kept, self.unit)
        parts.append((which, n + row, persons))
        if model.pledges:
            parts.append((m + model.pledge_of, n + model.pledge_row, model.pledge_coef))
        self.together = np.zeros(m + model.pledges)
        extra = 0
        if grouped and len(model.group_start) > 1:
            extra, group_parts, self.together = self._groups(same_window, same_country)
            parts += group_parts
        self.columns = m + model.pledges + extra
        self.rows = n + r + (self.group_rows if extra else 0)
        col = np.concatenate([p[0] for p in parts]).astype(np.int64)
        rows = np.concatenate([p[1] for p in parts]).astype(np.int64)
        coef = np.concatenate([p[2] for p in parts]).astype(float)
        order = np.lexsort((rows, col))
        lp = highspy.HighsLp()
        lp.num_col_, lp.num_row_ = self.columns, self.rows
        lp.col_cost_ = np.zeros(self.columns)
        lp.col_lower_ = np.zeros(self.columns)
        lp.col_upper_ = np.ones(self.columns)
        group = self.rows - n - r
        lp.row_lower_ = np.full(self.rows, -INF)
        lp.row_upper_ = np.concatenate([np.ones(n), model.limit, np.zeros(group)])
        lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
        lp.a_matrix_.start_ = np.concatenate(
            [[0], np.cumsum(np.bincount(col, minlength=self.columns))]
        ).astype(np.int32)
        lp.a_matrix_.index_ = rows[order].astype(np.int32)
        lp.a_matrix_.value_ = coef[order]
        lp.sense_ = highspy.ObjSense.kMaximize
        self.highs = new_highs()
        self.highs.passModel(lp)
        self.integer = False
        self.cuts = Cuts(self.highs, self._limits(which, row, persons))

    def _limits(
        self, which: IntArray, row: IntArray, persons: FloatArray
    ) -> list[tuple[IntArray, FloatArray, float, IntArray]]:
        """Per limit its columns, their persons, the most places it can have, and their units."""
        model = self.model
        opens = model.pledge_coef < 0
        places = model.limit + np.bincount(
            model.pledge_row[opens],
            weights=-model.pledge_coef[opens],
            minlength=len(model.limit),
        )
        order = np.argsort(row, kind="stable")
        at = np.searchsorted(row[order], np.arange(len(places) + 1))
        mine = [order[at[r] : at[r + 1]] for r in range(len(places))]
        return [
            (which[e], persons[e], float(places[r]), self.unit[which[e]])
            for r, e in enumerate(mine)
        ]

    def _groups(
        self, same_window: float, same_country: float
    ) -> tuple[int, list[tuple[IntArray, IntArray, FloatArray]], FloatArray]:
        """Columns "a member of this group is in this slot (country)", and the value of
        togetherness: members placed, less the different slots and countries they are in."""
        model, m = self.model, self.m
        first_extra = m + model.pledges
        first_row = model.units + len(model.limit)
        cols, rows, coefs = [], [], []
        value: list[float] = []
        gain = np.zeros(first_extra)
        row = 0
        group_of = np.full(model.units, -1)
        sizes = np.diff(model.group_start)
        group_of[model.group_member] = np.repeat(np.arange(len(sizes)), sizes)
        members = np.flatnonzero(group_of[self.unit] >= 0)
        slot = model.slot[self.kept].astype(np.int64)
        for places, worth in ((slot, same_window), (model.slot_country[slot], same_country)):
            if not worth:
                continue
            meet: dict[tuple[int, int], dict[int, list[int]]] = {}
            for j in members:
                key = (int(group_of[self.unit[j]]), int(places[j]))
                meet.setdefault(key, {}).setdefault(int(self.unit[j]), []).append(int(j))
            for by_unit in meet.values():
                if len(by_unit) < 2:
                    continue
                open_column = first_extra + len(value)
                value.append(-worth)
                for mine in by_unit.values():
                    gain[mine] += worth
                    cols += [*mine, open_column]
                    rows += [first_row + row] * (len(mine) + 1)
                    coefs += [1.0] * len(mine) + [-1.0]
                    row += 1
        self.group_rows = row
        parts = [(np.array(cols, np.int64), np.array(rows, np.int64), np.array(coefs))]
        return len(value), parts if cols else [], np.concatenate([gain, value])

    # -----------------------------------------------------------------------------------------

    def full(self, value: FloatArray) -> FloatArray:
        """A value per choice, widened with zeros for pledges and togetherness."""
        return np.concatenate([value, np.zeros(self.columns - len(value))])

    def set_value(self, value: FloatArray) -> None:
        self.highs.changeColsCost(
            self.columns, np.arange(self.columns, dtype=np.int32), self.full(value)
        )

    def set_integer(self, integer: bool) -> None:
        """Choices and pledges whole (a proposal) or divisible (its linear relaxation)."""
        if integer != self.integer:
            kind = (
                highspy.HighsVarType.kInteger if integer else highspy.HighsVarType.kContinuous
            )
            count = self.m + self.model.pledges
            self.highs.changeColsIntegrality(
                count, np.arange(count, dtype=np.int32), np.full(count, kind)
            )
            self.integer = integer

    def set_range(self, columns: IntArray, lower: float, upper: float) -> None:
        count = len(columns)
        self.highs.changeColsBounds(
            count, columns.astype(np.int32), np.full(count, lower), np.full(count, upper)
        )

    def must_place(self, units: IntArray) -> None:
        """These units take exactly one choice."""
        for u in units:
            self.highs.changeRowBounds(int(u), 1.0, 1.0)

    def set_limit(self, row: int, limit: float) -> None:
        self.highs.changeRowBounds(self.first_row + row, -INF, limit)

    def hold(self, value: FloatArray, least: float) -> None:
        """Add a row: later stages keep this value at `least` or more."""
        wide = self.full(value)
        index = np.flatnonzero(wide).astype(np.int32)
        self.highs.addRow(least, INF, len(index), index, wide[index])
        self.rows += 1

    def place_only(self, chosen: IntArray) -> None:
        """Freeze who is placed: they stay placed somewhere, everybody else stays unplaced."""
        placed = chosen >= 0
        self.set_range(np.flatnonzero(~placed[self.unit]), 0.0, 0.0)
        self.must_place(np.flatnonzero(placed))

    def start_from(self, answer: Answer) -> None:
        """Give HiGHS a choice to begin with."""
        solution = highspy.HighsSolution()
        value = np.zeros(self.columns)
        position = np.full(self.model.columns, -1)
        position[self.kept] = np.arange(self.m)
        taken = answer.chosen[answer.chosen >= 0]
        value[position[taken][position[taken] >= 0]] = 1.0
        value[self.m : self.m + self.model.pledges] = answer.pledges
        if self.columns > self.m + self.model.pledges:
            index = np.flatnonzero(np.arange(self.columns) < self.m + self.model.pledges)
            self.highs.setSolution(len(index), index.astype(np.int32), value[index])
            return
        solution.col_value = value
        self.highs.setSolution(solution)

    def solve(
        self,
        value: FloatArray,
        *,
        gap: float,
        seconds: float,
        start: Answer | None = None,
        nodes: int | None = None,
        tight: bool = False,
    ) -> Answer:
        """The choice with the highest value, to a relative `gap`, after at most so many nodes.

        seconds: when the clock stops it, whatever was counted; the choice in hand is then the one
        to begin with, where none better was met. tight: first add what the relaxation overlooks about whole families; after that the
        limits may no longer change."""
        h = self.highs
        self.set_value(value)
        ends = h.getRunTime() + max(LEAST_SECONDS, seconds)
        by_clock, relaxed = False, np.inf
        if tight:
            self.set_integer(False)
            if self.cuts.tighten(seconds):
                relaxed = float(h.getInfo().objective_function_value)
            by_clock = h.getModelStatus() == highspy.HighsModelStatus.kTimeLimit
        self.set_integer(True)
        h.setOptionValue("presolve", "off" if tight else "choose")
        h.setOptionValue("mip_rel_gap", gap)
        h.setOptionValue("mip_abs_gap", 1e-6)
        h.setOptionValue("mip_feasibility_tolerance", 1e-7)
        h.setOptionValue("time_limit", max(ends, h.getRunTime() + LEAST_SECONDS))
        h.setOptionValue("mip_max_nodes", 2**31 - 1 if nodes is None else nodes)
        if start is not None:
            self.start_from(start)
        h.run()
        status = h.getModelStatus()
        none = np.full(self.model.units, -1)
        shut = np.zeros(self.model.pledges, bool)
        if (
            not self.columns
        ):  # HiGHS calls a program without choices empty, whatever its rows ask
            lp = h.getLp()
            holds = max(lp.row_lower_, default=0.0) <= 0 <= min(lp.row_upper_, default=0.0)
            return Answer(holds, 0.0, 0.0, none, shut)
        if status == highspy.HighsModelStatus.kInfeasible:
            return Answer(False, 0.0, 0.0, none, shut)
        info = h.getInfo()
        limit_hit = status != highspy.HighsModelStatus.kOptimal
        by_clock |= status == highspy.HighsModelStatus.kTimeLimit
        if info.primal_solution_status != 2:
            return Answer(True, -np.inf, np.inf, none, shut, True, by_clock)
        x = np.asarray(h.getSolution().col_value)
        chosen = none.copy()
        taken = np.flatnonzero(x[: self.m] > 0.5)
        chosen[self.unit[taken]] = self.kept[taken]
        got = float(
            self.full(value) @ np.where(np.arange(self.columns) < self.m, np.round(x), x)
        )
        bound = max(got, min(relaxed, float(info.mip_dual_bound)))
        opened = x[self.m : self.m + self.model.pledges] > 0.5
        return Answer(True, got, bound, chosen, opened, limit_hit, by_clock)

    def relax(
        self, value: FloatArray, *, seconds: float = 600, ranges: bool = False
    ) -> Prices | None:
        """The linear relaxation of a value: prices of rows and columns; None if infeasible."""
        self.set_value(value)
        self.set_integer(False)
        h = self.highs
        h.setOptionValue("time_limit", h.getRunTime() + seconds)
        self.cuts.loosen()  # the prices are those of the limits alone
        try:
            h.run()
            return self._prices(ranges)
        finally:
            self.cuts.restore()

    def again(self) -> None:
        """Solve the relaxation again after a change of limits, from the last basis."""
        self.highs.run()

    def prices(self) -> FloatArray | None:
        """The price of each row in the last relaxation; None if it was not solved."""
        if self.highs.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            return None
        dual = np.asarray(self.highs.getSolution().row_dual)
        mine = dual[self.first_row : self.first_row + len(self.model.limit)]
        return np.asarray(np.maximum(0.0, mine))

    def _prices(self, ranges: bool) -> Prices | None:
        h = self.highs
        if h.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            return None
        solution = h.getSolution()
        r = len(self.model.limit)
        fewer, more = np.zeros(r), np.zeros(r)
        if ranges:
            status, ranging = h.getRanging()
            if status != highspy.HighsStatus.kError:
                low = np.asarray(ranging.row_bound_dn.value_)[
                    self.first_row : self.first_row + r
                ]
                high = np.asarray(ranging.row_bound_up.value_)[
                    self.first_row : self.first_row + r
                ]
                upper = np.asarray(h.getLp().row_upper_)[self.first_row : self.first_row + r]
                fewer, more = np.maximum(0, upper - low), np.maximum(0, high - upper)
        return Prices(
            float(h.getInfo().objective_function_value),
            np.maximum(0.0, np.asarray(solution.row_dual)[self.first_row : self.first_row + r]),
            np.asarray(solution.col_dual)[: self.m],
            np.asarray(solution.col_value)[: self.m],
            fewer,
            more,
        )


class Clock:
    """Seconds left; only ever used to stop, never in a result."""

    def __init__(self, seconds: float) -> None:
        self.end = time.monotonic() + seconds

    def left(self) -> float:
        return max(0.0, self.end - time.monotonic())
