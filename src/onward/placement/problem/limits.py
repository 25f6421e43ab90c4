"""Limits as rows: places, caps, earmarks, conditions of pledges and floors, counted in persons.

In: `Tables` and `Aims`. Out: the rows of a `Model`, which of them a class of cases meets in a
slot, and what open pledges add to them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from onward.placement.inputs.aims import Aims, in_group
from onward.placement.inputs.tables import Case, Pledge, Selector, Tables, Window
from onward.placement.problem.doors import places_that_may_open
from onward.placement.problem.model import BoolArray, FloatArray, IntArray, RowInfo


def scope_of(programme: str, window: str, slots: Sequence[Window]) -> list[int]:
    """Slots meant by a programme name, a country or "all", and a window name or blank."""
    return [
        s
        for s, w in enumerate(slots)
        if programme in ("all", w.programme, w.country) and window in ("", w.window)
    ]


Side = tuple[float, int, bool]  # sign, selector index, counts everyone else


def limit_rows(
    tables: Tables, aims: Aims, pledged: Mapping[tuple[str, str], int]
) -> tuple[list[RowInfo], list[float], list[Selector], list[list[int]], list[Side]]:
    slots = tables.windows
    rows: list[RowInfo] = []
    limits: list[float] = []
    scopes: list[list[int]] = []
    sides: list[Side] = []
    selectors = [Selector()]

    def selector(who: Selector) -> int:
        if who not in selectors:
            selectors.append(who)
        return selectors.index(who)

    for s, w in enumerate(slots):
        counts = w.state in aims.states_that_count
        rows.append(RowInfo("places", w.name, w.programme, w.window))
        limits.append(float(w.persons if counts else 0))
        scopes.append([s])
        sides.append((1.0, 0, False))
    for limit in tables.limits:
        scope = scope_of(limit.programme, limit.window, slots)
        places = sum(
            slots[s].persons for s in scope if slots[s].state in aims.states_that_count
        )
        earmark = limit.kind == "earmark"
        rows.append(
            RowInfo(limit.kind, limit.limit, limit.programme, limit.window, limit.who.words())
        )
        limits.append(float(max(0, places - limit.persons) if earmark else limit.persons))
        scopes.append(scope)
        sides.append((1.0, selector(limit.who), earmark))
    for pledge in tables.pledges:
        if pledge.state not in aims.states_that_count:
            continue
        rows.append(
            RowInfo("pledge", pledge.pledge, pledge.if_programme, "", pledge.who.words())
        )
        limits.append(0.0)
        scopes.append([s for s, w in enumerate(slots) if w.programme == pledge.if_programme])
        sides.append((-1.0, selector(pledge.who), False))
    return rows, limits, selectors, scopes, sides


def row_limits(tables: Tables, aims: Aims) -> list[float]:
    """The limits of the rows of `Model` that tables alone decide: all but those of floors."""
    tables = tables.in_order()
    return limit_rows(tables, aims, places_that_may_open(tables.pledges, aims))[1]


def classes(
    cases: Sequence[Case],
    units: Sequence[tuple[int, ...]],
    selectors: Sequence[Selector],
    aims: Aims,
    linked: BoolArray,
    size: IntArray,
) -> tuple[IntArray, list[tuple[float, ...]]]:
    """Class of each unit: the share of its persons that each selector and floor counts."""
    shares: dict[tuple[float, ...], int] = {}
    klass = np.zeros(len(units), np.int64)
    selected: dict[object, tuple[bool, ...]] = {}
    for u, members in enumerate(units):
        counted = []
        for i in members:
            case = cases[i]
            # what a selector looks at: cases that are alike in it are looked at once
            kind = (case.categories, case.nationality, case.needs, case.size, case.shares)
            if kind not in selected:
                selected[kind] = tuple(who.selects(case) for who in selectors)
            groups = tuple(in_group(case, f.group, bool(linked[u])) for f in aims.floors)
            counted.append((case.size, selected[kind] + groups))
        if len(members) == 1:
            share = tuple(map(float, counted[0][1]))
        else:
            share = tuple(
                sum(persons for persons, inside in counted if inside[k]) / int(size[u])
                for k in range(len(selectors) + len(aims.floors))
            )
        klass[u] = shares.setdefault(share, len(shares))
    return klass, list(shares)


def floor_rows(
    cases: Sequence[Case], unit_of_case: IntArray, aims: Aims, linked: BoolArray
) -> list[tuple[str, float, int]]:
    found = []
    for f, floor in enumerate(aims.floors):
        persons = sum(
            c.size
            for i, c in enumerate(cases)
            if in_group(c, floor.group, bool(linked[unit_of_case[i]]))
        )
        found.append((floor.name, -float(np.ceil(floor.share * persons - 1e-9)), f))
    return found


def rows_met(
    slots: int,
    shares: Sequence[tuple[float, ...]],
    scopes: Sequence[list[int]],
    sides: Sequence[Side],
) -> tuple[IntArray, IntArray, FloatArray]:
    cells: list[list[tuple[int, float]]] = [[] for _ in range(max(1, len(shares)) * slots)]
    for k, share in enumerate(shares):
        for r, (sign, who, others) in enumerate(sides):
            part = sign * (1.0 - share[who] if others else share[who])
            if part:
                for s in scopes[r]:
                    cells[k * slots + s].append((r, part))
    start = np.concatenate([[0], np.cumsum([len(c) for c in cells])]).astype(np.int64)
    met = np.array([r for c in cells for r, _ in c], np.int64)
    part_of = np.array([p for c in cells for _, p in c], float)
    return start, met, part_of


def pledge_entries(
    tables: Tables, aims: Aims, rows: Sequence[RowInfo], scopes: Sequence[list[int]]
) -> tuple[IntArray, IntArray, FloatArray, tuple[Pledge, ...]]:
    counted = tuple(p for p in tables.pledges if p.state in aims.states_that_count)
    of, row_of, coef = [], [], []
    for k, pledge in enumerate(counted):
        opened = scope_of(pledge.opens_programme, pledge.opens_window, tables.windows)
        opened = [s for s in opened if tables.windows[s].programme == pledge.opens_programme]
        for r, info in enumerate(rows):
            if info.kind == "pledge" and info.name == pledge.pledge:
                amount = float(pledge.if_persons)
            elif info.kind in ("places", "earmark") and set(scopes[r]) & set(opened):
                amount = -float(pledge.opens_persons)
            else:
                continue
            of.append(k)
            row_of.append(r)
            coef.append(amount)
    return (
        np.array(of, np.int64),
        np.array(row_of, np.int64),
        np.array(coef, float),
        counted,
    )
