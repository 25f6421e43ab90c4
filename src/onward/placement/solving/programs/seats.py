"""How many families of a size move from window to window, so that every limit is kept: a small linear program.

At good prices nearly everybody's best choice is the right one, and some windows are a little too full,
others not quite. Which family moves matters little, there are many alike; how many of which size do,
from where to where, is a program of some ten thousand columns where one over families has millions. Its
whole part is carried out by those who lose least. In: pricing of a problem, a choice in which everybody
has a place. Out: a choice that overfills limits by a few families at most, which rounding lets in.
"""

from __future__ import annotations

import highspy
import numpy as np
from scipy.sparse import csc_array

from onward.placement.problem.model import AnyArray, BoolArray, FloatArray, IntArray, Model
from onward.placement.solving.prices import kernels
from onward.placement.solving.prices.choices import together
from onward.placement.solving.prices.pricing import Pricing, column_loss
from onward.placement.solving.programs.program import INF, Clock, new_highs

NEAR = 0.05  # what a move may lose to be looked at, as a share of the mean value
MOST = 120_000  # columns looked at, about: where there are more, only what loses less
MOVING = 7e-4  # what any move costs, as a share of the mean value: of equal answers, the one that moves fewest
OVER = 3.0  # what a person too many costs, in largest values
ROUNDS = 6
LESS = 0.9  # a round has to bring the persons too many to this share


def balance(
    pricing: Pricing, bound: float, chosen: IntArray, opened: BoolArray, clock: Clock
) -> IntArray:
    """The choice after moves that bring it near every limit; asked at the prices priced last.

    chosen (n,): everybody's, in which limits are broken; opened (p,): the pledges to count on."""
    model = pricing.model
    mean = abs(bound) / max(1, model.units)
    shared = together(model, pricing.bundles, chosen)
    room = model.limit - model.pledged(opened)
    near = np.where(shared, -1.0, NEAR * mean)
    best, least = chosen, np.inf
    for _ in range(ROUNDS):
        slack = room - model.usage(chosen)
        over = float(-np.minimum(slack, 0.0).sum())
        if over > LESS * least or clock.left() <= 0:
            break
        best, least = chosen, over
        if over < 1e-6:
            break
        chosen = _moved(pricing, chosen, near, slack, mean, clock)
    return best


def counting_in(model: Model, rows: IntArray) -> BoolArray:
    """The units (n,) that could count in one of these rows."""
    cell = np.repeat(np.arange(len(model.met_start) - 1), np.diff(model.met_start))
    classes = np.zeros((len(model.met_start) - 1) // model.slots, bool)
    classes[np.unique(cell[np.isin(model.met, rows)] // model.slots)] = True
    return np.asarray(classes[model.klass])


def _moved(
    pricing: Pricing,
    chosen: IntArray,
    near: FloatArray,
    slack: FloatArray,
    mean: float,
    clock: Clock,
) -> IntArray:
    """One program over counts of moves and its whole part carried out."""
    model = pricing.model
    to, unit, loss = near_columns(pricing, near)
    elsewhere = (chosen[unit] >= 0) & (to != chosen[unit])
    to, unit, loss = to[elsewhere], unit[elsewhere], loss[elsewhere]
    if not len(to):
        return chosen
    here = model.slot[chosen[unit]].astype(np.int64)
    there = model.slot[to].astype(np.int64)
    size = model.size[unit].astype(np.int64)
    counted = _beyond_places(pricing)
    row_of = model.klass[unit].astype(np.int64) * model.slots
    alike = np.stack([size, here, there, counted[row_of + there] - counted[row_of + here]])
    _, lead, kind = np.unique(alike, axis=1, return_index=True, return_inverse=True)
    kind = kind.ravel()
    # of each kind those who lose least come first: one by one, then in twos, fours, eights
    order = np.lexsort((loss, kind))
    to, unit, kind = to[order], unit[order], kind[order]
    rank = np.arange(len(kind)) - np.searchsorted(kind, kind)
    step = np.where(rank < 2, rank, 1 + np.floor(np.log2(np.maximum(rank, 1))).astype(np.int64))
    first = np.flatnonzero(np.r_[True, np.diff(kind * 64 + step) != 0])
    many = np.diff(np.r_[first, len(kind)])
    value = np.asarray(pricing.value[to], float) - pricing.value[chosen[unit]]
    gain = np.add.reduceat(value, first) / many - MOVING * mean
    of = kind[first]
    # what one of a kind brings to and takes from every limit
    went, came = to[np.searchsorted(kind, of)], unit[np.searchsorted(kind, of)]
    w, r, p = model.column_rows(went, came)
    w2, r2, p2 = model.column_rows(chosen[came], came)
    rows = len(slack)
    matrix = csc_array(
        (np.concatenate([p, -p2]), (np.concatenate([r, r2]), np.concatenate([w, w2]))),
        shape=(rows, len(first)),
    )
    count = _whole_part(matrix, gain, many, slack, _too_many(pricing), clock)
    if count is None:
        return chosen
    return _carried_out(
        chosen, to, unit, kind, np.bincount(of, weights=count, minlength=len(lead))
    )


def near_columns(
    pricing: Pricing, width: FloatArray, most: int = MOST
) -> tuple[IntArray, IntArray, FloatArray]:
    """Columns that lose at most `width` (n,) by the prices against the best of their unit (none where it
    is below 0), the unit of each and what it loses. More than `most`, and only those that lose less."""
    model = pricing.model
    args = (model.start, model.slot, pricing.value, model.size, model.klass, pricing.cell)
    near = np.zeros(model.units, np.int64)
    each = width.copy()
    least = float(width[width >= 0].min(initial=0.0))
    while True:
        near[:] = 0
        kernels.count_near(*args, pricing.first, each, near)
        if near.sum() - model.units <= most or least < 1e-9:
            break
        # those who may lose no more than most may come last
        each = np.where(each <= 2.0 * least, each / 2.0, each)
        least /= 2.0
    columns = np.zeros(int(near.sum()), np.int64)
    kernels.list_near(*args, pricing.first, each, columns)
    unit = np.repeat(np.arange(model.units), near)
    return columns, unit, column_loss(pricing, columns, unit)


def _beyond_places(pricing: Pricing) -> IntArray:
    """What a class counts in a slot beside its places, as one number to compare (classes * slots,)."""
    model = pricing.model
    mark = np.random.default_rng(1).integers(1, 2**40, len(model.limit))
    mark[: model.slots] = 0
    counted = np.zeros(len(model.met_start) - 1, np.int64)
    share = np.round(model.met_share * 2**16).astype(np.int64)
    np.add.at(counted, pricing.met_cell, mark[model.met] * share)
    return counted


def _too_many(pricing: Pricing) -> float:
    return OVER * float(np.max(pricing.value, initial=1e-9))


def _whole_part(
    matrix: csc_array,
    gain: FloatArray,
    many: IntArray,
    slack: FloatArray,
    cost: float,
    clock: Clock,
) -> AnyArray | None:
    """How often each move is made, the fractions cut off; None when time ends first. A person too
    many costs `cost`."""
    rows, n = matrix.shape
    matrix.sum_duplicates()
    matrix.eliminate_zeros()
    over = np.flatnonzero(slack < 0)
    start = np.concatenate([matrix.indptr, matrix.indptr[-1] + 1 + np.arange(len(over))])
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = n + len(over), rows
    lp.col_cost_ = np.concatenate([gain, np.full(len(over), -cost)])
    lp.col_lower_ = np.zeros(n + len(over))
    lp.col_upper_ = np.concatenate([many.astype(float), -slack[over]])
    lp.row_lower_, lp.row_upper_ = np.full(rows, -INF), slack
    lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    lp.a_matrix_.start_ = start
    lp.a_matrix_.index_ = np.concatenate([matrix.indices, over]).astype(np.int32)
    lp.a_matrix_.value_ = np.concatenate([matrix.data, -np.ones(len(over))])
    lp.sense_ = highspy.ObjSense.kMaximize
    h = new_highs()
    h.setOptionValue("time_limit", max(0.1, clock.left()))
    h.passModel(lp)
    h.run()
    if h.getModelStatus() != highspy.HighsModelStatus.kOptimal:
        return None
    return np.floor(np.asarray(h.getSolution().col_value)[:n] + 1e-6)


def _carried_out(
    chosen: IntArray, to: IntArray, unit: IntArray, kind: IntArray, count: AnyArray
) -> IntArray:
    """So many of each kind moved, those first who come first; nobody moves twice."""
    result, moved = chosen.copy(), np.zeros(len(chosen), bool)
    begin = np.searchsorted(kind, np.arange(len(count) + 1))
    for k in np.flatnonzero(count > 0.5):
        left = round(float(count[k]))
        for j in range(begin[k], begin[k + 1]):
            if not moved[unit[j]]:
                moved[unit[j]] = True
                result[unit[j]] = to[j]
                left -= 1
                if not left:
                    break
    return result
