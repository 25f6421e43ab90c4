"""Arrivals over time: keep places for cases that are expected later.

Taking the best place for every case as it comes uses up places that a later case needs more. So
each week the linear program is solved over the cases now and several sampled futures, and the
averaged prices say what a place will be worth; as the end nears, fewer arrivals are expected,
prices fall and places are released. In: the tables of a proposal, earlier cases, how many more are
expected. Out: the tables with the choices closed that are worth more to somebody later.
Source: prices from sampled futures as in Ahani, Golz et al., Operations Research 72(3), 2024.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import numpy as np

from onward.placement.inputs.aims import Aims
from onward.placement.inputs.scores import Score, ScoreColumns
from onward.placement.inputs.tables import Case, Opening, Tables
from onward.placement.problem.compiling import compile_tables, stage_values
from onward.placement.problem.model import AnyArray, FloatArray, IntArray, Model
from onward.placement.solving.programs.program import Program

SAMPLES = 15
"""Futures that prices are the mean of: with five, places are kept less well (see the explanation)."""
DRAW = 1e-3
"""What a draw adds per person: so little that it decides only among equal weights."""
PAST = "\x00earlier "
"""Before the names of earlier cases, so that none can be a case of today."""


def expected_arrivals(past: Sequence[Case], on: date, until: date) -> int:
    """Cases still expected from `on` to `until`, at the mean rate of the earlier ones.

    past     each with `registered_on`; the rate is over the days from the first to the last
    raises   ValueError when they do not span a day
    """
    days = sorted(c.registered_on for c in past if c.registered_on is not None)
    if len(days) < 2 or days[0] == days[-1]:
        raise ValueError("the earlier cases do not span a day")
    rate = len(days) / ((days[-1] - days[0]).days + 1)
    return round(rate * max(0, (until - on).days))


def keep_for_later(
    tables: Tables,
    aims: Aims,
    past: Sequence[Case],
    expected: int,
    *,
    seed: int = 1,
    samples: int = SAMPLES,
) -> Tables:
    """The tables with the choices closed that are expected to be worth more to a later case.

    past       earlier cases, from which with today's futures are drawn, with their size, nationality, category,
               needs and priority; a consent cannot be known yet and is supposed
    expected   how many more cases are expected
    returns    tables with `kept` filled; emergencies and locked cases are never held back
    """
    if not expected or not past:
        return replace(tables, expected=expected, kept=())
    named = tuple(
        replace(
            c, case=PAST + c.case, household="", linked_to=(), ready_on=None, leave_by=None,
            consents=None, refused=(), forbidden=(), locked="", locked_window="",
            unmet=(), shares=(),
        )
        for c in past
    )  # fmt: skip
    places = sorted({w.destination for w in tables.windows})
    programmes = sorted({w.programme for w in tables.windows})
    joint = replace(
        tables,
        cases=(*tables.cases, *named),
        locks=(),
        kept=(),
        openings=None if tables.openings is None
        else (*tables.openings, *(Opening(c.case, p, True) for c in named for p in places)),
        scores=None if tables.scores is None
        else ScoreColumns.of(
            (*tables.scores, *(Score(c.case, p, 0.0) for c in named for p in programmes))
        ),
    )  # fmt: skip
    compiled = compile_tables(replace(joint, cases=tuple(
        replace(c, locked="", locked_window="") for c in joint.cases)), aims, seed=seed)  # fmt: skip
    model = compiled.model
    earlier = np.array(
        [compiled.tables.cases[m[0]].case.startswith(PAST) for m in compiled.members]
    )
    value = np.asarray(
        stage_values(compiled, "protection", model.unit_of_column(), np.arange(model.columns)),
        float,
    )
    # Persons have one of few weights, and the last place is worth one of them: at that price the
    # cases now and later are equal, and nothing would be kept. The draw says who of them waits.
    unit = model.unit_of_column()
    each = value / model.size[unit]
    most = float(each[earlier[unit]].max(initial=0.0))
    value = value + DRAW * (compiled.ticket * model.size)[unit]
    now = np.flatnonzero(~earlier)
    # futures are drawn from the earlier cases and from those who have come since
    price = expected_prices(
        model, value, now, expected, (model, value), model.limit, seed, samples
    )
    which, row, persons = model.column_rows(np.arange(model.columns), unit)
    cost = np.bincount(which, weights=price[row] * persons, minlength=model.columns)
    locked = {x.case for x in tables.locks} | {c.case for c in tables.cases if c.locked}
    kept = []
    # nobody waits for cases of which none is more urgent
    for j in np.flatnonzero(~earlier[unit] & (value - cost < -1e-9) & (each < most - 1e-9)):
        members = [compiled.tables.cases[i] for i in compiled.members[unit[j]]]
        if any(c.priority == "emergency" or c.case in locked for c in members):
            continue
        window = compiled.slots[model.slot[j]]
        kept += [(c.case, window.programme, window.window) for c in members]
    return replace(tables, expected=expected, kept=tuple(sorted(kept)))


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


def joined(one: Model, other: Model) -> Model:
    """The units of both, in this order, under the limits of the first."""
    return replace(
        one,
        size=np.concatenate([one.size, other.size]),
        klass=np.concatenate([one.klass, other.klass]),
        start=np.concatenate([one.start, one.start[-1] + other.start[1:]]),
        slot=np.concatenate([one.slot, other.slot]),
    )


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
        program = Program(joined(now, later), grouped=False)
        solved = program.relax(
            np.concatenate([value[now_columns], past_value[later_columns]]).astype(float)
        )
        if solved is not None:
            total += solved.row
    return total / max(1, samples)
