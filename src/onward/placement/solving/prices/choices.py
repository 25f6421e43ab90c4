"""A choice of one column for each unit: what it is worth, what it opens, what can be part of one.

Linked cases that share a slot are bundles of columns, worth more together than apart. In: a
`Model`, a value per column. Out: bundles, the value of a choice, the pledges it opens, and the
columns that some limit has no room for.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from onward.placement.problem.model import AnyArray, BoolArray, FloatArray, IntArray, Model
from onward.placement.solving.prices import kernels


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


def last_choice(model: Model, stays: AnyArray) -> IntArray:
    """Each unit's column (n,) that leaves most of its cases where last week had them, -1 where none does.

    stays (m,): how many cases a column leaves there."""
    some = np.flatnonzero(stays > 0)
    unit = model.unit_of_column()[some]
    by = np.argsort(stays[some], kind="stable")  # the one with most cases comes last
    last = np.full(model.units, -1)
    last[unit[by]] = some[by]
    return last


@dataclass
class CoreAnswer:
    """chosen (n,) column per unit or -1; pledges open; value; proven bound; price of each row.

    lp: the value of the linear relaxation, when it was solved to the end. alone: the bound of the
    values without what sharing slots is worth, among choices that share as much of it."""

    chosen: IntArray
    pledges: BoolArray
    value: float
    bound: float
    price: FloatArray
    lp: float
    passes: int = 0
    log: list[str] = field(default_factory=list)
    alone: float = np.inf


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


def together(model: Model, bundles: Bundles | None, chosen: IntArray) -> BoolArray:
    """Units (n,) of linked groups that share a slot in this choice."""
    shared = np.zeros(model.units, bool)
    if bundles is not None and len(bundles):
        match = chosen[bundles.unit] == bundles.column
        full = np.logical_and.reduceat(match, bundles.start[:-1])
        shared[bundles.unit[np.repeat(full, np.diff(bundles.start))]] = True
    return shared


def open_pledges(model: Model, chosen: IntArray) -> tuple[BoolArray, BoolArray]:
    """Which pledges must be open for the choice to fit: (open, fits by row), trying the
    pledges whose condition is met. Opening a met condition only adds room."""
    use = model.usage(chosen)
    opened = np.zeros(model.pledges, bool)
    for k in range(model.pledges):
        mine = model.pledge_of == k
        asks = mine & (model.pledge_coef > 0)
        rows, need = model.pledge_row[asks], model.pledge_coef[asks]
        opened[k] = bool(np.all(use[rows] + need <= model.limit[rows] + 1e-6))
    add = model.pledged(opened)
    return opened, use + add <= model.limit + 1e-6


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


def without(
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
