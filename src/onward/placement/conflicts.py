"""Why a proposal is impossible: the smallest set found of things that cannot hold together.

Placing nobody is always allowed, so only locks and floors can make a proposal impossible. Each
is dropped in turn; what can be dropped without the clash going away is no part of it. In: a
compiled problem. Out: the locks, floors and limits that remain, in words.
"""

from __future__ import annotations

import numpy as np

from onward.placement.model import Compiled, IntArray
from onward.placement.program import INF, Answer, Program


def fits_at_all(compiled: Compiled) -> Answer:
    """A choice in which locks and floors hold within every limit; feasible says if there is."""
    columns = None
    if not compiled.aims.floors and not compiled.model.pledges:
        unit = compiled.model.unit_of_column()
        columns = np.flatnonzero(compiled.must[unit])
    program = Program(compiled.model, keep=columns, grouped=False)
    program.must_place(np.flatnonzero(compiled.must))
    return program.solve(np.zeros(program.m), gap=1.0, seconds=30)


def smallest_conflict(compiled: Compiled, seconds: float = 60.0) -> list[str]:
    """Locks, floors and limits that clash, none of which can be left out."""
    model = compiled.model
    locked = [int(u) for u in np.flatnonzero(compiled.must)]
    floors = [r for r, info in enumerate(model.rows) if info.kind == "floor"]
    limits = [
        r for r, info in enumerate(model.rows) if info.kind in ("places", "cap", "earmark")
    ]

    def impossible(units: list[int], floor_rows: list[int], rows: list[int]) -> bool:
        unit = model.unit_of_column()
        keep: IntArray | None = None
        if not floor_rows:
            keep = np.flatnonzero(np.isin(unit, units))
            if not units:
                return False
        program = Program(model, keep=keep, grouped=False)
        program.must_place(np.array(units, np.int64))
        for r in [*floors, *limits]:
            if r not in floor_rows and r not in rows:
                program.set_limit(r, INF)
        return not program.solve(np.zeros(program.m), gap=1.0, seconds=seconds).feasible

    for item in list(locked):
        rest = [u for u in locked if u != item]
        if impossible(rest, floors, limits):
            locked = rest
    for item in list(floors):
        rest = [r for r in floors if r != item]
        if impossible(locked, rest, limits):
            floors = rest
    for item in list(limits):
        rest = [r for r in limits if r != item]
        if impossible(locked, floors, rest):
            limits = rest
    words = []
    for u in locked:
        window = (
            compiled.slots[model.slot[model.start[u]]]
            if model.start[u + 1] > model.start[u]
            else None
        )
        names = "+".join(compiled.tables.cases[i].case for i in compiled.members[u])
        words.append(f"lock of case {names} to {window.programme if window else 'a programme'}")
    words += [f"floor {model.rows[r].name}" for r in floors]
    for r in limits:
        info = model.rows[r]
        what = "places of" if info.kind == "places" else info.kind
        words.append(f"{what} {info.name}: at most {model.limit[r]:g} persons ({info.who})")
    return words
