"""Arrivals over time: keep places for cases that are expected later.

Taking the best place for every case as it comes uses up places that a later case needs more. So
each week the linear program is solved over the cases now and several sampled futures, and the
averaged prices say what a place will be worth; as the end nears, fewer arrivals are expected,
prices fall and places are released. In: a `Model`, a value per column, the week each unit
arrives. Out: a choice made week by week, never with knowledge of the future.
Source: prices from sampled futures as in Ahani, Golz et al., Operations Research 72(3), 2024.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from onward.placement.model import AnyArray, FloatArray, IntArray, Model
from onward.placement.program import Program

SAMPLES = 5


def _columns(model: Model, units: IntArray) -> IntArray:
    lengths = np.diff(model.start)[units]
    offset = np.concatenate([[0], np.cumsum(lengths)])
    return np.asarray(
        np.repeat(model.start[units] - offset[:-1], lengths) + np.arange(offset[-1])
    )


def subset(model: Model, units: IntArray, limit: FloatArray) -> tuple[Model, IntArray]:
    """The problem of some units (repeats allowed) under other limits; columns behind it."""
    columns = _columns(model, units)
    lengths = np.diff(model.start)[units]
    small = replace(
        model,
        size=model.size[units],
        klass=model.klass[units],
        start=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        slot=model.slot[columns],
        limit=limit,
        group_start=np.zeros(1, np.int64),
        group_member=np.zeros(0, np.int64),
    )
    return small, columns


def expected_prices(
    model: Model,
    value: AnyArray,
    batch: IntArray,
    expected: int,
    history: tuple[Model, AnyArray],
    limit: FloatArray,
    seed: int,
    samples: int = SAMPLES,
) -> FloatArray:
    """Mean price of each row over `samples` futures of `expected` units drawn from history,
    each solved together with the batch under the limits that are left."""
    past, past_value = history
    total = np.zeros(len(limit))
    for k in range(samples):
        rng = np.random.default_rng([seed, k])
        drawn = np.sort(rng.integers(0, past.units, expected))
        now, now_columns = subset(model, batch, limit)
        later, later_columns = subset(past, drawn, limit)
        both = replace(
            now,
            size=np.concatenate([now.size, later.size]),
            klass=np.concatenate([now.klass, later.klass]),
            start=np.concatenate([now.start, now.start[-1] + later.start[1:]]),
            slot=np.concatenate([now.slot, later.slot]),
        )
        program = Program(both, grouped=False)
        solved = program.relax(
            np.concatenate([value[now_columns], past_value[later_columns]]).astype(float)
        )
        if solved is not None:
            total += solved.row
    return total / max(1, samples)


def decide_batch(
    model: Model, value: AnyArray, batch: IntArray, price: FloatArray, limit: FloatArray
) -> IntArray:
    """Column (or -1: held back) for each unit of the batch: the best total of value less what
    the places are expected to be worth later, within what is left."""
    small, columns = subset(model, batch, limit)
    unit = small.unit_of_column()
    which, row, persons = small.column_rows(np.arange(small.columns), unit)
    cost = np.bincount(which, weights=price[row] * persons, minlength=small.columns)
    net = np.asarray(value[columns] - cost, float)
    program = Program(small, grouped=False)
    program.set_range(np.flatnonzero(net < 0), 0.0, 0.0)
    answer = program.solve(net, gap=1e-4, seconds=20)
    return np.where(answer.chosen >= 0, columns[np.maximum(answer.chosen, 0)], -1)


def run(
    model: Model,
    value: AnyArray,
    week: IntArray,
    history: tuple[Model, AnyArray] | None,
    *,
    seed: int = 1,
    samples: int = SAMPLES,
    wait: bool = True,
) -> tuple[IntArray, float]:
    """Decide week by week. history None: greedily, without regard to later arrivals. wait: a
    case that is held back is looked at again the next week. Returns choice and total value."""
    limit = model.limit.copy()
    chosen = np.full(model.units, -1)
    held = np.zeros(0, np.int64)
    last = int(week.max(initial=0))
    for w in range(last + 1):
        batch = (
            np.concatenate([held, np.flatnonzero(week == w)])
            if wait
            else np.flatnonzero(week == w)
        )
        if not len(batch):
            continue
        price = np.zeros(len(limit))
        # what is still expected is known only as an average rate, here the mean of the year
        expected = round(model.units / (last + 1) * (last - w))
        if history is not None and expected:
            price = expected_prices(
                model, value, batch, expected, history, limit, seed * 1000 + w, samples
            )
        got = decide_batch(model, value, batch, price, limit)
        chosen[batch] = got
        taken = got[got >= 0]
        if len(taken):
            _which, row, persons = model.column_rows(taken, batch[got >= 0])
            limit = limit - np.bincount(row, weights=persons, minlength=len(limit))
        held = batch[got < 0]
    placed = chosen[chosen >= 0]
    return chosen, float(np.asarray(value, float)[placed].sum())
