"""Tables become arrays: what may be chosen, what limits it, and what each choice counts.

In: `Tables` and `Aims`. Out: `Compiled`: a `Model` for the solvers, with the names it came from
and the reason for every pair that is not possible.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from onward.placement.inputs.aims import Aims
from onward.placement.inputs.tables import Case, Pledge, Tables, Window
from onward.placement.problem.alike import AT_ONCE
from onward.placement.problem.doors import BARRIERS, CODE, NUMBER, Doors, pair
from onward.placement.problem.limits import (
    classes,
    floor_rows,
    limit_rows,
    pledge_entries,
    rows_met,
)
from onward.placement.problem.model import (
    AnyArray,
    BoolArray,
    FloatArray,
    IntArray,
    Model,
    RowInfo,
)
from onward.placement.problem.points import (
    Scores,
    kept_columns,
    lateness,
    outcome_of_columns,
    weights,
)
from onward.placement.problem.units import draw, groups_of, locks_of, name_of, units_of


@dataclass
class Compiled:
    """A `Model` with the names it came from and the values each stage counts.

    members[u]: indices of the cases of unit u. weight (n,) protection weight of the unit's
    persons; emergency (n,) its emergency persons; outcome (m,); kept (m,) cases that stay where
    last week put them; ticket (n,) the draw; must (n,) the unit is locked. barrier (cases,
    slots): the number of what stands between (`doors.NUMBER`), 0 for nothing. impossible_locks:
    locks that cannot hold, and why.
    """

    model: Model
    tables: Tables
    aims: Aims
    seed: int
    members: list[tuple[int, ...]]
    unit_of_case: IntArray
    weight: FloatArray
    emergency: FloatArray
    column_weight: FloatArray | None
    outcome: FloatArray
    kept: FloatArray
    ticket: FloatArray
    must: BoolArray
    barrier: AnyArray
    slots: tuple[Window, ...]
    pledges: tuple[Pledge, ...]
    impossible_locks: list[tuple[str, str]]
    linked: BoolArray
    scores: Scores

    def drawn(self, columns: AnyArray, units: AnyArray) -> FloatArray:
        """The draw of these columns, one of each of these units."""
        slots = [self.slots[s] for s in self.model.slot[columns]]
        return np.array(
            [
                draw(
                    self.seed,
                    name_of(self.members[u], self.tables.cases),
                    w.programme,
                    w.window,
                )
                for u, w in zip(units, slots, strict=True)
            ]
        )

    @cached_property
    def column_ticket(self) -> FloatArray:
        """The draw of every column (m,)."""
        return self.drawn(np.arange(self.model.columns), self.model.unit_of_column())


def compile_tables(tables: Tables, aims: Aims, *, seed: int) -> Compiled:
    """The arrays of a proposal. Rows may come in any order: they are sorted by name first."""
    tables = tables.in_order()
    cases, slots = tables.cases, tables.windows
    unit_members, unit_of_case = units_of(cases)
    doors = Doors(tables, aims)
    barrier = doors.of_all()
    may = _open_to(unit_members, barrier)
    _whole_households(unit_members, doors, barrier, may)
    must, impossible = _locked(tables, unit_members, unit_of_case, barrier, may)

    lengths = may.sum(axis=1)
    start = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    slot = np.concatenate(
        [np.zeros(0, np.int16)]
        + [
            np.nonzero(may[low : low + AT_ONCE])[1].astype(np.int16)
            for low in range(0, len(may), AT_ONCE)
        ]
    )
    size = np.array([sum(cases[i].size for i in m) for m in unit_members], np.int64)
    linked_groups = groups_of(cases, unit_of_case)
    linked = np.zeros(len(unit_members), bool)
    for group in linked_groups:
        linked[list(group)] = True
    rows, limits, selectors, scopes, sides = limit_rows(tables, aims, doors.pledged)
    klass, shares = classes(cases, unit_members, selectors, aims, linked, size)
    group_floors = floor_rows(cases, unit_of_case, aims, linked)
    for name, limit, floor_index in group_floors:
        rows.append(RowInfo("floor", name))
        limits.append(limit)
        scopes.append(list(range(len(slots))))
        sides.append((-1.0, len(selectors) + floor_index, False))
    met_start, met, met_share = rows_met(len(slots), shares, scopes, sides)
    p_of, p_row, p_coef, counted = pledge_entries(tables, aims, rows, scopes)

    weight, emergency, column_weight = weights(
        tables, aims, unit_members, start, slot, doors.scores
    )
    before = np.array([any(cases[i].case in tables.previous for i in m) for m in unit_members])
    ticket = np.array([draw(seed, name_of(m, cases)) for m in unit_members])
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
        seed=seed,
        members=unit_members,
        unit_of_case=unit_of_case,
        weight=weight,
        emergency=emergency,
        column_weight=column_weight,
        outcome=outcome_of_columns(tables, aims, doors.scores, unit_members, may),
        kept=kept_columns(tables, unit_members, start, slot),
        ticket=(ticket + before) if len(unit_members) else ticket,
        must=must,
        barrier=barrier,
        slots=slots,
        pledges=counted,
        impossible_locks=impossible,
        linked=linked,
        scores=doors.scores,
    )


def _open_to(units: Sequence[tuple[int, ...]], barrier: AnyArray) -> BoolArray:
    """Where every case of a unit may go (units, slots)."""
    may = barrier[np.array([m[0] for m in units], np.int64)] == 0
    for u, members in enumerate(units):
        for i in members[1:]:
            may[u] &= barrier[i] == 0
    return np.asarray(may)


def _whole_households(
    units: Sequence[tuple[int, ...]], doors: Doors, barrier: AnyArray, may: BoolArray
) -> None:
    """Windows that have room for each case of a household and not for all; in place."""
    cases = doors.tables.cases
    most = np.array([w.persons + doors.pledged.get(pair(w), 0) for w in doors.slots])
    for u, members in enumerate(units):
        if len(members) > 1:
            small = may[u] & (sum(cases[i].size for i in members) > most)
            barrier[np.ix_(np.array(members), np.flatnonzero(small))] = NUMBER["places"]
            may[u] &= ~small


def _locked(
    tables: Tables,
    units: Sequence[tuple[int, ...]],
    unit_of_case: IntArray,
    barrier: AnyArray,
    may: BoolArray,
) -> tuple[BoolArray, list[tuple[str, str]]]:
    """Which units have to be placed, and the locks that cannot hold, with why; `may` is narrowed
    in place to where the locks allow them."""
    slots = tables.windows
    must = np.zeros(len(units), bool)
    impossible: list[tuple[str, str]] = []
    locks = locks_of(tables)
    place = {case.case: i for i, case in enumerate(tables.cases)}
    named = [place[case] for case in locks if case in place]
    for i in sorted(named, key=lambda i: (int(unit_of_case[i]), i)):
        case: Case = tables.cases[i]
        programme, window = locks[case.case]
        u = int(unit_of_case[i])
        if not programme:
            may[u] = False
            continue
        wanted = np.array(
            [w.programme == programme and window in ("", w.window) for w in slots], bool
        )
        held = may[u] & wanted
        if not held.any():
            reasons = [
                CODE[barrier[j, s]]
                for s in np.flatnonzero(wanted)
                for j in units[u]
                if barrier[j, s]
            ]
            if reasons:
                impossible.append((case.case, BARRIERS[reasons[0]]))
        must[u] = True
        may[u] = held
    return must, impossible


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
