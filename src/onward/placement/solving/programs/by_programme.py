"""First the programme, then the window: where families go as a program with few choices.

What a case brings hangs on the programme far more than on the window. So its columns in one programme
that bring the same and count the same towards caps are one choice here, and beside the choices stands
only how many families of a kind go to which window: no two answers differ by which of two alike families
leaves in spring, and an integer program soon tells how good one is. In: pricing of a problem, and what
each column and bundle loses by the relaxation. Out: the program over all choices or some of them, and
choices of columns as its states.
"""

from __future__ import annotations

from itertools import pairwise

import highspy
import numpy as np
from scipy.sparse import csc_array

from onward.placement.problem.model import BoolArray, FloatArray, IntArray
from onward.placement.solving.prices.choices import open_pledges
from onward.placement.solving.prices.pricing import Pricing
from onward.placement.solving.programs.program import INF, new_highs


class Choices:
    """The choices (c,) of units and of groups that go as one, and the kinds of families.

    programme, loss (c,): of each choice; preferred (n,): the programme that the relaxation gives a
    unit most of. y_kind, y_slot: which families go where, by kind and slot. The state of all is
    one vector: choices taken (c,), families by kind and slot, pledges that are open. `low` and `high`
    are the limits of `matrix @ state`: of units, rows of the model and kinds."""

    def __init__(self, pricing: Pricing, loss: FloatArray, share: FloatArray) -> None:
        model, bundles = pricing.model, pricing.bundles
        self.pricing, m, n = pricing, model.columns, model.units
        value, unit = np.asarray(pricing.value, float), model.unit_of_column()
        owner, slot, worth = unit, model.slot.astype(np.int64), value
        self.flat_unit, self.flat_column, of = unit, np.arange(m), np.arange(m)
        if bundles is not None and len(bundles):
            first, many = bundles.start[:-1], np.diff(bundles.start)
            owner = np.concatenate([owner, n + bundles.group])
            slot = np.concatenate([slot, slot[bundles.column[first]]])
            together = bundles.bonus + np.add.reduceat(value[bundles.column], first)
            worth = np.concatenate([worth, together])
            self.flat_unit = np.concatenate([unit, bundles.unit])
            self.flat_column = np.concatenate([self.flat_column, bundles.column])
            of = np.concatenate([of, m + np.repeat(np.arange(len(bundles)), many)])
        self.of, items = of, len(owner)
        persons = np.bincount(of, weights=model.size[self.flat_unit], minlength=items)
        which, row, brought = model.column_rows(self.flat_column, self.flat_unit)
        counts = row >= model.slots
        item, row, brought = of[which[counts]], row[counts], brought[counts]
        # what an item counts towards caps and conditions, as one number to compare
        mark = np.random.default_rng(1).integers(1, 2**62, len(model.limit))
        counted = np.zeros(items, np.int64)
        np.add.at(counted, item, mark[row] * np.round(brought * 2**16).astype(np.int64))
        programme = model.slot_programme[slot]
        alike = np.stack([owner, programme, worth.view(np.int64), counted], axis=1)
        _, lead, choice = np.unique(alike, axis=0, return_index=True, return_inverse=True)
        choice = choice.ravel()
        c, slots = len(lead), model.slots
        self.programme = programme[lead]
        self.loss = np.full(c, np.inf)
        np.minimum.at(self.loss, choice, loss[:items])
        order = np.lexsort((slot, choice))
        ends = np.searchsorted(choice[order], np.arange(c + 1))
        kinds: dict[tuple[float, bytes], int] = {}
        self.kind = np.array(
            [
                kinds.setdefault((persons[lead[k]], slot[order[a:b]].tobytes()), len(kinds))
                for k, (a, b) in enumerate(pairwise(ends))
            ],
            np.int64,
        )
        self.item_key, self.item = choice[order] * slots + slot[order], order
        self.choice, self.slot = choice, slot
        y_key = np.unique(self.kind[choice] * slots + slot)
        self.y_kind, self.y_slot, self.y_key = y_key // slots, y_key % slots, y_key
        size_of_kind = np.array([persons for persons, _ in kinds])
        # members of a choice are those of any item of it
        led = np.zeros(items, bool)
        led[lead] = True
        mine, entry = led[of], led[item]
        self.member_choice, self.member_unit = choice[of[mine]], self.flat_unit[mine]
        y = c + np.arange(len(y_key))
        limits = len(model.limit)
        rows = [self.member_unit, n + row[entry], n + limits + self.kind]
        columns = [self.member_choice, choice[item[entry]], np.arange(c)]
        data = [np.ones(int(mine.sum())), brought[entry], -np.ones(c)]
        rows += [n + limits + self.y_kind, n + self.y_slot]
        columns += [y, y]
        data += [np.ones(len(y)), size_of_kind[self.y_kind]]
        rows.append(n + model.pledge_row)
        columns.append(c + len(y) + model.pledge_of)
        data.append(model.pledge_coef)
        shape = (n + limits + len(kinds), c + len(y) + model.pledges)
        place = (np.concatenate(rows), np.concatenate(columns))
        self.matrix = csc_array((np.concatenate(data), place), shape=shape)
        self.cost = np.concatenate([worth[lead], np.zeros(shape[1] - c)])
        self.low = np.full(shape[0], -INF)
        self.low[:n][pricing.must] = 1.0
        self.low[n + limits :] = 0.0
        self.high = np.concatenate([np.ones(n), model.limit, np.zeros(len(kinds))])
        self.most = np.where(np.arange(shape[1]) < c, 1.0, INF)
        self.most[c + len(y) :] = 1.0
        taken = np.bincount(choice, weights=share[:items], minlength=c)[self.member_choice]
        by = np.lexsort((-taken, self.member_unit))
        self.preferred = np.full(n, -1)
        seen, at = np.unique(self.member_unit[by], return_index=True)
        self.preferred[seen] = self.programme[self.member_choice[by[at]]]

    def state(self, chosen: IntArray) -> FloatArray:
        """The vector of a choice of columns."""
        items = len(self.choice)
        there = chosen[self.flat_unit] == self.flat_column
        whole = np.bincount(self.of, weights=~there, minlength=items) == 0
        joint = np.zeros(len(chosen), bool)
        m = self.pricing.model.columns
        joint[self.flat_unit[(self.of >= m) & whole[self.of]]] = True
        whole[:m] &= ~joint[self.flat_unit[:m]]
        x = np.zeros(self.matrix.shape[1])
        c, slots = len(self.kind), self.pricing.model.slots
        x[self.choice[whole]] = 1.0
        key = self.kind[self.choice[whole]] * slots + self.slot[whole]
        np.add.at(x, c + np.searchsorted(self.y_key, key), 1.0)
        x[c + len(self.y_key) :] = open_pledges(self.pricing.model, chosen)[0]
        return x

    def columns(self, x: FloatArray) -> IntArray:
        """The choice of columns of a vector: families of a kind go to its windows in turn."""
        c, slots = len(self.kind), self.pricing.model.slots
        taken = np.flatnonzero(x[:c] > 0.5)
        taken = taken[np.argsort(self.kind[taken], kind="stable")]
        slot = np.repeat(self.y_slot, np.round(x[c:][: len(self.y_key)]).astype(np.int64))
        item = self.item[np.searchsorted(self.item_key, taken * slots + slot)]
        there = np.zeros(len(self.choice), bool)
        there[item] = True
        flat = there[self.of]
        chosen = np.full(self.pricing.model.units, -1)
        chosen[self.flat_unit[flat]] = self.flat_column[flat]
        return chosen

    def nearest(self, many: int) -> float:
        """What a choice may lose to be among so many that lose least."""
        many = min(many, len(self.loss)) - 1
        return float(np.partition(self.loss, many)[many])

    def take(
        self,
        x: FloatArray,
        inside: BoolArray,
        near: float,
        *,
        nodes: int,
        gap: float,
        seconds: float = INF,
        target: float = INF,
        searches: bool = False,
    ) -> tuple[FloatArray | None, float]:
        """The state in which the choices `inside` are taken anew, from the state x, the others staying as
        they are; None if none was found. And the bound of all such states.

        inside (c,). Choices that lose more than `near` and are not in hand are no part of it. Pledges
        are opened and shut only where all choices are inside. It ends at a proven `gap`, or at a state worth
        `target`. searches: searches inside the search."""
        c, n = len(self.kind), self.pricing.model.units
        has = x[:c] > 0.5
        everything = bool(inside.all())
        if not everything:
            held = np.zeros(n, bool)
            held[self.member_unit[(has & ~inside)[self.member_choice]]] = True
            apart = np.bincount(self.member_choice, weights=held[self.member_unit], minlength=c)
            inside = inside & (apart == 0)
        choices = np.flatnonzero(inside & (has | (self.loss <= near)))
        used = np.zeros(int(self.kind.max()) + 1, bool)
        used[self.kind[choices]] = True
        y = c + np.flatnonzero(used[self.y_kind])
        pledges = np.arange(c + len(self.y_key), len(x) if everything else c + len(self.y_key))
        free = np.concatenate([choices, y, pledges])
        rest = x.copy()
        rest[free] = 0.0
        act = self.matrix @ rest
        part = self.matrix[:, free]
        rows, position = np.unique(part.indices, return_inverse=True)
        lp = highspy.HighsLp()
        lp.num_col_, lp.num_row_ = len(free), len(rows)
        lp.col_cost_, lp.col_lower_ = self.cost[free], np.zeros(len(free))
        lp.col_upper_ = self.most[free]
        lp.row_lower_, lp.row_upper_ = (self.low - act)[rows], (self.high - act)[rows]
        lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
        lp.a_matrix_.start_, lp.a_matrix_.index_ = part.indptr, position.astype(np.int32)
        lp.a_matrix_.value_ = part.data
        lp.sense_ = highspy.ObjSense.kMaximize
        lp.integrality_ = [highspy.HighsVarType.kInteger] * len(free)
        h = new_highs()
        h.passModel(lp)
        h.setOptionValue("mip_rel_gap", gap)
        h.setOptionValue("mip_max_nodes", nodes)
        h.setOptionValue("time_limit", seconds)
        got = float(self.cost @ rest)
        if target < INF:
            h.setOptionValue("objective_target", target - got)
        if not searches:
            for name in ("rins", "rens", "root_reduced_cost"):
                h.setOptionValue(f"mip_heuristic_run_{name}", False)
        begin = highspy.HighsSolution()
        begin.col_value = x[free]
        h.setSolution(begin)
        h.run()
        proven = float(h.getInfo().mip_dual_bound)
        bound = got + proven if abs(proven) < 1e29 else INF
        if h.getInfo().primal_solution_status != 2:
            return None, bound
        rest[free] = np.round(np.asarray(h.getSolution().col_value))
        return rest, bound
