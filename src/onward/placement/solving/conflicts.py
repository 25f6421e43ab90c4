"""Why a proposal is impossible: the smallest set found of things that cannot hold together.

Placing nobody is always allowed, so only locks and floors can make a proposal impossible. Each
is dropped in turn; what can be dropped without the clash going away is no part of it. In: a
compiled problem. Out: the locks, floors and limits that remain, in words.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from onward.placement.problem.compiling import Compiled, compile_tables
from onward.placement.problem.limits import row_limits
from onward.placement.problem.model import IntArray
from onward.placement.problem.units import locks_of
from onward.placement.solving.programs.program import INF, Answer, Program


def fits_at_all(compiled: Compiled) -> Answer:
    """A choice in which locks and floors hold within every limit; feasible says if there is."""
    columns = None
    if not compiled.aims.floors and not compiled.model.pledges:
        unit = compiled.model.unit_of_column()
        columns = np.flatnonzero(compiled.must[unit])
    program = Program(compiled.model, keep=columns, grouped=False)
    program.must_place(np.flatnonzero(compiled.must))
    return program.solve(np.zeros(program.m), gap=1.0, seconds=30)


@dataclass(frozen=True)
class _Held:
    """One lock: its case, where it has to go ("" holds it back), and the columns that keep it."""

    case: str
    unit: int
    programme: str
    window: str
    columns: IntArray


def smallest_conflict(compiled: Compiled, seconds: float = 60.0) -> list[str]:
    """Locks, floors and limits that clash, none of which can be left out."""
    tables = compiled.tables
    # no locks, and windows that no case is too large for: their places stand in the rows alone
    room = sum(c.size for c in tables.cases)
    free = compile_tables(
        replace(
            tables,
            locks=(),
            cases=tuple(replace(c, locked="", locked_window="") for c in tables.cases),
            windows=tuple(replace(w, persons=w.persons + room) for w in tables.windows),
        ),
        compiled.aims,
        seed=0,
    )
    model = free.model
    now = row_limits(tables, compiled.aims)
    model.limit[: len(now)] = now
    unit = model.unit_of_column()
    locks = _locks(free, locks_of(tables))
    floors = [r for r, info in enumerate(model.rows) if info.kind == "floor"]
    limits = [
        r for r, info in enumerate(model.rows) if info.kind in ("places", "cap", "earmark")
    ]
    every_limit = [*floors, *limits]

    def impossible(held: list[_Held], floor_rows: list[int], rows: list[int]) -> bool:
        must = sorted({x.unit for x in held if x.programme})
        open_to = np.ones(model.columns, bool)
        for lock in held:
            kept = np.zeros(model.columns, bool)
            kept[lock.columns] = True
            open_to &= kept | (unit != lock.unit)
        if not floor_rows and not model.pledges:
            # whoever is not locked can be left out, which only makes room
            open_to &= np.isin(unit, must)
        program = Program(model, keep=np.flatnonzero(open_to), grouped=False)
        program.must_place(np.array(must, np.int64))
        for r in every_limit:
            if r not in floor_rows and r not in rows:
                program.set_limit(r, INF)
        return not program.solve(np.zeros(program.m), gap=1.0, seconds=seconds).feasible

    for lock in list(locks):
        fewer = [x for x in locks if x is not lock]
        if impossible(fewer, floors, limits):
            locks = fewer
    for item in list(floors):
        rest = [r for r in floors if r != item]
        if impossible(locks, rest, limits):
            floors = rest
    for item in list(limits):
        rest = [r for r in limits if r != item]
        if impossible(locks, floors, rest):
            limits = rest
    words = []
    for x in locks:
        there = f"{x.programme}, {x.window}" if x.window else x.programme
        words.append(
            f"lock of case {x.case} to {there}"
            if there
            else f"lock that holds case {x.case} back"
        )
    several = [u for u, n in Counter(x.unit for x in locks).items() if n > 1]
    words += [
        f"household {tables.cases[free.members[u][0]].household}, which is not split"
        for u in several
    ]
    words += [f"floor {model.rows[r].name}" for r in floors]
    for r in limits:
        info = model.rows[r]
        what = "places of" if info.kind == "places" else info.kind
        who = f"everybody but {info.who}" if info.kind == "earmark" else info.who
        words.append(f"{what} {info.name}: at most {model.limit[r]:g} persons ({who})")
    return words


def _locks(free: Compiled, given: Mapping[str, tuple[str, str]]) -> list[_Held]:
    """The locks in force, with the columns in which each is kept."""
    model = free.model
    found = []
    for i, case in enumerate(free.tables.cases):
        if case.case not in given:
            continue
        programme, window = given[case.case]
        unit = int(free.unit_of_case[i])
        mine = np.arange(model.start[unit], model.start[unit + 1])
        kept = [
            j
            for j in mine
            if free.slots[model.slot[j]].programme == programme
            and window in ("", free.slots[model.slot[j]].window)
        ]
        found.append(_Held(case.case, unit, programme, window, np.array(kept, np.int64)))
    return found
