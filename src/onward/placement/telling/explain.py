"""Every case of a proposal explained: why here and what next, or what stopped it.

An officer can only decide about what she can question. In: a `Proposal`. Out: plain rows, one per
case. Costs come from the prices of the linear relaxation; what would place a case is counted
exactly, with everybody else staying (`advice`).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from onward.placement.problem.doors import first_day
from onward.placement.problem.model import FloatArray, Model
from onward.placement.problem.points import outcome_parts
from onward.placement.problem.units import draw, name_of
from onward.placement.solving.proposal import Proposal, rounded
from onward.placement.telling.advice import Advice

Row = dict[str, Any]


def cell_prices(model: Model, price: FloatArray) -> FloatArray:
    """What the limits that a class of units meets in a slot cost a person there (classes, slots)."""
    cells = len(model.met_start) - 1
    cell = np.repeat(np.arange(cells), np.diff(model.met_start))
    flat = np.bincount(cell, weights=price[model.met] * model.met_share, minlength=cells)
    return np.asarray(flat, float).reshape(-1, model.slots)


def _drawn(proposal: Proposal, unit: int) -> float:
    """The draw that decides among equals: the higher goes first."""
    c = proposal.compiled
    return rounded(draw(proposal.seed, name_of(c.members[unit], c.tables.cases)))


def assignments(proposal: Proposal) -> list[Row]:
    """One row per placed case: case, size, draw (see `_drawn`), programme, window, country, departs (earliest day),
    why (points of the outcome by part), next_best (programme, window, fewer_points,
    cost_after_prices), kept (None without last week), limits (rows of the place that are full)."""
    c, model = proposal.compiled, proposal.compiled.model
    full = proposal.slack() < 1
    full[[r for r, info in enumerate(model.rows) if info.kind == "floor"]] = False
    price = proposal.outcome_price
    cost = None if price is None else cell_prices(model, price)
    rows: list[Row] = []
    for i, case in enumerate(c.tables.cases):
        unit = int(c.unit_of_case[i])
        column = int(proposal.chosen[unit])
        if column < 0:
            continue
        slot = int(model.slot[column])
        window = c.slots[slot]
        day = first_day(case, window, c.tables.on)
        key = int(model.klass[unit]) * model.slots + slot
        met = model.met[model.met_start[key] : model.met_start[key + 1]]
        parts = outcome_parts(case, window, c.aims, c.scores.of(case.case, window.programme))
        before = c.tables.previous.get(case.case)
        rows.append(
            {
                "case": case.case,
                "size": case.size,
                "draw": _drawn(proposal, unit),
                "programme": window.programme,
                "window": window.window,
                "country": window.country,
                "departs": day.isoformat() if day else None,
                "locked": bool(c.must[unit]),
                "kept": None
                if not c.tables.previous
                else before == (window.programme, window.window),
                "why": {k: rounded(v) for k, v in parts.items()},
                "full_limits": [model.rows[r].name for r in met[full[met]]],
                "next_best": _next_best(proposal, unit, column, cost),
            }
        )
    return rows


def _next_best(
    proposal: Proposal, unit: int, column: int, cost: FloatArray | None
) -> Row | None:
    """The place that would do next best for a unit; None where it has no other. Another programme
    says more than another window of the same one. cost: of a person, from `cell_prices`."""
    c, model = proposal.compiled, proposal.compiled.model
    begin, end = int(model.start[unit]), int(model.start[unit + 1])
    if end - begin < 2:
        return None
    slots = model.slot[begin:end].astype(np.int64)
    worth = c.outcome[begin:end]
    if cost is not None:
        worth = worth - cost[model.klass[unit]][slots] * model.size[unit]
    fewer = np.maximum(0.0, worth[column - begin] - worth)
    fewer[column - begin] = np.inf
    others = model.slot_programme[slots] != model.slot_programme[model.slot[column]]
    near = np.where(others, fewer, np.inf) if others.any() else fewer
    at = int(np.round(near, 9).argmin())  # the first of those that are as good
    window = c.slots[slots[at]]
    return {
        "programme": window.programme,
        "window": window.window,
        "fewer_points": rounded(c.outcome[column] - c.outcome[begin + at]),
        "cost_after_prices": None if cost is None else rounded(fewer[at]),
    }


def unplaced(proposal: Proposal) -> list[Row]:
    """One row per unplaced case: case, size, priority, draw, code, reason, stopped_by (limits that
    are full), change (the cheapest change that would place it, in words)."""
    c = proposal.compiled
    held = _held_back(proposal)
    advice = Advice(proposal)
    rows: list[Row] = []
    for i, case in enumerate(c.tables.cases):
        unit = int(c.unit_of_case[i])
        if proposal.chosen[unit] >= 0:
            continue
        row: Row = {"case": case.case, "size": case.size, "priority": case.priority,
                    "draw": _drawn(proposal, unit)}  # fmt: skip
        if unit in held:
            row |= {"code": "held back", "reason": "held back by a lock", "stopped_by": [],
                    "change": "release the lock"}  # fmt: skip
        elif proposal.state == "infeasible":
            row |= {"code": "infeasible", "reason": "no proposal: locks or floors clash",
                    "stopped_by": [], "change": "; ".join(proposal.conflict)}  # fmt: skip
        else:
            row |= _why_not(proposal, advice, i, unit)
        rows.append(row)
    return rows


def _why_not(proposal: Proposal, advice: Advice, i: int, unit: int) -> Row:
    """code, reason, stopped_by and change for a case that no lock holds back."""
    c, model = proposal.compiled, proposal.compiled.model
    near = advice.nearest(unit)
    if near is None:
        return advice.no_option(i, unit)
    if not near.words:
        return {
            "code": "not proposed",
            "reason": f"there is room in {c.slots[near.slot].name}, but the aims settle "
            "otherwise (see the gap of the stages)",
            "stopped_by": [],
            "change": f"lock it to {c.slots[near.slot].name}",
        }
    possible = model.start[unit + 1] > model.start[unit]
    return {
        "code": "full" if possible else "places",
        "reason": f"every possible window is full; nearest: {advice.in_words(near)}"
        if possible
        else advice.barred(i, unit),
        "stopped_by": advice.stops(near),
        "change": near.words,
    }


def _held_back(proposal: Proposal) -> set[int]:
    """Units of which a lock holds a case back."""
    c = proposal.compiled
    held = {x.case for x in c.tables.locks if not x.programme}
    return {int(c.unit_of_case[i]) for i, x in enumerate(c.tables.cases) if x.case in held}
