"""Every case of a proposal explained: why here and what next, or what stopped it.

An officer can only decide about what she can question. In: a `Proposal`. Out: plain rows, one per
case. Costs come from the prices of the linear relaxation; what would place a case is counted
exactly, with everybody else staying (`advice`).
"""

from __future__ import annotations

from typing import Any

from onward.placement.advice import barred, nearest, no_option, row_words
from onward.placement.doors import Doors, first_day
from onward.placement.model import FloatArray
from onward.placement.points import outcome_parts
from onward.placement.proposal import Proposal, rounded
from onward.placement.units import draw, name_of

Row = dict[str, Any]


def cell_price(proposal: Proposal, price: FloatArray, unit: int, slot: int) -> float:
    model = proposal.compiled.model
    key = int(model.klass[unit]) * model.slots + slot
    e = slice(model.met_start[key], model.met_start[key + 1])
    return float((price[model.met[e]] * model.met_share[e]).sum() * model.size[unit])


def _drawn(proposal: Proposal, unit: int) -> float:
    """The draw that decides among equals: the higher goes first."""
    c = proposal.compiled
    return rounded(draw(proposal.seed, name_of(c.members[unit], c.tables.cases)))


def assignments(proposal: Proposal) -> list[Row]:
    """One row per placed case: case, size, draw (see `_drawn`), programme, window, country, departs (earliest day),
    why (points of the outcome by part), next_best (programme, window, fewer_points,
    cost_after_prices), kept (None without last week), limits (rows of the place that are full)."""
    c, model = proposal.compiled, proposal.compiled.model
    slack = proposal.slack()
    price = proposal.outcome_price
    rows: list[Row] = []
    for i, case in enumerate(c.tables.cases):
        unit = int(c.unit_of_case[i])
        column = int(proposal.chosen[unit])
        if column < 0:
            continue
        slot = int(model.slot[column])
        window = c.slots[slot]
        day = first_day(case, window, c.tables.on)
        best: Row | None = None
        here = c.outcome[column] - (
            cell_price(proposal, price, unit, slot) if price is not None else 0
        )
        for j in range(model.start[unit], model.start[unit + 1]):
            if j == column:
                continue
            s = int(model.slot[j])
            there = c.outcome[j]
            if price is not None:
                there = there - cell_price(proposal, price, unit, s)
            cost = max(0.0, float(here - there))
            # another programme says more than another window of the same one
            same = c.slots[s].programme == window.programme
            if best is None or (same, cost) < (best["_same"], best["_cost"] - 1e-12):
                best = {
                    "programme": c.slots[s].programme,
                    "window": c.slots[s].window,
                    "fewer_points": rounded(c.outcome[column] - c.outcome[j]),
                    "cost_after_prices": rounded(cost) if price is not None else None,
                    "_cost": cost,
                    "_same": same,
                }
        if best is not None:
            del best["_cost"], best["_same"]
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
                "full_limits": [
                    model.rows[r].name
                    for r in met
                    if slack[r] < 1 and model.rows[r].kind != "floor"
                ],
                "next_best": best,
            }
        )
    return rows


def unplaced(proposal: Proposal) -> list[Row]:
    """One row per unplaced case: case, size, priority, draw, code, reason, stopped_by (limits that
    are full), change (the cheapest change that would place it, in words)."""
    c, model = proposal.compiled, proposal.compiled.model
    slack = proposal.slack()
    held = _held_back(proposal)
    doors = Doors(c.tables, c.aims)
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
            near = nearest(proposal, doors, unit, slack)
            if near is None:
                row |= no_option(proposal, doors, i, unit, slack)
            elif near.short:
                names = [row_words(proposal, r) for r in near.short]
                possible = model.start[unit + 1] > model.start[unit]
                row |= {
                    "code": "full" if possible else "places",
                    "reason": f"every possible window is full; nearest: {', '.join(names)}"
                    if possible
                    else barred(proposal, doors, i, unit),
                    "stopped_by": [model.rows[r].name for r in near.short],
                    "change": near.words,
                }
            else:
                row |= {
                    "code": "not proposed",
                    "reason": f"there is room in {c.slots[near.slot].name}, but the aims settle "
                    "otherwise (see the gap of the stages)",
                    "stopped_by": [],
                    "change": f"lock it to {c.slots[near.slot].name}",
                }
        rows.append(row)
    return rows


def _held_back(proposal: Proposal) -> set[int]:
    """Units of which a lock holds a case back."""
    c = proposal.compiled
    held = {x.case for x in c.tables.locks if not x.programme}
    return {int(c.unit_of_case[i]) for i, x in enumerate(c.tables.cases) if x.case in held}
