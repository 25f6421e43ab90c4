"""Tables become arrays: what may be chosen, what limits it, and what each choice counts.

In: `Tables` and `Aims`. Out: `Compiled`: a `Model` for the solvers, with the names it came from
and the reason for every pair that is not possible.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from onward.placement.aims import Aims
from onward.placement.doors import BARRIERS, Doors, pair
from onward.placement.inputs import Pledge, Tables, Window
from onward.placement.limits import classes, floor_rows, limit_rows, pledge_entries, rows_met
from onward.placement.model import AnyArray, BoolArray, FloatArray, IntArray, Model, RowInfo
from onward.placement.points import lateness, stays_and_points, weights
from onward.placement.units import draw, groups_of, locks_of, name_of, units_of


@dataclass
class Compiled:
    """A `Model` with the names it came from and the values each stage counts.

    members[u]: indices of the cases of unit u. weight (n,) protection weight of the unit's
    persons; emergency (n,) its emergency persons; outcome (m,); kept (m,) cases that stay where
    last week put them; ticket (n,) and column_ticket (m,) the draw; must (n,) the unit is
    locked. barriers: (case index, slot) -> why not. faults: locks that cannot hold.
    """

    model: Model
    tables: Tables
    aims: Aims
    members: list[tuple[int, ...]]
    unit_of_case: IntArray
    weight: FloatArray
    emergency: FloatArray
    column_weight: FloatArray | None
    outcome: FloatArray
    kept: FloatArray
    ticket: FloatArray
    column_ticket: FloatArray
    must: BoolArray
    barriers: Mapping[tuple[int, int], str]
    slots: tuple[Window, ...]
    pledges: tuple[Pledge, ...]
    impossible_locks: list[tuple[str, str]]
    linked: BoolArray
    score: Mapping[tuple[str, str], float]


def compile_tables(tables: Tables, aims: Aims, *, seed: int) -> Compiled:
    """The arrays of a proposal. Rows may come in any order: they are sorted by name first."""
    tables = tables.in_order()
    cases, slots = tables.cases, tables.windows
    unit_members, unit_of_case = units_of(cases)
    doors = Doors(tables, aims)
    pledged, score = doors.pledged, doors.score
    locks = locks_of(tables)

    barriers: dict[tuple[int, int], str] = {}
    open_slots: list[list[int]] = []
    for index, case in enumerate(cases):
        mine = []
        for s, why in enumerate(doors.first_barriers(case)):
            if why:
                barriers[index, s] = why
            else:
                mine.append(s)
        open_slots.append(mine)

    columns: list[list[int]] = []
    must = np.zeros(len(unit_members), bool)
    impossible: list[tuple[str, str]] = []
    for u, members in enumerate(unit_members):
        options = sorted(set.intersection(*(set(open_slots[i]) for i in members)))
        together = sum(cases[i].size for i in members)
        if len(members) > 1:
            fits = [
                s
                for s in options
                if together <= slots[s].persons + pledged.get(pair(slots[s]), 0)
            ]
            for s in set(options) - set(fits):
                for i in members:
                    barriers[i, s] = "places"
            options = fits
        for i in members:
            lock = locks.get(cases[i].case)
            if lock is None:
                continue
            if not lock[0]:
                options = []
                continue
            held = [s for s in options if slots[s].programme == lock[0]
                    and (not lock[1] or slots[s].window == lock[1])]  # fmt: skip
            if not held:
                wanted = [s for s, w in enumerate(slots) if w.programme == lock[0]
                          and (not lock[1] or w.window == lock[1])]  # fmt: skip
                reasons = [
                    barriers[j, s] for s in wanted for j in members if (j, s) in barriers
                ]
                if reasons:
                    impossible.append((cases[i].case, BARRIERS[reasons[0]]))
            must[u] = True
            options = held
        columns.append(options)

    start = np.concatenate([[0], np.cumsum([len(c) for c in columns])]).astype(np.int64)
    slot = np.fromiter((s for c in columns for s in c), np.int16, int(start[-1]))
    size = np.array([sum(cases[i].size for i in m) for m in unit_members], np.int64)
    linked_groups = groups_of(cases, unit_of_case)
    linked = np.zeros(len(unit_members), bool)
    for group in linked_groups:
        linked[list(group)] = True
    rows, limits, selectors, scopes, sides = limit_rows(tables, aims, pledged)
    klass, shares = classes(cases, unit_members, selectors, aims, linked, size)
    group_floors = floor_rows(cases, unit_of_case, aims, linked, len(slots))
    for name, limit, floor_index in group_floors:
        rows.append(RowInfo("floor", name))
        limits.append(limit)
        scopes.append(list(range(len(slots))))
        sides.append((-1.0, len(selectors) + floor_index, False))
    met_start, met, met_share = rows_met(len(slots), shares, scopes, sides)
    p_of, p_row, p_coef, counted = pledge_entries(tables, aims, rows, scopes)

    weight, emergency, column_weight = weights(tables, aims, unit_members, start, slot, score)
    outcome, kept = stays_and_points(tables, aims, unit_members, start, slot, score)
    unit_names = [name_of(m, cases) for m in unit_members]
    before = np.array([any(cases[i].case in tables.previous for i in m) for m in unit_members])
    ticket = np.array([draw(seed, name) for name in unit_names])
    column_ticket = np.array(
        [
            draw(seed, unit_names[u], slots[s].programme, slots[s].window)
            for u, options in enumerate(columns)
            for s in options
        ]
    )
    countries = sorted({w.destination for w in slots})
    programmes = sorted({w.programme for w in slots})
    model = Model(
        size=size,
        klass=klass,
        start=start,
        slot=slot,
        slot_programme=np.array([programmes.index(w.programme) for w in slots], np.int64),
        slot_country=np.array([countries.index(w.destination) for w in slots], np.int64),
        slot_order=lateness(slots),
        met_start=met_start,
        met=met,
        met_share=met_share,
        limit=np.array(limits, float),
        pledges=len(counted),
        pledge_of=p_of,
        pledge_row=p_row,
        pledge_coef=p_coef,
        group_start=np.concatenate([[0], np.cumsum([len(g) for g in linked_groups])]).astype(
            np.int64
        ),
        group_member=np.array([u for g in linked_groups for u in g], np.int64),
        rows=rows,
    )
    return Compiled(
        model=model,
        tables=tables,
        aims=aims,
        members=unit_members,
        unit_of_case=unit_of_case,
        weight=weight,
        emergency=emergency,
        column_weight=column_weight,
        outcome=outcome,
        kept=kept,
        ticket=(ticket + before) if len(unit_names) else ticket,
        column_ticket=column_ticket,
        must=must,
        barriers=barriers,
        slots=slots,
        pledges=counted,
        impossible_locks=impossible,
        linked=linked,
        score={k: v.score for k, v in (score or {}).items()},
    )


def stage_values(
    compiled: Compiled, name: str, unit: AnyArray, columns: AnyArray
) -> FloatArray:
    """What a stage counts, per column (togetherness is not a sum over columns)."""
    model = compiled.model
    stage = compiled.aims.stage(name)
    if name == "emergencies":
        factor = stage.options["later_window_counts"] if stage else 1.0
        later = np.power(float(factor), model.slot_order)
        return np.asarray(compiled.emergency[unit] * later[model.slot[columns]])
    if name == "protection":
        if compiled.column_weight is not None:
            return compiled.column_weight[columns]
        return compiled.weight[unit]
    if name == "who":
        return np.asarray(compiled.ticket[unit] * model.size[unit])
    if name == "outcome":
        return compiled.outcome[columns]
    if name == "keep":
        return compiled.kept[columns]
    if name == "lottery":
        return compiled.column_ticket[columns]
    return np.zeros(len(columns))
