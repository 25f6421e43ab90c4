"""Some programmes at a time are filled anew, exactly: first the programme is chosen, then the window.

What a case brings hangs on the programme far more than on the window. So its columns in one programme
that bring the same and count the same towards caps are one choice here, and beside the choices stands
only how many families of a kind go to which window: no two answers differ by which of two alike families
leaves in spring. A program over a few programmes has some hundred choices then and is soon solved. The
programmes are those of the cases that lose most by the relaxation: where they are, and where the
relaxation would have them. In: a choice that keeps every limit, and what each column and bundle loses.
Out: a choice at least as good. It proves nothing: bounds come from the relaxation.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import highspy
import numpy as np
from scipy.sparse import csc_array

from onward.placement.choices import open_pledges
from onward.placement.model import BoolArray, FloatArray, IntArray
from onward.placement.pricing import Pricing
from onward.placement.program import INF, new_highs

CASES = 85  # about so many are placed anew at once, in at least
FEWEST = 2  # programmes
NODES = 5  # of one program: most are decided at the first
NEAR = 0.15  # what a choice may lose to be looked at, as a share of the mean value
ROUNDS = 250
IDLE = 60  # programs in a row that bring nothing before they end


class Choices:
    """The choices (c,) of units and of groups that go as one, and the kinds of families.

    programme, loss (c,): of each choice; preferred (n,): the programme that the relaxation gives a
    unit most of. y_kind, y_slot: which families go where, by kind and slot. The state of all is
    one vector: choices taken (c,), then families by kind and slot."""

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
        shape = (n + limits + len(kinds), c + len(y))
        place = (np.concatenate(rows), np.concatenate(columns))
        self.matrix = csc_array((np.concatenate(data), place), shape=shape)
        self.cost = np.concatenate([worth[lead], np.zeros(len(y))])
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
        return x

    def columns(self, x: FloatArray) -> IntArray:
        """The choice of columns of a vector: families of a kind go to its windows in turn."""
        c, slots = len(self.kind), self.pricing.model.slots
        taken = np.flatnonzero(x[:c] > 0.5)
        taken = taken[np.argsort(self.kind[taken], kind="stable")]
        slot = np.repeat(self.y_slot, np.round(x[c:]).astype(np.int64))
        item = self.item[np.searchsorted(self.item_key, taken * slots + slot)]
        there = np.zeros(len(self.choice), bool)
        there[item] = True
        flat = there[self.of]
        chosen = np.full(self.pricing.model.units, -1)
        chosen[self.flat_unit[flat]] = self.flat_column[flat]
        return chosen


def fill_anew(
    pricing: Pricing,
    loss: FloatArray,
    share: FloatArray,
    chosen: IntArray,
    mean: float,
    done: Callable[[float], bool],
    rounds: int = ROUNDS,
) -> IntArray:
    """A choice worth at least as much as `chosen`, which keeps every limit and every `must`.

    loss, share: of every column and bundle by the relaxation; mean: the value of a unit; done: whether
    so much is enough, or time has ended."""
    model = pricing.model
    opened, fits = open_pledges(model, chosen)
    if not fits.all():
        return chosen
    all_ = Choices(pricing, loss, share)
    c, n = len(all_.kind), model.units
    x = all_.state(chosen)
    begun = float(all_.cost @ x)
    low = np.full(all_.matrix.shape[0], -INF)
    low[:n][pricing.must] = 1.0
    low[n + len(model.limit) :] = 0.0
    high = np.zeros(all_.matrix.shape[0])
    high[:n] = 1.0
    high[n : n + len(model.limit)] = model.limit - model.pledged(opened)
    programmes = np.unique(all_.programme)
    each = max(1.0, float((chosen >= 0).sum()) / len(programmes))
    count = int(np.clip(round(CASES / each), FEWEST, max(FEWEST, len(programmes) // 2)))
    rng = np.random.default_rng(1)
    known: dict[bytes, bytes] = {}
    idle = 0
    for _ in range(rounds):
        if idle == IDLE or done(float(all_.cost @ x)):
            break
        has = x[:c] > 0.5
        some = _programmes(all_, has, count, rng)
        inside = np.isin(all_.programme, some)
        now = np.flatnonzero(has & inside).tobytes()
        idle += 1
        if known.get(some.tobytes()) == now:
            continue
        known[some.tobytes()] = now
        found = _filled(all_, x, has, inside, low, high, NEAR * mean)
        gain = 0.0 if found is None else float(all_.cost @ (found - x))
        if found is not None and gain > 1e-9:
            x = found
            if gain > 1e-5 * begun:
                idle = 0
    return all_.columns(x) if float(all_.cost @ x) > begun else chosen


def _programmes(
    all_: Choices, has: BoolArray, count: int, rng: np.random.Generator
) -> IntArray:
    """So many programmes of cases that lose, drawn by what they lose, and of where they would go."""
    held = has[all_.member_choice]
    choice, unit = all_.member_choice[held], all_.member_unit[held]
    # drawn without laying back, each by its weight: the largest of these keys come first
    key = np.log(rng.random(len(choice))) / (all_.loss[choice] + 1e-9)
    some: list[int] = []
    for k in np.argsort(-key, kind="stable"):
        for programme in (all_.programme[choice[k]], all_.preferred[unit[k]]):
            if programme not in some:
                some.append(int(programme))
        if len(some) >= count:
            break
    return np.sort(np.array(some[:count], np.int64))


def _filled(
    all_: Choices,
    x: FloatArray,
    has: BoolArray,
    inside: BoolArray,
    low: FloatArray,
    high: FloatArray,
    near: float,
) -> FloatArray | None:
    """The state in which the choices `inside` are taken anew; None if none was found.

    Choices that lose more than all in hand together, or more than `near`, are no part of it."""
    c, n = len(has), all_.pricing.model.units
    held = np.zeros(n, bool)
    held[all_.member_unit[(has & ~inside)[all_.member_choice]]] = True
    apart = np.bincount(all_.member_choice, weights=held[all_.member_unit], minlength=c)
    inside = inside & (apart == 0)
    most = min(near, float(all_.loss[inside & has].sum()) + 1e-6)
    choices = np.flatnonzero(inside & (has | (all_.loss <= most)))
    used = np.zeros(int(all_.kind.max()) + 1, bool)
    used[all_.kind[choices]] = True
    free = np.concatenate([choices, c + np.flatnonzero(used[all_.y_kind])])
    rest = x.copy()
    rest[free] = 0.0
    act = all_.matrix @ rest
    part = all_.matrix[:, free]
    rows, position = np.unique(part.indices, return_inverse=True)
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = len(free), len(rows)
    lp.col_cost_, lp.col_lower_ = all_.cost[free], np.zeros(len(free))
    lp.col_upper_ = np.where(free < c, 1.0, INF)
    lp.row_lower_, lp.row_upper_ = (low - act)[rows], (high - act)[rows]
    lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    lp.a_matrix_.start_, lp.a_matrix_.index_ = part.indptr, position.astype(np.int32)
    lp.a_matrix_.value_ = part.data
    lp.sense_ = highspy.ObjSense.kMaximize
    lp.integrality_ = [highspy.HighsVarType.kInteger] * len(free)
    h = new_highs()
    h.passModel(lp)
    h.setOptionValue("mip_rel_gap", 1e-4)
    h.setOptionValue("mip_max_nodes", NODES)
    for name in ("rins", "rens", "root_reduced_cost"):
        h.setOptionValue(f"mip_heuristic_run_{name}", False)
    begin = highspy.HighsSolution()
    begin.col_value = x[free]
    h.setSolution(begin)
    h.run()
    if h.getInfo().primal_solution_status != 2:
        return None
    rest[free] = np.round(np.asarray(h.getSolution().col_value))
    return rest
