"""Cases change places: a search that starts from a choice and makes it better.

An integer program sees a nearly full problem badly: to bring one family in, three others have to
move, in several windows at once. Here such chains are tried by the million: a case goes where it
would do more good, those in its way go where it came from or by a third window, and every limit is
counted exactly at every step. Worse changes are taken now and then, more and more rarely (simulated
annealing), so that the search leaves dead ends. In: a choice that keeps every limit, and the
columns to look at. Out: a choice at least as good. It proves nothing: bounds come from elsewhere.
The draws come from the seed alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from onward.placement.problem.model import AnyArray, BoolArray, FloatArray, IntArray, Model
from onward.placement.solving.prices.choices import Bundles, open_pledges, total_value
from onward.placement.solving.search.annealing import change_places

# Changes tried in one round: for each case that has a choice, at least, and at most.
STEPS_PER_ITEM = 2_000
STEPS = (500_000, 4_000_000)
COOLING = 0.1  # warmth at the end of a round, as a share of that at its beginning


@dataclass
class Moves:
    """Who may go where. An item is a unit, or a group that shares a slot and goes as one.

    size (i,); options of item i are start[i]:start[i+1], ordered by slot; the slot after the
    last one means unplaced. value (o,), and the persons an option brings to rows:
    row, persons[entry_start[o]:entry_start[o+1]]. It puts flat_unit into flat_column at
    flat_start[o]:flat_start[o+1]. now (i,) the option in hand."""

    size: IntArray
    start: IntArray
    slot: IntArray
    value: FloatArray
    entry_start: IntArray
    row: IntArray
    persons: FloatArray
    flat_start: IntArray
    flat_unit: IntArray
    flat_column: IntArray
    now: IntArray

    def write(self, now: IntArray, chosen: IntArray) -> IntArray:
        """The choice in which the items take the options `now`, the others what they have."""
        out = chosen.copy()
        before = _flat(self.flat_start, self.now)
        out[self.flat_unit[before]] = -1
        after = _flat(self.flat_start, now)
        out[self.flat_unit[after]] = self.flat_column[after]
        return out


def _flat(start: IntArray, which: IntArray) -> IntArray:
    """The positions start[w]:start[w+1] of every w, one after another."""
    count = start[which + 1] - start[which]
    offset = np.cumsum(count) - count
    return np.asarray(np.repeat(start[which] - offset, count) + np.arange(int(count.sum())))


def moves(
    model: Model,
    value: AnyArray,
    bundles: Bundles | None,
    chosen: IntArray,
    columns: IntArray,
    must: BoolArray,
) -> Moves:
    """The moves among `columns` (sorted); groups that share a slot may take every slot that all
    of them could share."""
    unit = np.searchsorted(model.start, columns, side="right") - 1
    # options as (item, slot, value, units, columns), an item being named by its first unit
    lead = np.arange(model.units)
    of, item, slot = [], [], []
    flat_unit, flat_column, worth = [], [], []
    count = 0
    if bundles is not None and len(bundles):
        match = chosen[bundles.unit] == bundles.column
        full = np.add.reduceat(match, bundles.start[:-1]) == np.diff(bundles.start)
        shares = np.zeros(len(model.group_start) - 1, bool)
        shares[bundles.group[full]] = True
        mine = np.flatnonzero(shares[bundles.group])
        e = _flat(bundles.start, mine)
        first = bundles.unit[bundles.start[mine]]
        sizes = np.diff(bundles.start)[mine]
        lead[bundles.unit[e]] = np.repeat(first, sizes)
        of.append(np.repeat(np.arange(len(mine)), sizes))
        flat_unit.append(bundles.unit[e])
        flat_column.append(bundles.column[e])
        item.append(first)
        slot.append(model.slot[bundles.column[bundles.start[mine]]].astype(np.int64))
        worth.append(
            bundles.bonus[mine]
            + np.bincount(of[0], weights=value[bundles.column[e]], minlength=len(mine))
        )
        count = len(mine)
        in_group = np.zeros(model.units, bool)
        in_group[bundles.unit[e]] = True
        alone = ~in_group[unit]
        columns, unit = columns[alone], unit[alone]
    of.append(count + np.arange(len(columns)))
    flat_unit.append(unit)
    flat_column.append(columns)
    item.append(unit)
    slot.append(model.slot[columns].astype(np.int64))
    worth.append(np.asarray(value[columns], float))
    count += len(columns)
    # staying unplaced, for whoever may
    heads = np.unique(np.concatenate(item))
    bound_to = np.zeros(model.units, bool)
    bound_to[lead[must]] = True
    free = heads[~bound_to[heads]]
    item.append(free)
    slot.append(np.full(len(free), model.slots))
    worth.append(np.zeros(len(free)))
    count += len(free)
    head, where, points = (np.concatenate(x) for x in (item, slot, worth))
    # only items with something to choose
    many = np.bincount(head, minlength=model.units) > 1
    size = np.bincount(lead, weights=model.size, minlength=model.units).astype(np.int64)
    order = np.lexsort((where, head))
    order = order[many[head[order]]]
    place = np.full(count, -1)
    place[order] = np.arange(len(order))
    owner, u, j = (np.concatenate(x) for x in (of, flat_unit, flat_column))
    owner = place[owner]
    there = owner >= 0
    owner, u, j = owner[there], u[there], j[there]
    by = np.argsort(owner, kind="stable")
    owner, u, j = owner[by], u[by], j[by]
    flat_start = np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=len(order)))])
    which, row, persons = model.column_rows(j, u)
    entries = np.bincount(owner[which], minlength=len(order))
    names, start = np.unique(head[order], return_index=True)
    start = np.append(start, len(order)).astype(np.int64)
    option_slot = where[order]
    at = np.where(chosen[names] >= 0, model.slot[np.maximum(chosen[names], 0)], model.slots)
    now = np.searchsorted(
        np.repeat(np.arange(len(names)), np.diff(start)) * (model.slots + 1) + option_slot,
        np.arange(len(names)) * (model.slots + 1) + at,
    )
    return Moves(
        size[names], start, option_slot, points[order],
        np.concatenate([[0], np.cumsum(entries)]).astype(np.int64), row, persons,
        flat_start.astype(np.int64), u, j, now.astype(np.int64),
    )  # fmt: skip


def exchange(
    model: Model,
    value: AnyArray,
    bundles: Bundles | None,
    chosen: IntArray,
    columns: IntArray,
    must: BoolArray,
    *,
    warmth: float,
    seed: int,
    steps: int | None = None,
) -> IntArray:
    """A choice worth at least as much as `chosen`, which keeps every limit and every `must`.

    columns: those looked at, beside those in hand. warmth: how much worse a change may be to be
    taken about a third of the time at the beginning; at the end it is a tenth of that."""
    opened, fits = open_pledges(model, chosen)
    if not fits.all():
        return chosen
    columns = np.union1d(columns, chosen[chosen >= 0])
    m = moves(model, value, bundles, chosen, columns, must)
    if len(m.size) < 2:
        return chosen
    add = model.pledged(opened)
    slack = model.limit - add - model.usage(chosen)
    if steps is None:
        steps = int(np.clip(STEPS_PER_ITEM * len(m.size), *STEPS))
    warmth = max(warmth, 1e-9)
    now = change_places(
        m.size, m.start, m.slot, m.value, m.entry_start, m.row, m.persons, slack,
        m.now.copy(), model.slots, steps, warmth, COOLING * warmth, seed,
    )  # fmt: skip
    found = m.write(now, chosen)
    _, fits = open_pledges(model, found)
    if not fits.all():
        return chosen
    better = total_value(model, value, bundles, found) > total_value(
        model, value, bundles, chosen
    )
    return found if better else chosen
